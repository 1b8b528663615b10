from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.changes import unchanged, writing
from atio_core.errors import InvalidInputError
from atio_core.functions import write_snapshot
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.stores import CountingStore, between


def rows(*values: int) -> pd.DataFrame:
    """Return a frame with these values."""
    return pd.DataFrame({"a": list(values), "b": [str(value) for value in values]})


def data_files(folder: Path) -> set[Path]:
    """Return the data files of a table."""
    return {path for path in (folder / "data").rglob("*") if path.is_file()}


def batches() -> pa.RecordBatchReader:
    """Return a stream of a hundred rows."""
    table = pa.table({"a": range(100)})
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=30))


SAME: dict[str, Callable[[], Any]] = {
    "pandas": lambda: rows(1, 2, 3),
    "polars": lambda: pl.DataFrame({"a": [1, 2], "b": [None, "x"]}),
    "no rows": rows,
    "an index": lambda: rows(1, 2).set_index("b"),
    "a range of an index": lambda: rows(1, 2).set_axis(pd.RangeIndex(5, 9, 2)),
    "a stream": batches,
    "an array": rows(1, 2)["a"].to_numpy,
    "a JSON value": lambda: {"a": [1, 2]},
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_an_overwrite_by_the_same_shares_the_files(make: Callable[[], Any], tmp_path: Path) -> None:
    """What the latest version holds already isn't kept twice: the new version names its files."""
    table = Table(tmp_path / "t")
    table.overwrite(make())
    there = data_files(tmp_path / "t")
    again = table.overwrite(make(), message="again")
    assert (again.version, again.unchanged, again.message) == (2, False, "again")
    assert (again.added.files, again.removed.files) == (0, 0)
    assert data_files(tmp_path / "t") == there


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_an_overwrite_by_the_same_makes_no_version_if_told_so(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    """`if_unchanged="skip"` leaves the table as it is, and the snapshot says so."""
    table = Table(tmp_path / "t")
    assert not table.overwrite(make(), if_unchanged="skip").unchanged
    there = data_files(tmp_path / "t")
    again = write_snapshot(make(), tmp_path / "t", if_unchanged="skip")
    assert (again.version, again.unchanged) == (1, True)
    assert [snapshot.version for snapshot in table.history()] == [1]
    assert data_files(tmp_path / "t") == there


@pytest.mark.parametrize(
    "other",
    [
        rows(1, 2, 4),
        rows(1, 2),
        rows(2, 1, 3),
        rows(1, 2, 3).rename(columns={"a": "c"}),
        rows(1, 2, 3).astype({"a": "int32"}),
        rows(1, 2, 3).set_axis(pd.RangeIndex(1, 4)),
        pl.DataFrame({"a": [1, 2, 3], "b": ["1", "2", "3"]}),
    ],
    ids=["a value", "a row less", "another order", "a label", "a type", "an index", "a library"],
)
def test_other_rows_are_written(other: Any) -> None:
    """Rows that differ in anything that comes back are a new version."""
    table = Table(store=MemoryStore())
    table.overwrite(rows(1, 2, 3))
    snapshot = table.overwrite(other, if_unchanged="skip")
    assert (snapshot.version, snapshot.unchanged) == (2, False)


def test_attributes_count() -> None:
    """A frame with other `attrs` isn't the same, though its rows are."""
    table, frame = Table(store=MemoryStore()), rows(1)
    table.overwrite(frame)
    frame.attrs["unit"] = "m"
    assert not table.overwrite(frame, if_unchanged="skip").unchanged
    assert table.overwrite(frame, if_unchanged="skip").unchanged
    assert table.read().attrs == {"unit": "m"}


def test_partitions_count(tmp_path: Path) -> None:
    """Of a partitioned table, rows are the same if their partitions are; what was written to find out is gone."""
    table, frame = Table(tmp_path / "t"), rows(1, 1, 2)
    table.overwrite(frame, partition_by=["a"])
    there = data_files(tmp_path / "t")
    assert table.overwrite(frame, if_unchanged="skip").unchanged
    assert data_files(tmp_path / "t") == there
    assert not table.overwrite(frame, partition_by=[], if_unchanged="skip").unchanged
    assert not table.overwrite(frame, partition_by=["b"], if_unchanged="skip").unchanged


def test_writing_again_mends_a_damaged_version(tmp_path: Path) -> None:
    """Files that no longer hold what was written are not shared."""
    table = Table(tmp_path / "t")
    table.overwrite(rows(1, 2))
    (file,) = data_files(tmp_path / "t")
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    snapshot = table.overwrite(rows(1, 2), if_unchanged="skip")
    assert (snapshot.version, snapshot.unchanged) == (2, False)
    assert table.read()["a"].tolist() == [1, 2]


@pytest.mark.parametrize("damaged", [0, 2])
def test_one_damaged_file_among_several_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: int
) -> None:
    """Large versions are read again side by side, and none of their files is passed over, nor read twice."""
    monkeypatch.setattr(unchanged, "_LEAST_BYTES", 1)
    table, frame = Table(tmp_path / "t"), rows(1, 1, 2, 3)
    table.overwrite(frame, partition_by=["a"])
    before = table.io_stats()
    assert table.overwrite(frame, if_unchanged="skip").unchanged
    assert table.io_stats().reads - before.reads <= len(data_files(tmp_path / "t")) + 3
    file = sorted(data_files(tmp_path / "t"))[damaged]
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert not table.overwrite(frame, if_unchanged="skip").unchanged
    assert table.read()["a"].tolist() == [1, 1, 2, 3]


@pytest.mark.parametrize("choice", ["commit", "skip"])
def test_what_comes_in_between_is_replaced(choice: Any) -> None:
    """Rows that were the latest's when they were looked at, and no longer are, are written."""
    store = MemoryStore()
    Table(store=store).overwrite(rows(1))
    beaten = Table(store=between(store, lambda: Table(store=store).overwrite(rows(2))))
    snapshot = beaten.overwrite(rows(1), if_unchanged=choice, idempotency_key="k")
    assert (snapshot.version, snapshot.unchanged) == (3, False)
    assert beaten.read()["a"].tolist() == [1]


@pytest.mark.parametrize("index", [{}, {"index": pd.RangeIndex(5, 65, 2)}], ids=["plain", "a range"])
def test_a_stream_shares_files_that_are_cut_in_another_way(
    index: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files end doesn't count: the rows do, in their order, and their index."""
    table, whole = Table(tmp_path / "t"), pd.DataFrame({"a": range(30)}, **index)

    def written(*cuts: int, frame: pd.DataFrame = whole) -> Any:
        places = itertools.pairwise([0, *cuts, len(frame)])
        return table.overwrite(iter([frame.iloc[start:end] for start, end in places]))

    with monkeypatch.context() as patched:
        patched.setattr(writing, "_STREAMED_BYTES", 80)
        first = written(10, 20)
    there = data_files(tmp_path / "t")
    assert len(there) > 1
    again = written(7)
    assert (again.added.files, again.content, again.read().equals(whole)) == (0, first.content, True)
    assert data_files(tmp_path / "t") == there
    assert written(7, frame=whole.set_axis(pd.RangeIndex(6, 66, 2))).added.files == 1


@pytest.mark.parametrize("choice", ["commit", "skip"])
def test_a_stream_of_what_was_there_is_kept_until_it_is_committed(choice: Any) -> None:
    """It can't be written again: so what it became is taken away only when it is certain that nothing needs it."""
    store = MemoryStore()
    Table(store=store).overwrite(batches())
    beaten = Table(store=between(store, lambda: Table(store=store).overwrite(rows(2))))
    snapshot = beaten.overwrite(batches(), if_unchanged=choice, idempotency_key="k")
    assert (snapshot.version, snapshot.unchanged, snapshot.rows) == (3, False, 100)
    assert len(list(store.list("data/"))) == 3
    again = Table(store=store).overwrite(batches(), if_unchanged=choice, idempotency_key="l")
    assert (again.unchanged, again.rows) == (choice == "skip", 100)
    assert len(list(store.list("data/"))) == 3


def test_a_version_that_was_restored_counts() -> None:
    """Who brings an old version back and writes it again has nothing new to say."""
    table = Table(store=MemoryStore())
    for number in (1, 2):
        table.overwrite(rows(number))
    table.restore(1)
    assert table.overwrite(rows(1), if_unchanged="skip").unchanged


CHANGED: dict[str, Callable[[Table], object]] = {
    "append": lambda table: table.append(rows(4)),
    "the same appended": lambda table: table.append(rows(1, 2, 3)),
    "the same changed twice": lambda table: (table.append(rows(1, 2, 3)), table.delete([("a", "==", 2)])),
    "a rename": lambda table: table.rename_column("a", "c"),
    "a move": lambda table: table.move_column("b", to=0),
    "a column less": lambda table: table.drop_column("a"),
    "a column more": lambda table: table.append(rows(4).assign(c="x"), schema_mode="add"),
    "a wider column": lambda table: table.append(rows(4).astype({"a": "Int64"}), schema_mode="widen"),
    "delete": lambda table: table.delete([("a", "==", 2)]),
    "update": lambda table: table.update([("a", "==", 2)], set={"b": "x"}),
    "some rows overwritten": lambda table: table.overwrite(rows(7), where=[("a", "==", 2)]),
    "all rows overwritten": lambda table: table.overwrite(rows(7, 8), where=[("a", ">", 0)]),
    "upsert": lambda table: table.upsert(rows(2, 5), key=["a"]),
    "compaction": lambda table: (table.append(rows(4)), table.compact()),
    "staged": lambda table: table.commit([table.stage(rows(4)), table.stage(rows(5))]),
}


@pytest.mark.parametrize("form", ["frame", "stream"])
@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_what_changes_have_made_of_a_table_is_found_in_it(
    change: Callable[[Table], object], form: str
) -> None:
    """Rows are the same whatever made them: by the rows themselves, not by the changes that led to them."""
    table = Table(store=MemoryStore())
    table.append(rows(1, 2, 3))
    change(table)
    version, data = table.snapshot().version, table.read()
    again = table.overwrite(iter([data]) if form == "stream" else data, if_unchanged="skip")
    assert (again.unchanged, again.version) == (True, version)
    for _ in range(2):
        assert table.overwrite(iter([data]) if form == "stream" else data).added.files == 0
    other = data.assign(b=[*data["b"][:-1], "y"])
    assert not table.overwrite(iter([other]) if form == "stream" else other, if_unchanged="skip").unchanged
    assert table.read().equals(other)


def test_an_overwrite_by_other_rows_reads_none() -> None:
    """What the files of an overwrite tell of their rows is enough to see that others come."""
    table = Table(store=MemoryStore())
    table.overwrite(rows(1, 2))
    before = table.io_stats()
    assert not table.overwrite(rows(3, 4), if_unchanged="skip").unchanged
    assert (table.io_stats() - before).bytes_read < table.snapshot().bytes


@pytest.mark.parametrize("form", ["frame", "stream"])
def test_what_appends_have_made_of_partitions_is_found_in_them(form: str) -> None:
    """All partitions are shared, so that no version is made; one of the same rows in another order is one."""
    table = Table(store=MemoryStore())
    table.append(rows(1, 2), partition_by=["a"])
    table.append(rows(3))
    data = rows(1, 2, 3)
    assert table.overwrite(iter([data]) if form == "stream" else data, if_unchanged="skip").unchanged
    assert not table.overwrite(rows(3, 2, 1), if_unchanged="skip").unchanged
    assert table.read()["a"].tolist() == [3, 2, 1]


def test_an_odd_choice_is_refused() -> None:
    """Another word than those two is refused before anything is written."""
    store = MemoryStore()
    odd: Any = "fail"
    with pytest.raises(InvalidInputError, match="if_unchanged"):
        Table(store=store).overwrite(rows(1), if_unchanged=odd)
    assert not list(store.list())


def files_of(table: Table) -> list[str]:
    """Return the paths of a table's data files, in the order of the rows."""
    return [file.path for file in table.snapshot().data_files()]


PARTITIONS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: rows(1, 2, 1),
    "polars": lambda: pl.DataFrame({"a": [1, 2, 1], "b": [None, "x", "y"]}),
    "an index": lambda: rows(1, 2, 1).set_index("b"),
    "a stream": lambda: iter([rows(1, 2), rows(1)]),
}


@pytest.mark.parametrize("sort_by", [None, ["a"]], ids=["plain", "sorted"])
@pytest.mark.parametrize("make", PARTITIONS.values(), ids=PARTITIONS)
def test_partitions_that_are_the_same_keep_their_files(
    make: Callable[[], Any], sort_by: list[str] | None, tmp_path: Path
) -> None:
    """What was written to find out is gone; if all are the same, "skip" makes no version."""
    table = Table(tmp_path / "t")
    table.overwrite_partitions(make(), partition_by=["a"], sort_by=sort_by)
    there, content = files_of(table), table.snapshot().content
    again = table.overwrite_partitions(make(), message="again")
    assert (again.version, again.unchanged, again.message, again.content) == (2, False, "again", content)
    assert (again.added.files, again.removed.files) == (0, 0)
    skipped = table.overwrite_partitions(make(), if_unchanged="skip")
    assert (skipped.version, skipped.unchanged) == (2, True)
    assert files_of(table) == there
    assert len(data_files(tmp_path / "t")) == len(there)


def test_only_partitions_that_differ_are_replaced(tmp_path: Path) -> None:
    """The others stay where they are, with their files."""
    table = Table(tmp_path / "t")
    table.overwrite_partitions({"x": rows(1), "y": rows(2), "z": rows(3)}, partition_by=["p"])
    x, y, z = files_of(table)
    changed = {"x": rows(1), "y": rows(2, 2), "w": rows(4)}
    snapshot = table.overwrite_partitions(changed, partition_by=["p"], if_unchanged="skip")
    assert not snapshot.unchanged
    assert (snapshot.added.rows, snapshot.removed.rows) == (3, 1)
    assert files_of(table)[:2] == [x, z]
    assert y not in files_of(table)
    assert sorted(table.read()["a"]) == [1, 2, 2, 3, 4]
    empty = table.overwrite_partitions({"x": rows(1).iloc[:0]}, partition_by=["p"])
    assert (empty.added.files, empty.removed.rows) == (1, 1)
    assert table.overwrite_partitions(
        {"x": rows(1).iloc[:0]}, partition_by=["p"], if_unchanged="skip"
    ).unchanged
    assert table.read(partitions=["x"]).empty


@pytest.mark.parametrize(
    "other",
    [
        rows(1, 2, 4),
        rows(2, 1, 3),
        rows(1, 2, 3).set_axis(pd.RangeIndex(1, 4)),
        rows(1, 2, 3).assign(c=None),
    ],
    ids=["a value", "another order", "an index", "a column more"],
)
def test_other_rows_of_a_partition_are_written(other: pd.DataFrame) -> None:
    """A partition is the same only if it reads the same."""
    table = Table(store=MemoryStore())
    table.overwrite_partitions(rows(1, 2, 3), partition={"p": "x"}, partition_by=["p"])
    snapshot = table.overwrite_partitions(other, partition={"p": "x"}, if_unchanged="skip")
    assert (snapshot.version, snapshot.unchanged, snapshot.removed.rows) == (2, False, 3)
    other_attrs = other.copy()
    other_attrs.attrs["unit"] = "m"
    assert not table.overwrite_partitions(other_attrs, partition={"p": "x"}, if_unchanged="skip").unchanged


@pytest.mark.parametrize("make", [pa.table, pl.DataFrame], ids=["arrow", "polars"])
def test_files_may_be_cut_in_another_way(make: Callable[[Any], Any]) -> None:
    """A partition that came by several appends, or was compacted, is the same if its rows are."""
    table = Table(store=MemoryStore())
    for value in (1, 2, 3):
        table.append(make({"a": [value]}), partition={"p": "x"})
    whole = make({"a": [1, 2, 3]})
    assert table.overwrite_partitions(whole, partition={"p": "x"}, if_unchanged="skip").unchanged
    table.compact()
    assert table.overwrite_partitions(whole, partition={"p": "x"}, if_unchanged="skip").unchanged


def test_records_that_look_alike_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two equal pieces of data, each a file of its own half, the second halves aren't the piece."""
    monkeypatch.setattr("atio_core.data.writing.writer.TARGET_BYTES", 8)
    table = Table(store=MemoryStore())
    piece = pa.table({"a": [1, 2]})
    for _ in range(2):
        table.append(piece, partition={"p": "x"}, sort_by=["a"])
    assert [file.rows for file in table.snapshot().data_files()] == [1, 1, 1, 1]
    table.delete([("a", "==", 1)])
    snapshot = table.overwrite_partitions(piece, partition={"p": "x"}, if_unchanged="skip")
    assert not snapshot.unchanged
    assert table.read()["a"].tolist() == [1, 2]


def test_a_damaged_partition_is_mended(tmp_path: Path) -> None:
    """Files that no longer hold what was written are replaced."""
    table = Table(tmp_path / "t")
    table.overwrite_partitions({"x": rows(1, 2)}, partition_by=["p"])
    (file,) = data_files(tmp_path / "t")
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    assert not table.overwrite_partitions(
        {"x": rows(1, 2)}, partition_by=["p"], if_unchanged="skip"
    ).unchanged
    assert table.read()["a"].tolist() == [1, 2]


@pytest.mark.parametrize("choice", ["commit", "skip"])
def test_a_partition_that_changes_meanwhile_is_replaced(choice: Any) -> None:
    """One that held the rows when it was looked at, and no longer does, is written; others may change as they like."""
    store = MemoryStore()

    def write(values: dict[str, pd.DataFrame], through: Any = store) -> Any:
        table = Table(store=through)
        key = None if through is store else str(values)  # so that an entry is made in any case
        return table.overwrite_partitions(
            values, partition_by=["p"], if_unchanged=choice, idempotency_key=key
        )

    write({"x": rows(1), "y": rows(2)})
    snapshot = write({"x": rows(1)}, between(store, lambda: write({"x": rows(3)})))
    assert (snapshot.version, snapshot.unchanged) == (3, False)
    assert sorted(snapshot.read()["a"]) == [1, 2]
    snapshot = write({"x": rows(1), "z": rows(6)}, between(store, lambda: write({"y": rows(5)})))
    assert (snapshot.version, snapshot.added.rows, snapshot.removed.rows) == (5, 1, 0)
    assert sorted(snapshot.read()["a"]) == [1, 5, 6]


@pytest.mark.parametrize("verb", ["overwrite", "overwrite_partitions"])
def test_a_stream_over_partitions_that_change_meanwhile(verb: str) -> None:
    """What it shares and what it can't share any more are both right, and nothing is left over."""
    store = MemoryStore()
    Table(store=store).overwrite(days(7), partition_by=["day"])
    late = between(store, lambda: Table(store=store).overwrite_partitions(days(8)[1:2]))
    snapshot = getattr(Table(store=late), verb)(iter([days(7)]))
    assert snapshot.version == 3
    assert sorted(snapshot.read("arrow")["a"].to_pylist()) == [1, 2, 3, 4, 7]
    named = {path for one in Table(store=store).history() for path in paths(one)}
    assert set(store.list("data/")) == named


def days(*values: int) -> pa.Table:
    """Rows of three days, one of which has these values."""
    frame = {"day": ["mon", "tue", "mon", "wed"] + ["tue"] * len(values), "a": [1, 2, 3, 4, *values]}
    return pa.table(frame)


@pytest.mark.parametrize("sort_by", [None, ["a"]], ids=["plain", "sorted"])
@pytest.mark.parametrize("stream", [False, True], ids=["frame", "stream"])
def test_an_overwrite_shares_partitions_that_are_the_same(
    *, stream: bool, sort_by: list[str] | None, tmp_path: Path
) -> None:
    """A full overwrite keeps what hasn't changed, too: partition by partition, in the order of the rows."""
    table, beside = Table(tmp_path / "t"), Table(tmp_path / "beside")
    table.overwrite(days(7, 8), partition_by=["day"], sort_by=sort_by)
    mon, tue, wed = files_of(table)
    snapshot = table.overwrite(iter([days(9)]) if stream else days(9))
    assert [path for path in files_of(table) if path in (mon, tue, wed)] == [mon, wed]
    assert (snapshot.added.files, snapshot.added.rows) == (1, 2)
    assert (snapshot.removed.files, snapshot.removed.rows) == (1, 3)
    written = beside.overwrite(days(9), partition_by=["day"], sort_by=sort_by)
    assert snapshot.read("arrow").equals(written.read("arrow"))
    assert snapshot.content == written.content
    assert len(data_files(tmp_path / "t")) == 4  # tuesdays of both versions, and the other days once
    assert table.read(1, "arrow").num_rows == 6


@pytest.mark.parametrize("verb", ["overwrite", "overwrite_partitions"])
def test_partitions_that_are_there_are_not_written(verb: str) -> None:
    """Rows of a frame are looked at before any file is written: only those of other partitions become files."""
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    table.overwrite(days(7, 8), partition_by=["day"])
    sizes = {file.path: file.size for file in table.snapshot().data_files()}

    def written(data: pa.Table, **options: Any) -> Counter[str]:
        store.reset()
        getattr(table, verb)(data, **options)
        return store.counts

    def read_back() -> int:
        return sum(name in sizes for called, name in store.calls if called == "read_into")

    assert written(days(7, 8), if_unchanged="skip")["open_write"] == 0
    assert read_back() == len(sizes)  # each once
    assert written(days(7, 8))["open_write"] == 0
    assert written(days(9))["open_write"] == 1
    assert read_back() == len(sizes) - 1
    assert store.counts["delete"] == 0
    assert written(days(9, 9))["open_write"] == 1
    assert table.snapshot().rows == 6


def test_an_overwrite_of_partitions_that_are_not_the_same_any_more() -> None:
    """What it would have shared and is replaced by the time it is committed is written after all."""
    store = MemoryStore()
    Table(store=store).overwrite(days(7), partition_by=["day"])
    late = between(store, lambda: Table(store=store).overwrite(days(8)[2:]))
    assert Table(store=late).overwrite(days(9)).read("arrow").sort_by("a")["a"].to_pylist() == [1, 2, 3, 4, 9]
    assert len(list(store.list("data/"))) == len(
        {file for s in Table(store=store).history() for file in paths(s)}
    )


def paths(snapshot: Any) -> list[str]:
    """The data files that a version names."""
    return [file.path for file in snapshot.data_files()]


@pytest.mark.parametrize("partition_by", [None, ["a"], ["c"]])
@pytest.mark.parametrize("choice", ["commit", "skip"])
def test_no_rows_of_other_columns_or_partitions_replace_no_rows(choice: Any, partition_by: Any) -> None:
    """An overwrite replaces the columns and the partitioning also where neither version has a row."""
    table = Table(store=MemoryStore("t"))
    table.overwrite(
        pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}), partition_by=["a"]
    )
    other = pa.table({"a": pa.array([], pa.float64()), "c": pa.array([], pa.date32())})
    again = table.overwrite(other, partition_by=partition_by, if_unchanged=choice)
    assert (again.version, again.unchanged, again.partition_fields) == (
        2,
        False,
        tuple(partition_by or ["a"]),
    )
    assert table.read(output_as="arrow").equals(other)
    assert table.overwrite(other, if_unchanged="skip").unchanged


def test_an_overwrite_that_splits_otherwise_shares_nothing(tmp_path: Path) -> None:
    """Other fields, another order or another column make other files."""
    table = Table(tmp_path / "t")
    table.overwrite(days(7), partition_by=["day"])
    changes: list[dict[str, Any]] = [
        {"partition_by": ["a"]},
        {"partition_by": ["day"], "sort_by": ["a"]},
        {"partition_by": ["day"], "sort_by": []},
    ]
    for changed in changes:
        there = set(files_of(table))
        table.overwrite(days(7), **changed)
        assert there.isdisjoint(files_of(table))
    there = set(files_of(table))
    table.overwrite(days(7).append_column("b", [[None] * 5]))
    assert there.isdisjoint(files_of(table))
