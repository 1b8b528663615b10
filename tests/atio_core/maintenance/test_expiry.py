from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from atio_core.errors import DamagedError, TableNotFoundError, VersionExpiredError
from atio_core.storage.local import LocalStore
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import START_US, Writer, verify
from tests.support.stores import CountingStore

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def table(*words: str) -> Writer:
    """Return a writer of a table whose versions are overwrites by these, one by one; its clock shows a day later."""
    writer = Writer(MemoryStore("table"))
    for word in words:
        writer.overwrite(word)
    writer.now_us += DAY_US
    return writer


def data(writer: Writer) -> list[str]:
    """Return what lies in the data files, sorted."""
    return sorted(writer.store.read(name).decode() for name in writer.store.list("data/"))


def test_what_no_rule_keeps_goes_at_once() -> None:
    """Versions go with their files, the latest stays, and the report says what became of each."""
    writer = table("a", "bb", "ccc")
    report = writer.expire(keep_last=2)
    assert [line.version for line in report.removed] == [1]
    assert [(line.version, line.reasons) for line in report.kept] == [
        (2, ("last 2",)),
        (3, ("latest", "last 2")),
    ]
    assert (report.files_removed, report.bytes_removed, report.leftovers, report.waiting) == (1, 1, (), ())
    assert (report.version, report.dry_run, report.table) == (4, False, "memory://table")
    assert data(writer) == ["bb", "ccc"]
    with pytest.raises(VersionExpiredError):
        writer.log.get(1)


def test_if_nothing_would_go_nothing_is_committed() -> None:
    """An expiry that lets nothing go makes no version."""
    writer = table("a", "b")
    report = writer.expire(keep_last=2)
    assert (report.version, report.removed, report.files_removed) == (None, (), 0)
    assert writer.log.latest().version == 2


def test_files_that_are_still_needed_stay() -> None:
    """A version that goes takes only what no other version has."""
    writer = Writer(MemoryStore())
    for word in "abcde":
        writer.append(word)
    assert [line.version for line in writer.expire(keep_last=1).removed] == [1, 2, 3, 4]
    assert writer.words() == list("abcde")
    assert verify(writer.store).keys() == {6}


def test_a_preview_is_what_a_real_run_does() -> None:
    """A dry run does nothing, and reports what a real run reports."""
    writer = table(*"abcdefgh")
    late = writer.file("left behind")
    writer.now_us += 2 * HOUR_US
    writer.file("just now")
    before = {name: writer.store.read(name) for name in writer.store.list()}
    preview = writer.expire(keep_last=2, dry_run=True)
    assert before == {name: writer.store.read(name) for name in writer.store.list()}
    real = writer.expire(keep_last=2)
    for what in (
        "kept",
        "removed",
        "files_removed",
        "bytes_removed",
        "leftovers",
        "waiting",
        "entries_removed",
    ):
        assert getattr(preview, what) == getattr(real, what), what
    assert (preview.dry_run, preview.version) == (True, None)
    assert [line.path for line in real.leftovers] == [late.path]
    assert len(real.waiting) == 1
    assert real.entries_removed > 0


def test_leftovers_wait_for_the_grace_period() -> None:
    """A file that no version has goes once it is older than the grace period, with a report of its size and age."""
    writer = table("a")
    left = writer.file("left behind")
    waiting = writer.expire()
    assert (waiting.version, [line.path for line in waiting.waiting]) == (None, [left.path])
    writer.now_us += HOUR_US + 1000
    report = writer.expire()
    (line,) = report.leftovers
    assert (line.path, line.bytes, line.age) == (left.path, 11, timedelta(hours=1, milliseconds=1))
    assert (report.files_removed, report.bytes_removed, report.version) == (1, 11, 2)
    assert data(writer) == ["a"]


