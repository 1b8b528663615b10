from __future__ import annotations

import functools
import math
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.scan import scan
from atio_core.data.writing import writer
from atio_core.errors import DamagedError, InvalidInputError, VersionExpiredError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import StoreWrapper
from tests.support.commits import SMALL
from tests.support.row_filters import (
    ARROW_TERMS,
    FILTERS,
    OPERATORS,
    POLARS_TERMS,
    as_text,
    joined,
    matches,
    rows,
    table_of,
)
from tests.support.stores import CountingStore


@pytest.mark.usefixtures("either_path")
@given(st.lists(rows(), min_size=1, max_size=4), FILTERS, st.none() | st.integers(0, 6))
def test_rows_that_match_are_read_and_no_others(
    parts: list[pa.Table], given_filter: list[Any], limit: int | None
) -> None:
    """A filtered read gives the rows for which the filter is true, under three-valued logic, in their order."""
    table = table_of(parts)
    whole = table.read(output_as="arrow")
    kept = [matches(given_filter, row) for row in whole.to_pylist()]
    expected = whole.filter(pa.array(kept, pa.bool_())).slice(0, limit)
    assert as_text(table.read(output_as="arrow", filter=given_filter, limit=limit)) == as_text(expected)
    some = table.scan(columns=["u", "s"], filter=given_filter, limit=limit, batch_rows=2)
    schema = whole.schema
    assert as_text(pa.Table.from_batches(some, pa.schema([schema.field("u"), schema.field("s")]))) == as_text(
        expected.select(["u", "s"])
    )


@pytest.mark.usefixtures("either_path")
@given(st.lists(rows(), min_size=1, max_size=3), joined(ARROW_TERMS))
def test_an_arrow_expression_reads_what_it_filters(parts: list[pa.Table], expression: pc.Expression) -> None:
    """A read filtered by a pyarrow expression equals the whole read, filtered by pyarrow."""
    table = table_of(parts)
    expected = table.read(output_as="arrow").filter(expression)
    assert as_text(table.read(output_as="arrow", filter=expression)) == as_text(expected)


@pytest.mark.usefixtures("either_path")
@given(st.lists(rows(), min_size=1, max_size=3), joined(POLARS_TERMS))
def test_a_polars_expression_reads_what_it_filters(parts: list[pa.Table], expression: pl.Expr) -> None:
    """A read filtered by a polars expression equals the whole read, filtered by polars; so does a lazy one."""
    table = table_of(parts)
    whole = table.read(output_as="polars")
    expected = whole.filter(expression)
    assert table.read(output_as="polars", filter=expression).equals(expected)
    lazy = table.read(output_as="lazy")
    assert lazy.filter(expression).collect().equals(expected)
    assert lazy.filter(expression).select("s").head(1).collect().equals(expected.select("s").head(1))
    assert lazy.head(2).filter(expression).collect().equals(whole.head(2).filter(expression))


# --- pandas


def numbered(index: pd.RangeIndex) -> pd.DataFrame:
    """A frame that says where each row was."""
    return pd.DataFrame({"a": list(index), "b": [str(i) for i in index]}, index=index)


@pytest.mark.parametrize(
    "indexes",
    [
        [pd.RangeIndex(100, 110)],
        [pd.RangeIndex(100, 110), pd.RangeIndex(110, 120)],
        [pd.RangeIndex(5), pd.RangeIndex(100, 120, 5), pd.RangeIndex(9, 0, -3)],
    ],
    ids=["one", "following", "mixed"],
)
def test_the_index_comes_along(indexes: list[pd.RangeIndex]) -> None:
    """Rows that match keep the labels that they have in the whole frame."""
    table = Table(store=MemoryStore())
    for index in indexes:
        table.append(numbered(index))
    whole = table.read()
    for number in (-1, 3, 8, 106, 113, 1000):
        for found in (table.read(filter=[("a", ">", number)]), table.read(filter=[("a", "!=", number)])):
            expected = whole[whole["a"].isin(found["a"])]
            assert found["a"].tolist() == expected["a"].tolist()
            assert found.index.tolist() == expected.index.tolist()
        limited = table.read(filter=[("a", ">", number)], limit=2)
        assert limited.equals(whole[whole["a"] > number].head(2).set_index(limited.index))
        assert limited.index.tolist() == whole[whole["a"] > number].head(2).index.tolist()


