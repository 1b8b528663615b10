"""What cleans all tables of a store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Unpack, cast

from atio_core.arguments import refusal, require_duration, require_flag
from atio_core.maintenance.keeping import policy_from
from atio_core.maintenance.report import ExpiryReport
from atio_core.maintenance.store_report import StoreExpiryReport
from atio_core.retention import Retention, Rules, require_policy
from atio_core.store.base import StoreBase

_TABLES_AT_ONCE = 8


class StoreUpkeep(StoreBase):
    """What cleans all tables."""

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

        names = self.tables(dropped=True)
        with ThreadPoolExecutor(_TABLES_AT_ONCE, thread_name_prefix="atio-expire") as pool:
            done = dict(zip(names, pool.map(expire, names), strict=True))
        reports = {name: one for name, one in done.items() if isinstance(one, ExpiryReport)}
        failures = {name: one for name, one in done.items() if isinstance(one, Exception)}
        return StoreExpiryReport(self.path, dry_run, reports, failures)
