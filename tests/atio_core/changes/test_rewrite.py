from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from atio_core.errors import CommitConflictError, InvalidInputError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import StoreWrapper
from tests.support.commits import SMALL
from tests.support.stores import CountingStore


def part(day: int, *rows: int) -> pa.Table:
    """Return rows of a day."""
    return pa.table({"day": pa.array([day] * len(rows), pa.int64()), "row": pa.array(rows, pa.int64())})


def table(store: Any, days: int = 3) -> Table:
    """Return a table of a file for each day, of three rows."""
    made = Table(store=store, limits=SMALL)
    for day in range(days):
        made.append(part(day, 1, 2, 3))
    return made


def delete_beside(other: Callable[[Table], object], where: list[Any], days: int = 3) -> tuple[Table, int]:
    """Delete rows by a handle that doesn't know of another change; return the table, and how many files it wrote."""
    store = CountingStore(MemoryStore())
    handle = table(store, days)
    other(Table(store=store, limits=SMALL))
    store.reset()
    handle.delete(where)
    return handle, store.counts["open_write"]


def rows(found: Table) -> list[tuple[int, int]]:
    """Return the rows."""
    return [(row["day"], row["row"]) for row in found.read(output_as="arrow").to_pylist()]


OLD = [(day, row) for day in range(3) for row in (1, 2, 3)]
ONE = [("day", "==", 1), ("row", "==", 2)]


def without(*gone: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the rows of the table but for some."""
    return [row for row in OLD if row not in gone]


@pytest.mark.parametrize("days", [3, 6])
def test_it_rebases_over_what_it_need_not_have_read(days: int) -> None:
    """Rows added elsewhere, and files changed that it doesn't touch, cost no second write."""

    def others(other: Table) -> None:
        for day in range(7, 12):
            other.append(part(day, 1))
        other.delete([("day", "==", 0)])
        other.delete([("day", "==", 2), ("row", "==", 3)])

    found, writes = delete_beside(others, ONE, days)
    assert writes == 1
    assert rows(found)[:4] == [(1, 1), (1, 3), (2, 1), (2, 2)]
    assert len(rows(found)) == 3 * days - 5 + 5


def test_rows_that_came_meanwhile_go_too() -> None:
    """Rows that match and were added meanwhile are deleted as well: files are written anew for it."""
    found, writes = delete_beside(lambda other: other.append(part(1, 2, 5)), ONE)
    assert rows(found) == [*without((1, 2)), (1, 5)]
    assert writes == 3  # one in vain


def test_two_deletes_of_one_file() -> None:
    """Both take their rows; none comes back."""
    found, _ = delete_beside(lambda other: other.delete([("row", "==", 3)]), ONE)
    assert rows(found) == without((1, 2), (0, 3), (1, 3), (2, 3))


def test_the_same_rows_twice() -> None:
    """If another has deleted the rows meanwhile, nothing is left to do, and no file stays behind."""
    store = MemoryStore()
    handle = table(store)
    Table(store=store, limits=SMALL).delete(ONE)
    snapshot = handle.delete(ONE)
    assert (snapshot.version, snapshot.unchanged) == (4, True)
    data = set(store.list("data/"))
    assert data == {file.path for one in handle.history() for file in one.data_files()}


@pytest.mark.parametrize("keep", [True, False])
def test_all_rows_replaced_meanwhile(keep: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """After an overwrite, rows are looked for in what it brought; where the column is gone, the delete is refused."""
    brought = part(1, 2, 4) if keep else pa.table({"other": [1]})
    if not keep:
        with pytest.raises(InvalidInputError, match="no column 'day'"):
            delete_beside(lambda other: other.overwrite(brought), ONE)
        return
    found, _ = delete_beside(lambda other: other.overwrite(brought), ONE)
    assert rows(found) == [(1, 4)]


def test_a_version_that_came_back_meanwhile() -> None:
    """Files that a restore brings back are looked at like any that came."""

    def others(other: Table) -> None:
        other.delete([("day", "==", 1)])
        other.restore(3)

    found, writes = delete_beside(others, ONE)
    assert rows(found) == without((1, 2))
    assert writes == 1


def test_lists_that_have_expired() -> None:
    """If the lists of the version that was read are gone, rows are looked for again; that is no damage."""

    def others(other: Table) -> None:
        for day in range(20, 30):
            other.append(part(day, 1))
        other.expire(keep_last=1, grace=timedelta(0))

    store = MemoryStore()
    handle, seen = table(store, 5), Table(store=store, limits=SMALL)

    class Slow(StoreWrapper):
        """A store whose first file comes after what others do."""

        late = True

        def open_write(self, name: str) -> Any:
            if self.late:
                self.late = False
                others(seen)
            return super().open_write(name)

    slow = Table(store=Slow(store), limits=SMALL)
    slow.delete(ONE)
    assert rows(handle)[:5] == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 3)]


def test_a_writer_that_always_comes_too_late_gives_up() -> None:
    """If others change the same files again and again, the delete says so, and leaves nothing."""
    store = MemoryStore()
    table(store)
    other = Table(store=store, limits=SMALL)

    class Crowded(StoreWrapper):
        """A store where somebody always comes first."""

        def open_write(self, name: str) -> Any:
            other.append(part(1, 2))
            return super().open_write(name)

    crowded = Table(store=Crowded(store), limits=SMALL)
    with pytest.raises(CommitConflictError, match=r"has other files where it looked.*write it again"):
        crowded.delete(ONE)
    assert rows(crowded)[:9] == OLD
    data = set(store.list("data/"))
    assert data == {file.path for one in other.history() for file in one.data_files()}


def test_an_expected_version_lets_nothing_in_between() -> None:
    """With an expectation even a change elsewhere is a conflict."""
    store = MemoryStore()
    handle = table(store)
    Table(store=store, limits=SMALL).append(part(9, 1))
    with pytest.raises(CommitConflictError, match="expected version 3"):
        handle.delete(ONE, expected_version=3)
