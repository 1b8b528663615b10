"""Snapshot: one version of a table, read-only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, get_args

from atio_core.arguments import require_choice, require_list, require_whole
from atio_core.errors import InvalidInputError, NotFoundError, VersionExpiredError
from atio_core.log.commit_log import CommitLog, no_table
from atio_core.log.file_list import missing_file
from atio_core.log.lookup import Found
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import ROWS, LogEntry
from atio_core.model.manifest import partition_key
from atio_core.model.partition import partition_values
from atio_core.object_reads import ObjectReads
from atio_core.read_tasks import TaskReads
from atio_core.reading import BATCH_ROWS, Output, Verify
from atio_core.storage.overlay import Overlay
from atio_core.version_diff import VersionDiff
from atio_core.version_facts import VersionFacts

if TYPE_CHECKING:
    import pyarrow as pa

    from atio_core.maintenance.lease import Lease
    from atio_core.reading.rows import Scan
    from atio_core.reading.selection import Selection, Version

_Result = TypeVar("_Result")


class Snapshot(ObjectReads, TaskReads, VersionDiff, VersionFacts):
    """One version of a table: what it says of itself, and its rows or its object. Made by `Table`, not by hand.

    A snapshot never changes. What it holds can be read as long as retention keeps the version.

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
        unchanged: bool = False,
        seconds: Mapping[str, float] | None = None,
    ) -> None:
        self._log = log
        self._entry = entry
        self._latest = latest or entry
        self._is_whole = True
        self.version: int = version if entry is None else entry.data.version
        """Number of the version."""
        self.repeated: bool = repeated
        """True if a write with this idempotency key had been committed before, so that nothing was written now."""
        self.unchanged: bool = unchanged
        """True if there was nothing to be done: the rows are those of the version before, and no version was made."""
        self.seconds: Mapping[str, float] = {} if seconds is None else seconds
        """How long the change took that was made now, by phase: `prepare`, `serialise`, `sync` (waiting for the disk
        when nothing was left to serialise) and `commit`. Empty if the version was looked up."""

    @classmethod
    def of(cls, log: CommitLog, found: Found) -> Self:
        """Return the snapshot of a version that was found.

        Args:
            log: The table's log.
            found: Its entry, and the latest one.
        """
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
    def schema(self) -> pa.Schema:
        """The Arrow schema of the stored columns. A version that dropped the table, or holds an object, has none."""
        if not self.entry.is_there:
            raise no_table(self.table, self.entry)
        if self.kind != ROWS:
            raise self._refusal("has no columns", "read it")
        return self._schemas[self.entry.schema]

    def data_files(self, partitions: Collection[Any] | None = None) -> tuple[DataFile, ...]:
        """Return the records of the data files, in the order of their rows.

        Args:
            partitions: Only these partitions: values, or tuples of values if there are several fields.

        Raises:
            VersionExpiredError: The version has expired.
            DamagedError: A manifest is missing or damaged.
        """
        from atio_core.reading.selection import select_files

        wanted = self._wanted(partitions)

        def listed() -> tuple[DataFile, ...]:
            with self._explaining_missing():
                return select_files(self._log.store, self.entry, wanted)

        return self._anew(listed)

    def partitions(self) -> list[tuple[Any, ...]]:
        """Return the values of the partitions that hold rows or an empty file, in the order of their rows.

        Those of columns are Python's own, such as a `datetime.date`.
        """
        found: dict[tuple[str, ...], tuple[Scalar, ...]] = {}
        for file in self.data_files():
            found.setdefault(partition_key(file.partition), file.partition)
        from atio_core.data.writing.partition_columns import shown_partition

        return [shown_partition(self.schema, self.entry.partition_fields, one) for one in found.values()]

    def lease(self, ttl: timedelta) -> Lease:
        """Keep the version while a `with` block reads it, however long that takes, whatever expires meanwhile.

        The lease is a tag with an end, which is renewed in the background: see `Table.tags`. A program that is killed
        leaves it, and it runs out.

        Args:
            ttl: How long the version stays if the lease isn't renewed any more; a second or longer. It must be longer
                than this process may stand still, and than the clocks of machines differ: some minutes, say.

        Returns:
            A context manager. Its `check()` raises if the version isn't kept any more; so does the end of the block.

        Raises:
            InvalidInputError: That is no such time, or the snapshot is of a change that isn't committed.
            In the block's beginning: `VersionExpiredError` if the version has expired; else as for `Table.tag`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> from datetime import timedelta
            >>> table = atio.Table("memory://lease-example")
            >>> snapshot = table.append(pd.DataFrame({"a": [1]}))
            >>> _ = table.overwrite(pd.DataFrame({"a": [2]}))
            >>> with snapshot.lease(ttl=timedelta(minutes=10)):
            ...     _ = table.expire(keep_last=1)
            ...     snapshot.read()["a"].tolist()
            [1]
        """
        from atio_core.maintenance.lease import Lease

        if isinstance(cast("object", self._log.store), Overlay):
            raise InvalidInputError(
                f"the change of {self.table} isn't a version yet, and can't be leased: publish it"
            )
        return Lease(self._log, self.version, ttl)

    def read(
        self,
        output_as: Output = "pandas",
        *,
        columns: Sequence[Any] | None = None,
        partitions: Collection[Any] | None = None,
        filter: Any = None,  # noqa: A002 - every library calls it so
        limit: int | None = None,
        verify: Verify = "always",
    ) -> Any:
        """Return the rows, or the object.

        Of an object, no argument is taken. A file comes as its bytes. A folder isn't read at once: see `download`.

        Args:
            output_as: "pandas", "polars" or "arrow"; "batches" for `scan` as a reader; or what reads, each time it is
                asked, just the columns, files and rows that it needs: "lazy" for a polars LazyFrame, "duckdb" for a
                relation of DuckDB's default connection, "dataset" for a `pyarrow.dataset.Dataset`.
            columns: Labels of the columns, in the order wished for; all of them if None. A pandas index comes along.
            partitions: Only these partitions: values, or tuples of values if there are several fields.
            filter: Only the rows that match: `[("column", ">", 3), …]`, which all must hold; a list of such lists, of
                which one must hold; or an expression of pyarrow or polars. The columns needn't be among `columns`.
                Partition fields can be named too.
            limit: At most so many rows, the first ones.
            verify: "always" checks the digests of all bytes that are used; "never" takes them as they are, so that
                damage may come back as data.

        Returns:
            A frame, a table, a reader, or what `output_as` says; or the object.

        Raises:
            VersionExpiredError: The version has expired, perhaps while it was read.
            DamagedError: Bytes are not what was written.
            NotPreservableError: That library can't hold the rows exactly.
            InvalidInputError: There is no such column, or no such output, or the filter compares what doesn't compare.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> snapshot = atio.write_snapshot(
            ...     pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "memory://read-example"
            ... )
            >>> snapshot.read("arrow", columns=["b"], filter=[("a", ">", 1)]).to_pydict()
            {'b': [4]}
        """
        from atio_core.reading.outputs import give

        require_choice("output_as", output_as, get_args(Output))
        if self.kind != ROWS:
            output = None if output_as == "pandas" else output_as  # the default, which nobody asked for
            self._require_object_options(
                output_as=output,
                columns=columns,
                partitions=partitions,
                filter=filter,
                limit=limit,
                verify=None if verify == "always" else verify,
            )
            return self._read_object()
        selection = self._selection(columns, partitions, filter, limit)
        return self._anew(lambda: give(self._readable(verify), selection, output_as))

    def scan(
        self,
        *,
        columns: Sequence[Any] | None = None,
        partitions: Collection[Any] | None = None,
        filter: Any = None,  # noqa: A002 - every library calls it so
        limit: int | None = None,
        batch_rows: int = BATCH_ROWS,
        verify: Verify = "always",
    ) -> Scan:
        """Return the rows batch by batch, as Arrow has them; a few row groups are in memory at a time.

        The first batch is read at once, the others while the ones before are worked on. A range index isn't among the
        columns.

        Args:
            columns: As for `read`.
            partitions: As for `read`.
            filter: As for `read`.
            limit: As for `read`.
            batch_rows: At most so many rows in a batch.
            verify: As for `read`.

        Returns:
            An iterator of record batches of one `schema`, none of them empty. `close` it, or drop it, to end the scan.
            It is an Arrow stream as well, of the batches that are left.

        Raises:
            As for `read`, also while it is gone through: a version that expires meanwhile never gives fewer rows.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> snapshot = atio.write_snapshot(pd.DataFrame({"a": range(5)}), "memory://scan-example")
            >>> [batch.num_rows for batch in snapshot.scan(batch_rows=2)]
            [2, 2, 1]
        """
        from atio_core.reading.rows import scan_batches

        batch_rows = require_whole("batch_rows", batch_rows, least=1)
        selection = self._selection(columns, partitions, filter, limit)
        return self._anew(lambda: scan_batches(self._readable(verify), selection, batch_rows))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Export the rows as an Arrow stream: DuckDB, polars, pandas and pyarrow take a snapshot as it is."""
        return self.read("batches").__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        """Export the schema of that stream, so that nobody has to open one to learn of it."""
        from atio_core.reading.rows import arrow_schema

        return arrow_schema(self.schema).__arrow_c_schema__()

    def _selection(
        self,
        columns: Sequence[Any] | None,
        partitions: Collection[Any] | None,
        row_filter: object,
        limit: int | None,
    ) -> Selection:
        from atio_core.reading.selection import make_selection

        wanted = self._wanted(partitions)
        return make_selection(
            self.entry, self.schema, columns=columns, partitions=wanted, row_filter=row_filter, limit=limit
        )

    def _readable(self, verify: Verify) -> Version:
        from atio_core.data.scan.source import Source
        from atio_core.reading.selection import Version

        checked = require_choice("verify", verify, get_args(Verify)) == "always"
        source = Source(self._log.store, self.schema, self._schemas, self.table, self.version, checked)
        return Version(source, self.entry, self._explaining_missing)

    def _anew(self, act: Callable[[], _Result]) -> _Result:
        """Do something with the version's files, or with those that a compaction has put in their places."""
        try:
            return act()
        except VersionExpiredError:
            entry = self._log.standing(self.version) if self._is_whole else None
            if entry is None or entry.version == self.entry.version:
                raise
            self._entry = entry
            vars(self).pop("_schemas", None)
            return act()

    def _at(self, entry: LogEntry) -> Self:
        return type(self)(self._log, self.version, entry)

    def _with_files(self, files: tuple[DataFile, ...]) -> Self:
        part = self._at(self.entry.holding(files))
        part._is_whole = False  # noqa: SLF001 - of this class
        return part

    @contextmanager
    def _explaining_missing(self) -> Generator[None]:
        """Say of a missing file whether it is damage, or the version has expired."""
        try:
            yield
        except VersionExpiredError:
            raise
        except NotFoundError as error:
            raise self._missing(error) from error

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
        if all(field.column is None for field in self.entry.partition_fields):
            return [partition_values(one, fields) for one in partitions]
        from atio_core.data.writing.partition_columns import recorded_partition

        wanted = [recorded_partition(self.schema, self.entry.partition_fields, one) for one in partitions]
        return [values for values in wanted if values is not None]

    def _missing(self, error: NotFoundError) -> Exception:
        retained = self.entry.version in self._log.latest().retained
        if retained:
            self._log.require_own(self.entry)
        return missing_file(self.table, self.version, error, retained=retained)

    def __repr__(self) -> str:
        """The version in one line."""
        if self._entry is None:
            return f"<Snapshot {self.version} of {self.table}, expired>"
        when = f"{self.time:%Y-%m-%d %H:%M:%S} UTC"
        what = f"{self.rows:,} rows" if self.kind == ROWS else f"{self.kind} of {self.bytes:,} bytes"
        return f"<Snapshot {self.version} of {self.table}: {self.operation}, {what}, {when}>"
