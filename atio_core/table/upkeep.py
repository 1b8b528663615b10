"""What keeps a table small and quick: the rows stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Unpack

from atio_core.arguments import require_duration, require_flag, require_list, require_whole
from atio_core.errors import InvalidInputError
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.maintenance.report import ExpiryReport
from atio_core.retention import DEFAULT_RETENTION, Retention
from atio_core.snapshot import Snapshot
from atio_core.table.base import TableBase

_MICROSECOND = timedelta(microseconds=1)


class Upkeep(TableBase):
    """What keeps a table small and quick."""

    def compact(
        self,
        *,
        target_bytes: int | None = None,
        sort_by: Sequence[Any] | None = None,
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
            if options.get(name):
                raise InvalidInputError(
                    f"{name} is said of a change of rows, and compact makes none; leave it out"
                )
        intent = make_intent(self._clock, **options)
        target = (
            TARGET_BYTES if target_bytes is None else require_whole("target_bytes", target_bytes, least=1)
        )
        labels = None if sort_by is None else require_list("sort_by", sort_by, "labels")
        return self._handle.commit(lambda writing: write_compact(writing, target, labels), intent)

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
