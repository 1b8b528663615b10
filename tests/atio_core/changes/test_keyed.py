# pyright: reportCallIssue=false, reportArgumentType=false
# ^ pandas' stubs know its usual arguments only
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from atio_core import handle
from atio_core.data.keys import key_rows
from atio_core.errors import CommitConflictError, DuplicateKeyError, NewerFormatError, SchemaMismatchError
from atio_core.format.staged_json import StagedChange
from atio_core.log import commit, file_list
from atio_core.log.limits import DEFAULT_LIMITS, Limits
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL
from tests.support.stores import CountingStore, between


def part(*ids: int, n: int = 0) -> pa.Table:
    """Some rows."""
    return pa.table({"id": pa.array(ids, pa.int64()), "n": pa.array([n] * len(ids), pa.int64())})


def keyed(*ids: int, limits: Limits = SMALL) -> MemoryStore:
    """The store of a table with a key, and a file for each row."""
    store = MemoryStore("t")
    table = Table(store=store, limits=limits)
    table.append(part(), key=["id"])
    for number in ids:
        table.append(part(number))
    return store


def ids(store: MemoryStore) -> list[int]:
    """The ids in a table."""
    return Table(store=store, limits=SMALL).read(output_as="arrow")["id"].to_pylist()


RACES: dict[str, Callable[[Table], Any]] = {
    "append": lambda t: t.append(part(7)),
    "append of a stream": lambda t: t.append(iter([part(5), part(7)])),
    "update": lambda t: t.update([("id", "==", 1)], {"id": 7}),
    "overwrite where": lambda t: t.overwrite(part(7), where=[("id", "==", 1)]),
    "upsert by another key": lambda t: t.upsert(part(7, n=9), key=["n"]),
    "staged": lambda t: t.commit([t.stage(part(7))]),
    "declaration": lambda t: t.set_key(["id"]),
}


@pytest.mark.parametrize("race", list(RACES))
def test_of_two_that_bring_one_key_one_is_refused(race: str) -> None:
    """Whoever loses the race for a version looks at what the winner brought; nothing of it stays, streams included."""
    store = keyed(1, 2)
    if race == "declaration":
        Table(store=store, limits=SMALL).set_key([])
    winner = Table(store=store, limits=SMALL)

    def come_between() -> None:
        winner.append(part(7))
        winner.append(part(7) if race == "declaration" else part(8))

    loser = Table(store=between(store, come_between), limits=SMALL)
    with pytest.raises(DuplicateKeyError, match="such as 7"):
        RACES[race](loser)
    assert ids(store) == ([1, 2, 7, 7] if race == "declaration" else [1, 2, 7, 8])
    if race != "staged":
        assert set(store.list("data/")) == {file.path for file in winner.snapshot().data_files()}


