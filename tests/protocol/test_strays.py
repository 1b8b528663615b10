"""Slow writers that create a name which cleaning had freed: a stray is no version, and whoever made it finds out.

A writer reads version 2 and sleeps. Others make a bucket of versions and more, and let the old ones go, and the name of
version 3 with them. The writer wakes up and creates it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from atio_core.errors import CommitUnknownError, VersionExpiredError, VersionNotFoundError
from atio_core.format.names import LOG
from atio_core.model.entry import DAY_US
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import StoreWrapper, lost_answer
from tests.support.commits import SMALL, Writer, needed, verify
from tests.support.races import (
    HOUR_US,
    LATER_US,
    appends,
    checks,
    expires,
    others,
    overwrites,
    reads,
    reads_version,
    table,
    wakes_up,
)
from tests.support.schedule import Direct, Moment, Search
from tests.support.stores import between

STRAY = 3
GONE = (VersionNotFoundError, VersionExpiredError)


# How the writer finds out


def many(writer: Writer, commits: int) -> None:
    """Make so many versions."""
    for number in range(commits):
        base = writer.log.find_latest()
        horizon_us = base.horizon_us if base else 0
        writer.commit(writer.appending(writer.file(f"other {number}", not_before_us=horizon_us)))


def none(others: Writer) -> None:
    """Nobody comes between."""


def few(others: Writer) -> None:
    """So few versions that the latest still has the ids of the first."""
    many(others, 3)
    others.expire(1, grace_us=0)


def more(others: Writer) -> None:
    """More than that; older ids are in lists."""
    many(others, 8)
    others.expire(1, grace_us=0)


def some_retained(others: Writer) -> None:
    """The same, and a month later: the lists are gone, but a version soon after the first is retained."""
    many(others, 6)
    others.expire(5, grace_us=0)
    others.now_us += 31 * DAY_US
    many(others, 8)


def a_month(others: Writer) -> None:
    """A month later nobody remembers."""
    many(others, 8)
    others.now_us += 31 * DAY_US
    many(others, 8)
    others.expire(1, grace_us=0)


def ways(store: Direct, version: int) -> list[str]:
    """Return all ways to find out whose a version was, worked out from what the table holds."""
    log = Writer(store).log
    latest = log.latest()
    near = range(version, min(version + SMALL.recent, latest.version))
    found = {
        "newest bucket": latest.version // SMALL.per_bucket == version // SMALL.per_bucket,
        "recent ids": latest.version - len(latest.recent.commits) < version,
        "retained entry": any(one in latest.retained for one in near),
        "key lists": any(ref.first_version <= version <= ref.last_version for ref in latest.key_lists),
    }
    return [way for way, is_there in found.items() if is_there]


def append_slowly(store: Direct, come: Callable[[Writer], None], *, after: bool) -> tuple[Any, list[str]]:
    """Let others come before or after the create of an append; return what that comes to, and how it can find out."""
    seen: list[str] = []

    def others() -> None:
        come(Writer(store, LATER_US))
        seen.extend(ways(store, STRAY))

    try:
        return appends("a")(between(store, others, after=after)), seen
    except CommitUnknownError as error:
        return error, seen


COMES = [(few, ["recent ids"]), (more, ["key lists"]), (some_retained, ["retained entry"])]
NONE = (none, ["newest bucket", "recent ids"])


@pytest.mark.parametrize(("come", "way"), COMES, ids=["recent", "lists", "retained"])
def test_a_slow_writer_finds_out(come: Callable[[Writer], None], way: list[str]) -> None:
    """A writer whose entry is a stray takes it away, and commits again: its rows are there once."""
    store = Direct(table(2))
    (version, repeated), seen = append_slowly(store, come, after=False)
    writer = Writer(store)
    assert seen == way
    assert (version, repeated) == (writer.log.latest().version, False)
    assert writer.words().count("a") == 1
    assert writer.log.read(STRAY) is None
    verify(store)


@pytest.mark.parametrize(("come", "way"), [NONE, *COMES], ids=["newest", "recent", "lists", "retained"])
def test_a_version_that_was_let_go_is_no_stray(come: Callable[[Writer], None], way: list[str]) -> None:
    """A writer that sleeps after it has created its entry finds that it was a version, and commits nothing again."""
    store = Direct(table(2))
    done, seen = append_slowly(store, come, after=True)
    assert seen == way
    assert done == (STRAY, False)
    assert Writer(store).words().count("a") == 1


def test_the_newest_bucket_needs_no_witness() -> None:
    """An entry in the newest bucket is a version, also if nobody remembers its id any more."""
    store, limits = Direct({}), replace(SMALL, per_bucket=64)
    writer = Writer(store, limits=limits)
    many(writer, 2)
    slow = Writer(between(store, lambda: a_month(writer), after=True), limits=limits)
    assert slow.append("a").version == STRAY
    assert writer.words().count("a") == 1


@pytest.mark.parametrize("after", [False, True], ids=["stray", "version"])
def test_what_nobody_remembers_is_unknown(*, after: bool) -> None:
    """If nothing tells any more, the outcome is unknown: the rows aren't added again, and what is there stays."""
    store = Direct(table(2))
    error, seen = append_slowly(store, a_month, after=after)
    assert seen == []
    assert isinstance(error, CommitUnknownError)
    assert "nobody can tell" in str(error)
    assert Writer(store).words().count("a") == int(after)
    verify(store)


