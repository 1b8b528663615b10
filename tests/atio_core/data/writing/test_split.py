from __future__ import annotations

import itertools
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.writing import split as module
from atio_core.data.writing.partition_columns import scalars_of
from atio_core.data.writing.split import split_rows
from tests.support.data_files import with_ids

NUMBERS = st.integers(-1, 2) | st.none()
FLOATS = st.sampled_from([0.0, -0.0, 1.5, math.nan, -math.nan, math.inf, None])
TEXTS = st.sampled_from(["", "a", "..", "/", "é", None])


@given(
    rows=st.lists(st.tuples(NUMBERS, FLOATS, TEXTS), max_size=30),
    columns=st.sampled_from([[1], [2], [3], [1, 2], [3, 1], [1, 2, 3]]),
    cuts=st.lists(st.integers(0, 30), max_size=3),
    target=st.sampled_from([1, 60, 1 << 30]),
    taken=st.sampled_from([1, 100, 1 << 30]),
)
def test_every_row_lies_with_its_like(
    rows: list[Any], columns: list[int], cuts: list[int], target: int, taken: int
) -> None:
    """Each row is in the partition of its values, in the order it had; partitions come by their first rows."""
    table = with_ids(
        pa.table(
            {
                "n": pa.array([row[0] for row in rows], pa.int64()),
                "x": pa.array([row[1] for row in rows], pa.float64(), from_pandas=False),
                "s": pa.array([row[2] for row in rows], pa.string()),
                "place": range(len(rows)),
            }
        )
    )
    edges = sorted({0, *(cut for cut in cuts if cut < len(rows)), len(rows)})
    table = pa.concat_tables(
        [table.slice(start, stop - start) for start, stop in itertools.pairwise(edges)] or [table]
    )
    expected: dict[tuple[Any, ...], list[int]] = {}
    keys = [scalars_of(table.column(column - 1).combine_chunks()) for column in columns]
    for place, key in enumerate(zip(*keys, strict=True)):
        expected.setdefault(key, []).append(place)
    found: dict[tuple[Any, ...], list[int]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TAKEN_BYTES", taken)
        split = split_rows(table, columns)
        for share, place, some in split.pieces(table, target):
            assert some.schema.equals(table.schema, check_metadata=True)
            assert len(place) == some.num_rows
            found.setdefault(share.values, []).extend(some.column("place").to_pylist())
        some_shares = split.pieces(table, target, only=range(1, len(split.shares), 2))
        chosen = [(place, some.column("place").to_pylist()) for _, place, some in some_shares]
    assert list(found.items()) == list(expected.items())
    assert [at for _, places in chosen for at in places] == [
        at for places in list(expected.values())[1::2] for at in places
    ]
    assert [share.rows for share in split.shares] == [len(places) for places in expected.values()]
    in_order = [place for places in expected.values() for place in places] == list(range(len(rows)))
    assert (split.order is None) == in_order


def test_pieces_are_cut_to_their_size() -> None:
    """A partition larger than a file is cut into pieces of about equal length."""
    table = with_ids(pa.table({"n": [1, 0] * 500}))
    pieces = list(split_rows(table, [1]).pieces(table, table.nbytes // 8))
    assert [(share.values, len(place)) for share, place, _ in pieces] == [((1,), 125)] * 4 + [((0,), 125)] * 4


def test_many_partitions_are_numbered_right() -> None:
    """More partitions than 16 bits can tell."""
    count = (1 << 16) + 10
    table = with_ids(pa.table({"n": [*range(count), 5, 3]}))
    split = split_rows(table, [1])
    pieces = [(share.values[0], some.num_rows) for share, _, some in split.pieces(table, 1 << 20)]
    assert len(pieces) == count
    assert [value for value, rows in pieces if rows > 1] == [3, 5]


@pytest.mark.parametrize("t", [pa.decimal32(5, 2), pa.decimal64(18, 2), pa.decimal256(50, 2)], ids=str)
def test_decimals_of_any_width_split_rows(t: pa.DataType) -> None:
    """A partition is that of its number, whatever the type's bits."""
    table = with_ids(pa.table({"x": pa.array([Decimal("1.10"), None, Decimal("-2.00"), Decimal("1.10")], t)}))
    shares = split_rows(table, [1]).shares
    assert [(share.values, share.rows) for share in shares] == [(("1.1",), 2), ((None,), 1), (("-2",), 1)]
