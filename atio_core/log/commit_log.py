"""The versions of a table: latest, by number, and which of them can be read.

1. Latest: `log/sequence.py`.
2. Version k: k's entry is read first, then the latest; k can be read only if the latest's ranges hold it. A stray can
   take the freed name k between the two, so the second look is the judge.
3. A data version whose own entry was dropped is stood for by a later entry that kept its rows (a tag, an expiry, a
   compaction): the lowest retained entry at or after k, if its data version isn't above k. The latest entry stands for
   its data version, whether that one's own is there still or not.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from atio_core.errors import (
    DamagedError,
    NewerFormatError,
    NotFoundError,
    TableNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.format.entry_json import Outlines, decode_entry
from atio_core.format.names import LOG, Numbered
from atio_core.log.file_list import missing_file
from atio_core.log.limits import Limits, limits_of
from atio_core.log.pauses import Pace, pace_for
from atio_core.log.sequence import Latest, Sequence
from atio_core.log.tag_list import TagLists
from atio_core.model.entry import OBJECTS, PRIMARY_KEY, SORTED, TAG_LIST, LogEntry, Tag
from atio_core.model.outline import Outline
from atio_core.storage.base import ObjectStore

READER_FEATURES: frozenset[str] = frozenset({OBJECTS, TAG_LIST})
WRITER_FEATURES: frozenset[str] = frozenset({PRIMARY_KEY, SORTED})
_ROUNDS = 100
_WITNESSES = 8
_AT_ONCE = 500
_MARKS = 64
_Entry = TypeVar("_Entry", LogEntry, Outline)


class CommitLog:
    """The log of one table.

    Args:
        store: The table's store.
        limits: Bounds on entries; those that suit the store if None.
    """

    def __init__(self, store: ObjectStore, limits: Limits | None = None) -> None:
        self.store = store
        self.limits = limits = limits or limits_of(store)
        self.sequence = Sequence(store, Numbered(LOG, limits.per_bucket))
        self.tag_lists = TagLists(store, limits)
        self.pace: Pace = pace_for(store)
        self._marks: dict[str, str] = {}

    @property
    def location(self) -> str:
        """The table's path, for messages."""
        return self.store.location

    def find_latest(self, since: LogEntry | None = None) -> LogEntry | None:
        """Return the latest entry, or None if the table isn't there.

        Args:
            since: One that was the latest not long ago, if any: it need not be read again, nor all names be listed.
        """
        found = None if since is None else self._found_after(since)
        found = found or self.sequence.latest()
        if found is None:
            return None
        if since is not None and not found.data:
            return since
        entry = self.decode(found.number, found.data)
        self.remember(entry, found.mark)
        return entry

    def _found_after(self, since: LogEntry) -> Latest | None:
        if self.store.flat is None:
            return self.sequence.latest_after(since.version) if since.version else None
        return self.sequence.latest(
            lambda one: one.number == since.version and self.is_known(since.commit_id, one.mark)
        )

    def remember(self, entry: LogEntry, mark: str | None) -> None:
        """Keep in mind by which mark a flat store lists an entry."""
        if mark is not None:
            if len(self._marks) >= _MARKS:
                self._marks.pop(next(iter(self._marks), ""), None)  # the oldest; a handle asks for the newest
            self._marks[entry.commit_id] = mark

    def is_known(self, commit_id: str | None, mark: str | None) -> bool:
        """Say whether the entry of a commit is known to have this mark."""
        return mark is not None and self._marks.get(commit_id or "") == mark

    def latest(self) -> LogEntry:
        """Return the latest entry. Raises `TableNotFoundError` if there is none."""
        entry = self.find_latest()
        if entry is None:
            raise no_table(self.location)
        return entry

    def read(self, version: int) -> LogEntry | None:
        """Return the entry under a version's name, or None. Whether it may be read, only the latest can tell."""
        if not 0 < version <= self.sequence.names.highest:
            return None
        data = self.sequence.read(version)
        return None if data is None else self.decode(version, data)

    def get(self, version: int) -> LogEntry:
        """Return the entry that holds the rows of a version.

        Raises:
            VersionNotFoundError: No such version was ever committed.
            VersionExpiredError: It was, and has been expired since.
        """
        return self.find(version)[0]

    def find(self, version: int) -> tuple[LogEntry, LogEntry]:
        """Return the entry that holds the rows of a version, and the latest, which says so; fails as `get` does."""
        name = version
        for _ in range(_ROUNDS):
            data = self.sequence.read(name) if 0 < name <= self.sequence.names.highest else None
            latest = self.latest()
            stands_for = latest.retained.at_or_after(version) if version > 0 else None
            if stands_for is None:
                raise self._not_found(version, latest)
            if latest.data.version <= version:  # a compaction's entry stands for the version it was made of
                stands_for = latest.version
            if stands_for == latest.version:
                return self._holding(latest, version, latest), latest
            if stands_for == name and data is not None:
                return self._holding(self._decode_retained(name, data, latest), version, latest), latest
            if stands_for == name and self.sequence.read(name) is None and name in self.latest().retained:
                raise self._missing(name)
            name = stands_for
        raise self._expired(version, self.latest())

    def require_table(self, base: LogEntry) -> None:
        """Raise `TableNotFoundError` if a base is none: version 0."""
        if not base.version:
            raise no_table(self.location)

    def held_by(self, base: LogEntry, version: int) -> LogEntry:
        """Return the entry that holds the rows of a version, if a base retains it.

        Raises:
            TableNotFoundError: The base is none.
            VersionNotFoundError: No such version was committed before the base.
            VersionExpiredError: It was, and the base doesn't retain it, or is outdated.
        """
        self.require_table(base)
        stands_for = base.retained.at_or_after(version) if version > 0 else None
        if stands_for is None:
            raise self._not_found(version, base)
        is_own = stands_for == base.version or base.data.version <= version
        (entry,) = (base,) if is_own else self.read_retained(base, [stands_for])
        return self._holding(entry, version, base)

    def read_retained(self, latest: LogEntry, versions: Iterable[int]) -> list[LogEntry]:
        """Return entries that the latest was seen to retain.

        They are read first, and the latest again then: a stray may take a name that was freed meanwhile.

        Raises:
            VersionExpiredError: The latest is outdated: an expiry has let a version go that it retains.
            DamagedError: One is missing or damaged.
        """
        read = self._read_retained(latest, versions)
        return [self._decode_retained(version, data, latest) for version, data in read.items()]

    def outline_retained(self, latest: LogEntry, versions: list[int]) -> list[Outline]:
        """Return the outlines of entries that the latest was seen to retain; fails as `read_retained` does.

        The bytes of some hundred at a time are kept.
        """
        found: list[Outline] = []
        outlines = Outlines()
        for start in range(0, len(versions), _AT_ONCE):
            read = self._read_retained(latest, versions[start : start + _AT_ONCE])
            for version, data in read.items():
                path = self.sequence.names.name(version)
                outline = outlines.decode(data, path=path, version=version, table=self.location)
                require_features(outline.reader_features, READER_FEATURES, "read", outline, self.location)
                found.append(self._require_retained(outline, latest))
        return found

    def _read_retained(self, latest: LogEntry, versions: Iterable[int]) -> dict[int, bytes]:
        found = self.sequence.read_many([*versions])
        again = self.latest() if found else latest
        if not again.retained.holds_all(latest.retained):
            raise self._expired(next(one for one in latest.retained if one not in again.retained), again)
        missing = next((version for version, data in found.items() if data is None), None)
        if missing is not None:
            raise self._missing(missing)
        return {version: data for version, data in found.items() if data is not None}

    def tags_of(self, entry: LogEntry) -> dict[str, Tag]:
        """Return the tags of an entry.

        Raises:
            VersionExpiredError: Their list isn't there any more, nor is the entry retained.
            DamagedError: The list is missing or damaged.
        """
        try:
            return self.tag_lists.of(entry)
        except NotFoundError as error:
            retained = entry.version in self.latest().retained
            raise missing_file(self.location, entry.version, error, retained=retained) from error

    def tags(self) -> dict[str, Tag]:
        """Return the tags that there are now.

        Raises:
            TableNotFoundError: There is no table.
            DamagedError: Their list is missing or damaged.
        """
        for _ in range(_ROUNDS):
            with suppress(VersionExpiredError):
                return self.tags_of(self.latest())
        return self.tags_of(self.latest())

    def is_retained(self, data_version: int) -> bool:
        """Say whether a data version can still be read."""
        return self.standing(data_version) is not None

    def standing(self, data_version: int) -> LogEntry | None:
        """Return the entry that holds the rows of a data version now, or None if it has expired."""
        try:
            entry = self.get(data_version)
        except VersionExpiredError:
            return None
        return entry if entry.data.version == data_version else None

    def require_own(self, entry: LogEntry) -> None:
        """Raise `DamagedError` if an entry is another table's: if more of the entries around it have another id.

        For when something is wrong with it: an entry doesn't show by itself whose it is.
        """
        ids = collections.Counter(
            [entry.table_id, *(other.table_id for other in self._witnesses(entry.version))]
        )
        ((most, count),) = ids.most_common(1)
        if count > ids[entry.table_id]:
            raise self._wrong(entry.version, "holds an entry of another table", entry.table_id, most)

    def _witnesses(self, version: int) -> Iterator[LogEntry]:
        """The entries around a version's, as far as they are whole."""
        others = [number for number in self.sequence.numbers() if number != version]
        for number in sorted(others, key=lambda number: abs(number - version))[:_WITNESSES]:
            with suppress(DamagedError):
                other = self.read(number)
                if other is not None:
                    yield other

    def decode(self, version: int, data: bytes) -> LogEntry:
        """Return the entry that bytes hold, if this release knows all that a reader must."""
        path = self.sequence.names.name(version)
        entry = decode_entry(data, path=path, version=version, table=self.location)
        require_features(entry.reader_features, READER_FEATURES, "read", entry, self.location)
        return entry

    def _holding(self, entry: LogEntry, version: int, latest: LogEntry) -> LogEntry:
        if entry.data.version > version:
            raise self._expired(version, latest)
        return entry

    def _not_found(self, version: int, latest: LogEntry) -> VersionNotFoundError:
        message = f"the table {self.location} has no version {version}: its latest is {latest.data.version}"
        return VersionNotFoundError(message, table=self.location, version=version)

    def _expired(self, version: int, latest: LogEntry) -> VersionExpiredError:
        kept = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in latest.retained.spans)
        message = (
            f"version {version} of the table {self.location} has expired (retained: {kept}); read a retained version,"
            " and keep versions for longer than reads take"
        )
        return VersionExpiredError(message, table=self.location, version=version)

    def _decode_retained(self, version: int, data: bytes, latest: LogEntry) -> LogEntry:
        return self._require_retained(self.decode(version, data), latest)

    def _require_retained(self, entry: _Entry, latest: LogEntry) -> _Entry:
        version = entry.version
        if entry.table_id != latest.table_id:
            self.require_own(latest)
            raise self._wrong(version, "holds an entry of another table", entry.table_id, latest.table_id)
        ids, position = latest.recent.commits, latest.version - version
        if position < len(ids) and ids[position].hex() != entry.commit_id:
            raise self._wrong(version, "holds another commit", entry.commit_id, ids[position].hex())
        return entry

    def _missing(self, version: int) -> DamagedError:
        return self._wrong(version, "is missing", "nothing", "a log entry")

    def _wrong(self, version: int, what: str, found: str, expected: str) -> DamagedError:
        path = self.sequence.names.name(version)
        message = f"the log entry {path} of the table {self.location} {what}; bring it back from a backup"
        return DamagedError(
            message, table=self.location, version=version, path=path, expected=expected, found=found
        )


def no_table(table: str, entry: LogEntry | None = None) -> TableNotFoundError:
    """Return the error for a table that isn't there; `entry` says whether it was dropped."""
    if entry is None or not entry.version:
        message = f"there is no table at {table}; write a first version, or correct the path"
        return TableNotFoundError(message, table=table)
    version = entry.data.version
    message = (
        f"the table {table} was dropped, by version {version}: write to begin a new one, or bring an older version back"
        f" with restore (history() lists them)"
    )
    return TableNotFoundError(message, table=table, version=version)


def require_features(
    needed: tuple[str, ...], known: frozenset[str], verb: str, entry: LogEntry | Outline, table: str
) -> None:
    """Raise `NewerFormatError` if an entry needs what this release doesn't know."""
    unknown = sorted(set(needed) - known)
    if unknown:
        raise NewerFormatError(
            f"to {verb} version {entry.version} of the table {table}, a release that knows {', '.join(unknown)}"
            " is needed; upgrade atio",
            table=table,
            version=entry.version,
        )