def test_a_declaration_looks_at_all_rows_after_a_lost_race(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that came meanwhile are compared with all others, and so are columns that have other labels by now."""
    monkeypatch.setattr(key_rows, "BLOCK_ROWS", 1)
    store = keyed(1, 2, 3)
    other = Table(store=store, limits=SMALL)
    other.set_key([])

    def relabel() -> None:
        other.rename_column("id", "x")
        other.rename_column("n", "id")

    for meanwhile, doubled in ((lambda: other.append(part(2)), 2), (relabel, 0)):
        loser = Table(store=between(store, meanwhile), limits=SMALL)
        with pytest.raises(DuplicateKeyError, match=f"such as {doubled}"):
            loser.set_key(["id"])
        other.restore(-2)
    assert other.snapshot().key == ()


def test_what_is_replaced_stands_in_nobodys_way() -> None:
    """Partitions that are overwritten may have keys that others bring to them meanwhile: those go."""
    store = MemoryStore("t")
    other = Table(store=store, limits=SMALL)
    other.append(part(1, n=1), key=["id"], partition_by=["n"])
    table = Table(store=between(store, lambda: other.append(part(5, n=1))), limits=SMALL)
    table.overwrite_partitions(part(5, 6, n=1))
    assert ids(store) == [5, 6]
    table = Table(store=between(store, lambda: other.append(part(7, n=2))), limits=SMALL)
    with pytest.raises(DuplicateKeyError):
        table.overwrite_partitions(part(7, n=1))
    assert ids(store) == [5, 6, 7]


def test_a_key_that_came_meanwhile_is_held() -> None:
    """Who wrote for a table without a key, or with another, writes again for the one that it got meanwhile."""
    store = keyed(1, 2)
    other = Table(store=store, limits=SMALL)

    def declared_meanwhile() -> Table:
        other.set_key([])
        return Table(store=between(store, lambda: other.set_key(["id"])), limits=SMALL)

    with pytest.raises(DuplicateKeyError):
        declared_meanwhile().append(part(1))
    with pytest.raises(DuplicateKeyError):
        declared_meanwhile().overwrite(part(5, 5))
    assert (ids(store), other.snapshot().key) == ([1, 2], ("id",))
    assert declared_meanwhile().overwrite(part(5)).key == ("id",)


def test_what_was_staged_for_another_key_is_refused() -> None:
    """A staged overwrite can't end a key that it doesn't know of; one that was staged to end it can."""
    store = keyed(1)
    table = Table(store=store, limits=SMALL)
    ends = table.stage(part(5, 5), "overwrite", key=[])
    table.set_key([])
    unknowing = table.stage(part(6, 6), "overwrite")
    table.set_key(["id"])
    with pytest.raises(CommitConflictError, match="another primary key"):
        table.commit([unknowing])
    assert table.commit([ends]).key == ()
    assert ids(store) == [5, 5]


def test_columns_without_nulls_that_came_meanwhile_are_held() -> None:
    """An overwrite that was staged, or written, before a column took no nulls can't bring any without saying so."""
    nulls = pa.table({"id": pa.array([None], pa.int64()), "n": [1]})
    store = MemoryStore("t")
    other = Table(store=store, limits=SMALL)
    other.append(nulls)
    staged, kept = other.stage(nulls, "overwrite"), other.stage(nulls, "overwrite", keep=True)
    received = StagedChange.from_json(other.stage(part(6), "overwrite", not_null=["n"]).to_json())
    assert other.commit([received]).not_null == ("n",)
    ends = other.stage(nulls, "overwrite", not_null=[])
    racing = Table(store=between(store, lambda: other.overwrite(part(5), not_null=["id", "n"])), limits=SMALL)
    with pytest.raises(SchemaMismatchError, match="takes no nulls"):
        racing.overwrite(nulls)
    for change in (
        lambda: other.commit([staged]),
        lambda: other.publish(kept.id),
        lambda: other.commit([ends]),
    ):
        with pytest.raises(CommitConflictError, match="took nulls in columns that take none now"):
            change()
    assert (ids(store), other.snapshot().not_null) == ([5], ("id", "n"))
    ends = StagedChange.from_json(other.stage(nulls, "overwrite", not_null=[]).to_json())
    assert other.commit([ends]).not_null == ()


def test_other_keys_rebase_without_being_written_again() -> None:
    """Appends whose keys the others didn't bring go through beside them, with the files that they wrote first."""
    store = keyed(1, 2)
    other = Table(store=store, limits=SMALL)
    counting = CountingStore(between(store, lambda: [other.append(part(n)) for n in (7, 8, 9, 10)]))
    Table(store=counting, limits=SMALL).append(part(5))
    assert counting.counts["open_write"] == 1
    assert ids(store) == [1, 2, 7, 8, 9, 10, 5]


def test_only_files_that_may_hold_a_key_are_read() -> None:
    """An append outside all bounds opens its own file alone; within the bounds of one, that one too."""
    store = keyed(limits=DEFAULT_LIMITS)
    counting = CountingStore(store)
    table = Table(store=counting)
    for low in (0, 10, 20):
        table.append(part(low, low + 5))
    for change, files in ((part(40), 1), (part(7), 1), (part(13), 2), (part(6, 24), 2)):
        counting.reset()
        table.append(change)
        assert len({name for verb, name in counting.calls if verb == "read_into"}) == files


def test_changes_that_can_not_double_a_key_look_for_none() -> None:
    """Updates of other columns, upserts by the key, deletes and compactions read what they read without a key."""
    counts: list[list[int]] = []
    for key in (["id"], []):
        counting = CountingStore(MemoryStore("t"))
        table = Table(store=counting)
        table.append(part(0, 9), key=key)
        table.append(part(5, 20))
        changes: list[Callable[[Table], Any]] = [
            lambda t: t.update([("id", "==", 5)], {"n": 5}),
            lambda t: t.upsert(part(5, 6), key=["id"]),
            lambda t: t.delete([("id", "==", 5)]),
            lambda t: t.compact(),
            lambda t: t.restore(1),
        ]
        counts.append([])
        for change in changes:
            counting.reset()
            change(table)
            counts[-1].append(counting.counts["read_into"])
        counting.reset()
        table.stage(mode="delete", where=[("id", "==", 0)])
        counts[-1].append(counting.counts["read_into"])
    assert counts[0] == counts[1]


def test_a_lost_race_looks_at_what_came_alone() -> None:
    """After a lost race the files that were looked at already aren't opened again."""
    store = keyed(limits=DEFAULT_LIMITS)
    other = Table(store=store)
    other.append(part(0, 10))
    other.append(part(20, 30))

    def come_between() -> None:
        other.append(part(3, 9))
        other.append(part(50))
        counting.reset()

    counting = CountingStore(between(store, come_between))
    Table(store=counting).append(part(5))
    read = {name for verb, name in counting.calls if verb == "read_into"}
    *_, third, _, mine = [file.path for file in other.snapshot().data_files()]
    assert read == {third, mine}


def test_a_table_without_a_key_reads_nothing() -> None:
    """An append to a table without a key opens no data file."""
    counting = CountingStore(MemoryStore())
    table = Table(store=counting)
    table.append(part(1))
    table.append(part(1))
    assert not counting.counts["read_into"]


def test_releases_that_do_not_know_keys_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with a key names a feature that its writers must know; readers needn't."""
    store = keyed(1)
    assert Table(store=store, limits=SMALL).snapshot().entry.reader_features == ()
    for module in (commit, handle):
        monkeypatch.setattr(module, "WRITER_FEATURES", frozenset[str]())
    with pytest.raises(NewerFormatError, match="primary_key"):
        Table(store=store, limits=SMALL).append(part(2))
    with pytest.raises(NewerFormatError, match="primary_key"):
        Table(store=store, limits=SMALL).stage(part(2))
    assert ids(store) == [1]


def test_lists_of_files_that_can_not_hold_a_key_are_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an entry says of many files at once is asked before the list of them is opened."""
    monkeypatch.setattr(file_list, "_MANY_FILES", 1)
    counting = CountingStore(MemoryStore())
    for number in range(10):
        Table(store=counting, limits=SMALL).append(part(number), key=["id"])
    table = Table(store=counting, limits=replace(SMALL, inline_files=9))
    lists = set(counting.list("_atio/manifests/"))
    table.snapshot()
    counting.reset()
    table.append(part(50))
    assert not [name for verb, name in counting.calls if verb == "read" and name in lists]
    with pytest.raises(DuplicateKeyError):
        table.append(part(0))
    assert [name for verb, name in counting.calls if verb == "read" and name in lists]
