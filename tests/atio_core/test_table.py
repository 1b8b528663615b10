from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.errors import (
    AlreadyExistsError,
    AtioError,
    CommitConflictError,
    InvalidInputError,
    SchemaMismatchError,
    TableNotFoundError,
    TagNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.model.entry import HOUR_US
from atio_core.model.ids import system_clock, uuid7
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import StoreWrapper
from tests.support.commits import SMALL
from tests.support.stores import CountingStore, FolderStore

HALF = "a\ud800"


def frame(*values: int) -> pd.DataFrame:
    """Return rows of one column."""
    return pd.DataFrame({"a": list(values)})


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """A table of two versions, in a folder."""
    made = Table(tmp_path / "table")
    made.append(frame(1))
    made.append(frame(2))
    return made


def below(folder: Path) -> set[str]:
    """Return all that lies in a folder, folders too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    """A handle, and any question to a table that isn't there, leave no trace on the disk."""
    handle = Table(tmp_path / "a" / "table")
    assert not handle.exists()
    asks: list[Callable[[], object]] = [
        handle.read,
        handle.snapshot,
        handle.history,
        handle.tags,
        lambda: handle.snapshot(1),
        lambda: handle.snapshot(-2),
        lambda: handle.read(tag="t"),
        lambda: handle.restore(1),
        lambda: handle.tag("t"),
        lambda: handle.tag("t", 1),
        lambda: handle.untag("t"),
        lambda: handle.expire(keep_last=1),
        lambda: handle.expire(keep_last=1, dry_run=True),
    ]
    for ask in asks:
        with pytest.raises(TableNotFoundError, match="write a first version, or correct the path"):
            ask()
    assert below(tmp_path) == set()
    assert handle.path == str(tmp_path / "a" / "table")


def test_each_write_is_a_version(table: Table) -> None:
    """Appends add rows behind the others, an overwrite replaces all, and every version stays readable."""
    third = table.overwrite(pd.DataFrame({"b": ["x"]}), message="m", properties={"k": "v"})
    assert (third.version, third.operation, third.message, third.properties) == (
        3,
        "overwrite",
        "m",
        {"k": "v"},
    )
    assert table.exists()
    assert [table.read(version).to_dict("list") for version in (1, 2, 3)] == [
        {"a": [1]},
        {"a": [1, 2]},
        {"b": ["x"]},
    ]
    assert table.read().equals(table.read(3))
    assert [(s.version, s.operation) for s in table.history()] == [
        (3, "overwrite"),
        (2, "append"),
        (1, "append"),
    ]


def test_another_handle_sees_it_at_once(table: Table) -> None:
    """There is no state but the folder: whoever opens it sees all that was committed, and handles may take turns."""
    other = Table(table.path)
    assert other.read()["a"].tolist() == [1, 2]
    for number in range(3, 7):
        (other if number % 2 else table).append(frame(number))
    assert table.read()["a"].tolist() == other.read()["a"].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_handle_goes_on_when_its_table_was_made_anew(tmp_path: Path) -> None:
    """A handle whose table was deleted and made again by another writes to the new one."""
    store = MemoryStore()
    old, new = Table(store=store), Table(store=store)
    old.append(frame(1))
    store.delete(list(store.list()))
    new.append(frame(7))
    old.append(frame(8))
    assert new.read()["a"].tolist() == [7, 8]


def test_a_handle_that_wrote_last_looks_nothing_up() -> None:
    """Appends in a row by one handle read the entry before, and list nothing but what confirms them."""
    store = CountingStore(FolderStore(MemoryStore()))
    writer = Table(store=store)
    writer.append(frame(1))
    writer.append(frame(2))
    store.reset()
    writer.append(frame(3))
    assert store.counts["list"] == 0
    assert store.counts["read"] == 1


def test_a_handle_that_read_last_looks_nothing_up() -> None:
    """A write that follows a read of the same handle, by whatever name, begins with what that saw as the latest."""
    store = CountingStore(FolderStore(MemoryStore()))
    Table(store=store).append(frame(1))
    for version in (None, 1, -1):
        reader = Table(store=store)
        reader.read(version)
        store.reset()
        reader.append(frame(2))
        assert store.counts["list"] == 0


def test_a_partition_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Partitions that are given are replaced, in one version; the others stay, and can be read alone."""
    days = Table(tmp_path / "days")
    days.overwrite_partitions({"mon": frame(1, 2), "tue": frame(3)}, partition_by=["day"])
    second = days.overwrite_partitions({"tue": frame(4), "wed": frame(0).iloc[:0]}, partition_by=["day"])
    assert second.version == 2
    assert second.partition_fields == ("day",)
    assert second.partitions() == [("mon",), ("tue",), ("wed",)]
    assert days.read()["a"].tolist() == [1, 2, 4]
    assert days.read(partitions=["tue"])["a"].tolist() == [4]
    assert days.read(version=1, partitions=["tue", "mon"])["a"].tolist() == [1, 2, 3]
    assert len(days.read(partitions={"none"})) == 0


def test_values_of_several_types_are_several_partitions(tmp_path: Path) -> None:
    """1, "1", 1.0, true and null are five partitions: replacing one leaves the others, a read finds just the one."""
    table = Table(tmp_path / "table", limits=SMALL)
    values: list[Any] = [1, "1", 1.0, True, None, "", 0.5]
    for number, value in enumerate(values):
        table.overwrite_partitions({value: frame(number)})
    for number, value in enumerate(values):
        assert table.read(partitions=[value])["a"].tolist() == [number]
    table.overwrite_partitions({1: frame(9)})
    assert sorted(table.read()["a"].tolist()) == [1, 2, 3, 4, 5, 6, 9]
    assert len(table.snapshot().partitions()) == 7


def test_partition_values_of_numpy_are_pythons(tmp_path: Path) -> None:
    """What comes out of a column names the same partition as the plain value, and gives the same content."""
    one, other = Table(tmp_path / "one"), Table(tmp_path / "other")
    plain = one.overwrite_partitions({(1, "x", 1.5): frame(1)}, partition_by=["a", "b", "c"])
    numpy = other.overwrite_partitions(
        {(np.int64(1), np.str_("x"), np.float64(1.5)): frame(1)},
        partition_by=np.array(["a", "b", "c"]),  # pyright: ignore[reportArgumentType]
    )
    assert plain.content == numpy.content
    assert [type(value) for value in numpy.partitions()[0]] == [int, str, float]
    assert other.read(partitions=[(1, "x", 1.5)])["a"].tolist() == [1]


def test_a_partition_given_twice_is_refused(tmp_path: Path) -> None:
    """Two spellings of one partition would let the rows of one get lost."""
    with pytest.raises(InvalidInputError, match=r"partition \('x',\) twice"):
        Table(tmp_path / "table").overwrite_partitions({"x": frame(1), ("x",): frame(2)})
    assert below(tmp_path) == set()


def test_whole_numbers_of_numpy_are_numbers(table: Table) -> None:
    """A version, an expectation or a count that comes out of a frame works like Python's own."""
    one, two, three = (*np.array([1, 2]), np.uint8(3))
    assert table.read(one)["a"].tolist() == [1]
    assert table.append(frame(3), expected_version=two).version == 3
    assert table.snapshot(three).version == 3  # pyright: ignore[reportArgumentType]
    assert [line.version for line in table.expire(keep_last=one).kept] == [3]


def test_columns_may_be_any_list_of_labels(table: Table) -> None:
    """A generator, an array or an index of labels reads the columns that it names, and not silently none."""
    table.overwrite(pd.DataFrame({"a": [1], "b": [2], 3: [4]}))
    chosen: list[Any] = [
        iter(["b", "a"]),
        np.array(["b", "a"]),
        pd.Index(["b", "a"]),
        pl.Series(["b", "a"]),
        ("b", "a"),
        (label for label in ["b", "a"]),
    ]
    for columns in chosen:
        assert list(table.read(columns=columns).columns) == ["b", "a"]
    assert list(table.read(columns=[np.int64(3)]).columns) == [3]
    assert list(table.read(columns=[]).columns) == []
    assert table.read(columns=["a", "a"], output_as="pandas").columns.tolist() == ["a", "a"]


class _Expiring(StoreWrapper):
    """A store in which, when a data file is read, the versions so far are let go."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.rounds = 1

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        if self.rounds:
            self.rounds -= 1
            other = Table(store=self.store)
            other.overwrite(frame(6 + other.snapshot().version))  # other rows than those that are there
            other.expire(timedelta(0), grace=timedelta(0))
        return self.store.read_into(name, start, into)


def test_a_read_of_the_latest_that_starts_over_reads_the_same_columns() -> None:
    """A read that an expiry overtakes gives the newer version whole, also if its choices could be gone through once."""
    store = MemoryStore()
    Table(store=store).overwrite(frame(1))
    choices: dict[str, Iterator[str]] = {"columns": iter(["a"])}
    assert Table(store=_Expiring(store)).read(**choices)["a"].tolist() == [7]  # pyright: ignore[reportArgumentType]
    with pytest.raises(VersionExpiredError):
        Table(store=_Expiring(store)).read(2)


def test_a_repeated_write_is_done_once(table: Table) -> None:
    """The same key again changes nothing, and says which version has it."""
    first = table.append(frame(3), idempotency_key="k")
    again = Table(table.path).append(frame(3), idempotency_key="k")
    assert (first.version, first.repeated, again.version, again.repeated) == (3, False, 3, True)
    assert len(table.read()) == 3


def test_a_repeated_write_of_an_expired_version_knows_its_number(table: Table) -> None:
    """What is left of it is the number: the rest is an error that says so."""
    table.append(frame(3), idempotency_key="k")
    table.overwrite(frame(4))
    table.expire(keep_last=1)
    again = table.append(frame(3), idempotency_key="k")
    assert (again.version, again.repeated) == (3, True)
    with pytest.raises(VersionExpiredError, match="its number is all that is known"):
        _ = again.rows


def test_an_unexpected_version_is_refused_before_a_file_is_written(tmp_path: Path) -> None:
    """A write that expects another version leaves nothing on the disk, not even the folder of a table."""
    table = Table(tmp_path / "table")
    with pytest.raises(CommitConflictError, match="expected version 3 to be the latest, but it is 0"):
        table.append(frame(1), expected_version=3)
    assert below(tmp_path) == set()
    table.append(frame(1), expected_version=0)
    before = below(tmp_path)
    with pytest.raises(CommitConflictError, match="but it is 1"):
        table.overwrite(frame(1), expected_version=0)
    assert below(tmp_path) == before


def test_data_that_does_not_fit_is_refused(table: Table, tmp_path: Path) -> None:
    """An append of other columns names the column; nothing was written."""
    before = below(tmp_path)
    with pytest.raises(SchemaMismatchError, match=r"column 'a' of the table is missing.*nothing was written"):
        table.append(pd.DataFrame({"b": [1]}))
    with pytest.raises(SchemaMismatchError, match="column 'a' is int64 in the table, but str in the data"):
        table.append(pd.DataFrame({"a": ["x"]}))
    assert below(tmp_path) == before


PLAIN_FRAMES: dict[str, Any] = {
    "no columns": pd.DataFrame(),
    "no columns, three rows": pd.DataFrame(index=range(3)),
    "no rows": frame(),
    "one row": frame(1),
    "10,000 columns": pd.DataFrame(np.arange(10_000).reshape(1, -1)),
    "polars, no columns": pl.DataFrame(),
    "polars, no rows": pl.DataFrame({"a": []}),
    "arrow, no columns": pa.table({}),
    "arrow, no rows": pa.table({"a": pa.array([], pa.int64())}),
}


@pytest.mark.parametrize("name", PLAIN_FRAMES)
def test_frames_of_any_shape_come_back(name: str, tmp_path: Path) -> None:
    """Without columns, without rows or with thousands of them: what is written is what is read."""
    given = PLAIN_FRAMES[name]
    kind = {"pandas": "pandas", "polars": "polars"}.get(type(given).__module__.partition(".")[0], "arrow")
    table = Table(tmp_path / "table")
    table.overwrite(given)
    assert table.read(output_as=kind).equals(given)  # pyright: ignore[reportArgumentType]


OBJECTS: dict[str, Any] = {
    "a list": [1],
    "a dict": {"a": [1]},
    "text": "a",
    "an array": np.ones((2, 2)),
    "a path": Path("a"),
}
NOT_TABLES: dict[str, Any] = {
    "None": None,
    "a Series": pd.Series([1]),
    "a polars Series": pl.Series([1]),
    "an Arrow array": pa.array([1]),
    "a class": pd.DataFrame,
    "a generator": (row for row in [1]),
    "frames": [frame(1)],
    "a lazy frame that can't be computed": pl.LazyFrame({"a": [1]}).select("zz"),
    "a lazy frame of a missing file": pl.scan_parquet("/nonexistent/file.parquet"),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "an option that isn't there": {"bogus": 1},
    "expected_version": {"expected_version": "1"},
    "expected_version negative": {"expected_version": -1},
    "idempotency_key": {"idempotency_key": 5},
    "idempotency_key empty": {"idempotency_key": ""},
    "key_not_before": {"key_not_before": datetime(2024, 1, 1)},  # noqa: DTZ001 - what is refused
    "message": {"message": HALF},
    "properties": {"properties": [("a", "b")]},
    "properties of a Series": {"properties": pd.Series({"a": "b"})},
}
PARTITIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "a list": ([("x", frame(1))], {}),
    "a frame": (frame(1), {}),
    "nothing": ({}, {}),
    "None": (None, {}),
    "no frame": ({"x": None}, {}),
    "not a number": ({float("nan"): frame(1)}, {}),
    "infinity": ({float("inf"): frame(1)}, {}),
    "bytes": ({b"x": frame(1)}, {}),
    "a date": ({datetime(2024, 1, 1): frame(1)}, {}),  # noqa: DTZ001 - what is refused
    "half a character": ({"x": frame(1), HALF: frame(1)}, {}),
    "a number of thousands of digits": ({10**5000: frame(1)}, {}),
    "two values for one field": ({("x", "y"): frame(1)}, {}),
    "other columns": ({"x": frame(1), "y": pd.DataFrame({"b": [1]})}, {}),
    "fields of text": ({"x": frame(1)}, {"partition_by": "day"}),
    "no fields": ({"x": frame(1)}, {"partition_by": []}),
    "one field twice": ({("x", "y"): frame(1)}, {"partition_by": ["a", "a"]}),
    "a field that is no text": ({"x": frame(1)}, {"partition_by": [5]}),
    "a field of None": ({"x": frame(1)}, {"partition_by": [None]}),
    "fields in no order": ({("x", "y"): frame(1)}, {"partition_by": {"a", "b"}}),
    "a field of half a character": ({"x": frame(1)}, {"partition_by": [HALF]}),
    "an option that isn't there": ({"x": frame(1)}, {"bogus": 1}),
}


def refused_without_a_trace(folder: Path, act: Callable[[Table], object], match: str = ".") -> None:
    """Let an act on a table that isn't there be refused: by our error, and with nothing left on the disk."""
    with pytest.raises(InvalidInputError, match=match):
        act(Table(folder / "table"))
    assert below(folder) == set()


@pytest.mark.parametrize("name", NOT_TABLES)
def test_what_is_no_table_is_refused(name: str, tmp_path: Path) -> None:
    """Data that has no rows and columns is refused with what to give instead; no folder of a table is left."""
    for method in ("append", "overwrite"):
        refused_without_a_trace(
            tmp_path, lambda table, method=method: getattr(table, method)(NOT_TABLES[name])
        )


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_not_appended(name: str, tmp_path: Path) -> None:
    """What has no rows isn't added to any; the message says that it is kept whole, by an overwrite."""
    act: Callable[[Table], object] = lambda table: table.append(OBJECTS[name])  # noqa: E731 - one line of a test
    refused_without_a_trace(tmp_path, act, match="an object is kept whole, as a version of its own")


def test_a_source_that_breaks_is_refused(tmp_path: Path) -> None:
    """If the rows of a reader can't all be had, none are written."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": pa.array([1], pa.int64())})
        raise ValueError("the source broke")

    reader = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches())
    refused_without_a_trace(tmp_path, lambda table: table.append(reader), "the source broke")


@pytest.mark.parametrize("name", OPTIONS)
def test_odd_options_are_refused(name: str, tmp_path: Path) -> None:
    """An option that can't be kept is refused by name, before the data is looked at; no folder of a table is left."""
    match = next(iter(OPTIONS[name]))
    for method in ("append", "overwrite"):
        refused_without_a_trace(
            tmp_path, lambda table, method=method: getattr(table, method)(None, **OPTIONS[name]), match
        )


@pytest.mark.parametrize("name", PARTITIONS)
def test_odd_partitions_are_refused(name: str, tmp_path: Path) -> None:
    """Partitions that can't be kept are refused; no folder of a table is left."""
    data, options = PARTITIONS[name]
    refused_without_a_trace(tmp_path, lambda table: table.overwrite_partitions(data, **options))


PATHS: list[Any] = [
    None,
    5,
    1.5,
    True,
    [],
    object(),
    "",
    "  ",
    "a\0b",
    HALF,
    "memory://",
]


@pytest.mark.parametrize("path", PATHS, ids=[str(number) for number in range(len(PATHS))])
def test_a_path_that_can_not_hold_a_table_is_refused(path: object, tmp_path: Path, monkeypatch: Any) -> None:
    """Whatever its type, a path that makes no sense is refused with what would."""
    monkeypatch.chdir(tmp_path)
    for act in (
        Table,
        lambda path: atio.write_snapshot(frame(1), path),
        atio.read_table,
        atio.expire_snapshots,
    ):
        with pytest.raises(InvalidInputError, match="path"):
            act(path)  # pyright: ignore[reportArgumentType]
    assert below(tmp_path) == set()


def test_a_table_needs_a_place() -> None:
    """A table lies at a path or in a store, and a store is one."""
    with pytest.raises(InvalidInputError, match="a path, or a store, and not both"):
        Table("x", store=MemoryStore())
    with pytest.raises(InvalidInputError, match="store must be an ObjectStore"):
        Table(store={})  # pyright: ignore[reportArgumentType]


READS: dict[str, dict[str, Any]] = {
    "version of text": {"version": "1"},
    "version of a truth value": {"version": True},
    "version of a fraction": {"version": 1.0},
    "version in a list": {"version": [1]},
    "version of thousands of digits": {"version": 10**5000},
    "output_as of another library": {"output_as": "csv"},
    "output_as in capitals": {"output_as": "PANDAS"},
    "output_as None": {"output_as": None},
    "output_as a list": {"output_as": ["pandas"]},
    "columns unknown": {"columns": ["zz"]},
    "columns of text": {"columns": "a"},
    "columns a number": {"columns": 5},
    "columns a truth value": {"columns": True},
    "columns a set": {"columns": {"a"}},
    "columns a list in a list": {"columns": [["a"]]},
    "columns half a character": {"columns": [HALF]},
    "partitions of a table without": {"partitions": ["x"]},
}


@pytest.mark.parametrize("name", READS)
def test_odd_reads_are_refused(name: str, table: Table) -> None:
    """An argument of a read that makes no sense is refused by name."""
    with pytest.raises(InvalidInputError, match=name.partition(" ")[0].removesuffix("s")):
        table.read(**READS[name])


@pytest.mark.parametrize(
    "partitions",
    ["x", 5, True, [["x"]], [{}], [b"x"], [float("nan")], [("x", "y")], {"x": 1}, [HALF]],
    ids=repr,
)
def test_odd_partitions_to_read_are_refused(partitions: Any, tmp_path: Path) -> None:
    """A value that no partition can have is refused, rather than found to have no rows."""
    table = Table(tmp_path / "table")
    table.overwrite_partitions({"x": frame(1)})
    with pytest.raises(InvalidInputError, match="partition"):
        table.read(partitions=partitions)


@pytest.mark.parametrize("version", [0, -3, 3, 10**30, -(10**30), np.int64(99)], ids=str)
def test_a_version_that_was_never_there_is_not_found(version: int, table: Table) -> None:
    """Any whole number may be asked for; one without a version is told the latest."""
    for ask in (table.read, table.snapshot):
        with pytest.raises(VersionNotFoundError, match="its latest is 2"):
            ask(version)


def test_a_version_comes_back(table: Table) -> None:
    """A restore makes an old version the latest, with its columns, and nothing is lost; it takes a write's options."""
    table.overwrite(pd.DataFrame({"b": ["x"]}))
    fourth = table.restore(1, message="back", idempotency_key="k")
    assert (fourth.version, fourth.operation, fourth.message, fourth.rows) == (4, "restore", "back", 1)
    assert fourth.content == table.snapshot(1).content
    assert table.read()["a"].tolist() == [1]
    assert table.append(frame(5)).rows == 2
    assert table.read(3)["b"].tolist() == ["x"]
    again = table.restore(1, idempotency_key="k")
    assert (again.version, again.repeated) == (4, True)
    with pytest.raises(CommitConflictError):
        table.restore(1, expected_version=4)


def test_a_restore_that_is_done_needs_its_version_no_more(table: Table) -> None:
    """A retry by key finds the restore, though what it restored has expired since, by whatever name it was called."""
    table.tag("old", 1)
    made = table.restore("old", idempotency_key="k")
    table.untag("old")
    table.expire(keep_last=1)
    for version in ("old", 1, -5):
        again = table.restore(version, idempotency_key="k")
        assert (again.version, again.repeated) == (made.version, True)


def test_partitions_come_back(tmp_path: Path) -> None:
    """A restore brings back how a table is partitioned, too."""
    table = Table(tmp_path / "table")
    table.overwrite_partitions({"x": frame(1), "y": frame(2)}, partition_by=["p"])
    table.overwrite(frame(3))
    assert table.restore(-2).partition_fields == ("p",)
    table.overwrite_partitions({"y": frame(4)}, partition_by=["p"])
    assert table.read(partitions=["x", "y"])["a"].tolist() == [1, 4]


def test_a_column_of_a_version_that_was_restored_over_never_comes_back(tmp_path: Path) -> None:
    """Columns that come after a restore are new ones, whatever the versions in between had under that name."""
    table = Table(tmp_path / "table")
    table.overwrite(frame(1))
    table.overwrite(pd.DataFrame({"a": [1], "b": [2]}))
    table.restore(1)
    table.overwrite(pd.DataFrame({"a": [1], "b": [3]}))
    ids = [
        {field.name: field.metadata[b"PARQUET:field_id"] for field in table.snapshot(version).schema}
        for version in (2, 3, 4)
    ]
    assert ids == [{"a": b"1", "b": b"2"}, {"a": b"1"}, {"a": b"1", "b": b"3"}]


def test_a_tagged_version_stays(table: Table) -> None:
    """A tag protects its version from any expiry, is shown in the history, and names it for reading until it goes."""
    tagged = table.tag("first", 1)
    assert (tagged.version, tagged.tags) == (1, ("first",))
    assert table.tag("now").version == 2
    table.overwrite(frame(7))
    assert table.tags() == {"first": 1, "now": 2}
    assert [(one.version, one.tags) for one in table.history()] == [
        (5, ()),
        (2, ("now",)),
        (1, ("first",)),
    ]
    report = table.expire(keep_last=1)
    assert [line.reasons for line in report.kept][:2] == [("tag first",), ("tag now",)]
    reads: list[dict[str, Any]] = [{"version": "first"}, {"tag": "first"}, {"version": 1}]
    assert [table.read(**chosen)["a"].tolist() for chosen in reads] == [[1]] * 3
    table.untag("first")
    table.expire(keep_last=1)
    with pytest.raises(TagNotFoundError, match="no tag 'first'; its tags: 'now'"):
        table.read(tag="first")
    with pytest.raises(VersionExpiredError):
        table.read(1)


def test_a_tag_moves_only_if_told(table: Table) -> None:
    """A name that is taken is refused; the same again is nothing new."""
    table.tag("t", 1)
    assert table.tag("t", 1).version == 1
    with pytest.raises(AlreadyExistsError, match="force=True"):
        table.tag("t", 2)
    assert table.tag("t", 2, force=True).tags == ("t",)
    assert table.snapshot(1).tags == ()


@pytest.mark.parametrize("name", ["", "1", "latest", "release/1", None, 5, HALF], ids=ascii)
def test_an_odd_tag_is_refused(name: Any, table: Table, tmp_path: Path) -> None:
    """What can't be a tag is refused by name, and nothing is committed."""
    before = below(tmp_path)
    with pytest.raises(InvalidInputError, match="name"):
        table.tag(name)
    with pytest.raises(TagNotFoundError if name == "release/1" else InvalidInputError, match=r"no tag|name"):
        table.untag(name)
    with pytest.raises(InvalidInputError, match="force"):
        table.tag("t", force="yes")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInputError, match="version must be an older version, not None"):
        table.restore(None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInputError, match="bogus"):
        table.restore(1, bogus=1)  # pyright: ignore[reportCallIssue]
    assert below(tmp_path) == before


