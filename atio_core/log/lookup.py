"""Which version is meant: by its number, counted back from the latest, by a tag, or as of a time.

- Counted back: -1 is the latest, -2 the version that the history lists before it.
- As of a time: the highest data version that isn't later. Times never go back along the chain, so it is found by
  halving. Retention keeps the newest entry of a data version, and the next data version follows that one directly: so a
  gap in the numbers between both shows that versions were let go which may have been the answer.

A choice that the latest makes holds if that still is the latest when the choice fails; else it is made again.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from atio_core.arguments import refusal, require_text, require_time, require_whole
from atio_core.errors import InvalidInputError, TagNotFoundError, VersionExpiredError, VersionNotFoundError
from atio_core.log.commit_log import CommitLog, no_table
from atio_core.model.entry import LogEntry, empty_entry
from atio_core.model.tag_name import LATEST, looks_like_number
from atio_core.times import microseconds_of, time_of

AnyVersion = int | str | datetime
"""What names a version: a number, a tag or "latest", a time."""

_ROUNDS = 10
_TAGS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class VersionSelector:
    """The version that a caller wants; the latest if nothing is said.

    Attributes:
        number: Its number; a negative one counts back.
        tag: Its name.
        time_us: The time as of which it was the latest.
    """

    number: int | None = None
    tag: str | None = None
    time_us: int | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same version at any time."""
        return self.number is not None and self.number >= 0


@dataclass(frozen=True, slots=True)
class Found:
    """A version.

    Attributes:
        entry: The entry that holds its rows.
        latest: The latest entry, which retains it.
    """

    entry: LogEntry
    latest: LogEntry


def require_selector(version: object = None, *, as_of: object = None, tag: object = None) -> VersionSelector:
    """Return what a caller wants.

    Args:
        version: A number, a tag's name, "latest", or a time.
        as_of: A time.
        tag: A tag's name.

    Raises:
        InvalidInputError: One of them can't be meant, or there are several.
    """
    given = [name for name, one in (("version", version), ("as_of", as_of), ("tag", tag)) if one is not None]
    if len(given) > 1:
        raise InvalidInputError(f"{' and '.join(given)} each name a version: give one of them")
    if as_of is not None or isinstance(version, datetime):
        name, time = ("version", version) if as_of is None else ("as_of", as_of)
        return VersionSelector(time_us=microseconds_of(require_time(name, time)))
    if tag is not None:
        return VersionSelector(tag=require_text("tag", tag))
    if isinstance(version, str):
        name = require_text("version", version)
        if looks_like_number(name):
            raise refusal("version", 'a whole number, a tag, "latest" or a datetime', version)
        return VersionSelector() if name == LATEST else VersionSelector(tag=name)
    return VersionSelector() if version is None else VersionSelector(number=require_whole("version", version))


def find(log: CommitLog, wanted: VersionSelector) -> Found:
    """Return a version that can be read.

    Raises:
        TableNotFoundError: There is no table, or that version is the one that dropped it.
        TagNotFoundError: It has no such tag.
        VersionNotFoundError: No such version was ever committed.
        VersionExpiredError: It was, or may have been, and has been expired since.
    """
    found = _find(log, wanted)
    if not found.entry.is_there:
        raise no_table(log.location, found.entry)
    return found


def _find(log: CommitLog, wanted: VersionSelector) -> Found:
    if wanted.number is not None and wanted.number >= 0:
        return Found(*log.find(wanted.number))
    for _ in range(_ROUNDS):
        latest = log.latest()
        try:
            return Found(_chosen(log, latest, wanted), latest)
        except VersionExpiredError:
            if log.latest().retained.holds_all(latest.retained):
                raise
    raise too_fast(log, "looked for")


def first_holding(log: CommitLog, found: Found) -> Found:
    """Return the first entry that holds the rows of a version, if it is retained: with the files of the commit.

    A compaction that came later has put others in their places.
    """
    version = found.entry.data.version
    if found.entry.version == version or version not in found.latest.retained:
        return found
    try:
        (entry,) = log.read_retained(found.latest, [version])
    except VersionExpiredError:
        return found
    return Found(entry, found.latest)


class Steps(Iterator[tuple[Found, Found]]):
    """The data versions after one that are retained, in order, each with the one before it.

    Of those in between that have expired nothing is told. Each version comes with the files that are next to those of
    the other: of a compacted one, the version before with the new files, the version after with those of its commit.

    Args:
        log: The table's log.
        since: The version before the first; 0 for none.

    Raises:
        TableNotFoundError: There is no table.
        VersionNotFoundError: No such version was ever committed.
        VersionExpiredError: It has expired.
    """

    def __init__(self, log: CommitLog, since: int) -> None:
        self._log = log
        self.latest = log.latest()
        """The latest entry, as it was looked up last."""
        self._older = self._held(since)
        self.until: int = self.latest.data.version
        """The last version of all."""

    def __next__(self) -> tuple[Found, Found]:
        """Return the next version, behind the one before it. Raises `VersionExpiredError` if that has expired."""
        for _ in range(_ROUNDS):
            if self._older.data.version >= self.until:
                raise StopIteration
            try:
                older, newer = self._next(self._older)
            except VersionExpiredError:
                self.look_again()
                continue
            self._older = newer
            return Found(older, self.latest), Found(newer, self.latest)
        raise too_fast(self._log, "gone through")

    def look_again(self, version: int | None = None) -> None:
        """Go on from a version, or that which came last, as it lies in the latest now: others have expired."""
        self.latest = self._log.latest()
        self._older = self._held(self._older.data.version if version is None else version)

    def _next(self, older: LogEntry) -> tuple[LogEntry, LogEntry]:
        number = older.version
        while (following := self.latest.retained.at_or_after(number + 1)) is not None:
            number = following
            (entry,) = self._log.read_retained(self.latest, [number])
            if entry.data.version != older.data.version:
                return older, entry
            older = entry
        raise too_fast(self._log, "gone through")

    def _held(self, version: int) -> LogEntry:
        if not version:
            return empty_entry(self.latest.table_id)
        try:
            entry, self.latest = self._log.find(version)
        except VersionExpiredError as error:
            message = (
                f"what changed since version {version} of the table {self._log.location} can't be told: it has expired;"
                " read the latest version whole, go on from its number, and keep versions (keep_for, a tag or a lease)"
                " for longer than readers stay away"
            )
            raise VersionExpiredError(message, table=self._log.location, version=version) from error
        return entry


