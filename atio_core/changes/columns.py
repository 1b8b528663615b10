"""Rename, drop or move a column, or declare the key. No file changes: files are read by the ids of columns.

Each rebases over everything, as long as the columns that it names are still there, and a new label is still free. What
writes files meanwhile writes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from atio_core.arguments import require_text
from atio_core.changes.schema import WrittenSchema, add_schema, column_id, read_schema, require_rows
from atio_core.data.frames.columns import dropped, field_of, renamed
from atio_core.data.keys.primary_key import key_ids, with_key
from atio_core.errors import InvalidInputError
from atio_core.format.digest import digest
from atio_core.log.change import Rebased
from atio_core.log.commit_log import no_table
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, PartitionField

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A change of the columns' labels or places.

    Attributes:
        operation: Its name in the history.
        apply: Makes the schema of a version, and its partition fields, what they are to be.
    """

    operation: str
    apply: Callable[[LogEntry, pa.Schema], tuple[pa.Schema, tuple[PartitionField, ...]]]
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: The base has no such columns.
        """
        if not base.is_there:
            raise no_table(scratch.location, base)
        require_rows(base, scratch.location)
        schema = read_schema(scratch, base.schemas[base.schema], base.version)
        made, fields = self.apply(base, schema)
        written = WrittenSchema.of(made)
        if written.digest == base.schemas[base.schema].digest:
            return None
        entry, _ = add_schema(base, written, scratch)
        content = digest(f"{base.content} {written.digest}".encode())
        return Rebased(entry.with_(partition_fields=fields, content=content))


def rename(
    base: LogEntry, schema: pa.Schema, label: object, new: object
) -> tuple[pa.Schema, tuple[PartitionField, ...]]:
    """Give a column another label; a partition field that is this column is named alike.

    Raises:
        InvalidInputError: No column has the label, or several do; or something else has the new one.
    """
    if isinstance(new, str):
        require_text("new", new)
    made, column = renamed(schema, label, new), column_id(field_of(schema, label))
    if any(one.name == new and one.column != column for one in base.partition_fields):
        raise InvalidInputError(f"a partition field is named {new!r} already: choose another label")
    if isinstance(new, str):
        fields = [
            replace(one, name=str.__str__(new)) if one.column == column else one
            for one in base.partition_fields
        ]
        return made, tuple(fields)
    if any(one.column == column for one in base.partition_fields):
        raise InvalidInputError(f"column {label!r} is a partition field, whose name is text: choose a text")
    return made, base.partition_fields


def drop(base: LogEntry, schema: pa.Schema, label: object) -> tuple[pa.Schema, tuple[PartitionField, ...]]:
    """Leave a column out.

    Raises:
        InvalidInputError: No column has the label, or several do; or the table can't be without it.
    """
    column = column_id(field_of(schema, label))
    if any(one.column == column for one in base.partition_fields):
        raise InvalidInputError(
            f"column {label!r} can't be dropped: the table is partitioned by it; overwrite the table with other"
            " partition fields first"
        )
    if column in base.sort_by:
        raise InvalidInputError(
            f"column {label!r} can't be dropped: the table is sorted by it; overwrite the table with another sort_by"
            " first, or [] for none"
        )
    if column in key_ids(schema):
        raise InvalidInputError(
            f"column {label!r} can't be dropped: it is of the table's primary key; give the table another one first, by"
            " set_key"
        )
    return dropped(schema, label), base.partition_fields


def declare_key(
    base: LogEntry, schema: pa.Schema, labels: Sequence[object]
) -> tuple[pa.Schema, tuple[PartitionField, ...]]:
    """Make columns the primary key; whether the rows hold it is found out by the commit.

    Raises:
        InvalidInputError: No column has a label, or several do; or it can't be one of a key.
    """
    return with_key(schema, labels), base.partition_fields
