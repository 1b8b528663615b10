"""Snapshot: one version of a table, read-only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from atio_core.arguments import require_choice, require_list
from atio_core.errors import InvalidInputError, NotFoundError, VersionExpiredError
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import files_of, missing_file
from atio_core.log.lookup import Found
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import LogEntry, Totals
from atio_core.model.manifest import may_hold, partition_key
from atio_core.model.partition import partition_values

if TYPE_CHECKING:
    import pyarrow as pa

Output = Literal["pandas", "polars", "arrow"]
"""The library whose table a read gives."""


class Snapshot:
    """One version of a table: what it says of itself, and its rows. Made by `Table`, not by hand.

    A snapshot never changes. Its rows can be read as long as retention keeps the version.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> snapshot = atio.write_snapshot(pd.DataFrame({"a": [1, 2]}), "memory://snapshot-example")
        >>> snapshot.version, snapshot.rows
        (1, 2)
    """

    def __init__(
        self,
        log: CommitLog,
        version: int,
        entry: LogEntry | None,
        *,
        latest: LogEntry | None = None,
        repeated: bool = False,
    ) -> None:
        self._log = log
        self._entry = entry
        self._latest = latest or entry
        self.version: int = version if entry is None else entry.data.version
        """Number of the version."""
        self.repeated: bool = repeated
        """True if a write with this idempotency key had been committed before, so that nothing was written now."""

    @classmethod
    def of(cls, log: CommitLog, found: Found) -> Self:
        """Return the snapshot of a version that was found."""
        return cls(log, found.entry.data.version, found.entry, latest=found.latest)

    @property
    def entry(self) -> LogEntry:
        """The log entry that holds the rows.

        Raises:
            VersionExpiredError: A repeated write's version has been expired since.
        """
        if self._entry is None:
            message = f"version {self.version} of the table {self.table} has expired; its number is all that is known"
            raise VersionExpiredError(message, table=self.table, version=self.version)
        return self._entry

    @property
    def table(self) -> str:
        """The table's path."""
        return self._log.location

    @property
    def time(self) -> datetime:
        """When the version was committed (UTC)."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.entry.data.time_us)

    @property
    def operation(self) -> str:
        """The kind of change that made it, such as "append"."""
        return self.entry.data.operation

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
        """Its names, as the table had them when the version was looked up."""
        tags = {} if self._latest is None else self._latest.tags
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

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the stored columns."""
        return self._schemas[self.entry.schema]

    def data_files(self, partitions: Collection[Any] | None = None) -> tuple[DataFile, ...]:
        """Return the records of the data files, in the order of their rows.

        Args:
            partitions: Only these partitions: values, or tuples of values if there are several fields.

        Raises:
            VersionExpiredError: The version has expired.
            DamagedError: A manifest is missing or damaged.
        """
        entry = self.entry
        wanted = self._wanted(partitions)
        try:
            if wanted is None:
                return files_of(self._log.store, entry)
            files = files_of(
                self._log.store, entry, lambda ref: any(may_hold(ref, values) for values in wanted)
            )
        except NotFoundError as error:
            raise self._missing(error) from error
        keys = {partition_key(values) for values in wanted}
        return tuple(file for file in files if partition_key(file.partition) in keys)

    def partitions(self) -> list[tuple[Scalar, ...]]:
        """Return the values of the partitions that hold rows or an empty file, in the order of their rows."""
        found: dict[tuple[str, ...], tuple[Scalar, ...]] = {}
        for file in self.data_files():
            found.setdefault(partition_key(file.partition), file.partition)
        return list(found.values())

    def read(
        self,
        output_as: Output = "pandas",
        *,
        columns: Sequence[Any] | None = None,
        partitions: Collection[Any] | None = None,
    ) -> Any:
        """Return the rows.

        Args:
            output_as: "pandas", "polars" or "arrow".
            columns: Labels of the columns, in the order wished for; all of them if None. A pandas index comes along.
            partitions: Only these partitions: values, or tuples of values if there are several fields.

        Returns:
            A pandas DataFrame, a polars DataFrame or an Arrow table.

        Raises:
            VersionExpiredError: The version has expired, perhaps while it was read.
            DamagedError: Bytes are not what was written.
            NotPreservableError: That library can't hold the rows exactly.
            InvalidInputError: There is no such column, or no such output.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> snapshot = atio.write_snapshot(pd.DataFrame({"a": [1], "b": [2]}), "memory://read-example")
            >>> snapshot.read("arrow", columns=["b"]).to_pydict()
            {'b': [2]}
        """
        from atio_core.data.frames import columns_to_read, to_output
        from atio_core.data.scan import read_files

        require_choice("output_as", output_as, get_args(Output))
        if columns is not None:
            columns = require_list("columns", columns, "labels")
        try:
            names = columns_to_read(self.schema, columns, output_as)
            files = self.data_files(partitions)
            rows = read_files(
                self._log.store,
                files,
                schema=self.schema,
                schemas=self._schemas,
                columns=names,
                table=self.table,
                version=self.version,
            )
        except VersionExpiredError:
            raise
        except NotFoundError as error:
            raise self._missing(error) from error
        return to_output(rows, self.schema, [(file.rows, file.piece) for file in files], output_as, columns)

    @cached_property
    def _schemas(self) -> dict[int, pa.Schema]:
        from atio_core.changes.schema import read_schema

        try:
            return {
                n: read_schema(self._log.store, ref, self.version) for n, ref in self.entry.schemas.items()
            }
        except NotFoundError as error:
            raise self._missing(error) from error

    def _wanted(self, partitions: Collection[Any] | None) -> list[tuple[Scalar, ...]] | None:
        if partitions is None:
            return None
        fields = self.partition_fields
        if not fields:
            message = (
                f"partitions can't be chosen: the table {self.table} is not partitioned; leave partitions out"
            )
            raise InvalidInputError(message, table=self.table)
        if not isinstance(partitions, set | frozenset):  # their order is that of the rows in any case
            partitions = require_list("partitions", partitions, "values")
        return [partition_values(one, fields) for one in partitions]

    def _missing(self, error: NotFoundError) -> Exception:
        retained = self._log.is_retained(self.version)
        if retained:
            self._log.require_own(self.entry)
        return missing_file(self.table, self.version, error, retained=retained)

    def __repr__(self) -> str:
        """The version in one line."""
        if self._entry is None:
            return f"<Snapshot {self.version} of {self.table}, expired>"
        when = f"{self.time:%Y-%m-%d %H:%M:%S} UTC"
        return f"<Snapshot {self.version} of {self.table}: {self.operation}, {self.rows:,} rows, {when}>"
