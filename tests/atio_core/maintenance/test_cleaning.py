from __future__ import annotations

import uuid
from collections.abc import Collection

import pytest

from atio_core.log.commit_log import CommitLog
from atio_core.maintenance.cleaning import Leftover, delete_entries, leftovers, old_entries, unreached
from atio_core.maintenance.reach import Reach
from atio_core.model.ids import uuid7
from atio_core.model.ranges import VersionRanges
from atio_core.storage.memory import MemoryStore
from atio_core.testing import StoreWrapper
from tests.support.commits import START_US, Writer


def new_id() -> uuid.UUID:
    """Return an id of the time at which everything starts."""
    return uuid7(lambda: START_US)


def found(log: CommitLog, reached: Collection[str] = ()) -> list[Leftover]:
    """Return the leftovers beside what is reached."""
    return leftovers(log, unreached(log, reached).ours)


@pytest.mark.parametrize(
    "name",
    ["data/{}.parquet", "data/day=1/{}.parquet", "_atio/manifests/{}.arrow", "_atio/keys/{}.arrow",
     "_atio/schemas/{}.arrow", "_atio/tmp/{}.tmp"],
)  # fmt: skip
def test_a_file_of_ours_that_nobody_reaches_is_a_leftover(name: str) -> None:
    """In each of the folders, whatever has a name that atio gives and isn't reached is told with size and time."""
    store = MemoryStore()
    path = name.format(new_id())
    store.put(path, b"123")
    assert [(left.path, left.size, left.written_us) for left in found(CommitLog(store))] == [
        (path, 3, START_US)
    ]


@pytest.mark.parametrize(
    "name",
    ["data/notes.txt", "data/part-0.parquet", "_atio/log/999999/062-1.json", "_atio/staged/{}.old", "{}.parquet",
     "_atio/{}.arrow", "other/{}.parquet", "data/inner/_atio/keys/{}.arrow", "data/{}.csv"],
)  # fmt: skip
def test_what_is_not_ours_to_clean_is_none(name: str) -> None:
    """People's files, log entries, what lies elsewhere and other tables are never taken for leftovers."""
    store = MemoryStore()
    store.put(name.format(new_id()), b"123")
    assert found(CommitLog(store)) == []


def test_all_of_a_nested_table_is_left_alone() -> None:
    """A folder that holds an `_atio` of its own is another table's, its data files included."""
    store = MemoryStore()
    own, inner = f"data/{new_id()}.parquet", f"data/a/data/{new_id()}.parquet"
    beside = f"data/ab/{new_id()}.parquet"
    for name in (own, inner, f"data/a/_atio/keys/{new_id()}.arrow", beside):
        store.put(name, b"")
    assert [left.path for left in found(CommitLog(store))] == sorted([own, beside])


def test_files_are_known_by_their_id() -> None:
    """A file that is reached is none, though a file system shows its path in another spelling."""
    store = MemoryStore()
    file_id = new_id()
    path = f"data/Day=1/{file_id}.parquet"
    store.put(path, b"")
    assert found(CommitLog(store), {str(file_id)}) == []


def test_a_leftover_that_another_cleaner_took_is_none() -> None:
    """Two cleaners at once don't disturb each other."""

    class Taking(StoreWrapper):
        def size(self, name: str) -> int:
            self.store.delete([name])
            return self.store.size(name)

    inner = MemoryStore()
    inner.put(f"data/{new_id()}.parquet", b"")
    assert found(CommitLog(Taking(inner))) == []


def test_what_a_table_reaches_is_none() -> None:
    """A table without accidents has no leftovers."""
    writer = Writer(MemoryStore())
    for number in range(20):
        writer.append(str(number))
    reach = Reach(writer.log)
    assert found(writer.log, reach.keys(reach.entries(writer.log.latest()))) == []


def test_old_entries_lie_below_outside_and_in_older_buckets() -> None:
    """Only entries that an entry lets go, in buckets before its own, may be freed; those above it never."""
    writer = Writer(MemoryStore())
    for number in range(13):
        writer.append(str(number))
    assert old_entries(writer.log, 8, VersionRanges.of([2, 5, 8])) == [7, 6, 4, 3, 1]
    assert old_entries(writer.log, 7, VersionRanges.of([7])) == [3, 2, 1]
    assert old_entries(writer.log, 3, VersionRanges()) == []


def test_deleted_entries_are_counted() -> None:
    """Deleting tells how many entries went, and does no harm twice."""
    writer = Writer(MemoryStore())
    for number in range(6):
        writer.append(str(number))
    assert delete_entries(writer.log, [1, 2]) == 2
    delete_entries(writer.log, [1, 2])
    assert list(writer.log.sequence.numbers()) == [6, 5, 4, 3]
    assert delete_entries(writer.log, []) == 0
