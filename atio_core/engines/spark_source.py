"""Tables as a data source of Spark.

A read is planned where the query is: the version is looked up when the frame is made, and its files when a query says
which rows it wants. A write is a task for each partition of Spark, which stages it and hands its descriptor on as its
message, and a commit of these messages in the driver's place. Of a task that runs several times, Spark hands over one
message.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql.datasource import (
    DataSource,
    DataSourceArrowWriter,
    DataSourceReader,
    Filter,
    InputPartition,
    WriterCommitMessage,
)

from atio_core.changes.descriptors import withdraw
from atio_core.engines.spark_filters import Term, terms_of, typed
from atio_core.engines.spark_options import path_of, read_options, storage_options_of, write_options
from atio_core.engines.spark_types import arrow_schema_of, cast_batch, spark_schema, stored_schema
from atio_core.errors import InvalidInputError, NotPreservableError, TableNotFoundError
from atio_core.format.names import TEMPORARY
from atio_core.format.staged_json import StagedChange
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.log.lookup import require_selector
from atio_core.model.entry import ROWS
from atio_core.model.ids import system_clock
from atio_core.read_tasks import ReadTask
from atio_core.reading.rows import arrow_schema
from atio_core.snapshot import Snapshot
from atio_core.storage.locate import locate
from atio_core.table import Table

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

PUSHED_BY_QUERY = hasattr(DataSourceReader, "pushLimit")
"""Whether what one query pushes is kept from others of the same frame. Up to 4.3 Spark reuses the tasks that it planned
for a filtered query in the next one of the frame that has no filter, which then lacks rows. Releases that push limits
as well plan each query by itself."""


class AtioDataSource(DataSource):
    """What Spark calls the format "atio". `register_spark` makes it known to a session."""

    def __init__(self, options: MutableMapping[str, str]) -> None:
        super().__init__(options)
        self._path = path_of(options)
        self._snapshot: Snapshot | None = None

    @classmethod
    def name(cls) -> str:
        """The format's name."""
        return "atio"

    def schema(self) -> StructType:
        """Look the version up, by which all that is read of this frame is done."""
        return spark_schema(self._columns())

    def reader(self, schema: StructType) -> AtioReader:
        """Return what reads the version.

        Raises:
            InvalidInputError: The columns were said to be others than they are.
        """
        own = spark_schema(self._columns())
        if [(one.name, one.dataType) for one in schema] != [(one.name, one.dataType) for one in own]:
            raise InvalidInputError(
                f"the columns of the table {self._path} aren't those of the schema that was given: leave"
                " schema(…) out, and choose columns by option('columns', …)"
            )
        snapshot, options = self._found(), read_options(self.options)
        whole = arrow_schema(snapshot.schema)
        kind = PushingReader if options.get("push_filters", PUSHED_BY_QUERY) else AtioReader
        return kind(
            snapshot, whole, self._labels(), typed(options.get("filter", ()), whole), arrow_schema_of(schema)
        )

    def writer(self, schema: StructType, overwrite: bool) -> AtioWriter:  # noqa: FBT001 - as Spark calls it
        """Return what writes a version."""
        mode, options = write_options(self.options, overwrite=overwrite)
        return AtioWriter(self._table(), mode, options, schema, storage_options_of(self.options))

    def _table(self) -> Table:
        return Table(self._path, storage_options=storage_options_of(self.options))

    def _found(self) -> Snapshot:
        if self._snapshot is None:
            options = read_options(self.options)
            named = {name: options[name] for name in ("version", "as_of", "tag") if name in options}
            require_selector(**named)  # one of them at most
            self._snapshot = self._table().snapshot(next(iter(named.values()), None))
        return self._snapshot

    def _columns(self) -> pa.Schema:
        return arrow_schema(self._found().schema, self._labels())

    def _labels(self) -> list[str] | None:
        return read_options(self.options).get("columns")


@dataclass(frozen=True, slots=True)
class TaskPartition(InputPartition):
    """What one task of Spark reads."""

    task: ReadTask