def history(log: CommitLog, limit: int | None = None) -> list[Found]:
    """Return the data versions that can be read, newest first; no more than `limit`, if there is one.

    Raises `TableNotFoundError` if there is no table.
    """
    for _ in range(_ROUNDS):
        latest = log.latest()
        try:
            newest = _newest_entries(log, latest, limit)
        except VersionExpiredError:
            continue
        if not newest:
            raise no_table(log.location)
        return [Found(newest[version], latest) for version in sorted(newest, reverse=True)[:limit]]
    raise too_fast(log, "listed")


def _newest_entries(log: CommitLog, latest: LogEntry, limit: int | None) -> dict[int, LogEntry]:
    """The newest entry of each data version, or of at least so many of the last ones, as far as there are so many."""
    older = [version for version in latest.retained if version != latest.version]
    found = {latest.data.version: latest} if latest.data.version else {}
    while older and (limit is None or len(found) < limit):
        start = 0 if limit is None else max(0, len(older) - (limit - len(found)))
        chunk, older = older[start:], older[:start]
        for entry in reversed(log.read_retained(latest, chunk)):
            if entry.data.version:
                found.setdefault(entry.data.version, entry)
    return found


def no_tag(there: Collection[str], name: str, table: str) -> TagNotFoundError:
    """Return the error for a tag that isn't among those that are there."""
    shown = [*map(repr, sorted(there)[:_TAGS_SHOWN])]
    left = len(there) - len(shown)
    others = ", ".join([*shown, f"and {left} more"] if left else shown) or "none"
    return TagNotFoundError(f"the table {table} has no tag {name!r}; its tags: {others}", table=table)


def too_fast(log: CommitLog, what: str) -> VersionExpiredError:
    """Return the error for what was started over too often."""
    message = f"versions of {log.location} expired faster than they could be {what}"
    return VersionExpiredError(message, table=log.location)


def _chosen(log: CommitLog, latest: LogEntry, wanted: VersionSelector) -> LogEntry:
    if wanted.tag is not None:
        tags = log.tags_of(latest)
        tag = tags.get(wanted.tag)
        if tag is None:
            raise no_tag(tags, wanted.tag, log.location)
        return log.held_by(latest, tag.version)
    if wanted.time_us is not None:
        return _as_of(log, latest, wanted.time_us)
    return latest if wanted.number is None else _counted_back(log, latest, wanted.number)


def _counted_back(log: CommitLog, latest: LogEntry, number: int) -> LogEntry:
    entry, left = latest, -number
    while left > 1:
        before = latest.retained.before(entry.data.version)
        if before is None:
            raise VersionNotFoundError(
                f"the table {log.location} has no version {number}: its latest is {latest.data.version}, and the"
                f" history lists {-number - left + 1}",
                table=log.location,
                version=number,
            )
        (entry,) = log.read_retained(latest, [before])
        left -= 1
    return entry


def _as_of(log: CommitLog, latest: LogEntry, time_us: int) -> LogEntry:
    entries = {latest.version: latest}

    def entry(number: int) -> LogEntry:
        if number not in entries:
            (entries[number],) = log.read_retained(latest, [number])
        return entries[number]

    numbers = list(latest.retained)
    place = bisect.bisect_right(numbers, time_us, key=lambda number: entry(number).data.time_us)
    if place == len(numbers):
        return latest
    later = entry(numbers[place]).data
    before = numbers[place - 1] if place else 0  # the newest entry of its data version
    if later.version == 1:
        message = f"the table {log.location} had no version then: its first came at {_told(later.time_us)}"
        raise VersionNotFoundError(message, table=log.location)
    if later.version != before + 1:
        raise VersionExpiredError(
            f"the version of the table {log.location} as of {_told(time_us)} may have expired: of those before version"
            f" {later.version} some are let go; name a retained version by its number",
            table=log.location,
            version=before + 1,
        )
    return entry(before)


def _told(time_us: int) -> str:
    """A time as people read it; those that no calendar holds as they are."""
    try:
        return f"{time_of(time_us):%Y-%m-%d %H:%M:%S.%f} UTC"
    except OverflowError:
        return f"{time_us} microseconds"