def test_a_default_index_counts_the_rows_that_are_read() -> None:
    """As for partitions: a frame whose index was 0 … n-1 is read with 0 … m-1."""
    table = Table(store=MemoryStore())
    table.append(numbered(pd.RangeIndex(5)))
    table.append(numbered(pd.RangeIndex(5)))
    found = table.read(filter=[("a", ">=", 3)])
    assert found["a"].tolist() == [3, 4, 3, 4]
    assert found.index.equals(pd.RangeIndex(4))


def test_labels_of_an_index_can_be_filtered_by() -> None:
    """A stored index is a column to a filter, by the name of its level; rows keep their labels."""
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=pd.Index(["x", "y", "z"], name="k"))
    table = Table(store=MemoryStore())
    table.append(frame)
    assert table.read(filter=[("k", ">=", "y")]).equals(frame.loc[["y", "z"]])
    assert table.read(filter=[("a", ">", 2)], columns=[]).index.tolist() == ["z"]


def test_missing_objects_stay_what_they_were() -> None:
    """What an object column has for missing values is told by the file of each row, also if only some are read."""
    table = Table(store=MemoryStore())
    for missing in (None, math.nan, pd.NA):
        table.append(pd.DataFrame({"a": [1, 2], "o": pd.Series([missing, "x"], dtype=object)}))
    found = table.read(filter=[("a", "==", 1)])["o"].tolist()
    assert (found[0], str(found[1]), found[2]) == (None, "nan", pd.NA)


def test_labels_that_are_no_text() -> None:
    """A column is named by its label, whatever that is; a label of several columns names none."""
    frame = pd.DataFrame(
        [[1, 2, 3, 4]], columns=pd.Index([1, ("a", 2), "x", "x"], tupleize_cols=False, dtype=object)
    )
    table = Table(store=MemoryStore())
    table.append(frame)
    assert len(table.read(filter=[(1, "==", 1), (("a", 2), "==", 2)])) == 1
    assert len(table.read(filter=[(1, "==", 2)])) == 0
    for label, told in (("x", "2 columns have the label 'x'"), (1.0, "there is no column 1.0")):
        with pytest.raises(InvalidInputError, match=told):
            table.read(filter=[(label, "==", 1)])


# --- What isn't read


def opened(store: CountingStore, kind: str) -> set[str]:
    """The files of a kind that were looked into."""
    return {name for verb, name in store.calls if verb in ("read", "read_into") and name.endswith(kind)}


def test_files_that_can_not_match_are_not_opened() -> None:
    """The record of a file says what it can't hold, so that a read opens those that may match alone."""
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    for number in range(10):
        table.append(pa.table({"a": range(number * 10, number * 10 + 10), "b": [str(number)] * 10}))
    for given_filter in (
        [("a", "==", 55)],
        [("b", "in", ["5"])],
        pl.col("a").is_between(51, 58),
        [[("a", "==", 55)]],
    ):
        store.reset()
        assert table.read(output_as="arrow", filter=given_filter).num_rows in (1, 8, 10)
        assert len(opened(store, ".parquet")) == 1
    store.reset()
    assert table.read(output_as="lazy").filter(pl.col("a") == 55).select("b").collect()["b"].to_list() == [
        "5"
    ]
    assert len(opened(store, ".parquet")) == 1
    store.reset()
    assert table.read(output_as="arrow", filter=[("a", "is null")]).num_rows == 0
    assert opened(store, ".parquet") == set()


