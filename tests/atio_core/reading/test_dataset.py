from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import acero

from atio_core.errors import DamagedError, VersionExpiredError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.row_filters import ARROW_TERMS, as_text, joined, rows, table_of
from tests.support.stores import CountingStore, FolderStore


def numbered(store: Any = None) -> Table:
    """Ten files of ten rows."""
    table = Table(store=store or MemoryStore())
    for start in range(0, 100, 10):
        numbers = list(range(start, start + 10))
        table.append(pa.table({"a": numbers, "b": [str(number) for number in numbers], "c": [0.5] * 10}))
    return table


def rows_of(query: str, dataset: Any) -> list[Any]:
    """What DuckDB finds in a dataset."""
    with duckdb.connect() as connection:
        return connection.register("dataset", dataset).execute(query).fetchall()


def opened(store: CountingStore) -> int:
    """How many data files were opened."""
    return len({name for verb, name in store.calls if verb == "read_into" and name.endswith(".parquet")})


@pytest.mark.usefixtures("either_path")
@settings(max_examples=settings().max_examples // 4)
@given(st.lists(rows(), min_size=1, max_size=3), joined(ARROW_TERMS))
def test_a_scan_gives_what_pyarrow_gives(parts: list[pa.Table], expression: pc.Expression) -> None:
    """Filter, columns, computed ones: the rows are those of a pyarrow dataset over the same rows in memory."""
    table = table_of(parts)
    dataset = table.read(output_as="dataset")
    memory = ds.dataset(table.read(output_as="arrow"))
    assert isinstance(dataset, ds.Dataset)
    assert dataset.schema.equals(memory.schema)
    assert as_text(dataset.to_table()) == as_text(memory.to_table())
    assert as_text(dataset.to_table(filter=expression)) == as_text(memory.to_table(filter=expression))
    some = {"columns": ["s", "i"], "filter": expression}
    assert as_text(dataset.to_table(**some)) == as_text(memory.to_table(**some))
    computed = {"columns": {"x": pc.field("i") < 1, "t": pc.field("b")}, "filter": expression}
    assert as_text(dataset.to_table(**computed)) == as_text(memory.to_table(**computed))
    assert dataset.count_rows() == memory.count_rows()
    assert dataset.count_rows(filter=expression) == memory.count_rows(filter=expression)
    assert dataset.filter(expression).filter(pc.field("i") > 0).count_rows(filter=pc.field("u") < 3) == (
        memory.count_rows(filter=expression & (pc.field("i") > 0) & (pc.field("u") < 3))
    )
    assert as_text(dataset.head(3, filter=expression)) == as_text(memory.head(3, filter=expression))


def test_what_is_chosen_stays_chosen() -> None:
    """A dataset has the columns and rows that it was read with; the first ones come before those that match."""
    table = numbered()
    dataset = table.read(output_as="dataset", columns=["b", "a"], filter=[("a", ">=", 5)], limit=10)
    assert dataset.schema.names == ["b", "a"]
    assert dataset.to_table()["a"].to_pylist() == list(range(5, 15))
    assert dataset.to_table(columns=["b"], filter=pc.field("a") > 12).to_pydict() == {"b": ["13", "14"]}
    assert dataset.to_table(columns=[]).num_rows == dataset.count_rows() == 10
    assert dataset.take([0, 9])["b"].to_pylist() == ["5", "14"]
    with pytest.raises(pa.ArrowInvalid, match="c"):
        dataset.to_table(columns=["c"])


def test_only_what_is_needed_is_read() -> None:
    """Files that can't have a row that matches aren't opened, whoever scans."""
    store = CountingStore(MemoryStore())
    dataset = numbered(store).read(output_as="dataset")
    scans: list[Callable[[], Any]] = [
        lambda: dataset.to_table(filter=pc.field("a") >= 90),
        lambda: rows_of("select b from dataset where a >= 90 and c < 1", dataset),
        lambda: pl.scan_pyarrow_dataset(dataset).filter(pl.col("a") >= 90).collect(),
    ]
    for scan in scans:
        store.reset()
        assert len(scan()) == 10
        assert opened(store) == 1


def test_all_parts_of_a_query_see_one_version() -> None:
    """A dataset is of one version, however often it is scanned, and whatever is written meanwhile."""
    table = numbered()
    dataset = table.read(output_as="dataset")
    table.overwrite(pa.table({"a": [1], "b": ["x"], "c": [0.0]}))
    query = "select count(*) from dataset join dataset d using (a) where a in (select a from dataset)"
    assert rows_of(query, dataset) == [(100,)]


def test_labels_and_an_index_of_pandas() -> None:
    """The columns are those that Arrow gets: the index before the others, labels as text."""
    table = Table(store=MemoryStore())
    table.append(pd.DataFrame({1: [1, 2], "b": ["x", "y"]}, index=pd.Index([7, 8], name="k")))
    dataset = table.read(output_as="dataset")
    assert dataset.schema.names == ["k", "1", "b"]
    assert dataset.to_table(columns=["b"], filter=pc.field("k") > 7).to_pydict() == {"b": ["y"]}
    assert dataset.to_table(columns=["k"], filter=pc.field("1") == 1).to_pydict() == {"k": [7]}


def test_a_dataset_can_be_written_on(tmp_path: Path) -> None:
    """Scanners stream into whatever takes batches: files, or another table."""
    dataset = numbered().read(output_as="dataset")
    ds.write_dataset(dataset, tmp_path, format="parquet")
    assert pq.read_table(tmp_path).num_rows == 100
    other = Table(store=MemoryStore())
    other.append(dataset.scanner(columns=["a"], filter=pc.field("a") < 3).to_reader())
    assert other.read()["a"].tolist() == [0, 1, 2]


ENGINE: dict[str, Callable[[Any], Any]] = {
    "join": lambda dataset: dataset.join(ds.dataset(pa.table({"a": [1]})), "a"),
    "sort_by": lambda dataset: dataset.sort_by("a"),
    "acero": lambda dataset: acero.Declaration("scan", acero.ScanNodeOptions(dataset)).to_table(),
    "fragments": lambda dataset: [fragment.to_table() for fragment in dataset.get_fragments()],
    "union": lambda dataset: ds.dataset([dataset, dataset]).to_table(),
    "replace_schema": lambda dataset: dataset.replace_schema(dataset.schema).to_table(),
    "pickle": lambda dataset: pickle.loads(pickle.dumps(dataset)).to_table(),
}


@pytest.mark.parametrize("way", ENGINE)
def test_no_way_leads_past_the_checks(way: str) -> None:
    """What pyarrow's engine would read by itself, it doesn't read at all, and it is said what to do instead."""
    dataset = numbered().read(output_as="dataset")
    with pytest.raises((OSError, pa.ArrowException), match="can't check what it reads itself"):
        ENGINE[way](dataset)


@pytest.mark.parametrize("output_as", ["dataset", "duckdb"])
def test_damage_is_found_by_every_scan(output_as: Any, tmp_path: Path) -> None:
    """A damaged file is named when a scan needs it, and does no harm before."""
    table = Table(tmp_path)
    table.append(pa.table({"a": [1, 2]}))
    table.append(pa.table({"a": [11, 12]}))
    damaged = tmp_path / table.snapshot().data_files()[1].path
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-20] + bytes(20))
    found = table.read(output_as=output_as)
    if output_as == "duckdb":
        assert found.filter("a < 10").fetchall() == [(1,), (2,)]
        scan: Callable[[], Any] = found.fetchall
    else:
        assert found.to_table(filter=pc.field("a") < 10).num_rows == 2
        scan = found.to_table
    with pytest.raises((DamagedError, duckdb.Error), match=damaged.name):
        scan()