def test_a_tag_for_a_while(tmp_path: Path) -> None:
    """It protects its version until its end, which `tags` tells; then the next expiry takes both."""
    now = [1_700_000_000_000_000]
    table = Table(tmp_path / "table", clock=lambda: now[0])
    for number in range(3):
        table.overwrite(frame(number))
    until = datetime(2023, 11, 15, tzinfo=UTC)
    table.tag("for good", 2)
    table.tag("audit", 1, until=until)
    found = pickle.loads(pickle.dumps(table.tags()))
    assert (found, found["audit"].until, found["for good"].until) == (
        {"audit": 1, "for good": 2},
        until,
        None,
    )
    kept = {line.version: line.reasons for line in table.expire(keep_last=1).kept}
    assert (kept[1], kept[2]) == (("tag audit until 2023-11-15 00:00:00 UTC",), ("tag for good",))
    with pytest.raises(AlreadyExistsError):
        table.tag("audit", 1)
    now[0] += 3 * 3_600_000_000
    preview = table.expire(keep_last=1, dry_run=True)
    assert (preview.tags_removed, table.tags()) == (("audit",), {"audit": 1, "for good": 2})
    assert "Tags that had run out, and protect nothing: audit" in str(preview)
    report = table.expire(keep_last=1)
    assert ([line.version for line in report.removed], report.tags_removed) == ([1], ("audit",))
    assert report.to_dict()["tags_removed"] == ["audit"]
    assert table.tags() == {"for good": 2}


