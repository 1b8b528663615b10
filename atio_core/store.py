"""Store: a folder of tables, and releases that name a version of each of several at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Unpack, cast

from atio_core.arguments import refusal, require_duration, require_flag, require_text, require_whole
from atio_core.changes.tag import RemoveTag, SetTag
from atio_core.errors import (
    AlreadyExistsError,
    CommitUnknownError,
    InvalidInputError,
    NotFoundError,
    ReleaseNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.format.names import LOG, META, TEMPORARY
from atio_core.log.change import Change
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import make_intent
from atio_core.log.lookup import AnyVersion, require_wanted
from atio_core.log.store_log import StoreLog, release_tag
from atio_core.maintenance.keeping import policy_from
from atio_core.maintenance.report import ExpiryReport
from atio_core.maintenance.store_report import StoreExpiryReport
from atio_core.model.entry import ReleaseRef
from atio_core.model.ids import Clock, system_clock
from atio_core.model.store_entry import ReleasedTable, StoreEntry
from atio_core.model.tag_name import LATEST, require_tag_name
from atio_core.retention import Retention, Rules, require_policy
from atio_core.snapshot import Snapshot
from atio_core.storage.base import ObjectStore, check_name
from atio_core.storage.locate import locate, memories_below
from atio_core.table import Table

_DATA = "data/"
_TABLES_AT_ONCE = 8
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


class Store:
    """A folder of tables. Nothing is made on disk before the first release, or the first write to a table.

    Args:
        path: The folder, or `memory://name`.
        store: Where the log of releases lies, instead of `path`; the tables lie below its location.
        clock: Where the time comes from; for tests.

    Raises:
        InvalidInputError: The path can't be a store's.

    Example:
        >>> import pandas as pd
        >>> store = Store("memory://store-example")
        >>> for name in ("raw/orders", "report"):
        ...     _ = store.table(name).overwrite(pd.DataFrame({"a": [1]}))
        >>> store.tables()
        ['raw/orders', 'report']
        >>> store.create_release("january", ["raw/orders", "report"]).tables
        {'raw/orders': 1, 'report': 1}
        >>> _ = store.table("report").overwrite(pd.DataFrame({"a": [2]}))
        >>> store.at("january").read("report")["a"].tolist()
        [1]
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        store: ObjectStore | None = None,
        clock: Clock = system_clock,
    ) -> None:
        if (path is None) == (store is None):
            raise InvalidInputError("a store of tables needs a path, or a store, and not both")
        root = locate(path, temporary=TEMPORARY) if store is None else store  # pyright: ignore[reportArgumentType]
        self._root: ObjectStore = root
        self._clock = clock
        self._log = StoreLog(root, clock)

    @property
    def path(self) -> str:
        """Where the store lies."""
        return self._root.location

    def table(self, name: str) -> Table:
        """Return a table, which needs not be there yet.

        Args:
            name: Its folder below the store: "orders", "raw/orders".

        Raises:
            InvalidInputError: No table can be there.
        """
        name = _require_name(name)
        return Table(self._place(name), clock=self._clock)

    def tables(self) -> list[str]:
        """Return the names of the tables that are there, sorted. Dropped ones aren't among them."""
        return [name for name in self._folders() if self.table(name).exists()]

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
        except BaseException:
            self._untag(wanted, tagged)
            raise
        self._untag(wanted, tagged[:-1])
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
        """
        return StoreAt(self, _shown(self._find(release)), self._find(release))

    def drop_release(self, release: str | int) -> None:
        """End a release: its versions go when the retention says so.

        Args:
            release: Its name or number.

        Raises:
            ReleaseNotFoundError: There is none, or it was dropped.
            CommitUnknownError: It may have been dropped.
        """
        found = self._find(release)

        def make(base: StoreEntry) -> StoreEntry:
            self._find(found.number)
            return self._log.next(base, "drop", dropped=found.number)

        self._log.add(make)
        self._untag(found.tables, [release_tag(found)])

    def set_retention(self, policy: Retention | None) -> None:
        """Say how long versions of tables that have no policy of their own are kept by `expire_all`.

        Args:
            policy: What is kept from now on, in place of what was said before; None takes that away.

        Raises:
            InvalidInputError: That is no `Retention`.
            CommitUnknownError: It may have been said.
        """
        if policy is not None and not isinstance(cast("object", policy), Retention):
            raise refusal("policy", "a Retention, or None to take it away", policy)
        rules = {} if policy is None else policy.to_dict()
        self._log.add(lambda base: self._log.next(base, "retention", retention=rules))

    def retention(self) -> Retention | None:
        """Return what `set_retention` said last, or None.

        Raises:
            NewerFormatError: It has a rule of a later release.
        """
        latest = self._log.latest()
        return None if latest is None else policy_from(latest.retention, f"the store {self.path}")

    def expire_all(
        self,
        policy: Retention | timedelta | None = None,
        *,
        grace: timedelta | None = None,
        dry_run: bool = False,
        **rules: Unpack[Rules],
    ) -> StoreExpiryReport:
        """Remove old versions of all tables, several tables at a time; what fails for one doesn't stop the others.

        Args:
            policy: What is kept of every table; a timedelta is short for `keep_for`. If neither it nor a rule is given,
                each table's own policy counts, else the store's: see `set_retention`.
            grace: As for `Table.expire`.
            dry_run: Report what would go, and remove nothing.
            **rules: The policy by its rules, as for `Table.expire`.

        Returns:
            What was done to each table, and what failed; print it.

        Raises:
            InvalidInputError: A rule makes no sense; nothing was removed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://expire-all-example")
            >>> for number in (1, 2):
            ...     _ = store.table("report").overwrite(pd.DataFrame({"a": [number]}))
            >>> [line.version for line in store.expire_all(keep_last=1).reports["report"].removed]
            [1]
        """
        asked, default = require_policy(policy, **rules), self.retention()
        if grace is not None:
            require_duration("grace", grace)
        require_flag("dry_run", dry_run)

        def expire(name: str) -> ExpiryReport | Exception:
            try:
                return self.table(name).expire(asked, default=default, grace=grace, dry_run=dry_run)
            except Exception as error:  # noqa: BLE001 - it is reported; the other tables go on
                return error

        names = list(self._folders())
        with ThreadPoolExecutor(_TABLES_AT_ONCE, thread_name_prefix="atio-expire") as pool:
            done = dict(zip(names, pool.map(expire, names), strict=True))
        reports = {name: one for name, one in done.items() if isinstance(one, ExpiryReport)}
        failures = {name: one for name, one in done.items() if isinstance(one, Exception)}
        return StoreExpiryReport(self.path, dry_run, reports, failures)

    def _tag(self, table: str, version: AnyVersion | None, release: StoreEntry) -> ReleasedTable:
        """Tag a version for a release. If it isn't a fixed one and expires meanwhile, look it up anew."""
        ref = ReleaseRef(table.count("/") + 1, release.store_id, release.entry_id)
        for left in reversed(range(_TRIES)):
            found = self.table(table).snapshot(version)
            log = self._table_log(table)
            try:
                self._commit(log, SetTag(log, release_tag(release), found.version, release=ref))
            except VersionExpiredError:
                if not left or require_wanted(version).is_fixed:
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
            for entry in self._log.standing():
                if wanted in {LATEST, entry.name}:
                    return entry
        else:
            number = require_whole("release", release, least=1)
            for entry in self._log.standing():
                if entry.number == number:
                    return entry
        names = ", ".join(repr(entry.name) for entry in self._log.standing()) or "none"
        raise ReleaseNotFoundError(f"the store {self.path} has no release {release!r}; its releases: {names}")

    def _untag(self, tables: Iterable[str], names: list[str]) -> None:
        """Take tags of a release away, as far as they are there."""
        for name in names:
            for table in tables:
                log = self._table_log(table)
                with suppress(NotFoundError):
                    self._commit(log, RemoveTag(log, name))

    def _table_log(self, name: str) -> CommitLog:
        return CommitLog(locate(self._place(name), temporary=TEMPORARY))

    def _commit(self, log: CommitLog, change: Change) -> None:
        commit(log, change, make_intent(self._clock), clock=self._clock)

    def _place(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/{name}"

    def _folders(self) -> Iterator[str]:
        """The folders that hold the log of a table, sorted."""
        if self.path.startswith("memory://"):
            names = memories_below(self.path)
            yield from (name for name in names if self._table_log(name).find_latest() is not None)
        else:
            yield from sorted(name for name in self._walk("") if name)

    def _walk(self, folder: str) -> Iterator[str]:
        inside = self._root.look(folder)
        is_table = f"{folder}{META}/" in inside and bool(self._root.look(f"{folder}{LOG}"))
        if is_table:
            yield folder.removesuffix("/")
        for name in inside:
            own = name.removeprefix(folder)
            if name.endswith("/") and own != f"{META}/" and not (is_table and own == _DATA):
                yield from self._walk(name)


class StoreAt:
    """The tables of a store as of a release. Made by `Store.at`.

    Attributes:
        release: The release.
    """

    def __init__(self, store: Store, release: Release, entry: StoreEntry) -> None:
        self.release = release
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
        wanted = dict.fromkeys(cast("Sequence[Any]", tables))
    else:
        raise refusal("tables", "a mapping of tables to versions, or a list of tables", tables)
    if not wanted:
        raise InvalidInputError("a release of no tables says nothing: name one at least")
    return {_require_name(name): version for name, version in wanted.items()}


def _require_name(name: object) -> str:
    text = require_text("name", name)
    check_name(text)
    if any(part.startswith(META) for part in text.split("/")):
        raise InvalidInputError(f"{text!r} can't be a table: folders that begin with {META} are atio's own")
    return text
