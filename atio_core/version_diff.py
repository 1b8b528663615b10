"""What a version differs from another one in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from atio_core.arguments import refusal
from atio_core.errors import VersionExpiredError
from atio_core.log.commit_log import CommitLog
from atio_core.model.entry import ROWS, LogEntry

if TYPE_CHECKING:
    from atio_core.comparing.diff import Diff
    from atio_core.reading.selection import Version


class VersionDiff(ABC):
    """Compares a version with another one."""

    version: int
    _log: CommitLog

    @property
    @abstractmethod
    def entry(self) -> LogEntry:
        """The log entry."""

    @abstractmethod
    def _readable(self, verify: Literal["always", "never"]) -> Version:
        """The version, to be read."""

    @abstractmethod
    def _explaining_missing(self) -> AbstractContextManager[None]:
        """Say of a missing file whether it is damage, or the version has expired."""

    @abstractmethod
    def _at(self, entry: LogEntry) -> Self:
        """The same version, as another entry holds it."""

    def diff(self, other: Self, key: Sequence[Any] | None = None) -> Diff:
        """Return what changed from this version of a table to another: see `Table.diff`.

        Args:
            other: A snapshot of the same table; of a kept stage, for instance, to see what it would change.
            key: As for `Table.diff`.

        Raises:
            InvalidInputError: `other` is no snapshot.
            As for `Table.diff`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://snapshot-diff-example")
            >>> snapshot = table.append(pd.DataFrame({"a": [1]}))
            >>> stage = table.stage(pd.DataFrame({"a": [2]}), keep=True)
            >>> snapshot.diff(stage.snapshot()).rows_added
            1
        """
        from atio_core.comparing.diff import compare

        if not isinstance(cast("object", other), VersionDiff):
            raise refusal("other", "a snapshot", other)

        def again() -> Diff:
            return compare(self._standing(), other._standing(), key, again)

        try:
            return compare(self._compared(), other._compared(), key, again)
        except VersionExpiredError:
            return again()

    def _compared(self) -> Version:
        """The version, to be compared; one that dropped the table, or holds an object, has no columns."""
        if self.entry.is_there and self.entry.kind == ROWS:
            return self._readable("always")
        import pyarrow as pa

        from atio_core.data.scan.source import Source
        from atio_core.reading.selection import Version

        source = Source(self._log.store, pa.schema([]), {}, self._log.location, self.version)
        return Version(source, self.entry, self._explaining_missing)

    def _standing(self) -> Version:
        """The version with the files that it has now: a compaction may have put others in the places of its own."""
        if not self.version:
            return self._compared()
        entry = self._log.standing(self.version)
        if entry is None:
            table = self._log.location
            message = (
                f"version {self.version} of the table {table} expired while it was compared; compare retained versions,"
                " and keep versions for longer than that takes (keep_for)"
            )
            raise VersionExpiredError(message, table=table, version=self.version)
        standing: Self = self._at(entry)
        return standing._compared()