def test_a_key_is_found_from_behind_a_stray() -> None:
    """A slow writer whose key another used meanwhile finds that, when its own entry has turned out to be a stray."""
    store = Direct(table(2))
    others = Writer(store, LATER_US)

    def come() -> None:
        others.append("a", idempotency_key="k")
        few(others)

    assert appends("a", idempotency_key="k")(between(store, come)) == (3, True)
    assert others.words().count("a") == 1


# All orders


STORES = pytest.mark.parametrize("is_flat", [False, True], ids=["folders", "flat"])


@pytest.mark.parametrize("rounds", [[(3, 1)], [(5, 1)], [(3, 1), (1, 1)], [(3, 1), (5, 1)]], ids=str)
@pytest.mark.parametrize("size", [2, 3])
@STORES
def test_a_slow_append(size: int, rounds: list[tuple[int, int]], *, is_flat: bool) -> None:
    """However slow an append is and wherever it sleeps, its rows are there once."""
    actors = {"ann": appends("a"), "others": others(*rounds)}
    Search(actors, start=table(size), check=checks({"ann": "a"}), is_flat=is_flat).run()


@pytest.mark.parametrize("size", [2, 3])
def test_two_slow_appends(size: int) -> None:
    """Two that wake up at the same freed name don't take each other's stray for a version."""
    actors = {"ann": appends("a"), "bob": appends("b"), "others": others((3, 1))}
    Search(actors, start=table(size), check=checks({"ann": "a", "bob": "b"})).run()


@pytest.mark.parametrize("size", [2, 3])
@STORES
def test_a_slow_append_with_lost_answers(size: int, *, is_flat: bool) -> None:
    """The same where an answer is lost, and where the create lands when nobody waits for it any more."""
    actors = {"ann": appends("a"), "others": others((3, 1))}
    check = checks({"ann": "a"}, errors=(CommitUnknownError,))
    Search(actors, start=table(size), check=check, flaky=["ann"], faults=1, is_flat=is_flat).run()


def test_a_reader_of_that_version() -> None:
    """A reader of version 3 gets what was committed as 3, or hears that it has expired; never the stray."""
    start = table(2)
    actors = {"ron": reads_version(STRAY), "ann": wakes_up(start, "a"), "others": others((2, None), (3, 1))}
    Search(actors, start=start, check=checks({}, errors=GONE)).run()


BUCKETS = [(False, False, []), (False, True, []), (False, True, [LOG + "999997/"]), (True, False, [])]
"""Whether names lie side by side, or folders outlive what lies in them; and which were left empty by a dead writer."""


