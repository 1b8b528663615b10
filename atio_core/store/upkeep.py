"""What cleans all tables of a store."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Unpack, cast

from atio_core.arguments import refusal, repeatable, require_duration, require_flag, require_list
from atio_core.errors import InvalidInputError
from atio_core.maintenance.erase_report import EraseReport
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.policies import policy_from, require_readers
from atio_core.maintenance.store_report import StoreExpiryReport
from atio_core.model.store_entry import StoreEntry
from atio_core.retention import Retention, Rules, require_policy
from atio_core.store.base import require_table_name
from atio_core.store.releases import Releases
from atio_core.store.side_by_side import side_by_side
from atio_core.table import Table
from atio_core.table.erasing import preview, require_named


class StoreUpkeep(Releases):
    """What cleans all tables."""

    def set_retention(self, policy: Retention | None) -> None:
        """Say how long versions of tables that have no policy of their own are kept by `expire_all`.

        Args:
            policy: What is kept from now on, in place of what was said before; None takes that away.

        Raises:
            InvalidInputError: That is no `Retention`.
            CommitUnknownError: It may have been said.

        Example:
            >>> import atio_core as atio
            >>> store = atio.Store("memory://store-retention-example")
            >>> store.set_retention(atio.Retention(keep_last=10))
            >>> store.retention().keep_last
            10
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
        policy: Retention | timedelta | Callable[[Table], Retention | None] | None = None,
        *,
        tables: Iterable[str] | None = None,
        grace: timedelta | None = None,
        readers: Mapping[str, datetime] | None = None,
        dry_run: bool = False,
        **rules: Unpack[Rules],
    ) -> StoreExpiryReport:
        """Remove old versions of all tables, several tables at a time; what fails for one doesn't stop the others.

        Args:
            policy: What is kept of every table; a timedelta is short for `keep_for`. A function is asked for each
                table just before its turn, from several threads. If neither it nor a rule says anything, each table's
                own policy counts, else the store's: see `set_retention`.
            tables: Only the tables of these names.
            grace: As for `Table.expire`.
            readers: As for `Table.expire`.
            dry_run: Report what would go, and remove nothing.
            **rules: The policy by its rules, as for `Table.expire`.

        Returns:
            What was done to each table, and what failed; print it.

        Raises:
            InvalidInputError: An argument makes no sense; nothing was removed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://expire-all-example")
            >>> for number in (1, 2):
            ...     _ = store.table("report").overwrite(pd.DataFrame({"a": [number]}))
            >>> [line.version for line in store.expire_all(keep_last=1).reports["report"].removed]
            [1]
        """
        ask = policy if callable(policy) else None
        asked, default = require_policy(None if ask else policy, **rules), self.retention()
        if ask is not None and asked is not None:
            raise InvalidInputError("policy is a function, which says everything; leave the rules out")
        if grace is not None:
            require_duration("grace", grace)
        require_flag("dry_run", dry_run)
        require_readers(readers)

        def expire(name: str) -> ExpiryReport:
            table = self.table(name)
            wanted = asked if ask is None else ask(table)
            return table.expire(wanted, default=default, grace=grace, readers=readers, dry_run=dry_run)

        names = self.tables(dropped=True) if tables is None else _table_names(tables)
        return StoreExpiryReport(self.path, dry_run, *side_by_side(names, expire))

    def erase(
        self,
        where: Mapping[str, Any],
        *,
        releases: Sequence[str | int] | Literal["all"] = (),
        tags: Iterable[str] | Literal["all"] = (),
        staged: Iterable[str | uuid.UUID] | Literal["all"] = (),
        dry_run: bool = False,
    ) -> dict[str, EraseReport]:
        """Make rows of several tables vanish for good: see `Table.erase`.

        Args:
            where: For each table, by its name, which rows.
            releases: Names or numbers of releases of these tables that may go; "all" for whatever there are.
            tags: As for `Table.erase`, of any of the tables.
            staged: Likewise.
            dry_run: Say what would go, and change nothing.

        Returns:
            What went, by the table's name.

        Raises:
            InvalidInputError: Something stands in the way that isn't named; nothing was changed.
            As for `Table.erase`: then some of it may be left to be done; call again.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://store-erase-example")
            >>> _ = store.table("people").append(pd.DataFrame({"name": ["Kim", "Lee"]}))
            >>> _ = store.create_release("first", ["people"])
            >>> done = store.erase({"people": [("name", "==", "Kim")]}, releases=["first"])
            >>> done["people"].rows, store.releases()
            (1, [])
        """
        if not isinstance(cast("object", where), Mapping) or not where:
            raise refusal("where", "a mapping of tables to filters", where)
        require_flag("dry_run", dry_run)
        ending = self._ending(list(where), releases)
        ids = [release.entry_id for release in ending]
        filters = {name: repeatable(one) for name, one in where.items()}
        expected: dict[str, EraseReport] = {}
        for name, one in filters.items():
            table, there = self.table(name), self._table_log(name).tags()
            kept = [stage.id for stage in table.staged()]
            for tag in self._ended_tags(name):
                there.pop(tag, None)
            named = require_named(table.path, there, kept, tags=tags, staged=staged, ending=ids)
            expected[name] = preview(table, one, named)
        if dry_run:
            return expected
        for release in ending:
            self.drop_release(release.number)
        for name in filters:
            self._untag([name], self._ended_tags(name))
        return {name: self.table(name).erase(one, tags=tags, staged=staged) for name, one in filters.items()}

    def _ended_tags(self, table: str) -> list[str]:
        """The tags of releases that have ended: who dropped one may have died before they were gone."""
        latest, there = self._log.latest(), self._table_log(table).tags()
        refs = {name: tag.release for name, tag in there.items() if tag.release is not None}
        own = {
            name: ref for name, ref in refs.items() if latest is not None and ref.store_id == latest.store_id
        }
        return [name for name, ref in own.items() if self._log.has_ended(ref.number, ref.entry_id)]

    def _ending(self, tables: Sequence[str], named: object) -> list[StoreEntry]:
        """The releases of these tables, whatever they were called then, that the caller has named."""
        latest = (self._table_log(name).find_latest() for name in tables)
        ids = {entry.table_id for entry in latest if entry is not None}
        there = [
            entry
            for entry in self._log.standing()
            if not ids.isdisjoint(released.table_id for released in entry.tables.values())
        ]
        if named == "all":
            return there
        if not isinstance(named, list | tuple):
            raise refusal("releases", 'a list of names or numbers of releases, or "all"', named)
        wanted = cast("Sequence[object]", named)
        return [entry for entry in there if entry.name in wanted or entry.number in wanted]


def _table_names(tables: object) -> list[str]:
    return list(dict.fromkeys(map(require_table_name, require_list("tables", tables, "names of tables"))))
