"""Changes of matching rows that are staged: committed on the version that they looked at, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from atio_core.errors import (
    CommitConflictError,
    DamagedError,
    InvalidInputError,
    StagedFilesExpiredError,
    StorageError,
    TableNotFoundError,
)
from atio_core.format.staged_json import StagedChange
from atio_core.model.entry import DAY_US
from atio_core.model.staged import StagedFiles
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import SMALL, START_US
from tests.support.stores import CountingStore

NO_GRACE = timedelta(0)


def rows(*values: int) -> pa.Table:
    """Rows of one column."""
    return pa.table({"a": pa.array(values, pa.int64())})


def values(source: Any) -> list[int]:
    """The rows of a table, or of a stage."""
    return source.read(output_as="arrow")["a"].to_pylist()


CHANGES: dict[str, tuple[dict[str, Any], list[int]]] = {
    "delete": ({"mode": "delete", "where": [("a", "in", [1, 3, 6])]}, [2, 2, 4, 4, 5, 5]),
    "update": ({"mode": "update", "where": [("a", "<", 3)], "set": {"a": 0}}, [0, 0, 0, 3, 3, 4, 4, 5, 5, 6]),
    "upsert": ({"data": rows(1, 9), "mode": "upsert", "key": ["a"], "delete_missing": True}, [1, 9]),
    "where": (
        {"data": rows(8), "mode": "overwrite", "where": [("a", "==", 3)]},
        [1, 2, 2, 4, 4, 5, 5, 6, 8],
    ),
}
each_change = pytest.mark.parametrize("name", CHANGES)


def table_of_pairs(store: MemoryStore) -> Table:
    """A table of five files of two rows, most of them in manifests."""
    table = Table(store=store, limits=SMALL)
    for number in range(1, 6):
        table.append(rows(number, number + 1))
    return table


@pytest.fixture
def store() -> MemoryStore:
    """Where the table lies."""
    return MemoryStore()


@pytest.fixture
def table(store: MemoryStore) -> Table:
    """A table of pairs."""
    return table_of_pairs(store)


@each_change
def test_it_is_the_change_that_was_staged(name: str, table: Table, store: MemoryStore) -> None:
    """Committed from its text, or read and published, it does just what it does at once, and no more than once."""
    said, expected = CHANGES[name]
    directly = table_of_pairs(MemoryStore())
    staged = table.stage(**said)
    stage = table.stage(**said, keep=True)
    assert values(table) == values(directly)
    assert values(table.staged(stage.id)) == expected
    method = {"where": "overwrite"}.get(name, name)
    options = {option: value for option, value in said.items() if option != "mode"}
    version = getattr(directly, method)(**options)
    made = table.commit([StagedChange.from_json(staged.to_json())])
    assert (made.operation, made.rows, made.added.rows, made.removed.rows, made.content) == (
        version.operation,
        version.rows,
        version.added.rows,
        version.removed.rows,
        version.content,
    )
    assert values(table) == expected == values(directly)
    again = Table(store=store, limits=SMALL).commit([staged])
    assert (again.version, again.repeated) == (made.version, True)
    with pytest.raises(CommitConflictError):
        stage.publish()
    assert values(table) == expected


@each_change
def test_a_kept_one_is_published_as_it_was_read(name: str, table: Table) -> None:
    """What was checked is what becomes the latest; tags, and an expiry, may have come in between."""
    said, expected = CHANGES[name]
    stage = table.stage(**said, keep=True)
    before = stage.snapshot()
    table.tag("kept")
    table.expire(keep_last=1, grace=NO_GRACE)
    with pytest.raises(InvalidInputError, match="can only follow version 5"):
        stage.publish(expected_version=4)
    made = stage.publish(message="checked")
    assert (made.content, made.added, made.message) == (before.content, before.added, "checked")
    assert values(table) == expected
    assert stage.publish().repeated


@each_change
@pytest.mark.parametrize("keep", [False, True], ids=["committed", "published"])
def test_another_version_in_between_is_a_conflict(name: str, keep: bool, table: Table) -> None:  # noqa: FBT001 - a case
    """Rows that nobody has looked at may match: it is refused, its files stay, and staged again it is committed."""
    said, _ = CHANGES[name]
    staged: Any = table.stage(**said, keep=keep)
    table.append(rows(100))
    there = values(table)
    with pytest.raises(CommitConflictError) as caught:
        staged.publish() if keep else table.commit([staged])
    assert caught.value.facts["winner"] == 6
    assert values(table) == there
    table.restore(5)
    with pytest.raises(CommitConflictError):
        staged.publish() if keep else table.commit([staged], idempotency_key="another")
    table.commit([table.stage(**said)])


@each_change
def test_files_that_went_meanwhile_are_a_conflict(name: str, table: Table, store: MemoryStore) -> None:
    """A compaction keeps the version and moves its rows: whoever replaces files that are gone has to look again."""
    said, _ = CHANGES[name]
    staged = table.stage(**said)
    there = values(table)
    table.compact()
    with pytest.raises(CommitConflictError, match="lie in others by now"):
        table.commit([staged])
    assert values(table) == there
    table.commit([table.stage(**said)])


def test_lists_that_were_merged_meanwhile_are_no_conflict(store: MemoryStore) -> None:
    """Wherever the files are listed by then, they are found; of lists that are named, nothing else is opened."""
    table = Table(store=store, limits=SMALL)
    for number in [*range(12), 5]:
        table.append(rows(number), partition_by=["a"])
    staged = table.stage(mode="delete", where=[("a", "in", [0, 11])])
    assert isinstance(staged.change, StagedFiles)
    assert staged.change.replaced is not None
    counting = CountingStore(store)
    opened = Table(store=counting, limits=SMALL).commit([staged])
    assert {
        name for verb, name in counting.calls if verb == "read" and name.startswith("_atio/manifests/")
    } == {*staged.change.replaced.lists}
    assert (opened.rows, values(table)) == (11, [*range(1, 11), 5])
    staged = table.stage(mode="delete", where=[("a", "==", 1)])
    before = {ref.path for ref in table.snapshot().entry.manifests}
    table.compact()
    assert before != {ref.path for ref in table.snapshot().entry.manifests}
    table.commit([staged])
    assert sorted(values(table)) == sorted([*range(2, 11), 5])


@pytest.mark.parametrize("operation", ["delete", "update"])
def test_several_of_different_files_are_one_version(operation: str, store: MemoryStore) -> None:
    """Workers that look at a partition each make one version together; it is as if they had come one by one."""
    one, two = Table(store=store, limits=SMALL), Table(store=MemoryStore(), limits=SMALL)
    where = [[("a", "==", 1)], [("a", "==", 6)], [("a", "==", 77)]]
    more: dict[str, Any] = {"set": {"a": 50}} if operation == "update" else {}
    for table in (one, two):
        for number in range(1, 6):
            table.append(rows(number, number + 1))
    staged = [one.stage(mode=operation, where=rule, **more) for rule in where]
    snapshot = one.commit(staged)
    for rule in where:
        getattr(two, operation)(where=rule, **more)
    assert (snapshot.version, snapshot.operation, values(one)) == (6, operation, values(two))
    assert snapshot.content == two.snapshot().content


def test_what_may_meet_is_refused(table: Table) -> None:
    """Two that replace one file, and two that bring rows, aren't one version; each by itself is."""
    there = values(table)
    same = [table.stage(mode="delete", where=[("a", "==", number)]) for number in (1, 2)]
    upserts = [table.stage(rows(number), "upsert", key=["a"]) for number in (20, 20)]
    some = [table.stage(rows(number), "overwrite", where=[("a", "==", number)]) for number in (1, 6)]
    cases = [
        (same, "the same files"),
        (upserts, "would have had to look at"),
        (some, "would have had to look at"),
        ([*some[:1], table.stage(rows(1), "overwrite")], "all rows and of matching rows"),
    ]
    for staged, message in cases:
        with pytest.raises(InvalidInputError, match=message):
            table.commit(staged)
    assert values(table) == there
    table.commit(upserts[:1])
    with pytest.raises(CommitConflictError):
        table.commit(upserts[1:])


