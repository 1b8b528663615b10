"""Releases: one version of each of several tables, named together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from atio_core.arguments import refusal, require_text, require_whole
from atio_core.changes.tag import RemoveTag, SetTag
from atio_core.errors import (
    AlreadyExistsError,
    AtioError,
    CommitUnknownError,
    InvalidInputError,
    NotFoundError,
    ReleaseNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.log.change import Change
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import make_intent
from atio_core.log.lookup import AnyVersion, require_selector
from atio_core.log.store_log import release_tag
from atio_core.model.entry import ReleaseRef
from atio_core.model.store_entry import ReleasedTable, StoreEntry
from atio_core.model.tag_name import LATEST, require_tag_name
from atio_core.snapshot import Snapshot
from atio_core.store.base import StoreBase, require_table_name
from atio_core.times import time_of

_TRIES = 10


@dataclass(frozen=True, slots=True)
class Release:
    """One version of each of several tables, named together.

    Attributes:
        number: They count up, with gaps.
        name: As its maker called it.
        tables: The version of each table, by the table's name in the store.
        time_us: When it was made, in microseconds since 1970.
        message: A sentence for people.
    """

    number: int
    name: str
    tables: Mapping[str, int]
    time_us: int
    message: str | None = None

    @property
    def time(self) -> datetime:
        """When it was made, by its maker's clock (UTC)."""
        return time_of(self.time_us)


class Releases(StoreBase):
    """What names versions of several tables at once."""

    def create_release(
        self,
        name: str,
        tables: Mapping[str, AnyVersion | None] | Sequence[str],
        *,
        message: str | None = None,
    ) -> Release:
        """Name one version of each of several tables: readers of the release see them all change at one moment.

        As long as it stands, the versions don't expire.

        Args:
            name: Any text that can't be taken for a number or "latest", and that no release that stands has.
            tables: The version of each table, as for `Table.snapshot`, None for the latest; or names of tables, whose
                latest versions are meant.
            message: A sentence for people.

        Returns:
            The release.

        Raises:
            AlreadyExistsError: A release of this name stands; drop it first, or choose another.
            InvalidInputError: No table is named, or an argument can't be meant.
            CommitUnknownError: The release may have been made.
            As for `Table.snapshot`: no such table or version; then nothing was made.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://release-example")
            >>> _ = store.table("report").append(pd.DataFrame({"a": [1]}))
            >>> store.create_release("first", {"report": 1}).number
            2
        """
        name = require_tag_name("name", name)
        message = None if message is None else require_text("message", message)
        wanted = _require_tables(tables)
        found = [self.table(table).snapshot(version) for table, version in wanted.items()]
        newest_us = max(snapshot.entry.horizon_us for snapshot in found)
        tagged: list[str] = []

        def make(base: StoreEntry) -> StoreEntry:
            self._require_free(name)
            entry = self._log.next(base, "release", name=name, message=message, not_before_us=newest_us)
            tagged.append(release_tag(entry))
            released = {table: self._tag(table, version, entry) for table, version in wanted.items()}
            return replace(entry, tables=released)

        try:
            entry = self._log.add(make)
        except CommitUnknownError:
            raise
        except Exception:  # after an interrupt nobody knows whether it stands; expiry finds out
            self._tidy(wanted, tagged)
            raise
        self._tidy(wanted, tagged[:-1])
        return _shown(entry)

    def releases(self) -> list[Release]:
        """Return the releases that stand, the newest first."""
        return [_shown(entry) for entry in self._log.standing()]

    def at(self, release: str | int = LATEST) -> StoreAt:
        """Return the tables as of a release.

        Args:
            release: Its name or number, or "latest".

        Raises:
            ReleaseNotFoundError: There is none, or it was dropped.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://release-at-example")
            >>> _ = store.table("report").append(pd.DataFrame({"a": [1]}))
            >>> _ = store.create_release("first", ["report"])
            >>> _ = store.table("report").append(pd.DataFrame({"a": [2]}))
            >>> store.at("first").read("report")["a"].tolist()
            [1]
        """
        return StoreAt(self, self._find(release))

    def drop_release(self, release: str | int) -> None:
        """End a release: its versions go when the retention says so.

        Args:
            release: Its name or number.

        Raises:
            ReleaseNotFoundError: There is none, or it was dropped.
            CommitUnknownError: It may have been dropped.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://release-drop-example")
            >>> _ = store.table("report").append(pd.DataFrame({"a": [1]}))
            >>> _ = store.create_release("first", ["report"])
            >>> store.drop_release("first")
            >>> store.releases()
            []
        """
        found = self._find(release)

        def make(base: StoreEntry) -> StoreEntry:
            self._find(found.number)
            return self._log.next(base, "drop", dropped=found.number)

        self._log.add(make)
        self._tidy(found.tables, [release_tag(found)])

    def _tag(self, table: str, version: AnyVersion | None, release: StoreEntry) -> ReleasedTable:
        """Tag a version for a release. If it isn't a fixed one and expires meanwhile, look it up anew."""
        ref = ReleaseRef(table.count("/") + 1, release.store_id, release.number, release.entry_id)
        for left in reversed(range(_TRIES)):
            found = self.table(table).snapshot(version)
            log = self._table_log(table)
            try:
                self._commit(log, SetTag(log, release_tag(release), found.version, release=ref))
            except VersionExpiredError:
                if not left or require_selector(version).is_fixed:
                    raise
                continue
            return ReleasedTable(found.version, found.entry.table_id)
        raise AssertionError("unreachable: the last try returns or raises")

    def _require_free(self, name: str) -> None:
        for entry in self._log.standing():
            if entry.name == name:
                raise AlreadyExistsError(
                    f"the store {self.path} has a release {name!r} already, number {entry.number}; choose another name,"
                    " or drop it first"
                )

    def _find(self, release: object) -> StoreEntry:
        if isinstance(release, str):
            wanted = require_text("release", release)
        else:
            wanted = require_whole("release", release, least=1)
        others: list[str] = []
        for entry in self._log.standing():
            if wanted in (LATEST, entry.name, entry.number):
                return entry
            others.append(repr(entry.name))
        names = ", ".join(others) or "none"
        raise ReleaseNotFoundError(f"the store {self.path} has no release {release!r}; its releases: {names}")

    def _tidy(self, tables: Iterable[str], names: list[str]) -> None:
        """Take tags that protect nothing any more away: what was done, or why it wasn't, is told in any case."""
        with suppress(AtioError):  # expiry takes what is left
            self._untag(tables, names)

    def _untag(self, tables: Iterable[str], names: list[str]) -> None:
        """Take tags of a release away, as far as they are there."""
        for name in names:
            for table in tables:
                log = self._table_log(table)
                with suppress(NotFoundError):
                    self._commit(log, RemoveTag(log, name))

    def _commit(self, log: CommitLog, change: Change) -> None:
        commit(log, change, make_intent(self._clock), clock=self._clock)


