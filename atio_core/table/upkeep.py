"""What keeps a table small and quick: the rows stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Unpack, cast

from atio_core.arguments import refusal, require_duration, require_flag, require_list, require_whole
from atio_core.errors import InvalidInputError
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.usage import DiskUsage
from atio_core.retention import Retention, Rules, require_policy
from atio_core.snapshot import Snapshot
from atio_core.table.base import TableBase
from atio_core.table.with_progress import with_progress
from atio_core.times import MICROSECOND


class Upkeep(TableBase):
    """What keeps a table small and quick."""

    def compact(
        self,
        *,
        target_bytes: int | None = None,
        sort_by: Sequence[Any] | None = None,
        show_progress: bool = False,
        **options: Unpack[CommitOptions],
    ) -> Snapshot:
        """Merge small files, so that reads open fewer. The rows stay as they are, and so does the version's number.

        Files of one partition that follow each other become one. Rows keep their order, within their partition. What
        others append meanwhile doesn't hinder it. The old files go by expiry, with the versions that need them.

        Args:
            target_bytes: About how large a file becomes, on disk; files of half that size are left alone. 64 MiB if
                None.
            sort_by: Labels of columns: all rows are written anew, sorted by these within stretches of eight files, so
                that reads that filter by them open fewer. Nulls come last. If None, nothing is sorted but the rows of
                files that are merged, by what the table is sorted by.
            show_progress: As for `append`.
            **options: As for `overwrite`, but for `message` and `properties`: the version keeps its own.

        Returns:
            The version, which has the same number; `unchanged` if there was nothing to merge.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: There is no such column, or rows can't be sorted by it.
            As for `append` else.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://compact-example")
            >>> for number in range(3):
            ...     _ = table.append(pd.DataFrame({"a": [number]}))
            >>> compacted = table.compact()
            >>> compacted.version, compacted.files, table.read()["a"].tolist()
            (3, 1, [0, 1, 2])
        """
        from atio_core.changes.compact import TARGET_BYTES, write_compact

        for name in ("message", "properties"):
            if options.get(name) is not None:
                raise InvalidInputError(
                    f"{name} is said of a change of rows, and compact makes none; leave it out"
                )
        intent = make_intent(self._clock, **options)
        target = (
            TARGET_BYTES if target_bytes is None else require_whole("target_bytes", target_bytes, least=1)
        )
        labels = None if sort_by is None else require_list("sort_by", sort_by, "labels")
        return self._handle.commit(
            with_progress(lambda writing: write_compact(writing, target, labels), show_progress), intent
        )

    def expire(
        self,
        policy: Retention | timedelta | None = None,
        *,
        default: Retention | None = None,
        grace: timedelta | None = None,
        readers: Mapping[str, datetime] | None = None,
        dry_run: bool = False,
        **rules: Unpack[Rules],
    ) -> ExpiryReport:
        """Remove old versions, and the files that no version needs.

        Args:
            policy: What is kept; a timedelta is short for `keep_for`. If neither it nor a rule is given, the table's
                own policy counts: see `set_retention`.
            default: What is kept if the table has none either.
            grace: How old a file that belongs to no version must be before it goes; the table's own if None: see
                `set_grace`.
            readers: Who may be reading, by names for the report, and since when (a time with a zone): what has been the
                latest version at any time since then is kept too.
            dry_run: Report what would go, and remove nothing.
            **rules: The policy by its rules: `keep_for`, `keep_last`, `keep_hourly`, `keep_daily`, `keep_weekly`,
                `keep_monthly`, `keep_yearly`: see `Retention`.

        Returns:
            What was kept and removed; print it.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: A rule makes no sense, or nothing says what is kept; nothing was removed.
            NewerFormatError: The table's policy has a rule of a later release; nothing was removed.
            DamagedError: A retained version can't be read; nothing was removed.
            CommitUnknownError: The expiry may have been committed; no file was removed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://table-expire-example")
            >>> for number in range(3):
            ...     _ = table.overwrite(pd.DataFrame({"a": [number]}))
            >>> report = table.expire(keep_last=1)
            >>> [(line.version, line.reasons) for line in report.kept]
            [(3, ('latest', 'last 1'))]
        """
        from atio_core.maintenance.expiry import expire
        from atio_core.maintenance.policies import Policies, require_readers

        require_flag("dry_run", dry_run)
        asked, default = require_policy(policy, **rules), require_policy(default)
        policies = Policies(asked, default, require_readers(readers))
        grace_us = None if grace is None else require_duration("grace", grace) // MICROSECOND
        return expire(self._log, policies, grace_us=grace_us, dry_run=dry_run, clock=self._clock)

    def du(self) -> DiskUsage:
        """Say how much space each version holds alone, which comes free if it goes, and how much they share.

        Returns:
            The sizes; print it.

        Raises:
            TableNotFoundError: There is no table.
            DamagedError: A version can't be read.
            VersionExpiredError: Expiries came between again and again.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://du-example")
            >>> for number in (1, 2):
            ...     _ = table.append(pd.DataFrame({"a": [number]}))
            >>> usage = table.du()
            >>> usage.versions[0].bytes < usage.versions[1].bytes, usage.shared_bytes > 0
            (True, True)
        """
        from atio_core.maintenance.usage import usage

        return usage(self._log)

    def set_retention(self, policy: Retention | None) -> None:
        """Say how long the table's versions are kept by an `expire` that isn't told. Nothing is removed by it.

        Args:
            policy: What is kept from now on, in place of what was said before; None takes that away.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: That is no `Retention`.
            As for `tag` else.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://retention-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> table.set_retention(atio.Retention(keep_last=3, keep_daily=7))
            >>> table.retention().keep_daily
            7
        """
        from atio_core.changes.set_retention import SetRetention

        if policy is not None and not isinstance(cast("object", policy), Retention):
            raise refusal("policy", "a Retention, or None to take it away", policy)
        change = SetRetention(self._log, {} if policy is None else policy.to_dict())
        self._handle.commit(lambda _: change, make_intent(self._clock))

    def retention(self) -> Retention | None:
        """Return what `set_retention` said last, or None.

        Raises:
            TableNotFoundError: There is no table.
            NewerFormatError: It has a rule of a later release.
        """
        from atio_core.maintenance.policies import stored_policy

        return stored_policy(self._log.latest(), self.path)

    def set_grace(self, grace: timedelta) -> None:
        """Say how old a file that belongs to no version must be before an `expire` that isn't told takes it.

        It is also the longest time that a write may take from its first file to its commit: one that takes longer
        while an expiry comes between writes its files again, or is refused if it came by descriptors. Nothing is
        removed by it.

        Args:
            grace: From now on, in place of what was said before; an hour when the table is made. With none at all, each
                expiry disturbs the writes under way.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: That is no timedelta of zero or more.
            As for `tag` else.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> from datetime import timedelta
            >>> table = atio.Table("memory://grace-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> table.set_grace(timedelta(days=1))
            >>> table.grace()
            datetime.timedelta(days=1)
        """
        from atio_core.changes.set_grace import SetGrace

        change = SetGrace(self._log, require_duration("grace", grace) // MICROSECOND)
        self._handle.commit(lambda _: change, make_intent(self._clock))

    def grace(self) -> timedelta:
        """Return what `set_grace` said last, or an hour. Raises `TableNotFoundError` if there is no table."""
        return self._log.latest().grace_us * MICROSECOND
