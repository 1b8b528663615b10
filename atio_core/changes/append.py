"""Add rows behind the table's own. Rebases over everything, if the schema still fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from atio_core.changes.schema import WrittenSchema, add_schema, require_same_schema
from atio_core.changes.writing import Writing
from atio_core.data.frames import Piece, SchemaMode
from atio_core.errors import InvalidInputError
from atio_core.format.digest import digest
from atio_core.log.change import Rebased
from atio_core.log.file_list import with_added
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, Totals


@dataclass(frozen=True, slots=True)
class Append:
    """Rows to be added.

    Attributes:
        adds: The files, written with `schema`.
        schema: Must be the table's own when the change is applied, or have grown from it.
        content: Digest of the rows added.
        limits: Bounds of an entry.
    """

    adds: Sequence[DataFile]
    schema: WrittenSchema
    content: str
    limits: Limits
    operation: str = field(default="append", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base."""
        require_same_schema(base, self.schema, self.operation, scratch.location)
        require_unpartitioned(base, scratch.location)
        entry, number = add_schema(base, self.schema, scratch)
        content = digest(f"{base.content} {self.content}".encode()) if base.is_there else self.content
        files = [replace(file, schema=number) for file in self.adds]
        return Rebased(
            with_added(entry, files, scratch, self.limits).with_(content=content),
            Totals.of(files),
        )


def write_append(writing: Writing, piece: Piece, mode: SchemaMode) -> Append:
    """Write the files of an append. Raises `SchemaMismatchError` before anything is written."""
    require_unpartitioned(writing.base, writing.store.location)
    fitted, schema = writing.own_schema(piece, mode)
    files, content = writing.files(fitted.table, fitted.info)
    return Append(files, schema, content, writing.limits)


def require_unpartitioned(base: LogEntry, table: str) -> None:
    """Raise `InvalidInputError` if a table is partitioned."""
    if base.partition_fields:
        fields = ", ".join(field.name for field in base.partition_fields)
        message = f"the table {table} is partitioned by {fields}: use overwrite_partitions, which says where rows go"
        raise InvalidInputError(message, table=table, version=base.version)