@pytest.mark.parametrize(
    ("until", "told"),
    [
        (datetime(2000, 1, 1, tzinfo=UTC), "until must be a time that lies ahead"),
        (datetime(2100, 1, 1), "until must have a time zone"),  # noqa: DTZ001 - what is refused
        (timedelta(1), "until must be a datetime"),
        (pd.NaT, "until must be a datetime"),
    ],
    ids=["past", "no zone", "duration", "not a time"],
)
def test_an_odd_end_of_a_tag_is_refused(until: Any, told: str, table: Table) -> None:
    """What can't be meant is refused, and nothing is committed."""
    with pytest.raises(InvalidInputError, match=told):
        table.tag("t", until=until)
    assert table.tags() == {}


def test_versions_as_of_a_time(tmp_path: Path) -> None:
    """A time reads what was the latest then."""
    now = [1_700_000_000_000_000]
    table = Table(tmp_path / "table", clock=lambda: now[0])
    for number in range(3):
        table.append(frame(number))
        now[0] += 3_600_000_000
    times = [one.time for one in table.history()[::-1]]
    for number, when in enumerate(times, start=1):
        assert table.read(as_of=when)["a"].tolist() == table.read(when)["a"].tolist() == [*range(number)]
        assert table.snapshot(when).version == number
    with pytest.raises(InvalidInputError, match="as_of must have a time zone"):
        table.read(as_of=times[0].replace(tzinfo=None))
    with pytest.raises(InvalidInputError, match="version and as_of each name a version"):
        table.read(1, as_of=times[0])