def test_nothing_to_do_is_no_version(table: Table) -> None:
    """What matched no row makes no data version, and a stage that is kept is settled by its publishing all the same."""
    made = table.commit([table.stage(mode="delete", where=[("a", "==", 77)])])
    assert (made.version, made.unchanged) == (5, True)
    stage = table.stage(mode="update", where=[("a", "==", 77)], set={"a": 1}, keep=True)
    assert values(stage) == values(table)
    assert stage.publish().unchanged
    assert (table.staged(), len(table.history())) == ([], 5)


_FIRST: list[dict[str, Any]] = [
    {"mode": "upsert", "key": ["a"]},
    {"mode": "overwrite", "where": [("a", "==", 1)]},
]


def test_a_table_that_is_not_there(store: MemoryStore) -> None:
    """There is nothing to delete; an upsert begins it, once, and only if nobody else has begun it by then."""
    table = Table(store=store)
    with pytest.raises(TableNotFoundError):
        table.stage(mode="delete", where=[])
    for said in _FIRST:
        one, two = (table.stage(rows(1, number), **said) for number in (2, 3))
        with pytest.raises(InvalidInputError, match="would have had to look at"):
            table.commit([one, two])
        stage = table.stage(rows(1, 4), keep=True, **said)
        table.commit([StagedChange.from_json(one.to_json())])
        assert values(table) == [1, 2]
        for act in (lambda: table.commit([two]), stage.publish):  # noqa: B023 - called at once
            with pytest.raises(CommitConflictError, match="wasn't there yet"):
                act()
        assert values(table) == [1, 2]
        table.drop()


