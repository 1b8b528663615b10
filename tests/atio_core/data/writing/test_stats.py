from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.writing.stats import COLUMNS, TEXT_CHARACTERS, cut_above, cut_below, group_stats
from atio_core.model.data_file import ColumnStats
from atio_core.storage.memory import MemoryStore
from tests.support.data_files import with_ids, write


def stats_of(values: pa.Array | pa.ChunkedArray) -> ColumnStats:
    """The statistics of one column, as a file's record has them."""
    return write(MemoryStore(), with_ids(pa.table({"c": values})))[0].stats.get(1, ColumnStats())


DAY = dt.date(2024, 2, 29)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([3, None, -1], pa.int8()), ColumnStats(1, -1, 3)),
        (pa.array([-(2**63), 2**63 - 1], pa.int64()), ColumnStats(0, -(2**63), 2**63 - 1)),
        (pa.array([1, 200], pa.uint8()), ColumnStats(0, 1, 200)),
        (pa.array([1, 2**32 - 1], pa.uint32()), ColumnStats(0, 1, 2**32 - 1)),
        (pa.array([1, 2**64 - 1], pa.uint64()), ColumnStats(0, 1, 2**64 - 1)),
        (pa.array([True, False, None]), ColumnStats(1, low=False, high=True)),
        (pa.array([0.5, None, -2.5]), ColumnStats(1, -2.5, 0.5)),
        (pa.array([0.5, -2.5], pa.float32()), ColumnStats(0, -2.5, 0.5)),
        (pa.array(["b", "a", None]), ColumnStats(1, "a", "b")),
        (pa.array(["é", "z", "\U0001f600"], pa.large_string()), ColumnStats(0, "z", "\U0001f600")),
        (pa.array(["a" * 40, "b" * 40]), ColumnStats(0, "a" * 32, "b" * 31 + "c")),
        (pa.array([DAY]), ColumnStats(0, 19782, 19782)),
        (pa.array([-1, 1], pa.timestamp("ms")), ColumnStats(0, -1, 1)),
        (pa.array([-1, 1], pa.timestamp("ns", "Asia/Seoul")), ColumnStats(0, -1, 1)),
        (pa.array([5], pa.time32("ms")), ColumnStats(0, 5, 5)),
        (pa.array([5], pa.time64("ns")), ColumnStats(0, 5, 5)),
        (pa.array([-5, 5], pa.duration("s")), ColumnStats(0, -5, 5)),
        (pa.array([Decimal("-1.10"), Decimal("2.20")]), ColumnStats(0, "-1.10", "2.20")),
        (
            pa.array([Decimal(10**50 + 7)], pa.decimal256(60, 2)),
            ColumnStats(0, f"{10**50 + 7}.00", f"{10**50 + 7}.00"),
        ),
        (pa.array([None, None], pa.int64()), ColumnStats(2)),
        (pa.array([b"a"]), ColumnStats(0)),
        (pa.array([1.5], pa.float16()), ColumnStats(0)),
        (pa.array(["b", "a", None]).dictionary_encode(), ColumnStats(1, "a", "b")),
        (pa.DictionaryArray.from_arrays([1, 1], ["a", "b", "c"]), ColumnStats(0, "b", "b")),
        (
            pa.chunked_array([pa.array(["b"]).dictionary_encode(), pa.array(["a", "c"]).dictionary_encode()]),
            ColumnStats(0, "a", "c"),
        ),
        (pa.array([[1], None]), ColumnStats()),
        (pa.array([{"a": 1}]), ColumnStats()),
        (pa.nulls(2), ColumnStats()),
        (pa.array([], pa.int64()), ColumnStats()),
    ],
)
def test_bounds_of_each_type(values: pa.Array, expected: ColumnStats) -> None:
    """Bounds are what JSON can hold: integers in the column's unit, decimals as text, none where it can't."""
    assert stats_of(values) == expected


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_a_column_with_nan_has_no_bounds(kind: pa.DataType) -> None:
    """A NaN lies between no bounds, so there are none, wherever it stands."""
    for at in range(3):
        values = [1.0, 2.0, None]
        values.insert(at, math.nan)
        assert stats_of(pa.array(values, kind)) == ColumnStats(1)


def test_infinite_bounds_are_left_out() -> None:
    """JSON has no infinity: that bound is unknown, the other one stays."""
    assert stats_of(pa.array([-math.inf, 1.0])) == ColumnStats(0, None, 1.0)
    assert stats_of(pa.array([1.0, math.inf])) == ColumnStats(0, 1.0, None)


def test_zeros_of_both_signs_lie_within_the_bounds() -> None:
    """-0.0 and 0.0 are equal, so either lies within the bounds of the other."""
    for zeros in ([0.0], [-0.0], [0.0, -0.0]):
        assert stats_of(pa.array(zeros)) == ColumnStats(0, 0.0, 0.0)


