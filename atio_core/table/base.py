"""What every table knows: where it lies, and how it commits and reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from atio_core.format.names import TEMPORARY
from atio_core.handle import Handle
from atio_core.log.commit_log import CommitLog
from atio_core.log.limits import Limits
from atio_core.model.ids import Clock, system_clock
from atio_core.storage.base import ObjectStore
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
        InvalidInputError: The path can't be a table's.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        store: ObjectStore | None = None,
        limits: Limits | None = None,
        clock: Clock = system_clock,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._clock = clock
        self._log = CommitLog(
            given_store(path, store, temporary=TEMPORARY, storage_options=storage_options), limits
        )
        self._handle = Handle(self._log, clock)

    @property
    def path(self) -> str:
        """Where the table lies."""
        return self._log.location

    def exists(self) -> bool:
        """Say whether there is a table: it has a version, and wasn't dropped by the latest."""
        latest = self._log.find_latest()
        return latest is not None and latest.is_there