EXPIRIES: dict[str, dict[str, Any]] = {
    "keep_for negative": {"keep_for": timedelta(seconds=-1)},
    "keep_for a number": {"keep_for": 7},
    "keep_last 0": {"keep_last": 0},
    "keep_last a truth value": {"keep_last": True},
    "keep_last of text": {"keep_last": "1"},
    "keep_daily negative": {"keep_daily": -1},
    "rule keep": {"keep": 1},
    "Retention has all its rules": {"policy": atio.Retention(keep_daily=1)},
    "retention of a number": {"policy": 1},
    "retention of text by default": {"default": "7d"},
    "grace negative": {"grace": timedelta(seconds=-1)},
    "grace a number": {"grace": 3600},
    "dry_run None": {"dry_run": None},
    "dry_run of text": {"dry_run": "no"},
    "dry_run 0": {"dry_run": 0},
}


@pytest.mark.parametrize("name", EXPIRIES)
def test_odd_rules_of_an_expiry_are_refused(name: str, table: Table, tmp_path: Path) -> None:
    """A rule that makes no sense is refused by name, and nothing is removed: above all not for a `dry_run` of None."""
    before = below(tmp_path)
    acts = [table.expire, lambda **rules: atio.expire_snapshots(table.path, **rules)]
    for act in acts[: 1 if "default" in name else 2]:
        with pytest.raises(InvalidInputError, match=name.partition(" ")[0]):
            act(**{"keep_last": 1, **EXPIRIES[name]})
    assert below(tmp_path) == before