def test_bounds_cover_all_row_groups() -> None:
    """A file of several row groups has the lowest and the highest of them all, and the sum of the nulls."""
    values = pa.array([5, None] * 600_000 + [7] * 600_000 + [-3, None])
    assert stats_of(values) == ColumnStats(600_001, -3, 7)


def test_a_row_group_without_bounds_leaves_the_file_without() -> None:
    """A text too long for Parquet's statistics makes the bounds unknown; nulls alone don't."""
    groups = 1 << 20
    assert stats_of(pa.array([None] * groups + ["a"])) == ColumnStats(groups, "a", "a")
    assert stats_of(pa.array(["z" * 9000] + ["b"] * groups)) == ColumnStats(0)


def test_only_the_first_columns_have_statistics() -> None:
    """A wide table's record stays small; inner fields and columns without an id don't shift the rest."""
    wide = pa.table({f"c{n}": [n] for n in range(COLUMNS + 5)})
    wide = wide.set_column(1, "c1", [[{"a": 1, "b": [2, 3]}]])
    found = write(MemoryStore(), with_ids(wide, range(100, 200)))[0].stats
    assert found == {100 + n: ColumnStats(0, n, n) for n in range(COLUMNS) if n != 1}


@given(st.text(max_size=80))
def test_cut_texts_stay_bounds(text: str) -> None:
    """A cut lower bound isn't above the text, a cut upper one isn't below, and both can be written as UTF-8."""
    low, high = cut_below(text), cut_above(text)
    assert low <= text
    assert len(low.encode()) <= len(text.encode())
    assert high is None or (high >= text and len(high) <= TEXT_CHARACTERS and high.encode().decode() == high)


@pytest.mark.parametrize(
    ("text", "high"),
    [
        ("z" * 32, "z" * 32),
        ("z" * 33, "z" * 31 + "{"),
        ("a" + "\U0010ffff" * 40, "b"),
        ("\U0010ffff" * 40, None),
        ("a" * 31 + "\ud7ff" * 2, "a" * 31 + "\ue000"),
    ],
)
def test_an_upper_bound_is_raised_where_it_is_cut(text: str, high: str | None) -> None:
    """The last character that can be raised is raised, past the surrogates, which are none."""
    assert cut_above(text) == high


COLUMN = st.one_of(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1).map(lambda v: pa.array(v, pa.int64())),
    st.lists(st.none() | st.integers(0, 2**64 - 1), min_size=1).map(lambda v: pa.array(v, pa.uint64())),
    st.lists(st.none() | st.floats(), min_size=1).map(lambda v: pa.array(v, pa.float64())),
    st.lists(st.none() | st.floats(width=32), min_size=1).map(lambda v: pa.array(v, pa.float32())),
    st.lists(st.none() | st.text(max_size=60), min_size=1).map(lambda v: pa.array(v, pa.string())),
    st.lists(st.none() | st.text(max_size=3), min_size=1).map(
        lambda v: pa.array(v, pa.string()).dictionary_encode()
    ),
    st.lists(st.none() | st.decimals(-1000, 1000, places=2), min_size=1).map(
        lambda v: pa.array(v, pa.decimal128(10, 2))
    ),
)


@given(COLUMN)
def test_no_value_lies_outside_the_bounds(values: pa.Array) -> None:
    """Whatever is in a file lies within its bounds, so that skipping it by them is right."""
    stats = stats_of(values)
    assert stats.nulls == values.null_count
    present: list[Any] = values.drop_null().to_pylist()
    convert = Decimal if pa.types.is_decimal(values.type) else lambda bound: bound
    assert stats.low is None or all(value >= convert(stats.low) for value in present)
    assert stats.high is None or all(value <= convert(stats.high) for value in present)


def test_row_groups_have_bounds_of_their_own() -> None:
    """By column id, in the columns' units; of floats only where the file is known to hold no NaN."""
    table = with_ids(
        pa.table(
            {
                "s": [{"x": 1, "y": 2}, None],
                "t": pa.array([1, 3], pa.timestamp("ms")),
                "f": [1.0, math.nan],
                "g": [1.0, 2.0],
                "d": pa.array(["b", "a"]).dictionary_encode(),
            }
        )
    )
    store = MemoryStore()
    (file,) = write(store, table)
    metadata = pq.read_metadata(pa.BufferReader(store.read(file.path)))
    own = metadata.schema.to_arrow_schema()
    expected = {
        2: ColumnStats(0, 1, 3),
        3: ColumnStats(0),
        4: ColumnStats(0, 1.0, 2.0),
        5: ColumnStats(0, "a", "b"),
    }
    group = metadata.row_group(0)
    assert group_stats(group, range(1, 6), own, table.schema, file.stats) == expected
    assert group_stats(group, {1, 4, "day"}, own, table.schema, file.stats) == {4: expected[4]}
