"""Replace whole partitions. It rebases over everything: it replaces blindly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from atio_core.changes.arrangement import (
    Arrangement,
    Placement,
    own_arrangement,
    require_arrangement,
    require_partitioned,
)
from atio_core.changes.by_partition import Pieces, fitted_by_partition, written_by_partition
from atio_core.changes.schema import WrittenSchema, add_schema, require_same_schema
from atio_core.changes.split_writes import write_split
from atio_core.changes.unchanged import IfUnchanged, SharedPartitions, or_undone, shared_partitions
from atio_core.changes.writing import Writing, Written
from atio_core.data.frames.frames import SchemaMode
from atio_core.data.writing.incoming import Incoming
from atio_core.format.digest import digest
from atio_core.log.change import Rebased
from atio_core.log.file_list import with_added, without
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import LogEntry, PartitionField, Totals
from atio_core.model.manifest import may_hold, partition_key


@dataclass(frozen=True, slots=True)
class OverwritePartitions:
    """Partitions that replace those of the same values.

    Attributes:
        adds: The files of the partitions, written with `schema`.
        partitions: The values of the partitions that they replace, in the fields' order.
        fields: The partition fields; must be the table's own when the change is applied.
        schema: Must be the table's own when the change is applied, or have grown from it.
        content: Digest of the rows.
        limits: Bounds of an entry.
        sort_by: Ids of the columns that rows are sorted by; must be the table's own, too.
        shared: Partitions that hold just the rows that are to replace theirs. One that isn't among `partitions` isn't
            written, and must hold them still when the change is applied.
        skip: Make no version if all do.
    """

    adds: Sequence[DataFile]
    partitions: frozenset[tuple[Scalar, ...]]
    fields: tuple[PartitionField, ...]
    schema: WrittenSchema
    content: str
    limits: Limits
    sort_by: tuple[int, ...] = ()
    shared: SharedPartitions = field(default_factory=SharedPartitions)
    skip: bool = False
    operation: str = field(default="overwrite_partitions", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            CommitConflictError: With `write_again`: the files don't fit it, or it lacks some that are shared.
        """
        require_same_schema(base, self.schema, self.operation, scratch.location)
        require_arrangement(base, self.fields, self.sort_by, self.operation, scratch.location)
        wanted = self.partitions - self.shared.held_in(base, scratch, self.partitions)
        replaced = {partition_key(values) for values in wanted}
        files = [file for file in self.adds if partition_key(file.partition) in replaced]
        unused = [file.path for file in self.adds if partition_key(file.partition) not in replaced]
        if not wanted and base.is_there and base.schemas[base.schema].digest == self.schema.digest:
            return None if self.skip else Rebased(base, unused=unused)
        kept = without(
            base,
            goes=lambda file: partition_key(file.partition) in replaced,
            may_hold=lambda ref: any(may_hold(ref, values) for values in wanted),
            scratch=scratch,
        )
        entry, number = add_schema(kept, self.schema, scratch)
        files = [replace(file, schema=number) for file in files]
        content = digest(f"{base.content} {self.content}".encode()) if base.is_there else self.content
        entry = with_added(entry, files, scratch, self.limits).arranged(self.fields, self.sort_by)
        entry = entry.with_(content=content)
        return Rebased(entry, Totals.of(files), base.totals - kept.totals, unused)


def write_partitions_of(
    writing: Writing,
    data: Incoming,
    mode: SchemaMode,
    placement: Placement,
    *,
    if_unchanged: IfUnchanged = "commit",
) -> OverwritePartitions:
    """Write the files of the partitions that the data has rows of.

    Raises:
        InvalidInputError: The table isn't partitioned, or nothing says into which partitions the rows go.
        SchemaMismatchError: The data doesn't fit the table.
    """
    fitted, schema = writing.own_schema(data.first, mode)
    arrangement = own_arrangement(writing.base, fitted.table.schema, placement, writing.store.location)
    require_partitioned(writing.base, arrangement.fields, writing.store.location)
    if not data.is_stream and arrangement.columns:
        split = write_split(writing, fitted, schema, arrangement)
        done = split.new, split.shared
    else:
        written = writing.written(data, fitted, arrangement)
        done = written, or_undone(shared_partitions, writing, written, schema, arrangement)
    return _partitions(writing, done, schema, arrangement, if_unchanged)


def write_partitions(
    writing: Writing,
    pieces: Pieces,
    names: tuple[str, ...],
    mode: SchemaMode,
    sort_by: Sequence[object] | None = None,
    *,
    if_unchanged: IfUnchanged = "commit",
) -> OverwritePartitions:
    """Write the files of some partitions, each given by itself.

    Raises:
        InvalidInputError: The table has other partition fields.
        SchemaMismatchError: A piece doesn't fit the table, or one of a new table the first one.
    """
    placed, schema = fitted_by_partition(writing, pieces, names, mode, sort_by=sort_by)
    to = placed[0][1]
    arrangement = Arrangement(to.fields, sort_by=to.sort_by)
    written = written_by_partition(writing, placed)
    done = written, or_undone(shared_partitions, writing, written, schema, arrangement)
    return _partitions(writing, done, schema, arrangement, if_unchanged)


def _partitions(
    writing: Writing,
    done: tuple[Written, SharedPartitions],
    schema: WrittenSchema,
    arrangement: Arrangement,
    if_unchanged: IfUnchanged,
) -> OverwritePartitions:
    new, shared = done
    return OverwritePartitions(
        new.files,
        new.partitions,
        arrangement.fields,
        schema,
        new.content,
        writing.limits,
        arrangement.sort_by,
        shared,
        skip=if_unchanged == "skip",
    )
