"""Replace all rows, whole partitions, or the rows that match a filter.

The first two rebase over everything: they replace blindly. The last reads what it replaces: see `rewrite.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from atio_core.changes.append import require_unpartitioned
from atio_core.changes.matching import Matching
from atio_core.changes.schema import WrittenSchema, add_schema, require_rows, require_same_schema
from atio_core.changes.writing import Writing
from atio_core.data.filters import read_filter
from atio_core.data.frames import Piece, SchemaMode
from atio_core.errors import InvalidInputError
from atio_core.format.digest import digest
from atio_core.format.schema_arrow import decode_schema
from atio_core.log.change import Change, Rebased
from atio_core.log.file_list import with_added, without
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import ROWS, LogEntry, PartitionField, Totals
from atio_core.model.manifest import may_hold, partition_key


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Rows that replace all others.

    Attributes:
        adds: The files, written with `schema`.
        schema: Becomes the table's. If it has grown from one, that must be the table's when the change is applied.
        content: Digest of the rows.
        limits: Bounds of an entry.
        mode: How the table's columns may change.
    """

    adds: Sequence[DataFile]
    schema: WrittenSchema
    content: str
    limits: Limits
    mode: SchemaMode = "replace"
    operation: str = field(default="overwrite", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base."""
        if self.mode != "replace":
            require_same_schema(base, self.schema, self.operation, scratch.location)
        emptied = base.emptied(ROWS).with_(schemas=base.schemas)  # a schema that comes back keeps its number
        entry, number = add_schema(emptied, self.schema, scratch)
        entry = entry.with_(schemas={number: entry.schemas[number]}, content=self.content)
        files = [replace(file, schema=number) for file in self.adds]
        return Rebased(with_added(entry, files, scratch, self.limits), Totals.of(files), base.totals)


@dataclass(frozen=True, slots=True)
class OverwritePartitions:
    """Partitions that replace those of the same values.

    Attributes:
        adds: The files of all partitions, written with `schema`.
        partitions: The values of the partitions that are replaced, in the fields' order.
        fields: The names of the partition fields; the table's own, if it is there.
        schema: Must be the table's own when the change is applied, or have grown from it.
        content: Digest of the rows.
        limits: Bounds of an entry.
    """

    adds: Sequence[DataFile]
    partitions: frozenset[tuple[Scalar, ...]]
    fields: tuple[str, ...]
    schema: WrittenSchema
    content: str
    limits: Limits
    operation: str = field(default="overwrite_partitions", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base."""
        require_same_schema(base, self.schema, self.operation, scratch.location)
        require_fields(base, self.fields, scratch.location)
        replaced = {partition_key(values) for values in self.partitions}
        kept = without(
            base,
            goes=lambda file: partition_key(file.partition) in replaced,
            may_hold=lambda ref: any(may_hold(ref, values) for values in self.partitions),
            scratch=scratch,
        )
        entry, number = add_schema(kept, self.schema, scratch)
        files = [replace(file, schema=number) for file in self.adds]
        fields = (
            base.partition_fields if base.is_there else tuple(PartitionField(name) for name in self.fields)
        )
        content = digest(f"{base.content} {self.content}".encode()) if base.is_there else self.content
        entry = with_added(entry, files, scratch, self.limits).with_(partition_fields=fields, content=content)
        return Rebased(entry, Totals.of(files), base.totals - kept.totals)


def write_overwrite(writing: Writing, piece: Piece, mode: SchemaMode) -> Overwrite:
    """Write the files of an overwrite. Raises `SchemaMismatchError` before anything is written."""
    fitted, schema = writing.own_schema(piece, mode, rows_stay=False)
    files, content = writing.files(fitted.table, fitted.info)
    return Overwrite(files, schema, content, writing.limits, mode)


def write_overwrite_where(writing: Writing, piece: Piece, where: object) -> Change:
    """Write the files of an overwrite of the rows that match a filter; a table that isn't there is made.

    Raises:
        InvalidInputError: `where` is no filter of the table's rows; or the table is partitioned.
        SchemaMismatchError: The piece doesn't fit the table.
    """
    require_rows(writing.base, writing.store.location)
    if not writing.base.schema:
        _, schema = writing.new_schema(piece)
        read_filter(where, decode_schema(schema.plain), ())
        return write_overwrite(writing, piece, "replace")
    require_unpartitioned(writing.base, writing.store.location)
    fitted, _ = writing.own_schema(piece)
    with Matching(writing) as matching:
        row_filter = matching.filter(where)
        files, content = writing.files(fitted.table, fitted.info)
        matching.add(files if fitted.table.num_rows else [])
        for matched in matching.matched(row_filter):
            matching.drop(matched)
        return matching.change("overwrite", row_filter, content)


def write_partitions(
    writing: Writing,
    pieces: Mapping[tuple[Scalar, ...], Piece],
    fields: tuple[str, ...],
    mode: SchemaMode,
) -> OverwritePartitions:
    """Write the files of some partitions.

    Raises:
        InvalidInputError: The table has other partition fields.
        SchemaMismatchError: A piece doesn't fit the table, or one of a new table the first one.
    """
    store = writing.store
    require_fields(writing.base, fields, store.location)
    fitted, schema = writing.own_schemas(list(pieces.values()), mode)
    written: list[DataFile] = []
    contents: list[str] = []
    try:
        for values, piece in zip(pieces, fitted, strict=True):
            files, content = writing.files(piece.table, piece.info, fields, values)
            written += files
            contents.append(f"{values!r} {content}")
    except BaseException:
        store.delete([file.path for file in written])
        raise
    content = digest("\n".join(sorted(contents)).encode())
    return OverwritePartitions(written, frozenset(pieces), fields, schema, content, writing.limits)


def require_fields(base: LogEntry, fields: tuple[str, ...], table: str) -> None:
    """Raise `InvalidInputError` if a table isn't partitioned by these fields."""
    own = tuple(f.name for f in base.partition_fields)
    if base.is_there and own != fields:
        told = f"partitioned by {', '.join(own)}" if own else "not partitioned"
        raise InvalidInputError(
            f"the table {table} is {told}, so its partitions by {', '.join(fields)} can't be replaced; overwrite the"
            " whole table, or write to another",
            table=table,
            version=base.version,
        )
