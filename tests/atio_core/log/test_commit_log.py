from __future__ import annotations

from collections.abc import Callable

import pytest

from atio_core.errors import (
    DamagedError,
    NewerFormatError,
    TableNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.format.entry_json import encode_entry
from atio_core.log.commit_log import CommitLog
from atio_core.model.entry import LogEntry
from atio_core.storage.memory import MemoryStore
from atio_core.testing import StoreWrapper
from tests.support.commits import SMALL, START_US, Writer

DAY_US = 86_400_000_000


def table(*words: str) -> Writer:
    """Return a writer of a table to which these were appended, one by one."""
    writer = Writer(MemoryStore("table"))
    for word in words:
        writer.append(word)
    return writer


def put(writer: Writer, version: int, entry: LogEntry) -> str:
    """Put an entry under a version's name, whatever is there; returns the name."""
    name = writer.log.sequence.names.name(version)
    writer.store.delete([name])
    writer.store.put(name, encode_entry(entry.with_(version=version)))
    return name


class _Meddling(StoreWrapper):
    """A store where something happens once, right before an object is read."""

    def __init__(self, store: MemoryStore, name: str, meddle: Callable[[], object]) -> None:
        super().__init__(store)
        self.name = name
        self.meddle = meddle

    def read(self, name: str) -> bytes:
        if name == self.name:
            meddle, self.meddle = self.meddle, lambda: None
            meddle()
        return self.store.read(name)


def meddled(writer: Writer, version: int, meddle: Callable[[], object]) -> CommitLog:
    """Return a log where something happens once, right before a version's entry is read."""
    name = writer.log.sequence.names.name(version)
    return CommitLog(_Meddling(writer.store, name, meddle), SMALL)  # pyright: ignore[reportArgumentType]


def test_no_table_is_no_version() -> None:
    """Where nothing was committed there is no latest entry, and an error says what to do."""
    log = CommitLog(MemoryStore("nothing"))
    assert log.find_latest() is None
    with pytest.raises(TableNotFoundError, match=r"memory://nothing.*write a first version") as caught:
        log.latest()
    assert caught.value.table == "memory://nothing"


def test_each_version_is_found_by_its_number() -> None:
    """Every version that was committed can be had by its number, over all buckets, the latest too."""
    log = table(*"abcdefghi").log
    assert [log.get(version).version for version in range(1, 10)] == list(range(1, 10))
    assert log.latest() == log.get(9)


@pytest.mark.parametrize("version", [0, -1, 4, 10**6, 10**20])
def test_a_number_that_was_never_committed_is_not_found(version: int) -> None:
    """An error tells the latest version, so that one sees what there is."""
    with pytest.raises(VersionNotFoundError, match="its latest is 3") as caught:
        table(*"abc").log.get(version)
    assert (caught.value.table, caught.value.version) == ("memory://table", version)


def test_an_expired_version_is_not_found_as_such() -> None:
    """A version that was let go says so, with what is retained; so it is also where its entry still lies."""
    writer = table(*"abcde")
    writer.expire(keep_last=1)
    for version in (1, 4):
        with pytest.raises(VersionExpiredError, match=r"retained: 6\).*keep versions for longer"):
            writer.log.get(version)
    assert writer.log.read(1) is None
    assert writer.log.read(4) is not None  # its name is in the newest bucket


def test_a_version_is_stood_for_by_a_later_entry_with_its_rows() -> None:
    """An expiry's entry keeps the rows: asked for the data version, one gets what holds it, and no more than that."""
    writer = table(*"abc")
    writer.expire(keep_last=1)
    writer.append("d")
    writer.expire(keep_last=2)
    assert [line.version for line in writer.expire(keep_last=2).kept] == [3, 5]
    held = writer.log.get(3)
    assert (held.data.version, writer.words(held)) == (3, ["a", "b", "c"])
    assert held.version > 3
    assert writer.log.is_retained(3)
    assert not writer.log.is_retained(2)
    with pytest.raises(VersionExpiredError):
        writer.log.get(2)


def test_a_base_says_what_it_holds() -> None:
    """Asked of a base, a version is there if that retains it and still is the latest."""
    writer = table(*"abcde")
    log, base = writer.log, writer.log.latest()
    assert [log.held_by(base, version).version for version in (1, 4, 5)] == [1, 4, 5]
    with pytest.raises(VersionNotFoundError, match="its latest is 5"):
        log.held_by(base, 6)
    writer.expire(keep_last=2)
    with pytest.raises(VersionExpiredError):
        log.held_by(base, 4)
    latest = log.latest()
    assert [log.held_by(latest, version).data.version for version in (4, 5)] == [4, 5]
    with pytest.raises(VersionExpiredError, match="version 3 "):
        log.held_by(latest, 3)


def test_a_stray_is_no_version() -> None:
    """What a slow writer puts under a freed name is not read: the ranges of the latest are the judge."""
    writer = table(*"abcde")
    stray = writer.log.get(2)
    writer.expire(keep_last=1)
    put(writer, 2, stray.with_(commit_id="0" * 32))
    with pytest.raises(VersionExpiredError):
        writer.log.get(2)


def let_go_with_a_stray(writer: Writer, version: int) -> Callable[[], object]:
    """Return what lets a version go, and then puts a stray under its freed name."""

    def meddle() -> None:
        entry = writer.log.read(version)
        assert entry is not None
        writer.expire(keep_last=1)
        put(writer, version, entry.with_(commit_id="0" * 32))

    return meddle


def test_a_version_that_goes_while_it_is_read_has_expired() -> None:
    """The entry is read first and the latest then: a stray that came between the two is not taken for the version."""
    writer = table(*"abcde")
    log = meddled(writer, 2, let_go_with_a_stray(writer, 2))
    with pytest.raises(VersionExpiredError):
        log.get(2)


def test_versions_that_go_while_they_are_read_have_expired() -> None:
    """Entries are read before the latest is looked at again, so that no stray is taken for one of them."""
    writer = table(*"abcde")
    latest = writer.log.latest()
    log = meddled(writer, 2, let_go_with_a_stray(writer, 2))
    with pytest.raises(VersionExpiredError, match=r"version 1 .* has expired"):
        log.read_retained(latest, [1, 2, 3])


def test_a_later_commit_hinders_no_reading_of_retained_versions() -> None:
    """As long as nothing was let go, entries are those of the versions, whatever was committed meanwhile."""
    writer = table(*"abc")
    latest = writer.log.latest()
    log = meddled(writer, 2, lambda: writer.append("d"))
    assert [entry.version for entry in log.read_retained(latest, [1, 2])] == [1, 2]
    assert log.read_retained(latest, []) == []


def test_a_missing_entry_of_a_retained_version_is_damage() -> None:
    """An error names the entry's file and says to bring it back, when it is read alone or with others."""
    writer = table(*"abcde")
    name = writer.log.sequence.names.name(2)
    writer.store.delete([name])
    for act in (lambda: writer.log.get(2), lambda: writer.log.read_retained(writer.log.latest(), [1, 2, 3])):
        with pytest.raises(DamagedError, match=r"is missing; bring it back") as caught:
            act()
        assert (caught.value.facts["path"], caught.value.version) == (name, 2)
    assert writer.log.get(1).version == 1


@pytest.mark.parametrize("version", [2, 4])
def test_an_entry_of_another_table_is_damage(version: int) -> None:
    """A whole entry that belongs to another table is named, whether it is read alone or with others."""
    writer, other = table(*"abcde"), table(*"vwxyz")
    name = put(writer, version, other.log.get(version))
    latest = writer.log.latest()
    for act in (lambda: writer.log.get(version), lambda: writer.log.read_retained(latest, [1, version])):
        with pytest.raises(DamagedError, match="holds an entry of another table") as caught:
            act()
        assert caught.value.facts["path"] == name
        assert (caught.value.facts["found"], caught.value.facts["expected"]) == (
            other.log.get(version).table_id,
            latest.table_id,
        )


def test_a_latest_entry_of_another_table_is_named_and_no_other() -> None:
    """If the latest entry is the one that doesn't belong, it is the one that is named."""
    writer, other = table(*"abcde"), table(*"vwxyz")
    name = put(writer, 5, other.log.get(5))
    for act in (lambda: writer.log.get(2), lambda: writer.log.read_retained(writer.log.latest(), [1, 2])):
        with pytest.raises(DamagedError, match="holds an entry of another table") as caught:
            act()
        assert caught.value.facts["path"] == name


def test_an_entry_alone_belongs() -> None:
    """A table of one version has nothing that speaks against its entry; nor do damaged neighbours speak."""
    writer = table("a")
    writer.log.require_own(writer.log.latest())
    writer.append("b")
    name = writer.log.sequence.names.name(1)
    writer.store.delete([name])
    writer.store.put(name, b"damaged")
    writer.log.require_own(writer.log.latest())


def test_an_entry_that_is_another_commit_is_damage() -> None:
    """An entry of a copy of the table is told by its commit id, as far back as the latest knows them."""
    writer = table(*"abcde")
    name = put(writer, 3, writer.log.get(3).with_(commit_id="0" * 32))
    with pytest.raises(DamagedError, match="holds another commit") as caught:
        writer.log.get(3)
    assert (caught.value.facts["path"], caught.value.facts["found"]) == (name, "0" * 32)


def test_beyond_the_recent_ids_an_entry_is_believed() -> None:
    """Where the latest's ids don't reach, an entry of the table is taken as it is."""
    writer = table(*"abcdefghijkl")
    assert len(writer.log.latest().recent.commits) < 11
    assert writer.log.get(1).version == 1


def test_a_reader_says_what_it_does_not_know() -> None:
    """An entry that needs a feature of a later release is refused with the feature's name."""
    writer = table("a", "b")
    put(writer, 3, writer.log.latest().with_(reader_features=("deletion-vectors",)))
    with pytest.raises(NewerFormatError, match=r"read version 3.*deletion-vectors.*upgrade atio") as caught:
        writer.log.latest()
    assert (caught.value.table, caught.value.version) == ("memory://table", 3)


def test_only_a_writer_minds_a_writers_feature() -> None:
    """A version that only a later release may build on can be read, but no commit follows it."""
    writer = table("a", "b")
    put(writer, 3, writer.log.latest().with_(writer_features=("row-ids",)))
    assert writer.words() == ["a", "b"]
    with pytest.raises(NewerFormatError, match=r"commit after version 3.*row-ids"):
        writer.append("c")


def test_an_age_is_no_matter() -> None:
    """A log is read the same whatever its times say."""
    writer = table("a")
    writer.now_us = START_US - 400 * DAY_US
    writer.append("b")
    assert [writer.log.get(version).version for version in (1, 2)] == [1, 2]
    assert writer.log.latest().time_us == START_US  # never before the parent's


def test_the_newest_marks_stay_known() -> None:
    """However many commits a handle has made, it needs no request to know the one before again."""
    log, entry = table("a").log, table("a").log.latest()
    for number in range(200):
        log.remember(entry.with_(commit_id=f"{number}"), f"mark {number}")
        assert log.is_known(f"{number}", f"mark {number}")
        assert not number or log.is_known(f"{number - 1}", f"mark {number - 1}")
    assert not log.is_known("0", "mark 0")