def test_manifests_of_other_partitions_are_not_opened() -> None:
    """The bounds that an entry keeps of its manifests say which of them may list a wanted partition."""
    store = CountingStore(MemoryStore())
    table = Table(store=store, limits=SMALL)
    for day in range(20):
        table.overwrite_partitions({f"d{day:02}": pa.table({"a": [day]})}, partition_by=["day"])
    manifests = len(table.snapshot().entry.manifests)
    assert manifests > 1
    for given_filter, count in (
        ([("day", "==", "d03")], 1),
        ([("day", "<", "d02")], 2),
        ([("day", "in", ["d03", "d99"]), ("a", ">", 0)], 1),
        (pl.col("day") == "d03", 1),
    ):
        store.reset()
        assert table.read(output_as="arrow", filter=given_filter).num_rows == count
        assert len(opened(store, ".parquet")) == count
        assert len(opened(store, ".arrow")) < manifests


@pytest.mark.parametrize("values", [[1, 5, 10, None], [True, False], [0.5, 1.0, 12.0], ["a", "", None]])
def test_partition_values_of_any_type(values: list[Any]) -> None:
    """A partition field is compared as a column would be: numbers as numbers, null with nothing."""
    table = Table(store=MemoryStore(), limits=SMALL)
    for value in values:
        table.overwrite_partitions({(value,): pa.table({"a": [str(value)]})}, partition_by=["p"])
    present = [value for value in values if value is not None]
    for name, compared in OPERATORS.items():
        for wanted in present:
            found = table.read(output_as="arrow", filter=[("p", name, wanted)])["a"].to_pylist()
            assert found == [str(value) for value in present if compared(value, wanted)]
    found = table.read(output_as="arrow", filter=[("p", "is null")])["a"].to_pylist()
    assert found == ["None"] * (None in values)
    with pytest.raises(InvalidInputError, match="partition field 'p' has the value"):
        table.read(
            filter=[("p", "==", b"" if not present else ("x" if not isinstance(present[0], str) else 1))]
        )


def test_row_groups_that_can_not_match_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a large file, the statistics of its row groups say which of them are read."""
    monkeypatch.setattr(writer, "_WORKERS", 1)  # one file, whatever the machine
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    count = (1 << 20) * 3
    table.append(pa.table({"a": pa.array(range(count)), "x": pa.array(range(count), pa.float64())}))
    (file,) = table.snapshot().data_files()
    assert file.size > scan.SMALL_FILE_BYTES
    read: list[int] = []

    def counted(self: Any, name: str, start: int, into: memoryview) -> int:
        read.append(len(into))
        return StoreWrapper.read_into(self, name, start, into)

    monkeypatch.setattr(CountingStore, "read_into", counted)
    some: list[int] = []
    for found in ([("a", "==", count - 1)], pc.field("a") == count - 1):
        assert table.read(output_as="arrow", filter=found)["x"].to_pylist() == [count - 1]
        some.append(sum(read))
        read.clear()
    assert table.read(output_as="arrow", filter=[("x", ">=", 0)]).num_rows == count
    assert max(some) < sum(read) / 2


def test_a_limit_opens_only_the_first_files() -> None:
    """As many files are opened as hold the rows that are asked for."""
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    for number in range(10):
        table.append(pa.table({"a": [number] * 3}))
    for limit, files in ((0, 0), (3, 1), (4, 2), (100, 10)):
        store.reset()
        assert table.read(output_as="arrow", limit=limit).num_rows == min(limit, 30)
        assert len(opened(store, ".parquet")) == files


def test_damage_is_found_where_it_is_read(tmp_path: Path) -> None:
    """A damaged file that can't have a row that matches does no harm; one that may have some is found."""
    table = Table(tmp_path)
    table.append(pa.table({"a": [1, 2]}))
    table.append(pa.table({"a": [11, 12]}))
    damaged = tmp_path / table.snapshot().data_files()[1].path
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-20] + bytes(20))
    assert table.read(filter=[("a", "<", 10)])["a"].tolist() == [1, 2]
    assert table.read(output_as="lazy").filter(pl.col("a") < 10).collect()["a"].to_list() == [1, 2]
    with pytest.raises(DamagedError, match=damaged.name):
        table.read(filter=[("a", "<", 12)])
    assert table.read(filter=pc.field("a") < 10)["a"].tolist() == [1, 2]
    with pytest.raises(DamagedError):
        table.read(filter=pc.field("a") + 1 < 10)
    with pytest.raises(DamagedError):
        table.read(output_as="batches").read_all()
    with pytest.raises((DamagedError, pl.exceptions.ComputeError), match=damaged.name):
        table.read(output_as="lazy").collect()


