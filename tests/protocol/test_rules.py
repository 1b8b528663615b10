"""What commits and expiries let go, one rule at a time, without races."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from atio_core.errors import StorageError
from atio_core.format.names import data_path
from atio_core.log.limits import Limits
from atio_core.model.entry import DAY_US, HOUR_US
from atio_core.model.ids import uuid7
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import Writer, needed, verify

WEEK = timedelta(days=7)


def test_age_counts_from_when_a_version_was_superseded() -> None:
    """A year-old version is kept for a week after the commit that followed it, for those who read it then."""
    writer = Writer(MemoryStore())
    writer.overwrite("a")
    writer.now_us += 365 * DAY_US
    writer.overwrite("b")
    writer.now_us += 6 * DAY_US
    assert writer.expire(None, keep_for=WEEK).version is None
    writer.now_us += 2 * DAY_US
    assert [line.version for line in writer.expire(None, keep_for=WEEK).removed] == [1]


def test_a_tag_protects_until_its_end() -> None:
    """A tagged version stays, whatever the rules say, as long as the tag lasts."""
    writer = Writer(MemoryStore())
    for word in "abc":
        writer.overwrite(word)
    writer.tag("kept", 1)
    writer.lease(2, until_us=writer.now_us + HOUR_US)
    assert [line.version for line in writer.expire(1).kept] == [1, 2, 3]
    writer.now_us += 2 * HOUR_US
    assert [line.version for line in writer.expire(1).removed] == [2]
    assert verify(writer.store)[1] == ["a"]


def test_an_entry_that_another_stands_for_goes_with_the_next_expiry() -> None:
    """A tag's entry has the rows of the one before: of both, an expiry keeps the newer one, though no version goes."""
    writer = Writer(MemoryStore(), limits=Limits())
    for word in "abc":
        writer.append(word)
    writer.tag("one", 3)
    writer.tag("two", 3)
    writer.append("d")
    assert list(writer.log.latest().retained) == [1, 2, 3, 4, 5, 6]
    report = writer.expire(9)
    assert ([line.version for line in report.kept], report.removed) == ([1, 2, 3, 6], ())
    assert list(writer.log.latest().retained) == [1, 2, 5, 7]
    assert writer.words(writer.log.get(3)) == ["a", "b", "c"]
    assert writer.expire(9).version is None


def test_files_that_came_in_late_wait_for_the_horizon() -> None:
    """A file that was staged elsewhere may be about to be committed again: it goes like a leftover, not at once."""
    writer = Writer(MemoryStore())
    file = replace(writer.file("a"), late=True)
    writer.commit(writer.overwriting(file))
    writer.overwrite("b")
    report = writer.expire(1)
    assert [line.path for line in report.waiting] == [file.path]
    assert writer.store.read(file.path) == b"a"
    writer.now_us += 2 * HOUR_US
    assert [line.path for line in writer.expire(1).leftovers] == [file.path]
    assert set(writer.store.list("data/")) < needed(writer.store)


def test_what_is_not_ours_stays() -> None:
    """Cleaning takes no file without a name of ours, and nothing in a folder that holds a table of its own."""
    writer = Writer(MemoryStore())
    writer.append("a")
    old = uuid7(lambda: 0)
    theirs = [
        "data/notes.txt",
        f"data/{old}.parquet.bak",
        "data/inner/_atio/log/999999/062-1.json",
        f"data/inner/data/{old}.parquet",
        f"other/{old}.parquet",
    ]
    for name in theirs:
        writer.store.put(name, b"theirs")
    leftover = data_path((), (), old)
    writer.store.put(leftover, b"ours")
    assert [line.path for line in writer.expire(1).leftovers] == [leftover]
    assert set(writer.store.list()) >= {*theirs}


def test_a_dead_expiry_is_finished_on_a_full_disk() -> None:
    """What an expiry had let go when it died, the next one deletes before it writes anything: there may be no room."""
    inner = MemoryStore()
    writer = Writer(inner)
    for word in "abcde":
        writer.overwrite(word)
    writer.now_us += HOUR_US
    with pytest.raises(StorageError):
        Writer(FaultyStore(inner, Fault("delete", error=refusal)), writer.now_us).expire(1, grace_us=0)
    assert len(list(inner.list("data/"))) == 5
    full = FaultyStore(
        inner, Fault("put", times=99, error=refusal), Fault("put_if_absent", times=99, error=refusal)
    )
    report = Writer(full, writer.now_us).expire(1)
    assert (report.version, len(report.leftovers), report.entries_removed) == (None, 4, 3)
    assert set(inner.list("data/")) < needed(inner)


def test_nothing_to_let_go_is_no_version() -> None:
    """An expiry that has nothing to do commits nothing."""
    writer = Writer(MemoryStore())
    writer.append("a")
    before = list(writer.store.list())
    report = writer.expire(1, grace_us=0)
    assert (report.version, report.removed, report.files_removed) == (None, (), 0)
    assert list(writer.store.list()) == before
