from __future__ import annotations

import datetime as dt
import math
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atio_core.errors import InvalidInputError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.row_filters import FILTERS, VALUES, matches, rows, table_of
from tests.support.stores import CountingStore


def bytes_read(store: CountingStore) -> int:
    """How many data files were looked into."""
    return len({name for verb, name in store.calls if verb == "read_into" and name.startswith("data/")})


@settings(max_examples=settings().max_examples // 3)
@given(st.lists(rows(), min_size=1, max_size=4), FILTERS)
def test_answers_are_those_of_the_rows(parts: list[pa.Table], given_filter: list[Any]) -> None:
    """Counts and bounds are what the rows themselves give: exact, of the type that is read, whatever was recorded."""
    snapshot = table_of(parts).snapshot()
    whole = snapshot.read("arrow")
    found = whole.to_pylist()
    assert snapshot.count() == len(found)
    assert snapshot.count(given_filter) == sum(matches(given_filter, row) for row in found)
    for name in VALUES:
        values = [row[name] for row in found]
        assert snapshot.null_count(name) == values.count(None)
        ordered = [
            value
            for value in values
            if value is not None and not (isinstance(value, float) and math.isnan(value))
        ]
        for mine, theirs in ((snapshot.min(name), min), (snapshot.max(name), max)):
            if ordered:
                assert mine == theirs(ordered)
                assert type(mine) is type(ordered[0])
            else:
                assert mine is None or math.isnan(mine)
                assert (mine is None) == (values.count(None) == len(values))


def test_exact_records_are_enough() -> None:
    """Whole numbers, decimals, dates, times with zones, short texts: no data file is opened."""
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    zoned = pa.timestamp("us", "Asia/Seoul")
    for number in range(1, 4):
        table.append(
            pa.table(
                {
                    "i": [number, None],
                    "d": pa.array([Decimal(number), None], pa.decimal128(9, 2)),
                    "z": pa.array([number, None], zoned),
                    "day": pa.array([number, None], pa.date32()),
                    "f": [number / 2, None],
                    "s": [str(number), None],
                }
            )
        )
    snapshot = table.snapshot()
    store.reset()
    assert (snapshot.count(), snapshot.null_count("s")) == (6, 3)
    assert (snapshot.min("i"), snapshot.max("i")) == (1, 3)
    assert repr((snapshot.min("d"), snapshot.max("d"))) == "(Decimal('1.00'), Decimal('3.00'))"
    assert snapshot.max("z") == dt.datetime(1970, 1, 1, 0, 0, 0, 3, tzinfo=dt.UTC)
    assert str(snapshot.max("z").tzinfo) == "Asia/Seoul"
    assert snapshot.min("day") == dt.date(1970, 1, 2)
    assert (snapshot.min("f"), snapshot.max("f"), snapshot.min("s")) == (0.5, 1.5, "1")
    assert snapshot.count([("i", ">", 1), ("i", "<", 9)]) == 2 or bytes_read(store)
    assert snapshot.count([("i", ">", 5)]) == snapshot.count([("i", "<", 1)]) == 0


def test_only_what_may_change_the_answer_is_read() -> None:
    """Where a bound may be wider than the values, the files are read that may hold the extreme, and no others."""
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    for number in range(10):
        table.append(
            pa.table(
                {"s": [f"{number}" + "x" * 50], "i": [number], "f": [0.0 if number == 5 else float(number)]}
            )
        )
    snapshot = table.snapshot()
    for ask, answer, files in (
        (lambda: snapshot.max("s"), "9" + "x" * 50, 1),
        (lambda: snapshot.min("s"), "0" + "x" * 50, 1),
        (lambda: snapshot.min("f"), 0.0, 1),
        (lambda: snapshot.max("f"), 9.0, 0),
        (lambda: snapshot.count([("i", ">=", 3)]), 7, 0),
        (lambda: snapshot.count([("s", ">", "3")]), 7, 0),
    ):
        store.reset()
        assert ask() == answer
        assert bytes_read(store) == files


def test_answers_of_pandas_and_polars_columns() -> None:
    """Labels of any type; categories without an order that is known here are refused."""
    table = Table(store=MemoryStore())
    table.append(
        pd.DataFrame({1: [3, 4], "c": pd.Categorical(["b", "a"]), "t": pd.to_datetime(["2020", "2021"])})
    )
    snapshot = table.snapshot()
    assert (snapshot.min(1), snapshot.max("t")) == (3, dt.datetime.fromisoformat("2021-01-01"))
    assert snapshot.null_count("c") == 0
    for column, told in (("c", "have no order"), ("zz", "there is no column"), ([1], "there is no column")):
        with pytest.raises(InvalidInputError, match=told):
            snapshot.max(column)
    other = Table(store=MemoryStore())
    other.append(pl.DataFrame({"l": [[1], None], "u": pl.Series([2**64 - 1, 0], dtype=pl.UInt64)}))
    assert (other.snapshot().max("u"), other.snapshot().null_count("l")) == (2**64 - 1, 1)
    with pytest.raises(InvalidInputError, match="have no order"):
        other.snapshot().min("l")


def test_partitions_can_be_counted() -> None:
    """The rows of some partitions are counted by the records of their files."""
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    table.overwrite_partitions({"x": pa.table({"a": [1]}), "y": pa.table({"a": [2, 3]})})
    store.reset()
    assert table.snapshot().count(partitions=["y"]) == 2
    assert bytes_read(store) == 0


def test_a_nan_is_beaten_by_any_number() -> None:
    """NaN comes out only where there is no other number, wherever the others lie."""
    table = Table(store=MemoryStore())
    table.append(pa.table({"f": [math.nan, None]}))
    assert math.isnan(table.snapshot().min("f"))
    table.append(pa.table({"f": [0.0, None]}))
    assert (table.snapshot().min("f"), table.snapshot().max("f")) == (0.0, 0.0)


@pytest.mark.parametrize("t", [pa.float32(), pa.float64()], ids=str)
def test_the_largest_number_may_stand_for_infinity(t: pa.DataType) -> None:
    """A bound that older releases of pyarrow write for infinity too isn't taken for a value: the file is read."""
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    largest = sys.float_info.max if t == pa.float64() else (2 - 2**-23) * 2.0**127
    table.append(pa.table({"f": pa.array([largest, None], t)}))
    snapshot = table.snapshot()
    store.reset()
    assert (snapshot.min("f"), snapshot.max("f")) == (largest, largest)
    assert bytes_read(store) > 0


@pytest.mark.parametrize(
    ("t", "shown"),
    [
        (pa.date32(), np.datetime64(2**31 - 1, "D")),
        (pa.timestamp("us", "Europe/Berlin"), np.datetime64(2**31 - 1 << 31, "us")),
        (pa.duration("ms"), np.timedelta64(2**31 - 1 << 31, "ms")),
    ],
    ids=str,
)
def test_a_time_beyond_pythons_calendar(t: pa.DataType, shown: Any) -> None:
    """A bound that Python has no time for comes as NumPy has it."""
    table = Table(store=MemoryStore())
    count = 2**31 - 1 if t == pa.date32() else 2**31 - 1 << 31
    table.append(pa.table({"t": pa.array([count, None], f"int{t.bit_width}").view(t)}))
    assert table.snapshot().max("t") == shown


def test_a_column_of_only_nulls_has_no_bounds() -> None:
    """Neither one whose type holds nothing else has."""
    table = Table(store=MemoryStore())
    table.append(pa.table({"n": pa.nulls(2), "a": pa.array([None, None], pa.int64())}))
    snapshot = table.snapshot()
    assert [snapshot.min("n"), snapshot.max("n"), snapshot.min("a")] == [None, None, None]
    assert (snapshot.null_count("n"), snapshot.null_count("a")) == (2, 2)


def test_nanoseconds_of_a_time_of_day_are_not_cut_off() -> None:
    """A time that Python doesn't have comes as NumPy has it; any other as a `datetime.time`."""
    table = Table(store=MemoryStore())
    table.append(pa.table({"w": pa.array([86_399_999_999_999, 3_000, None], pa.time64("ns"))}))
    snapshot = table.snapshot()
    assert (snapshot.min("w"), snapshot.max("w")) == (
        dt.time(0, 0, 0, 3),
        np.timedelta64(86_399_999_999_999, "ns"),
    )
