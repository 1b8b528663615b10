"""What every table knows: where it lies, and how it commits and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from atio_core.arguments import refusal
from atio_core.format.names import TEMPORARY
from atio_core.handle import Handle
from atio_core.log.commit_log import CommitLog
from atio_core.log.limits import Limits
from atio_core.model.ids import Clock, require_clock, system_clock
from atio_core.storage.base import ObjectStore
from atio_core.storage.buckets.fsspec_paths import Place
from atio_core.storage.io_stats import IoStats
from atio_core.storage.locate import given_store


class TableBase:
    """A table's log, and one process's view of it.

    Args:
        path: The folder, the URL of a bucket (`s3://bucket/prefix`), or `memory://name` for a table that lives as long
            as the process.
        store: Where the table lies, instead of `path`.
        limits: Bounds on log entries; part of the format, for tests only.
        clock: Where the time comes from; for tests.
        storage_options: How the bucket of `path` is opened: credentials, endpoint, region, time-outs. Without them the
            environment, files and roles say so. See `docs/guide/object-stores.md`.

    Raises:
        InvalidInputError: The path can't be a table's, or an argument is none.
    """

    def __init__(
        self,
        path: Place | None = None,
        *,
        store: ObjectStore | None = None,
        limits: Limits | None = None,
        clock: Clock = system_clock,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._clock = require_clock(clock)
        if limits is not None and not isinstance(cast("object", limits), Limits):
            raise refusal("limits", "Limits", limits)
        at = given_store(path, store, temporary=TEMPORARY, storage_options=storage_options)
        self._log = CommitLog(at, limits)
        self._io_before = at.io.stats()
        self._handle = Handle(self._log, clock)

    @property
    def path(self) -> str:
        """Where the table lies."""
        return self._log.location

    def io_stats(self) -> IoStats:
        """Return what was asked of the place where the table lies since this object was made, by it and its snapshots.

        Of a table in memory, what others in this process asked counts too.

        Returns:
            Requests by kind, and bytes both ways; take an earlier one away to see what came since.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://io-stats-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> before = table.io_stats()
            >>> _ = table.append(pd.DataFrame({"a": [2]}))
            >>> spent = table.io_stats() - before
            >>> spent.writes, spent.creates, spent.lists, spent.requests
            (1, 1, 1, 3)
        """
        return self._log.store.io.stats() - self._io_before

    def exists(self) -> bool:
        """Return whether there is a table: it has a version, and wasn't dropped by the latest.

        Raises:
            StorageError: The place can't be asked.

        Example:
            >>> import atio_core as atio
            >>> atio.Table("memory://exists-example").exists()
            False
        """
        latest = self._log.find_latest()
        return latest is not None and latest.is_there