def test_the_grace_period_may_be_another_for_one_call() -> None:
    """`grace` of zero takes every leftover; a longer one than the table's leaves them."""
    writer = table("a")
    writer.file("left behind")
    writer.now_us += 2 * HOUR_US
    assert len(writer.expire(grace_us=3 * HOUR_US).waiting) == 1
    writer.file("just now")
    writer.now_us += 1000
    assert len(writer.expire(grace_us=0).leftovers) == 2
    assert writer.log.latest().grace_us == HOUR_US


def test_the_horizon_never_goes_back() -> None:
    """What one expiry with a short grace period has ruled, a later one with a longer doesn't take back."""
    writer = table("a", "b", "c")
    writer.expire(keep_last=2, grace_us=0)
    horizon_us = writer.log.latest().horizon_us
    assert horizon_us == writer.now_us
    writer.overwrite("d")
    writer.expire(keep_last=1, grace_us=DAY_US)
    assert writer.log.latest().horizon_us == horizon_us


def test_entries_are_freed_in_older_buckets_alone() -> None:
    """Entries that were let go are deleted, but never in the newest bucket, whose first name is the latest."""
    writer = table(*"abcdef")
    report = writer.expire(keep_last=1)  # entry 7, in the bucket of 4 to 7
    assert report.entries_removed == 3
    assert list(writer.log.sequence.numbers()) == [7, 6, 5, 4]
    writer.overwrite("g")
    assert writer.expire(keep_last=1).entries_removed == 4
    assert list(writer.log.sequence.numbers()) == [9, 8]


def test_an_expiry_of_nothing_is_an_error() -> None:
    """Where there is no table, an expiry says so, and makes none."""
    writer = Writer(MemoryStore("nothing"))
    for dry_run in (True, False):
        with pytest.raises(TableNotFoundError, match="memory://nothing"):
            writer.expire(dry_run=dry_run)
    assert list(writer.store.list()) == []


def interrupted(writer: Writer) -> Writer:
    """Let an expiry die right after its entry was committed, before it deleted anything."""
    dying = Writer(FaultyStore(writer.store, Fault("delete", error=refusal)), writer.now_us)
    with pytest.raises(OSError, match="refused"):
        dying.expire(keep_last=1)
    return writer


def test_what_an_expiry_left_the_next_finishes() -> None:
    """An expiry that died after its commit left files and entries: the next one takes them, and reports them."""
    writer = interrupted(table(*"abcdef"))
    assert data(writer) == list("abcdef")
    report = writer.expire(keep_last=1)
    assert data(writer) == ["f"]
    assert (report.files_removed, report.bytes_removed, report.removed) == (5, 5, ())
    assert len(report.leftovers) == 5
    assert report.entries_removed == 7  # 1 to 3, and then, as its own entry begins a bucket, 4 to 7
    assert list(writer.log.sequence.numbers()) == [8]


def test_what_was_finished_is_reported_with_what_went_anew() -> None:
    """A report holds the leftovers of an earlier expiry together with what its own rules removed."""
    writer = interrupted(table(*"abcdef"))
    writer.overwrite("g")
    report = writer.expire(keep_last=1)
    assert [line.version for line in report.removed] == [6]
    assert (report.files_removed, report.bytes_removed) == (6, 6)
    assert report.entries_removed == 3 + 4
    assert data(writer) == ["g"]


def test_finishing_needs_no_free_space() -> None:
    """On a full disk, where no entry can be written, leftovers that may go already do go."""
    writer = interrupted(table(*"abcdef"))
    full = Writer(FaultyStore(writer.store, Fault("put_if_absent", error=refusal)), writer.now_us)
    with pytest.raises(OSError, match="refused"):
        full.expire(keep_last=1)
    assert data(writer) == ["f"]
    assert list(writer.log.sequence.numbers()) == [7, 6, 5, 4]


def damage(writer: Writer, path: str, how: str) -> None:
    """Take a file away, or change its bytes."""
    writer.store.delete([path])
    if how == "other bytes":
        writer.store.put(path, b"damaged")


