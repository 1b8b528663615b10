import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.schema.arrow_types import (
    UnknownTypeError,
    build,
    describe,
    is_same,
    restore,
    store,
    stored_type,
)
from atio_core.testing import assert_frames_equal
from tests.support.frame_strategies import arrow_arrays, arrow_values
from tests.support.frames import ARROW_TYPES, sliced_entries, through_parquet
from tests.support.releases import KEEPS_MAPS, READS_FIXED_NULLS

types = st.one_of(st.sampled_from(ARROW_TYPES), arrow_values().map(lambda found: found[0]))


@given(types)
def test_types_come_back_from_json(t: pa.DataType) -> None:
    """A type comes back from its JSON text with all inner names, nullability and metadata."""
    assert is_same(build(json.loads(json.dumps(describe(t)))), t)


@given(types)
def test_stored_types_come_back_from_parquet(t: pa.DataType) -> None:
    """What a type is stored as is a type that Parquet gives back as it is, and is stored as itself."""
    stored = stored_type(t)
    assert is_same(stored_type(stored), stored)
    nulls = pa.nulls(2 if READS_FIXED_NULLS else 0, stored)
    found = through_parquet(pa.table({"x": nulls})).schema.field("x").type
    assert found == stored or not (KEEPS_MAPS or "map<" not in str(stored))


@given(st.integers(0, 6).flatmap(arrow_arrays))
def test_values_come_back_from_their_stored_type(values: pa.ChunkedArray) -> None:
    """Values of any type, sliced and chunked, come back from what they are stored as."""
    try:
        stored = store(values)
    except pa.ArrowInvalid as error:
        if "out of bounds" not in str(error):
            raise
    else:
        assert_frames_equal(pa.table({"x": values}), pa.table({"x": restore(stored, values.type)}))


def test_maps_are_stored_from_where_their_entries_begin() -> None:
    """The entries of maps may be a slice: what lies before it isn't stored in their place."""
    maps = pa.array([[(1, 10)], [(2, 20), (3, 30)]], pa.map_(pa.int8(), pa.time32("s")))
    assert store(pa.chunked_array([sliced_entries(maps)])) == store(pa.chunked_array([maps]))


@given(st.data())
def test_storing_what_can_be_stored_copies_nothing(data: st.DataObject) -> None:
    """Values whose type Parquet keeps are handed on as they are."""
    values = data.draw(arrow_arrays(3).filter(lambda v: is_same(stored_type(v.type), v.type)))
    assert store(values) is values


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (pa.list_(pa.field("a", pa.int8())), pa.list_(pa.field("b", pa.int8()))),
        (pa.list_(pa.field("a", pa.int8())), pa.list_(pa.field("a", pa.int8(), nullable=False))),
        (pa.list_(pa.field("a", pa.int8())), pa.list_(pa.field("a", pa.int8(), metadata={b"k": b"v"}))),
    ],
)
def test_types_that_arrow_calls_equal_are_told_apart(a: pa.DataType, b: pa.DataType) -> None:
    """Names, nullability and metadata inside a type are part of it."""
    assert not is_same(a, b)
    assert is_same(build(describe(a)), a)
    assert is_same(build(describe(b)), b)


@pytest.mark.parametrize(
    ("values", "t", "other"),
    [
        ([[1, None], None, [], [2]], pa.list_(pa.int8()), pa.large_list(pa.int16())),
        ([[1, None], None, [], [2]], pa.large_list(pa.int8()), pa.list_(pa.int16())),
        ([{"a": 1}, None], pa.struct([("a", pa.int8())]), pa.struct([("a", pa.int64())])),
    ],
)
def test_layouts_are_changed_without_changing_values(
    values: list[Any], t: pa.DataType, other: pa.DataType
) -> None:
    """Lists become large lists and back, whatever offset they start at."""
    array = pa.array([values[0], *values], t)[1:]
    assert restore(pa.chunked_array([array]), other).to_pylist() == values


@pytest.mark.parametrize(
    ("t", "other"),
    [
        (pa.list_(pa.int8()), pa.list_view(pa.int8())),
        (pa.list_(pa.int8(), 2), pa.list_(pa.int8(), 1)),
        (pa.struct([("a", pa.int8())]), pa.struct([("b", pa.int8())])),
    ],
)
def test_types_that_do_not_match_are_not_read_as_each_other(t: pa.DataType, other: pa.DataType) -> None:
    """Memory of one layout is never taken for that of another."""
    with pytest.raises(pa.ArrowNotImplementedError):
        restore(pa.chunked_array([pa.nulls(2, t)]), other)


@pytest.mark.parametrize(
    "t",
    [pa.month_day_nano_interval(), pa.struct([]), pa.decimal128(5, -2), pa.list_(pa.int8(), 0), pa.binary(0)],
)
def test_types_that_cannot_be_stored_are_named(t: pa.DataType) -> None:
    """A type that Parquet has no place for is refused, inside another too."""
    for refused in (t, pa.list_(t), pa.struct([("a", t)])):
        with pytest.raises(UnknownTypeError, match=r"interval|struct|decimal|list|binary"):
            describe(refused)
