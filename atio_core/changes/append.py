"""Add rows behind the table's own. Rebases over everything, if the schema still fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from atio_core.changes.arrangement import Placement, own_arrangement, require_arrangement
from atio_core.changes.by_partition import Pieces, fitted_by_partition, written_by_partition
from atio_core.changes.constraints import Constraints
from atio_core.changes.schema import WrittenSchema, add_schema, require_same_schema
from atio_core.changes.writing import Writing
from atio_core.data.frames.frames import SchemaMode
from atio_core.data.writing.incoming import Incoming
from atio_core.format.digest import digest
from atio_core.log.change import Rebased
from atio_core.log.file_list import with_added
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, PartitionField, Totals

_NONE = Constraints()


@dataclass(frozen=True, slots=True)
class Append:
    """Rows to be added.

    Attributes:
        adds: The files, written with `schema`.
        schema: Must be the table's own when the change is applied, or have grown from it.
        content: Digest of the rows added.
        limits: Bounds of an entry.
        fields: The partition fields; must be the table's own when the change is applied.
        sort_by: Ids of the columns that rows are sorted by; must be the table's own, too.
    """

    adds: Sequence[DataFile]
    schema: WrittenSchema
    content: str
    limits: Limits
    fields: tuple[PartitionField, ...] = ()
    sort_by: tuple[int, ...] = ()
    operation: str = field(default="append", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base."""
        require_same_schema(base, self.schema, self.operation, scratch.location)
        require_arrangement(base, self.fields, self.sort_by, self.operation, scratch.location)
        entry, number = add_schema(base, self.schema, scratch)
        files = [replace(file, schema=number) for file in self.adds]
        added = Totals.of(files)
        content = self.content
        if base.is_there:  # no rows in the columns that are there leave the content as it is
            same = not added.rows and number == base.schema
            content = base.content if same else digest(f"{base.content} {self.content}".encode())
        entry = with_added(entry, files, scratch, self.limits)
        entry = entry.arranged(self.fields, self.sort_by).with_(content=content)
        return Rebased(entry, added)


def write_append(
    writing: Writing,
    data: Incoming,
    mode: SchemaMode,
    placement: Placement,
    constraints: Constraints = _NONE,
) -> Append:
    """Write the files of an append.

    Raises:
        SchemaMismatchError: The rows don't fit the table; nothing was written.
        InvalidInputError: Nothing says into which partitions they go, or they are to go where they can't.
    """
    fitted, schema = writing.own_schema(data.first, mode, constraints=constraints)
    arrangement = own_arrangement(writing.base, fitted.table.schema, placement, writing.store.location)
    written = writing.written(data, fitted, arrangement)
    return Append(
        written.files, schema, written.content, writing.limits, arrangement.fields, arrangement.sort_by
    )


def write_append_by_partition(
    writing: Writing,
    pieces: Pieces,
    names: tuple[str, ...],
    mode: SchemaMode,
    *,
    sort_by: Sequence[object] | None = None,
    constraints: Constraints = _NONE,
) -> Append:
    """Write the files of an append to some partitions, each given by itself.

    Raises:
        As for `fitted_by_partition`.
    """
    placed, schema = fitted_by_partition(
        writing, pieces, names, mode, sort_by=sort_by, constraints=constraints
    )
    to = placed[0][1]
    written = written_by_partition(writing, placed)
    return Append(written.files, schema, written.content, writing.limits, to.fields, to.sort_by)
