"""What keeps a table small and quick: the rows stay as they are."""

from __future__ import annotations

from datetime import timedelta

from atio_core.arguments import require_duration, require_flag
from atio_core.maintenance.report import ExpiryReport
from atio_core.retention import DEFAULT_RETENTION, Retention
from atio_core.table.base import TableBase

_MICROSECOND = timedelta(microseconds=1)


class Upkeep(TableBase):
    """What keeps a table small and quick."""

    def expire(
        self,
        keep_for: timedelta | None = None,
        *,
        keep_last: int | None = None,
        grace: timedelta | None = None,
        dry_run: bool = False,
    ) -> ExpiryReport:
        """Remove old versions, and the files that no version needs.

        Args:
            keep_for: Keep versions for this long after they were superseded: also the longest time a read may take.
            keep_last: Keep this many of the newest. With neither rule, versions are kept for 7 days.
            grace: How old a file that belongs to no version must be before it goes; the table's own (1 hour) if None.
            dry_run: Report what would go, and remove nothing.

        Returns:
            What was kept and removed; print it.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: A rule makes no sense.
            DamagedError: A retained version can't be read; nothing was removed.
            CommitUnknownError: The expiry may have been committed; no file was removed.
        """
        from atio_core.maintenance.expiry import expire

        require_flag("dry_run", dry_run)
        policy = Retention(keep_for=keep_for, keep_last=keep_last)
        if policy.says_nothing:
            policy = DEFAULT_RETENTION
        grace_us = None if grace is None else require_duration("grace", grace) // _MICROSECOND
        return expire(self._log, policy, grace_us=grace_us, dry_run=dry_run, clock=self._clock)