@pytest.mark.parametrize("output_as", ["dataset", "duckdb"])
def test_a_version_that_expires_under_a_scan_raises(output_as: Any) -> None:
    """A scan gives all rows of its version or fails; it never ends early, nor goes on with another version."""
    table = numbered()
    found = table.read(output_as=output_as)
    scan = found.fetchall if output_as == "duckdb" else found.to_table
    assert len(scan()) == 100
    table.overwrite(pa.table({"a": [0]}))
    table.expire(timedelta(0))
    with pytest.raises((VersionExpiredError, duckdb.Error), match="expired while it was read"):
        scan()


@pytest.mark.parametrize("way", ["reader", "duckdb"])
def test_a_version_that_expires_in_the_middle_of_a_scan_raises(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that were handed out already are not taken for all."""
    monkeypatch.setattr("atio_core.data.scan.scan.SMALL_FILE_BYTES", 0)  # else more files would be read ahead
    table = Table(store=FolderStore(MemoryStore()))
    for number in range(100):
        table.append(pa.table({"a": np.arange(number * 20_000, (number + 1) * 20_000)}))
    if way == "duckdb":
        reader = table.read(output_as="duckdb").arrow(1_000)
    else:
        reader = table.read(output_as="dataset").scanner(batch_readahead=1).to_reader()
    assert reader.read_next_batch().num_rows
    table.overwrite(pa.table({"a": [0]}))
    table.expire(timedelta(0))
    with pytest.raises((VersionExpiredError, OSError), match="expired while it was read"):
        reader.read_all()