def test_columns_that_changed_are_a_conflict(table: Table) -> None:
    """A column that got another label is another version: nothing is committed."""
    staged = table.stage(mode="delete", where=[("a", "==", 1)])
    table.rename_column("a", "b")
    with pytest.raises(CommitConflictError):
        table.commit([staged])


def test_a_forged_descriptor_gets_into_no_table(table: Table) -> None:
    """One that names another version, or files that the table hasn't got, is refused."""
    import dataclasses

    staged = table.stage(mode="delete", where=[("a", "==", 1)])
    change = staged.change
    assert isinstance(change, StagedFiles)
    assert change.replaced is not None
    (path, number), *_ = change.replaced.files
    gone = dataclasses.replace(change.replaced, files=((path.replace("data/", "data/0"), number),))
    other = dataclasses.replace(change.schema, digest="xxh3-128:00")
    for forged in (
        dataclasses.replace(staged, base_version=4),
        dataclasses.replace(staged, change=dataclasses.replace(change, replaced=gone)),
        dataclasses.replace(staged, change=dataclasses.replace(change, schema=other)),
    ):
        with pytest.raises(CommitConflictError):
            table.commit([forged])
    table.commit([staged])


def test_expired_files_are_refused(store: MemoryStore) -> None:
    """What waited behind the horizon may lack its files; a kept one waits as long as it was said."""
    now_us = [START_US]
    table = Table(store=store, clock=lambda: now_us[0])
    table.append(rows(1, 2))
    staged = table.stage(mode="delete", where=[("a", "==", 1)])
    kept = table.stage(mode="delete", where=[("a", "==", 1)], keep=True)
    now_us[0] += DAY_US
    table.tag("x")
    table.append(rows(3))
    table.restore(1)
    table.expire(keep_last=1)
    with pytest.raises((StagedFilesExpiredError, CommitConflictError)):
        table.commit([staged])
    with pytest.raises(CommitConflictError):
        kept.publish()
    again = table.stage(mode="delete", where=[("a", "==", 1)], keep=True)
    now_us[0] += 2 * DAY_US
    table.expire(keep_last=1, grace=NO_GRACE)
    again.publish()
    assert values(table) == [2]