@pytest.mark.parametrize(
    ("is_flat", "folders_stay", "empty"), BUCKETS, ids=["folders", "disk", "crash", "flat"]
)
def test_a_reader_of_the_latest(*, is_flat: bool, folders_stay: bool, empty: list[str]) -> None:
    """A stray is never taken for the latest version, whenever a reader looks, also while still newer buckets come."""
    start = table(2, folders_stay=folders_stay) | dict.fromkeys(empty, b"")
    actors = {"ron": reads, "ann": wakes_up(start, "a"), "others": others((3, 1), (4, 1))}
    Search(actors, start=start, check=checks({}), folders_stay=folders_stay, is_flat=is_flat).run()


@pytest.mark.soak
@pytest.mark.parametrize("size", [2, 3])
def test_a_reader_of_the_latest_at_length(size: int) -> None:
    """The same, and the writer goes on to find out."""
    actors = {"ron": reads, "ann": appends("a"), "others": others((3, 1), (4, 1))}
    start = table(size, folders_stay=True)
    Search(actors, start=start, check=checks({"ann": "a"}), folders_stay=True).run()


def tag_and_expire(store: Any) -> None:
    """An actor that protects version 1, and lets all others go, with the name of version 3."""

    def others_tag_1(store: Direct) -> None:
        writer = Writer(store, LATER_US + HOUR_US)
        if 1 in writer.log.latest().retained:
            writer.tag("kept", 1)
        many(writer, 3)
        writer.expire(1, grace_us=0)

    store.at_once(others_tag_1)


@pytest.mark.parametrize("faults", [0, 1])
@STORES
def test_a_slow_expiry(faults: int, *, is_flat: bool) -> None:
    """An expire entry that is a stray deletes nothing: what it lets go has been tagged since."""
    actors = {"eve": expires(keep_last=1, grace_us=0), "others": tag_and_expire}
    check = checks({}, errors=(CommitUnknownError,) if faults else ())
    Search(actors, start=table(2), check=check, flaky=["eve"], faults=faults, is_flat=is_flat).run()


@pytest.mark.soak
def test_a_slow_append_beside_an_expiry() -> None:
    """An expiry that meets a stray at any of its steps doesn't take the files that its writer commits properly."""
    actors = {"ann": appends("a"), "eve": expires(), "others": others((3, 1))}
    Search(actors, start=table(2), check=checks({"ann": "a"})).run()


def swept(store: Direct, now_us: int = LATER_US + 2 * DAY_US) -> set[str]:
    """Let the next bucket begin and expire: return the names that are there then, and that no version needs.

    Entries in the newest bucket stay in any case.
    """
    writer = Writer(store, now_us)
    many(writer, 4)
    writer.expire(1)
    newest = writer.log.sequence.names.name(writer.log.latest().version).rpartition("/")[0]
    return {name for name in store.list() if name not in needed(store) and not name.startswith(newest)}


@pytest.mark.parametrize("size", [2, 3])
def test_dead_writers(size: int) -> None:
    """A writer that dies with its stray is in nobody's way, and all that it leaves goes with a later expiry."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            assert swept(Direct(dict(moment.objects))) == set()

    actors = {"ann": appends("a"), "others": others((3, 1), (1, 1))}
    Search(actors, start=table(size), check=checks({"ann": "a"}, expected=expected), deaths=1).run()


def test_a_strays_files_wait_for_the_horizon() -> None:
    """An expiry takes the entry of a stray, but not its file: its writer may be about to commit it properly."""
    store = Direct(table(2))
    others = Writer(store, LATER_US)

    def come() -> None:
        many(others, 3)
        others.expire(1, grace_us=HOUR_US)

    def cleaning() -> None:
        others.append("b")
        others.expire(1)
        assert others.log.read(STRAY) is None
        assert b"a" in store.objects.values()

    sleeping = between(between(store, come), cleaning, after=True)
    assert appends("a")(sleeping) == (9, False)
    assert others.words().count("a") == 1
    verify(store)
    assert swept(store) == set()


def test_a_stray_that_an_expiry_meets_keeps_its_files() -> None:
    """What an entry outside the ranges names isn't taken at once, though the expiry has seen the entry."""
    store = Direct(table(2))
    wake_up = wakes_up(store.objects, "a")
    few(Writer(store, LATER_US))
    many(Writer(store, LATER_US), 1)

    listed: list[str] = []

    class Waking(StoreWrapper):
        def list(self, prefix: str = "") -> Iterator[str]:
            names = [*super().list(prefix)]
            if prefix == LOG and "data/" in listed and LOG not in listed[listed.index("data/") :]:
                wake_up(store)  # the expiry has finished what was let go before, and is about to decide
            listed.append(prefix)
            return iter(names)

    report = Writer(Waking(store), LATER_US).expire(1)
    assert STRAY not in [line.version for line in report.removed]
    assert report.entries_removed > 0
    assert b"a" in store.objects.values()


