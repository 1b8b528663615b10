from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.digests.row_digest import as_compared, compared_type, row_digests, value_digests
from atio_core.data.schema import arrow_types
from tests.support.frame_strategies import arrow_arrays
from tests.support.frames import sliced_entries


def digests(values: pa.ChunkedArray | pa.Array) -> list[tuple[int, int]]:
    """Return the digest of each value."""
    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return list(map(tuple, value_digests(column).T.tolist()))


def shown(value: Any) -> str:
    """Return a text that values have in common only if they are the same."""
    return repr(value)


@given(st.data())
def test_digests_are_equal_just_where_values_are(data: st.DataObject) -> None:
    """Of values of any type, nested ones too, two have the same digest if they are the same, and else never."""
    rows = data.draw(st.integers(0, 6))
    values = arrow_types.store(data.draw(arrow_arrays(rows)))
    found = digests(values)
    assert len(found) == rows
    for one in range(rows):
        for other in range(rows):
            first, second = values.slice(one, 1), values.slice(other, 1)
            same = repr(_python(first)) == repr(_python(second))
            assert (found[one] == found[other]) == same


def _python(values: pa.ChunkedArray) -> Any:
    """A value as Python has it; times that it hasn't as numbers."""
    try:
        return values.to_pylist()
    except (ArithmeticError, ValueError):
        return values.to_string()


@given(st.data())
def test_digests_do_not_depend_on_how_values_lie(data: st.DataObject) -> None:
    """Chunks, offsets and dictionaries make no difference."""
    rows = data.draw(st.integers(1, 6))
    values = arrow_types.store(data.draw(arrow_arrays(rows)))
    start = data.draw(st.integers(0, rows))
    cut = pa.chunked_array([*values.slice(0, start).chunks, *values.slice(start).chunks], values.type)
    assert digests(cut) == digests(values)
    assert digests(values.combine_chunks()) == digests(values)


def test_maps_count_from_where_their_entries_begin() -> None:
    """The entries of maps may be a slice: what lies before it is none of them."""
    maps = pa.array([[(1, "a")], [(2, "b"), (3, "c")]], pa.map_(pa.int8(), pa.string()))
    assert digests(sliced_entries(maps)) == digests(maps)


def test_all_not_a_numbers_are_one() -> None:
    """NaN is NaN, whatever its bits, and 0.0 isn't -0.0."""
    odd = pa.array([0x7FF8000000000001, 0xFFF8000000000000], pa.uint64()).view(pa.float64())
    assert len({*digests(odd), *digests(pa.array([math.nan]))}) == 1
    assert len(set(digests(pa.array([0.0, -0.0, None, math.nan])))) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array(["a", None]), pa.array(["a", None], pa.large_string())),
        (pa.array(["a", None]), pa.array(["a", None]).dictionary_encode()),
        (pa.array([b"a"]), pa.array([b"a"], pa.large_binary())),
    ],
    ids=["large", "dictionary", "bytes"],
)
def test_texts_are_compared_by_their_characters(one: pa.Array, other: pa.Array) -> None:
    """How texts are encoded makes no difference."""
    assert digests(one) == digests(other)


def test_rows_differ_by_the_places_of_their_values() -> None:
    """A row is its values in their columns: (1, 2) isn't (2, 1)."""
    first, second = (value_digests(pa.chunked_array([values])) for values in ([1, 2], [2, 1]))
    found = row_digests([first, second], 2)
    assert found[:, 0].tolist() != found[:, 1].tolist()
    assert row_digests([], 3).T.tolist() == row_digests([], 1).T.tolist() * 3


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (pa.int8(), pa.int64(), pa.int64()),
        (pa.int64(), pa.int8(), pa.int8()),
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.float64(), pa.int64(), pa.float64()),
        (pa.timestamp("ms"), pa.timestamp("ns"), pa.timestamp("ns")),
        (pa.string(), pa.large_string(), pa.large_string()),
        (pa.null(), pa.int8(), pa.int8()),
        (pa.string(), pa.int8(), None),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), None),
    ],
    ids=str,
)
def test_types_are_compared_as_one_that_holds_both(one: Any, other: Any, expected: Any) -> None:
    """Values of two types are compared in one of them, if it can hold them at all."""
    assert compared_type(one, other) == expected


def test_values_that_do_not_fit_are_no_ones_equal() -> None:
    """A whole number that no float is, or that is too large, differs from all values of the other type."""
    many = pa.chunked_array([[1, 2**53 + 1, 3, 2**60 + 1, None]])
    found = [one for part in as_compared(many, pa.float64()) for one in digests(part)]
    floats = digests(pa.array([1.0, float(2**53), 3.0, float(2**60), None]))
    assert [one == other for one, other in zip(found, floats, strict=True)] == [
        True,
        False,
        True,
        False,
        True,
    ]