def test_an_expiry_removes_what_no_rule_keeps(table: Table) -> None:
    """`Table.expire` really removes, by its rules; the latest stays."""
    assert table.expire(keep_last=1, dry_run=True).dry_run
    assert table.read(1)["a"].tolist() == [1]
    report = table.expire(keep_last=1)
    assert ([line.version for line in report.removed], report.dry_run) == ([1], False)
    with pytest.raises(VersionExpiredError):
        table.read(1)
    assert [snapshot.version for snapshot in table.history()] == [2]
    assert table.read()["a"].tolist() == [1, 2]


def test_an_expiry_by_nobodys_rule_is_refused(table: Table, tmp_path: Path) -> None:
    """Without any rule nothing is removed, not even what could be finished; a default of the caller's is one."""
    before = below(tmp_path)
    for dry_run in (True, False):
        with pytest.raises(InvalidInputError, match=r"nothing says which versions .* are kept"):
            table.expire(dry_run=dry_run)
    assert below(tmp_path) == before
    assert [
        line.version for line in table.expire(default=atio.Retention(keep_last=1), dry_run=True).kept
    ] == [2]
    week = atio.expire_snapshots(table.path)
    assert (week.dry_run, week.kept[0].reasons) == (True, ("kept for 7 days",))


def test_a_table_has_a_policy_of_its_own(table: Table) -> None:
    """An expiry that isn't told goes by it; it outlives changes; what the caller says goes before."""
    assert table.retention() is None
    table.set_retention(atio.Retention(keep_last=2, keep_daily=7))
    table.overwrite(frame(3))
    table.drop()
    assert Table(table.path).retention() == atio.Retention(keep_last=2, keep_daily=7)
    table.set_retention(atio.Retention(keep_last=2))
    version = table.history()[0].entry.version
    table.set_retention(atio.Retention(keep_last=2))
    assert table.history()[0].entry.version == version
    for act in (table.expire, lambda **options: atio.expire_snapshots(table.path, **options)):
        assert [line.version for line in act(dry_run=True, keep_last=1).kept] == [5]
        assert [line.version for line in act(dry_run=True).kept] == [4, 5]
    assert [line.version for line in table.expire(default=atio.Retention(keep_last=1)).kept] == [4, 5]
    table.set_retention(None)
    assert table.retention() is None
    with pytest.raises(InvalidInputError, match="set_retention"):
        table.expire()


