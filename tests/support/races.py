"""Actors for `schedule.Search`, and what must hold at every state that they reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from atio_core.changes.overwrite_object import OverwriteObject
from atio_core.changes.schema import WrittenSchema
from atio_core.changes.tag import EndLease
from atio_core.errors import (
    AlreadyExistsError,
    AtioError,
    CommitConflictError,
    CommitUnknownError,
    NotFoundError,
    StagedFilesExpiredError,
    VersionExpiredError,
)
from atio_core.format.names import LOG
from atio_core.log.file_list import files_of, missing_file
from atio_core.log.lookup import VersionSelector, find
from atio_core.model.entry import ROWS, LogEntry
from tests.support.commits import SCHEMA, START_US, WIDE, Writer, commit_ids, verify
from tests.support.schedule import Actor, Direct, Moment

HOUR_US = 3_600_000_000
LATER_US = START_US + 24 * HOUR_US
"""When the actors are at work: all that was there at first is older than the grace period."""


def table(versions: int, *, folders_stay: bool = False) -> dict[str, bytes]:
    """Return the objects of a table of so many versions: 2 and 5 are overwrites, the others appends."""
    store = Direct({}, folders_stay=folders_stay)
    writer = Writer(store)
    for number in range(1, versions + 1):
        (writer.overwrite if number in _OVERWRITES else writer.append)(f"old {number}")
    return store.objects


def partitions(versions: int) -> dict[str, bytes]:
    """Return the objects of a table of so many versions, each of which brought a word to one of four partitions."""
    store = Direct({})
    writer = Writer(store)
    for number in range(versions):
        writer.replace({"wxyz"[number % 4]: [f"old {number}"]})
    return store.objects


def old(versions: int) -> list[str]:
    """Return the rows of a table of so many versions."""
    first = max((number for number in _OVERWRITES if number <= versions), default=1)
    return [f"old {number}" for number in range(first, versions + 1)]


_OVERWRITES = (2, 5)


def appends(word: str, **options: Any) -> Actor:
    """An actor that appends a word, whatever it takes; it comes to the version and whether that was there before."""
    return writes(Writer.appending, word, **options)


def overwrites(word: str, **options: Any) -> Actor:
    """An actor that overwrites all rows by a word."""
    return writes(Writer.overwriting, word, **options)


def writes(
    change: Callable[[Writer, Any], Any], word: str, *, schema: WrittenSchema = SCHEMA, **options: Any
) -> Actor:
    """An actor that writes a file and commits it, and writes it again if it got too old meanwhile, as `Table` does."""

    def write(store: Any) -> tuple[int, bool]:
        writer = Writer(store, LATER_US, schema=schema)
        for _ in range(3):
            base = writer.log.find_latest()
            file = writer.file(word, not_before_us=base.horizon_us if base else 0)
            try:
                done = writer.commit(change(writer, file), base=base, **options)
            except StagedFilesExpiredError:
                continue
            return done.version, done.repeated
        raise StagedFilesExpiredError("three times")

    return write


def shares(word: str) -> Actor:
    """An actor that overwrites all by an object of the files that are there and a new one, as `Table` does."""

    def share(store: Any) -> int:
        writer = Writer(store, LATER_US)
        for _ in range(4):
            base = writer.log.latest()
            new = writer.file(word, not_before_us=base.horizon_us)
            try:
                there = [replace(file, schema=0) for file in files_of(store, base)]
                change = OverwriteObject("folder", [*there, new], [new], f"{word} and others", writer.limits)
                return writer.commit(change, base=base).version
            except (StagedFilesExpiredError, VersionExpiredError, NotFoundError):
                continue
            except CommitConflictError as error:
                if not error.facts["write_again"]:
                    raise
        raise StagedFilesExpiredError("four times")

    return share


def overwrites_and_expires(word: str) -> Actor:
    """All others: in one step they overwrite all by a word, and expire all but that version."""

    def go_on(store: Direct) -> None:
        writer = Writer(store, LATER_US)
        latest = writer.log.latest()
        writer.commit(writer.overwriting(writer.file(word, not_before_us=latest.horizon_us)))
        writer.expire(1, grace_us=0)

    def act(store: Any) -> None:
        store.at_once(go_on)

    return act


def wakes_up(start: Mapping[str, bytes], word: str) -> Actor:
    """An actor that slept just before the create of an append to a table as it was at the start, and dies after it."""
    store = Direct(dict(start))
    Writer(store, LATER_US).append(word)
    (entry,) = [name for name in store.objects.keys() - start.keys() if name.startswith(LOG)]
    others = {name: data for name, data in store.objects.items() if name not in start and name != entry}

    def create(scheduled: Any) -> None:
        for name, data in others.items():
            scheduled.put(name, data)
        with suppress(AlreadyExistsError):
            scheduled.put_if_absent(entry, store.objects[entry])

    return create


def replaces(value: str, word: str) -> Actor:
    """An actor that overwrites a partition by a word."""

    def replace(store: Any) -> tuple[int, bool]:
        done = Writer(store, LATER_US).replace({value: [word]})
        return done.version, done.repeated

    return replace


def expires(after_us: int = 0, **options: Any) -> Actor:
    """An actor that expires versions; it comes to the version of its entry, or None."""

    def expire(store: Any) -> int | None:
        return Writer(store, LATER_US + after_us).expire(**options).version

    return expire


def restores(version: int) -> Actor:
    """An actor that restores a version; it comes to the number of the new one, and whether that was there before."""

    def restore(store: Any) -> tuple[int, bool]:
        done = Writer(store, LATER_US).restore(version)
        return done.version, done.repeated

    return restore


def tags(version: int) -> Actor:
    """An actor that tags a version."""

    def tag(store: Any) -> int:
        return Writer(store, LATER_US).tag("kept", version).version

    return tag


def leases(version: int, until_us: int) -> Actor:
    """An actor that leases a version until a time, and finds it there at the end."""

    def lease(store: Any) -> None:
        writer = Writer(store, LATER_US)
        writer.lease(version, until_us)
        try:
            writer.commit(EndLease(writer.log, "lease", version))
        except VersionExpiredError as error:
            raise AssertionError("a version has gone though it was leased") from error

    return lease


def renews(version: int, until_us: int) -> Actor:
    """An actor that gives a lease a later end."""

    def renew(store: Any) -> int:
        return Writer(store, LATER_US).lease(version, until_us).version

    return renew


def restores_and_expires(version: int) -> Actor:
    """All others: in one step they restore a version, and expire all but the new one."""

    def go_on(store: Direct) -> None:
        writer = Writer(store, LATER_US)
        writer.restore(version)
        writer.expire(1, grace_us=0)

    def act(store: Any) -> None:
        store.at_once(go_on)

    return act


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader got."""

    version: int
    commit_id: str
    words: tuple[str, ...]