@each_change
@pytest.mark.parametrize("verb", ["open_write", "write", "close", "put_if_absent"])
def test_staging_that_fails_leaves_nothing(name: str, verb: str, table: Table, store: MemoryStore) -> None:
    """Whatever call of the store fails, no file is left."""
    there = set(store.list())
    failing = Table(store=FaultyStore(store, Fault(verb, error=refusal)), limits=SMALL)
    with pytest.raises(StorageError):
        failing.stage(**CHANGES[name][0], keep=True)
    assert set(store.list()) == there


OBJECTS: dict[str, Callable[[], Any]] = {
    "json": lambda: {"a": [1, 2.5]},
    "text": lambda: "hello",
    "bytes": lambda: b"hello",
}


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_staged(name: str, table: Table) -> None:
    """It replaces whatever is there when it is committed or published, and shares no file with that."""
    made = OBJECTS[name]()
    staged, stage = table.stage(made, "overwrite"), table.stage(made, "overwrite", keep=True)
    assert (stage.read(), stage.snapshot().kind) == (made, name)
    table.append(rows(100))
    version = table.commit([StagedChange.from_json(staged.to_json())])
    assert (table.read(), version.version, version.kind, version.operation) == (made, 7, name, "overwrite")
    assert table.commit([staged]).repeated
    assert repr(stage.snapshot()).endswith(f"staged: overwrite, {name} of {version.bytes} bytes>")
    table.overwrite(rows(1))
    assert (stage.publish().version, table.read()) == (9, made)
    with pytest.raises(InvalidInputError, match="holds an object"):
        table.stage(mode="delete", where=[])


def test_a_folder_is_staged(tmp_path: Any) -> None:
    """A folder is staged file by file, also when the version there has the same files; the stage opens them."""
    source = tmp_path / "model"
    source.mkdir()
    (source / "weights").write_bytes(b"w" * 100)
    (source / "config").write_text("c")
    table = Table(tmp_path / "table")
    table.overwrite(source)
    stage = table.stage(source, "overwrite", keep=True)
    assert stage.snapshot().names == ("config", "weights")
    assert not {file.path for file in stage.snapshot().data_files()} & {
        file.path for file in table.snapshot().data_files()
    }
    table.overwrite("something else")
    table.expire(keep_last=1, grace=NO_GRACE)
    stage.publish()
    assert table.download(tmp_path / "copy").joinpath("weights").read_bytes() == b"w" * 100


def test_an_object_takes_the_place_of_rows_with_a_key(store: MemoryStore) -> None:
    """A staged object replaces a table that has a primary key, as it does at once."""
    table = Table(store=store)
    table.append(rows(1, 2), key=["a"])
    table.commit([table.stage("text", "overwrite")])
    assert table.read() == "text"


def test_objects_are_committed_alone(table: Table, store: MemoryStore) -> None:
    """One version is one object; a cut file, or a kind from elsewhere, is refused before anything is committed."""
    import dataclasses

    one, two = table.stage([1], "overwrite"), table.stage("text", "overwrite")
    for staged in ([one, two], [one, table.stage(rows(1), "overwrite")]):
        with pytest.raises(InvalidInputError, match="one version is one object"):
            table.commit(staged)
    assert isinstance(one.change, StagedFiles)
    forged = dataclasses.replace(one, change=dataclasses.replace(one.change, kind="tensor"))
    with pytest.raises(InvalidInputError, match="doesn't know"):
        table.commit([forged])
    path = one.change.files[0].path
    store.delete([path])
    store.put(path, b"")
    with pytest.raises(DamagedError, match="is not what was written"):
        table.commit([one])
    assert table.commit([two]).kind == "text"


def test_staged_rows_are_not_added_to_an_object(table: Table) -> None:
    """Rows that were staged for rows are refused once the table holds an object."""
    staged = table.stage(rows(1))
    table.overwrite({"a": 1})
    with pytest.raises(InvalidInputError, match="holds an object"):
        table.commit([staged])