@pytest.mark.parametrize("policy", [timedelta(1), {"keep_last": 1}, 3, "7d"], ids=str)
def test_an_odd_policy_of_its_own_is_refused(policy: Any, table: Table) -> None:
    """A table's policy is a `Retention`: what is kept for years isn't said by the way."""
    with pytest.raises(InvalidInputError, match="policy must be a Retention, or None"):
        table.set_retention(policy)
    with pytest.raises(TableNotFoundError):
        Table("memory://not there").set_retention(atio.Retention(keep_last=1))
    with pytest.raises(TableNotFoundError):
        Table("memory://not there").retention()
    assert table.retention() is None


def test_a_table_has_a_grace_period_of_its_own(table: Table) -> None:
    """An expiry that isn't told goes by it, to the microsecond; it outlives changes."""
    assert table.grace() == timedelta(hours=1)
    grace = timedelta(days=2, microseconds=1)
    table.set_grace(grace)
    table.overwrite(frame(3))
    table.drop()
    assert Table(table.path).grace() == grace
    entry = table.history()[0].entry
    table.set_grace(grace)
    assert table.history()[0].entry == entry
    left = Path(table.path) / f"data/{uuid7(lambda: system_clock() - HOUR_US)}.parquet"
    left.write_bytes(b"left")
    (waiting,) = table.expire(keep_last=1).waiting
    assert (waiting.path, left.exists()) == (f"data/{left.name}", True)
    table.set_grace(timedelta(0))
    table.expire(keep_last=1)
    assert not left.exists()


@pytest.mark.parametrize("grace", [None, 3600, "1h", timedelta(-1), pd.NaT], ids=str)
def test_an_odd_grace_period_is_refused(grace: Any, table: Table) -> None:
    """It is a duration of zero or more."""
    with pytest.raises(InvalidInputError, match="grace must be a timedelta of zero or more"):
        table.set_grace(grace)
    with pytest.raises(TableNotFoundError):
        Table("memory://not there").set_grace(timedelta(1))
    with pytest.raises(TableNotFoundError):
        Table("memory://not there").grace()
    assert table.grace() == timedelta(hours=1)


def test_every_refusal_is_one_of_ours(table: Table) -> None:
    """A handler of `AtioError` sees all of the above."""
    with pytest.raises(AtioError):
        table.read("1")  # pyright: ignore[reportArgumentType]
