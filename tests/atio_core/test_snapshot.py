from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.errors import DamagedError, InvalidInputError, VersionExpiredError
from atio_core.model.entry import Totals
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL, START_US
from tests.support.stores import CountingStore


def frame(*values: int) -> pd.DataFrame:
    """Return rows of one column."""
    return pd.DataFrame({"a": list(values)})


def test_a_version_tells_of_itself(tmp_path: Path) -> None:
    """What a writer said, what the change did and what the version holds can be asked for without reading rows."""
    table = Table(tmp_path, clock=lambda: START_US)
    table.append(frame(1, 2, 3))
    second = table.overwrite(frame(4), message="m", properties={"k": "v"})
    assert (second.version, second.operation, second.rows, second.files) == (2, "overwrite", 1, 1)
    assert second.time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (second.message, second.properties, second.repeated) == ("m", {"k": "v"}, False)
    assert second.table == table.path
    assert (
        second.bytes == sum(path.stat().st_size for path in tmp_path.glob("data/*")) - table.snapshot(1).bytes
    )
    assert (second.added, second.removed) == (
        Totals(1, 1, second.bytes),
        Totals(1, 3, table.snapshot(1).bytes),
    )
    assert second.schema.names == ["a"]
    assert second.schema.field("a").type == pa.int64()
    assert (second.partition_fields, second.partitions()) == ((), [()])
    assert f"<Snapshot 2 of {table.path}: overwrite, 1 rows, 2023-11-14 22:13:20 UTC>" == repr(second)


def test_what_a_version_tells_can_not_be_changed_through_it(tmp_path: Path) -> None:
    """A caller's dict of properties is its own."""
    snapshot = Table(tmp_path).append(frame(1), properties={"k": "v"})
    snapshot.properties["k"] = "w"
    assert snapshot.properties == {"k": "v"}


def test_equal_content_has_equal_digests(tmp_path: Path) -> None:
    """Two overwrites with equal data have the same content, whatever was there before; other data has another."""
    one, other = Table(tmp_path / "one"), Table(tmp_path / "other")
    other.append(frame(7))
    first = one.overwrite(frame(1, 2)).content
    assert first == other.overwrite(frame(1, 2)).content
    assert first != one.overwrite(frame(2, 1)).content
    assert first == one.overwrite(frame(1, 2)).content
    assert first != one.append(frame(3)).content


def test_a_snapshot_never_changes(tmp_path: Path) -> None:
    """A version that somebody holds stays what it was, whatever is committed meanwhile."""
    table = Table(tmp_path)
    first = table.append(frame(1))
    table.append(frame(2))
    table.overwrite(frame(3))
    assert (first.rows, first.read()["a"].tolist(), first.schema.names) == (1, [1], ["a"])


def test_files_are_listed_in_the_order_of_their_rows(tmp_path: Path) -> None:
    """However many files there are, their records come in order; of wanted partitions alone, too."""
    table = Table(tmp_path, limits=SMALL)
    for number in range(9):
        table.overwrite_partitions({number % 3: frame(number)})
    snapshot = table.snapshot()
    assert [file.partition for file in snapshot.data_files()] == [(0,), (1,), (2,)]
    assert [file.partition for file in snapshot.data_files([2, 0, 2])] == [(0,), (2,)]
    assert snapshot.data_files([]) == ()
    assert snapshot.partitions() == [(0,), (1,), (2,)]
    assert snapshot.read(partitions=[2, 0])["a"].tolist() == [6, 8]


def test_facts_cost_no_reading() -> None:
    """What stands in the entry needs no further look at the store."""
    store = CountingStore(MemoryStore())
    Table(store=store).append(frame(1))
    snapshot = Table(store=store).snapshot()
    store.reset()
    _ = (
        snapshot.rows,
        snapshot.bytes,
        snapshot.schema,
        snapshot.properties,
        snapshot.data_files(),
        snapshot.content,
    )
    assert store.calls == []


def test_an_expired_version_can_not_be_read(tmp_path: Path) -> None:
    """A snapshot outlives its files in a variable: a read of it says that the version has expired, and why."""
    table = Table(tmp_path)
    first = table.append(frame(1))
    table.overwrite(frame(2))
    table.expire(timedelta(0))
    with pytest.raises(
        VersionExpiredError, match=r"version 1 .* expired while it was read.*keep_for"
    ) as caught:
        first.read()
    assert (caught.value.table, caught.value.version) == (table.path, 1)