def test_files_of_strays_go_behind_the_horizon() -> None:
    """Once a stray's file is older than the horizon it goes, and its writer writes the rows again."""
    store = Direct(table(2))
    others = Writer(store, LATER_US)

    def cleaning() -> None:
        others.now_us += HOUR_US
        others.append("b")
        others.expire(1, grace_us=0)
        assert b"a" not in store.objects.values()

    sleeping = between(between(store, lambda: few(others)), cleaning, after=True)
    assert appends("a")(sleeping)[1] is False
    assert others.words().count("a") == 1


def test_an_unconfirmed_expiry_deletes_nothing() -> None:
    """An expiry that can't look whether its entry is on the chain deletes nothing."""
    store = Direct(table(2))
    before = dict(store.objects)

    class Silent(StoreWrapper):
        def look(self, folder: str) -> list[str]:
            if len(store.objects) > len(before):
                raise lost_answer()
            return super().look(folder)

    with pytest.raises(CommitUnknownError):
        expires(keep_last=1, grace_us=0)(Silent(store))
    assert store.objects.items() > before.items()


@pytest.mark.parametrize("empty", ["999999/", "999998/", "999990/"])
@pytest.mark.parametrize("size", [0, 2, 3])
def test_empty_buckets(size: int, empty: str) -> None:
    """A bucket that a writer made before it died, and that is empty, hinders neither commits nor expiries."""
    start = table(size, folders_stay=True) | {LOG + empty: b""}
    actors: dict[str, Any] = {"ann": appends("a"), "bob": overwrites("b")}
    Search(actors, start=start, check=checks({}), folders_stay=True).run()
    if size:
        actors = {"ann": appends("a"), "eve": expires(grace_us=0)}
        Search(actors, start=start, check=checks({"ann": "a"}), folders_stay=True).run()


def test_a_slow_append_among_empty_buckets() -> None:
    """A stray is found where every folder stays, and a writer has left an empty one behind."""
    start = table(2, folders_stay=True) | {LOG + "999990/": b""}
    actors = {"ann": appends("a"), "others": others((3, 1), (5, 1))}
    Search(actors, start=start, check=checks({"ann": "a"}), folders_stay=True).run()


def test_a_table_with_a_stray() -> None:
    """A stray in the log is no version: not in the history, not by its number, not for the next write."""
    store = MemoryStore()
    slow_store = between(store, lambda: None)
    slow, others = Table(store=slow_store, limits=SMALL), Table(store=store, limits=SMALL)
    slow.append(pa.table({"a": [1]}))
    taken = store.read("_atio/log/999999/002-1.json")
    for number in range(2, 9):
        others.append(pa.table({"a": [number]}))
    others.expire(keep_last=2, grace=timedelta(0))
    store.put("_atio/log/999999/002-1.json", taken)
    assert [snapshot.version for snapshot in others.history()] == [8, 7]
    with pytest.raises(VersionExpiredError):
        others.read(1)
    assert others.append(pa.table({"a": [9]})).version == 10
    assert slow.append(pa.table({"a": [10]})).version == 11
    assert slow.read(output_as="arrow")["a"].to_pylist() == list(range(1, 11))