# --- Batch by batch


def test_batches_are_of_one_schema_whatever_the_files() -> None:
    """Categories, indexes, nested values: all batches have the schema that an empty read has, and no batch is empty."""
    table = Table(store=MemoryStore())
    for number in range(3):
        table.append(
            pd.DataFrame(
                {
                    "c": pd.Categorical(["x"], categories=["x", "y"]),
                    "o": [[number]],
                    "t": pd.to_datetime(["2020-01-01"]).tz_localize("UTC"),
                },
                index=pd.Index([number], name="k"),
            )
        )
    reader = table.read(output_as="batches")
    assert reader.schema.names == ["k", "c", "o", "t"]
    assert reader.read_all().equals(table.read(output_as="arrow"))
    assert list(table.scan(filter=[("k", ">", 5)])) == []
    assert table.read(output_as="batches", filter=[("k", ">", 5)]).read_all().num_rows == 0
    assert table.read(output_as="lazy").collect().equals(table.read(output_as="polars"))
    assert table.read(output_as="lazy").select("k").collect()["k"].to_list() == [0, 1, 2]
    assert table.read(output_as="lazy", columns=["o"], limit=2).collect().height == 2
    assert table.read(output_as="lazy", limit=2).filter(pl.col("k") > 0).collect()["k"].to_list() == [1]


def test_other_libraries_take_the_batches() -> None:
    """A reader of batches is an Arrow stream to DuckDB, polars and pandas."""
    table = Table(store=MemoryStore())
    for number in range(3):
        table.append(pa.table({"a": [number, 10 + number]}))
    stream = functools.partial(table.read, output_as="batches", filter=[("a", "<", 12)])
    assert pl.DataFrame(stream())["a"].to_list() == [0, 10, 1, 11, 2]
    assert cast("Any", pd.DataFrame).from_arrow(stream())["a"].tolist() == [0, 10, 1, 11, 2]
    batches = stream()
    assert batches is not None
    with duckdb.connect() as connection:
        assert connection.execute("select sum(a) from batches").fetchall() == [(24,)]


def test_a_scan_starts_over_before_anything_was_handed_out() -> None:
    """A scan of the latest that loses the race with an expiry gives the newer version, whole; a named one fails."""

    class Racing(StoreWrapper):
        armed = False

        def read_into(self, name: str, start: int, into: memoryview) -> int:
            if self.armed and name.endswith(".parquet"):
                self.armed = False
                other = Table(store=self.store)
                other.overwrite(pa.table({"a": [2]}))
                other.expire(timedelta(0))
            return super().read_into(name, start, into)

    for version in (None, 1):
        store = Racing(MemoryStore())
        table = Table(store=store)
        table.append(pa.table({"a": [1]}))
        store.armed = True
        if version is None:
            assert [batch.to_pydict() for batch in table.scan()] == [{"a": [2]}]
        else:
            with pytest.raises(VersionExpiredError, match="expired while it was read"):
                table.scan(version)