def appended() -> Writer:
    """Return a writer of a table whose versions 1 to 4 have manifests of their own, and 5 and 6 are overwrites."""
    writer = Writer(MemoryStore())
    for word in "abcd":
        writer.append(word)
    for word in "ef":
        writer.overwrite(word)
    writer.now_us += DAY_US
    return writer


@pytest.mark.parametrize("how", ["missing", "other bytes"])
def test_damage_of_what_goes_stops_no_expiry(how: str) -> None:
    """A version that goes needn't be whole: what it had is cleaned all the same, then or as leftovers."""
    writer = appended()
    (ref,) = writer.log.get(4).manifests
    damage(writer, ref.path, how)
    report = writer.expire(keep_last=2)
    assert [line.version for line in report.removed] == [1, 2, 3, 4]
    writer.now_us += HOUR_US + 1000
    writer.expire(keep_last=2)
    assert data(writer) == ["e", "f"]
    assert list(writer.store.list("_atio/manifests/")) == []


@pytest.mark.parametrize("how", ["missing", "other bytes"])
def test_damage_of_what_stays_stops_an_expiry(how: str) -> None:
    """If nobody knows what a version that stays needs, nothing is deleted; the file is named."""
    writer = appended()
    (ref,) = writer.log.get(4).manifests
    damage(writer, ref.path, how)
    before = list(writer.store.list())
    for dry_run in (True, False):
        with pytest.raises(DamagedError) as caught:
            writer.expire(keep_last=3, dry_run=dry_run)
        assert caught.value.facts["path"] == ref.path
    assert list(writer.store.list()) == before


@pytest.mark.parametrize("version", [2, 5])
def test_a_missing_entry_stops_an_expiry(version: int) -> None:
    """Without the entry of a retained version nobody knows what it names, so nothing is deleted."""
    writer = appended()
    name = writer.log.sequence.names.name(version)
    writer.store.delete([name])
    before = list(writer.store.list())
    with pytest.raises(DamagedError, match="is missing") as caught:
        writer.expire(keep_last=1)
    assert caught.value.facts["path"] == name
    assert list(writer.store.list()) == before


def test_versions_kept_by_an_expiry_are_read_once() -> None:
    """An expiry reads each entry once, however many there are."""
    store = CountingStore(MemoryStore())
    writer = Writer(store)
    for word in "abcdefghij":
        writer.overwrite(word)
    store.reset()
    writer.expire(keep_last=5)
    names = [name for verb, name in store.calls if verb == "read" and name.startswith("_atio/log/")]
    latest = writer.log.sequence.names.name(10)
    assert {names.count(name) for name in set(names) - {latest}} == {1}


def test_a_table_within_a_table_is_left_alone(tmp_path: Path) -> None:
    """Files of a table that lies in another's folder are none of its leftovers."""
    outer = Writer(LocalStore(tmp_path, temporary="_atio/tmp"))
    inner = Writer(LocalStore(tmp_path / "data" / "inner", temporary="_atio/tmp"))
    outer.overwrite("a")
    inner.overwrite("b")
    left = inner.file("left behind")
    foreign = tmp_path / "data" / "notes.txt"
    foreign.write_text("mine")
    outer.now_us += DAY_US
    report = outer.expire(grace_us=0)
    assert (report.leftovers, report.waiting) == ((), ())
    assert inner.words() == ["b"]
    assert inner.store.read(left.path) == b"left behind"
    assert foreign.exists()


def test_a_version_is_as_old_as_its_being_superseded() -> None:
    """A year-old latest doesn't go a minute after the next commit: its age counts from then."""
    writer = table("a")
    writer.now_us = START_US + 365 * DAY_US
    writer.overwrite("b")
    writer.now_us += HOUR_US
    week = timedelta(days=7)
    assert writer.expire(None, keep_for=week).removed == ()
    writer.now_us += 7 * DAY_US
    assert [line.version for line in writer.expire(None, keep_for=week).removed] == [1]