class StoreAt:
    """The tables of a store as of a release. Made by `Store.at`.

    Attributes:
        release: The release.
    """

    def __init__(self, store: StoreBase, entry: StoreEntry) -> None:
        self.release = _shown(entry)
        self._store = store
        self._entry = entry

    def tables(self) -> list[str]:
        """Return the names of the tables that the release names, sorted."""
        return sorted(self.release.tables)

    def snapshot(self, table: str) -> Snapshot:
        """Return the version of a table that the release names.

        Raises:
            NotFoundError: The release names no such table, or another one lies in its folder now.
            As for `Table.snapshot`.
        """
        named = self._entry.tables.get(table)
        if named is None:
            raise NotFoundError(
                f"the release {self.release.name!r} of the store {self._store.path} names no table {table!r}; it names"
                f" {', '.join(map(repr, self.tables()))}"
            )
        found = self._store.table(table).snapshot(named.version)
        if found.entry.table_id != named.table_id:
            raise VersionNotFoundError(
                f"the table in {found.table} is another one than that of the release {self.release.name!r}",
                table=found.table,
                version=named.version,
            )
        return found

    def read(self, table: str, output_as: Any = "pandas", **options: Any) -> Any:
        """Return the rows of a table, or its object, as of the release. Arguments as for `Snapshot.read`."""
        return self.snapshot(table).read(output_as, **options)


def _shown(entry: StoreEntry) -> Release:
    tables = {name: table.version for name, table in entry.tables.items()}
    return Release(entry.number, str(entry.name), tables, entry.time_us, entry.message)


def _require_tables(tables: object) -> dict[str, AnyVersion | None]:
    """The wanted version of each table, as a caller names them."""
    if isinstance(tables, Mapping):
        wanted = dict(cast("Mapping[Any, Any]", tables))
    elif isinstance(tables, list | tuple):
        wanted = dict.fromkeys(map(require_table_name, cast("Sequence[Any]", tables)))
    else:
        raise refusal("tables", "a mapping of tables to versions, or a list of tables", tables)
    if not wanted:
        raise InvalidInputError("a release of no tables says nothing: name one at least")
    return {require_table_name(name): version for name, version in wanted.items()}