def test_a_missing_manifest_of_an_expired_version_is_no_damage(tmp_path: Path) -> None:
    """The same if it is a list of files that is gone."""
    table = Table(tmp_path, limits=SMALL)
    for number in range(5):
        table.append(frame(number))
    held = table.snapshot()
    assert held.entry.manifests
    table.overwrite(frame(9))
    table.expire(timedelta(0))
    for act in (held.read, held.data_files, held.partitions):
        with pytest.raises(VersionExpiredError):
            act()


def test_a_missing_manifest_of_a_retained_version_is_damage(tmp_path: Path) -> None:
    """While the version is retained, it is damage, and named."""
    table = Table(tmp_path, limits=SMALL)
    for number in range(5):
        table.append(frame(number))
    path = table.snapshot().entry.manifests[0].path
    (tmp_path / path).unlink()
    for act in (table.read, table.snapshot().data_files):
        with pytest.raises(DamagedError, match=r"is missing; bring it back") as caught:
            act()
        assert caught.value.facts["path"] == path


def test_odd_choices_are_refused(tmp_path: Path) -> None:
    """A snapshot refuses what a table refuses."""
    snapshot = Table(tmp_path).append(frame(1))
    for options in ({"columns": 5}, {"partitions": ["x"]}, {"output_as": "csv"}, {"columns": ["zz"]}):
        with pytest.raises(InvalidInputError, match=next(iter(options)).removesuffix("s")):
            snapshot.read(**options)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInputError, match="not partitioned"):
        snapshot.data_files(["x"])


def test_an_expired_repetition_shows_its_number(tmp_path: Path) -> None:
    """In a log one sees which version it was, and that it is gone."""
    table = Table(tmp_path)
    table.append(frame(1), idempotency_key="k")
    table.overwrite(frame(2))
    table.expire(timedelta(0))
    assert repr(table.append(frame(1), idempotency_key="k")) == f"<Snapshot 1 of {table.path}, expired>"


# --- As a stream of Arrow


def test_other_libraries_take_a_snapshot_as_it_is(tmp_path: Path) -> None:
    """A snapshot is an Arrow stream, as often as it is asked: to DuckDB, polars, pandas, pyarrow, and another table."""
    table = Table(tmp_path)
    for start in (0, 2):
        table.append(frame(start, start + 1))
    snapshot = table.snapshot()
    table.append(frame(9))
    for _ in range(2):
        assert pl.DataFrame(snapshot)["a"].to_list() == [0, 1, 2, 3]
        assert pa.table(snapshot)["a"].to_pylist() == [0, 1, 2, 3]
        assert cast("Any", pd.DataFrame).from_arrow(snapshot)["a"].tolist() == [0, 1, 2, 3]
        with duckdb.connect() as connection:
            query = "select sum(s.a) from snapshot s join snapshot t using (a)"
            assert connection.register("snapshot", snapshot).execute(query).fetchall() == [(6,)]
    assert pa.schema(snapshot).names == ["a"]
    copy = Table(tmp_path / "copy")
    copy.append(snapshot)
    assert copy.read("latest")["a"].tolist() == [0, 1, 2, 3]


def test_duckdb_opens_a_snapshot_once_per_query() -> None:
    """The schema can be had without opening a stream, so that a query reads the rows once."""
    store = CountingStore(MemoryStore())
    snapshot = Table(store=store).append(frame(1, 2))
    store.reset()
    with duckdb.connect() as connection:
        connection.register("snapshot", snapshot)
        assert connection.execute("select sum(a) from snapshot").fetchall() == [(3,)]
    assert len([name for verb, name in store.calls if verb == "read_into"]) == 1


def test_a_stream_of_damaged_rows_raises(tmp_path: Path) -> None:
    """Damage is told with the file's name before any row of it is handed out."""
    table = Table(tmp_path)
    table.append(frame(1, 2))
    (file,) = (tmp_path / "data").iterdir()
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-20] + bytes(20))
    with pytest.raises(DamagedError, match=file.name):
        pa.table(table.snapshot())
    with pytest.raises((DamagedError, pl.exceptions.ComputeError), match=file.name):
        pl.DataFrame(table.snapshot())
