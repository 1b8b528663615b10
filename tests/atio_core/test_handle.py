from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from atio_core.format.names import TEMPORARY
from atio_core.storage.base import ObjectStore
from atio_core.storage.local import LocalStore
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """A place for a table."""
    return LocalStore(tmp_path / "t", temporary=TEMPORARY) if request.param == "disk" else MemoryStore()


def frame(*values: int) -> pd.DataFrame:
    """Return some rows."""
    return pd.DataFrame({"a": values})


def rows(store: ObjectStore) -> list[int]:
    """Return what a new handle reads, once nothing but that is to be found."""
    report = Table(store=store).verify("all")
    assert report.ok, str(report)
    return Table(store=store).read()["a"].tolist()


def appended(store: ObjectStore, count: int, first: int = 0) -> Table:
    """Return a handle that made so many versions."""
    table = Table(store=store)
    for number in range(count):
        table.append(frame(first + number))
    return table


@pytest.mark.parametrize("versions", [1, 63, 64])
def test_a_table_that_was_deleted_begins_anew(store: ObjectStore, versions: int) -> None:
    """A handle whose table was deleted by other means, all objects of it, makes a new one with its next write."""
    table = appended(store, versions)
    store.delete(list(store.list()))
    assert table.append(frame(7)).version == 1
    assert rows(store) == [7]


@pytest.mark.parametrize(("before", "after"), [(1, 1), (3, 1), (1, 3), (3, 3), (64, 64)])
@pytest.mark.parametrize("knows", ["made", "read"])
def test_a_table_that_was_written_anew_is_another(
    store: ObjectStore, before: int, after: int, knows: str
) -> None:
    """A handle whose table was deleted and written anew goes on from what is there, not from what it knows."""
    table = appended(store, before)
    if knows == "read":
        table = Table(store=store)
        table.read()
    store.delete(list(store.list()))
    appended(store, after, first=100)
    assert table.append(frame(7)).version == after + 1
    assert rows(store) == [*range(100, 100 + after), 7]


def test_who_looks_meanwhile_knows_no_more_of_the_old_table() -> None:
    """That the handle has looked at the new table by another way doesn't let it go on from the old one."""
    store = MemoryStore()
    table = appended(store, 2)
    store.delete(list(store.list()))
    appended(store, 2, first=100)
    assert table.exists()
    table.append(frame(7))
    assert rows(store) == [100, 101, 7]


def test_a_parent_that_an_expiry_took_is_not_missed() -> None:
    """A commit right behind an expiry that has freed its parent's name is on the chain."""
    store = MemoryStore()
    appended(store, 63)

    def expire() -> None:
        Table(store=store).append(frame(-1))
        Table(store=store).expire(keep_last=2)

    late = FaultyStore(store, Fault("put_if_absent", after=True, meanwhile=expire, error=None))
    assert Table(store=late).append(frame(7)).version == 64
    assert rows(store) == [*range(63), 7, -1]


@pytest.mark.parametrize("expires", [False, True])
def test_a_handle_that_was_overtaken_catches_up(store: ObjectStore, *, expires: bool) -> None:
    """What others have committed since a handle's last commit is kept, however many buckets it was."""
    table = appended(store, 1)
    other = appended(store, 70, first=1)
    if expires:
        other.expire(keep_last=1)
    before = rows(store)
    table.append(frame(7))
    assert rows(store) == [*before, 7]
