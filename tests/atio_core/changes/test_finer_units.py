"""Tables whose units of time become finer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import CommitConflictError, SchemaMismatchError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.stores import between

UNITS = ("s", "ms", "us", "ns")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
FAR = dt.datetime(3000, 1, 1)  # noqa: DTZ001 - columns without a zone take it


def times(*values: Any, unit: str = "us") -> pa.Table:
    """Rows of times."""
    return pa.table({"t": pa.array(values, pa.timestamp(unit))})


@given(
    st.sampled_from([pa.timestamp, pa.duration, lambda unit: pa.timestamp(unit, "Europe/Berlin")]),
    st.sampled_from([(a, b) for a in UNITS for b in UNITS if UNITS.index(a) < UNITS.index(b)]),
    st.lists(st.none() | st.integers(-(2**62), 2**62) | st.integers(-(10**10), 10**10), max_size=4),
    st.sampled_from(["a column", "lists"]),
)
def test_a_finer_unit_is_taken_where_all_values_fit(
    make: Any, units: tuple[str, str], counts: list[int | None], shape: str
) -> None:
    """Each value is the same moment afterwards; if one has no place there, nothing changes. Old versions stay."""
    coarse, fine = units
    stored = "ms" if coarse == "s" and make is not pa.duration else coarse
    fits = [
        count
        for count in counts
        if count is None or abs(count) * PER_SECOND[stored] // PER_SECOND[coarse] < 2**63
    ]
    before = pa.array(fits, pa.int64()).cast(make(coarse))
    new = pa.array([7], pa.int64()).cast(make(fine))
    if shape == "lists":
        before, new = (pa.array([[one] for one in some], pa.list_(some.type)) for some in (before, new))
    table = Table(store=MemoryStore())
    table.append(pa.table({"t": before}))
    factor = PER_SECOND[fine] // PER_SECOND[coarse]
    if any(count is not None and not -(2**63) < count * factor < 2**63 for count in fits):
        with pytest.raises(SchemaMismatchError):
            table.append(pa.table({"t": new}), schema_mode="widen")
        assert table.snapshot().version == 1
    else:
        table.append(pa.table({"t": new}), schema_mode="widen")
        read = table.read(output_as="arrow")["t"]
        flat = read.combine_chunks().flatten() if shape == "lists" else read
        assert flat.type == make(fine)
        expected = [None if count is None else count * factor for count in fits]
        assert flat.cast(pa.int64()).to_pylist() == [*expected, 7]
    assert table.read(version=1, output_as="arrow")["t"].type == before.type


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_keep_the_finer_unit(library: str) -> None:
    """The column gets the finer dtype, filters and bounds find old rows, and coarser data goes in again."""
    day = dt.datetime(2020, 1, 31)  # noqa: DTZ001
    make: Any = pd.DataFrame if library == "pandas" else pl.DataFrame
    rows = {unit: times(day, None, unit=unit) for unit in ("us", "ns")}
    frames = {
        unit: make(one.to_pandas() if library == "pandas" else pl.from_arrow(one))
        for unit, one in rows.items()
    }
    table = Table(store=MemoryStore())
    table.append(frames["us"])
    table.append(frames["ns"], schema_mode="widen")
    table.append(frames["us"], schema_mode="widen")
    read = table.read(output_as="arrow")["t"]
    assert read.type == pa.timestamp("ns")
    assert read.null_count == 3
    assert table.snapshot().count(filter=[("t", "==", day)]) == 3
    assert table.snapshot().count(filter=[("t", "<", day)]) == 0
    assert table.compact().unchanged is False
    assert table.snapshot().count(filter=[("t", "==", day)]) == 3


def test_files_without_bounds_are_read() -> None:
    """Where a record doesn't say which values there are, they are looked at."""
    table, far = Table(store=MemoryStore()), Table(store=MemoryStore())
    wide = {f"c{number}": [number] for number in range(40)}
    for one, value in ((table, dt.datetime(2020, 1, 1)), (far, FAR)):  # noqa: DTZ001
        one.append(pa.table({**wide, "t": pa.array([value], pa.timestamp("us"))}))
        assert len(one.snapshot().data_files()[0].stats) < 41
    new = pa.table({**wide, "t": pa.array([1], pa.timestamp("ns"))})
    assert table.append(new, schema_mode="widen").rows == 2
    with pytest.raises(SchemaMismatchError, match="has no place for"):
        far.append(new, schema_mode="widen")


def test_rows_that_go_need_no_place() -> None:
    """An overwrite of all rows may make a unit finer, whatever they were."""
    table = Table(store=MemoryStore())
    table.append(times(FAR))
    with pytest.raises(SchemaMismatchError, match="has no place for"):
        table.append(times(1, unit="ns"), schema_mode="widen")
    assert table.overwrite(times(1, unit="ns"), schema_mode="widen").rows == 1


@pytest.mark.parametrize(
    ("coarse", "fine"), [(pa.timestamp("us"), pa.timestamp("ns")), (pa.time32("ms"), pa.time64("us"))]
)
def test_a_column_that_partitions_keeps_its_unit(coarse: pa.DataType, fine: pa.DataType) -> None:
    """Its partitions are told by counts of that unit; without this, those that are there weren't found any more."""
    table = Table(store=MemoryStore())
    table.append(pa.table({"t": pa.array([1000], coarse)}), partition_by=["t"])
    with pytest.raises(SchemaMismatchError, match="'t' partitions the table, so its unit of time stays"):
        table.append(pa.table({"t": pa.array([1000], fine)}), schema_mode="widen")
    assert table.append(pa.table({"t": pa.array([2000], coarse)})).rows == 2


def test_what_comes_in_between_is_looked_at() -> None:
    """If others add a value meanwhile that has no place, the table keeps its unit."""
    store = MemoryStore()
    Table(store=store).append(times(1))
    late = Table(store=between(store, lambda: Table(store=store).append(times(FAR))))
    with pytest.raises(SchemaMismatchError, match="has no place for"):
        late.append(times(1, unit="ns"), schema_mode="widen")
    other = MemoryStore()
    Table(store=other).append(times(1))
    near = Table(store=between(other, lambda: Table(store=other).append(times(2))))
    assert near.append(times(1, unit="ns"), schema_mode="widen").rows == 3
    assert near.read(output_as="arrow")["t"].type == pa.timestamp("ns")


def test_what_is_staged_follows_the_version_that_was_looked_at() -> None:
    """A commit that comes later couldn't know what else has come, so it is refused behind any other version."""
    table = Table(store=MemoryStore())
    table.append(times(1))
    early, late = (table.stage(times(1, unit="ns"), schema_mode="widen") for _ in range(2))
    table.append(times(FAR))
    with pytest.raises(CommitConflictError, match="was staged for version 1"):
        table.commit([early])
    table.restore(1)
    with pytest.raises(CommitConflictError, match="was staged for version 1"):
        table.commit([late])
    again = table.stage(times(1, unit="ns"), schema_mode="widen")
    assert table.commit([again]).rows == 2
    assert table.read(output_as="arrow")["t"].type == pa.timestamp("ns")