@pytest.mark.parametrize("output_as", ["scan", "batches", "lazy"])
def test_a_version_that_expires_under_a_scan_raises(output_as: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once rows were handed out, a scan either gives all of them or fails; it never ends early."""
    monkeypatch.setattr(scan, "SMALL_FILE_BYTES", 0)  # else all files would be read at once
    table = Table(store=MemoryStore())
    for number in range(40):
        table.append(pa.table({"a": [number]}))
    if output_as == "lazy":
        rest: Callable[[], object] = table.read(output_as="lazy").collect
    elif output_as == "batches":
        rest = table.read(output_as="batches").read_all
    else:
        rest = functools.partial(list, table.scan())
    table.overwrite(pa.table({"a": [0]}))
    table.expire(timedelta(0))
    with pytest.raises((VersionExpiredError, pl.exceptions.ComputeError), match="expired while it was read"):
        rest()


def test_a_scan_that_is_left_stops_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropping the iterator ends the threads that read ahead, and most files are never opened."""
    monkeypatch.setattr(scan, "SMALL_FILE_BYTES", 0)  # else more files would be read ahead
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    for number in range(100):
        table.append(pa.table({"a": [number]}))
    batches = table.scan()
    assert next(batches).to_pydict() == {"a": [0]}
    del batches
    assert len(opened(store, ".parquet")) < 60


@pytest.mark.parametrize(
    "take",
    [
        pa.table,
        lambda stream: pa.table(pl.DataFrame(stream)),
        lambda stream: pa.table(cast("Any", pd.DataFrame).from_arrow(stream)),
        lambda stream: duckdb.from_arrow(stream).to_arrow_table(),
    ],
    ids=["pyarrow", "polars", "pandas", "duckdb"],
)
def test_a_scan_is_a_stream_of_arrow(take: Callable[[Any], pa.Table]) -> None:
    """Libraries take it as it is, and get the rows that are left of it; of no rows too."""
    table = Table(store=MemoryStore())
    for number in range(3):
        table.append(pa.table({"a": [number]}))
    batches = table.scan()
    next(batches)
    assert take(batches)["a"].to_pylist() == [1, 2]
    none = table.scan(filter=[("a", ">", 5)])
    assert none.schema.names == ["a"]
    assert take(none)["a"].to_pylist() == []
    assert Table(store=MemoryStore()).append(table.scan(limit=0)).schema.names == ["a"]


def test_a_scan_can_be_closed() -> None:
    """After that it gives nothing more."""
    table = Table(store=MemoryStore())
    table.append(pa.table({"a": [1, 2]}))
    batches = table.scan(batch_rows=1)
    assert next(batches).num_rows == 1
    batches.close()
    assert list(batches) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"limit": -1}, "limit must be a whole number of 0 or more"),
        ({"limit": True}, "limit must be"),
        ({"limit": 1.5}, "limit must be"),
        ({"verify": "sometimes"}, "verify must be one of always, never"),
        ({"verify": True}, "verify must be"),
        ({"batch_rows": 0}, "batch_rows must be a whole number of 1 or more"),
        ({"columns": pl.LazyFrame({"a": [1]})}, "columns must be a list"),
        ({"filter": [("zz", ">", 1)]}, "there is no column 'zz'"),
        ({"columns": ["zz"]}, "there is no column 'zz'"),
        ({"partitions": ["x"]}, "not partitioned"),
    ],
)
def test_odd_arguments_are_refused_at_once(options: dict[str, Any], told: str) -> None:
    """What can't be meant is refused by the call itself, not by the first batch."""
    table = Table(store=MemoryStore())
    table.append(pa.table({"a": [1]}))
    with pytest.raises(InvalidInputError, match=told):
        table.scan(**options)
    if "batch_rows" not in options:
        for output_as in ("pandas", "batches", "lazy"):
            with pytest.raises(InvalidInputError, match=told):
                table.read(output_as=output_as, **options)  # pyright: ignore[reportArgumentType] - a plain text