def reads(store: Any) -> Read:
    """An actor that reads the latest as `Table.read` does."""
    writer = Writer(store, LATER_US)
    for _ in range(10):
        try:
            return read_entry(writer, writer.log.latest())
        except VersionExpiredError:
            continue
    raise VersionExpiredError("ten times")


def reads_version(version: int) -> Actor:
    """An actor that reads a version by its number."""

    def read(store: Any) -> Read:
        writer = Writer(store, LATER_US)
        return read_entry(writer, writer.log.get(version))

    return read


def reads_wanted(wanted: VersionSelector) -> Actor:
    """An actor that reads a version by its tag, counted back, or as of a time."""

    def read(store: Any) -> Read:
        writer = Writer(store, LATER_US)
        return read_entry(writer, find(writer.log, wanted).entry)

    return read


def read_entry(writer: Writer, entry: LogEntry) -> Read:
    """Read the rows of an entry as `Snapshot.read` does."""
    try:
        return Read(entry.version, entry.commit_id, tuple(writer.words(entry)))
    except NotFoundError as error:
        now = writer.log.standing(entry.data.version)
        if now is not None and now.version != entry.version:
            return read_entry(writer, now)  # a compaction has put other files in their places
        raise missing_file(writer.log.location, entry.version, error, retained=now is not None) from error


def others(*rounds: tuple[int, int | None]) -> Actor:
    """All others: each round is one step of so many appends and, if a number is given, an expiry that keeps so many."""

    def act(store: Any) -> None:
        for number, (commits, keep_last) in enumerate(rounds, start=1):
            store.at_once(_round(number, commits, keep_last))

    return act


def _round(number: int, commits: int, keep_last: int | None) -> Callable[[Direct], None]:
    def others_go_on(store: Direct) -> None:
        writer = Writer(store, LATER_US + number * HOUR_US)
        for place in range(commits):
            latest = writer.log.find_latest()
            file = writer.file(f"other {number}.{place}", not_before_us=latest.horizon_us if latest else 0)
            writer.commit(writer.appending(file))
        if keep_last is not None:
            writer.expire(keep_last, grace_us=0)
        assert not writer.pauses, "nobody came between, and yet a race was lost"

    return others_go_on


def checks(
    words: Mapping[str, str],
    *,
    expected: Callable[[Moment, dict[int, list[str]]], None] | None = None,
    errors: tuple[type[AtioError], ...] = (),
) -> Callable[[Moment], None]:
    """Return a check of what must hold at every state.

    - Every retained version is whole (P1, P3, P6).
    - A word whose commit was acknowledged is there once; another at most once; one whose commit ended in an error other
      than `CommitUnknownError` isn't there (P4).
    - What was read is a version of the table (P3).
    - When all is over, the next commit succeeds at once (P5).

    Args:
        words: The word that an actor appends, by the actor's name.
        expected: A further check, of the moment and the rows of the versions.
        errors: What an actor may come to beside success. Anything else is a failure of the search.
    """

    def check(moment: Moment) -> None:
        store = Direct(moment.objects)
        rows = verify(store)
        latest = rows[max(rows)] if rows else []
        for name, outcome in moment.outcomes.items():
            if outcome.error is not None and not isinstance(outcome.error, errors):
                raise outcome.error
            if name in words:
                count = latest.count(words[name])
                most = int(outcome.error is None or isinstance(outcome.error, CommitUnknownError))
                assert int(outcome.ok) <= count <= most, f"{words[name]} is {count} times in {rows}"
            elif isinstance(outcome.value, Read):
                known = commit_ids(store, Writer(store).log.latest())
                assert known[outcome.value.version].hex() == outcome.value.commit_id
        if expected is not None:
            expected(moment, rows)
        if moment.over:
            _commit_at_once(store, latest)

    return check


def _commit_at_once(store: Direct, latest: list[str]) -> None:
    writer = Writer(store, LATER_US + timedelta(days=30) // timedelta(microseconds=1))
    entry = writer.log.find_latest()
    if entry is not None and entry.kind != ROWS:
        writer.overwrite("next")
        assert not writer.pauses, "a race was lost against nobody"
        assert writer.words() == ["next"]
        return
    if entry is not None and entry.schemas[entry.schema].digest == WIDE.digest:
        writer.schema = WIDE
    if entry is not None and entry.partition_fields:
        writer.replace({"next": ["next"]})
    else:
        writer.append("next")
    assert not writer.pauses, "a race was lost against nobody"
    assert [*latest, "next"] == writer.words()