class AtioReader(DataSourceReader):
    """Reads a version.

    Args:
        snapshot: The version.
        whole: All its columns, as Arrow has them.
        labels: Which of them; None for all.
        terms: Which rows: all of these must hold.
        given: The columns that Spark takes.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        whole: pa.Schema,
        labels: list[str] | None,
        terms: list[Term],
        given: pa.Schema,
    ) -> None:
        self.snapshot = snapshot
        self.whole = whole
        self.terms = terms
        self._labels = labels
        self._given = given

    def partitions(self) -> Sequence[InputPartition]:
        """Return the tasks, of the files in which rows may match."""
        tasks = self.snapshot.read_tasks(columns=self._labels, filter=self.terms or None)
        return [TaskPartition(task) for task in tasks]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a task."""
        task = partition.task if isinstance(partition, TaskPartition) else None
        for batch in task.scan() if task else ():
            yield cast_batch(batch.select(self._given.names), self._given)


class PushingReader(AtioReader):
    """Reads a version for one query: of the files, those in which rows may be that this query wants."""

    def pushFilters(self, filters: list[Filter]) -> Iterable[Filter]:  # noqa: N802 - Spark calls it so
        """Take what files can be asked; Spark looks at the rows again by all of them."""
        self.terms = [*self.terms, *terms_of(filters, self.snapshot, self.whole)]
        return filters


@dataclass(frozen=True, slots=True)
class StagedMessage(WriterCommitMessage):
    """What one task of Spark has staged; nothing if it had no rows."""

    staged: StagedChange | None


class AtioWriter(DataSourceArrowWriter):
    """Writes a version.

    Args:
        table: The table.
        mode: The change.
        options: Of the change, and of its commit.
        given: The columns as Spark has them.
        storage_options: How the table was opened.

    Raises:
        NotPreservableError: There are none: Spark hands such rows over without their number.
    """

    def __init__(
        self,
        table: Table,
        mode: str,
        options: Mapping[str, Any],
        given: StructType,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        said = {name: one for name, one in options.items() if name in CommitOptions.__annotations__}
        make_intent(system_clock, **said)  # refuses what makes no sense before the tasks begin
        if not list(given):
            raise NotPreservableError(
                f"the frame for the table {table.path} has no columns, so that Spark tells nothing of its rows; add"
                " one. Nothing was written"
            )
        self.table = table
        self._storage_options = storage_options
        self._mode = mode
        self._said = said
        self._options = {name: one for name, one in options.items() if name not in said}
        self._schema = stored_schema(given, _columns_of(table))

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        """Stage the rows of a task, a few batches at a time."""
        return StagedMessage(self._stage_some(iterator))

    def told(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch:
        """Stage the rows of a task, and return its descriptor as a row of Arrow; none if there was nothing."""
        staged = self._stage_some(batches)
        texts = [] if staged is None else [staged.to_json()]
        return pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=["staged"])

    def stage_nothing(self) -> StagedChange:
        """Stage columns without rows."""
        return self._stage(())

    def commit(self, messages: Sequence[WriterCommitMessage | None]) -> None:
        """Make what all tasks have staged one version."""
        staged = _staged(messages)
        if len([one for one in messages if one is not None]) < len(messages):
            raise InvalidInputError(f"not all tasks tell what they have staged for {self.table.path}")
        self.table.commit(staged or [self.stage_nothing()], **self._said)

    def abort(self, messages: Sequence[WriterCommitMessage | None]) -> None:
        """Take away what was staged, unless a commit was tried, of which nobody knows here what became of it.

        All tasks have ended well before one is tried.
        """
        if any(message is None for message in messages):
            store = locate(self.table.path, temporary=TEMPORARY, storage_options=self._storage_options)
            for one in _staged(messages):
                withdraw(one, store)

    def _stage_some(self, batches: Iterator[pa.RecordBatch]) -> StagedChange | None:
        filled = (batch for batch in batches if batch.num_rows)
        first = next(filled, None)
        return None if first is None else self._stage(itertools.chain([first], filled))

    def _stage(self, batches: Iterable[pa.RecordBatch]) -> StagedChange:
        rows = pa.RecordBatchReader.from_batches(
            self._schema, (cast_batch(batch, self._schema) for batch in batches)
        )
        return self.table.stage(rows, self._mode, keep=False, **self._options)


def _columns_of(table: Table) -> pa.Schema:
    """The columns that a table has; none if it isn't there, or holds an object."""
    try:
        snapshot = table.snapshot()
    except TableNotFoundError:
        return pa.schema([])
    return arrow_schema(snapshot.schema) if snapshot.kind == ROWS else pa.schema([])


def _staged(messages: Iterable[WriterCommitMessage | None]) -> list[StagedChange]:
    """What tasks have staged, in the order of Spark's partitions."""
    return [one.staged for one in messages if isinstance(one, StagedMessage) and one.staged is not None]
