"""What a version says of itself: when and how it was made, how much it holds, and how its rows lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any

from atio_core.errors import VersionExpiredError
from atio_core.log.commit_log import CommitLog
from atio_core.model.entry import LogEntry, Totals
from atio_core.times import time_of

if TYPE_CHECKING:
    import pyarrow as pa


class EntryFacts(ABC):
    """What stands in a version's log entry, and can be told without its schema."""

    version: int
    _log: CommitLog
    _latest: LogEntry | None

    @property
    @abstractmethod
    def entry(self) -> LogEntry:
        """The log entry."""

    @property
    def table(self) -> str:
        """The table's path."""
        return self._log.location

    @property
    def time(self) -> datetime:
        """When the version was committed (UTC)."""
        return time_of(self.entry.data.time_us)

    @property
    def operation(self) -> str:
        """The kind of change that made it, such as "append"."""
        return self.entry.data.operation

    @property
    def who(self) -> str | None:
        """Who committed it, as "user@machine"; None if that isn't known."""
        return self.entry.data.who

    @property
    def message(self) -> str | None:
        """What the writer said of it."""
        return self.entry.data.message

    @property
    def properties(self) -> dict[str, str]:
        """The facts that the writer gave it."""
        return dict(self.entry.data.properties)

    @property
    def tags(self) -> tuple[str, ...]:
        """Its names, as the table had them when the version was looked up; as it has them now if those are lost."""
        try:
            tags = {} if self._latest is None else self._log.tags_of(self._latest)
        except VersionExpiredError:
            tags = self._log.tags()
        return tuple(sorted(name for name, tag in tags.items() if tag.version == self.version))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.entry.totals.rows

    @property
    def files(self) -> int:
        """Number of data files."""
        return self.entry.totals.files

    @property
    def bytes(self) -> int:
        """Size of the data files."""
        return self.entry.totals.bytes

    @property
    def added(self) -> Totals:
        """Files, rows and bytes that the change added."""
        return self.entry.data.added

    @property
    def removed(self) -> Totals:
        """Files, rows and bytes that the change removed."""
        return self.entry.data.removed

    @property
    def content(self) -> str | None:
        """Digest of the content: equal for two overwrites with equal data."""
        return self.entry.content

    @property
    def partition_fields(self) -> tuple[str, ...]:
        """Names of the partition fields."""
        return tuple(field.name for field in self.entry.partition_fields)


class VersionFacts(EntryFacts):
    """What stands in a version's log entry and its schema."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """The Arrow schema of the stored columns."""

    @property
    def sort_by(self) -> tuple[Any, ...]:
        """Labels of the columns that the rows of each write are sorted by, within their partition."""
        if not self.entry.sort_by:
            return ()
        from atio_core.data.writing.sorting import sort_labels

        return tuple(sort_labels(self.schema, self.entry.sort_by))

    @property
    def not_null(self) -> tuple[Any, ...]:
        """Labels of the columns that take no nulls."""
        from atio_core.data.frames.columns import required_labels

        return tuple(required_labels(self.schema))

    @property
    def key(self) -> tuple[Any, ...]:
        """Labels of the columns of the primary key; none if there is no key."""
        from atio_core.data.keys.primary_key import key_labels

        return tuple(key_labels(self.schema))
