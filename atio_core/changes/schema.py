"""The schema that a change's files were written with, and its place among a version's schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from atio_core.data.frames.columns import not_null_ids
from atio_core.data.keys.primary_key import key_ids
from atio_core.data.schema.inner_ids import marked
from atio_core.errors import CommitConflictError, DamagedError, InvalidInputError
from atio_core.format.digest import digest
from atio_core.format.names import schema_path
from atio_core.format.schema_arrow import decode_schema, encode_schema, inline_bytes, inline_ref
from atio_core.log.file_list import files_of
from atio_core.log.scratch import Readable, Scratch
from atio_core.model.entry import PRIMARY_KEY, ROWS, LogEntry, SchemaRef
from atio_core.model.staged import StagedFiles

FIELD_ID = b"PARQUET:field_id"
_SPARE = 16
"""With every so manyth schema, those that no file needs go from the entry: to find them may mean opening manifests."""


@dataclass(frozen=True, slots=True)
class WrittenSchema:
    """A schema whose columns have ids, as its files have them.

    Attributes:
        plain: Its bytes; none if the version that it was written against has it.
        digest: Their digest: two equal schemas, ids included, have the same.
        last_column: The highest column id in it.
        grown_from: The digest of the table's schema that it adds to, or widens; None if it was made from none.
        new_columns: The ids of the columns that it adds to that one.
        behind: The data version that it is for, and no other, since its rows were looked at; None for any.
        key_before: The ids of the columns of the primary key that the table had when it was made.
        not_null_before: The ids of the columns that took no nulls then.
    """

    plain: bytes
    digest: str
    last_column: int
    grown_from: str | None = None
    new_columns: tuple[int, ...] = ()
    behind: int | None = None
    key_before: tuple[int, ...] = ()
    not_null_before: tuple[int, ...] = ()

    @classmethod
    def of(cls, schema: pa.Schema) -> WrittenSchema:
        """Return the written form of a schema whose fields have ids."""
        plain = encode_schema(schema)
        return cls(plain, digest(plain), max((column_id(field) for field in schema), default=0))


def written_schema(schema: pa.Schema, ref: SchemaRef) -> WrittenSchema:
    """Return the written form of a schema that an entry names already."""
    return WrittenSchema(b"", ref.digest, max((column_id(field) for field in schema), default=0))


def column_id(field: pa.Field) -> int:
    """Return the id of a column."""
    metadata: Mapping[bytes, bytes] = field.metadata or {}
    return int(metadata[FIELD_ID])


def grown_schema(schema: pa.Schema, ref: SchemaRef, *, last_column: int) -> tuple[pa.Schema, WrittenSchema]:
    """Return a table's schema with further columns, all with ids, and its written form.

    Args:
        schema: Its fields have the table's ids; those of new columns have none.
        ref: What it has grown from.
        last_column: The highest id ever given in the table.
    """
    fields: list[pa.Field] = []
    new: list[int] = []
    for field in schema:
        if FIELD_ID in (field.metadata or {}):
            fields.append(field)
        else:
            new.append(last_column + len(new) + 1)
            fields.append(marked(field.with_metadata({FIELD_ID: str(new[-1]).encode()})))
    made = pa.schema(fields, metadata=schema.metadata)
    return made, replace(WrittenSchema.of(made), grown_from=ref.digest, new_columns=tuple(new))


def with_ids(schema: pa.Schema, *, like: pa.Schema | None, last_column: int) -> pa.Schema:
    """Give every column an id: that of the same column (name and type) in `like`, else a new one.

    Args:
        schema: Without ids.
        like: The table's schema so far.
        last_column: The highest id ever given in the table.
    """
    known: Mapping[tuple[str, pa.DataType], int] = (
        {(f.name, f.type): column_id(f) for f in like} if like else {}
    )
    fields: list[pa.Field] = []
    for field in schema:
        number = known.get((field.name, field.type))
        if number is None:
            last_column += 1
            number = last_column
        told: dict[bytes, bytes] = {**(field.metadata or {}), FIELD_ID: str(number).encode()}
        fields.append(marked(field.with_metadata(told)))
    return pa.schema(fields, metadata=schema.metadata)


def add_schema(base: LogEntry, written: WrittenSchema, scratch: Scratch) -> tuple[LogEntry, int]:
    """Return the base with a schema as its current one, and the schema's number.

    Raises:
        CommitConflictError: With `write_again`: the base was to have it, and hasn't any more.
    """
    last_column = max(base.last_column, written.last_column)
    for number, ref in base.schemas.items():
        if ref.digest == written.digest:
            return base.with_(schema=number, last_column=last_column), number
    if not written.plain:
        raise _other_schema(base, "a change", scratch.location)
    ref = inline_ref(written.plain)
    if ref is None:
        path = schema_path(scratch.new_id())
        scratch.put(path, written.plain)
        ref = SchemaRef(written.digest, path=path)
    number = base.last_schema + 1
    known = base.schemas if number % _SPARE else _in_use(base, scratch)
    schemas = known | {number: ref}
    return base.with_(schema=number, schemas=schemas, last_schema=number, last_column=last_column), number


def _in_use(base: LogEntry, scratch: Scratch) -> dict[int, SchemaRef]:
    """Return the schemas that files of the base were written with."""
    used = {file.schema for file in files_of(scratch, base)}
    return {number: ref for number, ref in base.schemas.items() if number in used}


def require_rows(base: LogEntry, table: str) -> None:
    """Raise `InvalidInputError` if a table holds an object."""
    if base.kind != ROWS:
        raise InvalidInputError(
            f"version {base.data.version} of the table {table} holds an object ({base.kind}), not rows: overwrite it,"
            " or restore a version that holds rows; nothing was committed",
            table=table,
            version=base.data.version,
        )


def require_same_schema(base: LogEntry, written: WrittenSchema, operation: str, table: str) -> None:
    """Raise `CommitConflictError` with `write_again` if files were written for another schema than the table's."""
    require_rows(base, table)
    if base.is_there and not fits(base, written):
        raise _other_schema(base, operation, table)


def fits(base: LogEntry, written: WrittenSchema) -> bool:
    """Say whether files were written for the schema that a table has.

    One that has grown from the table's will do, as long as nobody else has given out the ids of its new columns:
    another column may have had such an id meanwhile, and be gone again, and older files may hold its values. Where a
    unit of time has become finer, others may have added values meanwhile that it has no place for.
    """
    own = base.schemas[base.schema].digest
    grown = own == written.grown_from and all(column > base.last_column for column in written.new_columns)
    return own == written.digest or (grown and written.behind in (None, base.data.version))


def _other_schema(base: LogEntry, operation: str, table: str) -> CommitConflictError:
    return CommitConflictError(
        f"{operation} of {table} was written for a schema that is no longer the latest's; nothing was committed:"
        " write the data again",
        table=table,
        version=base.version,
        winner=base.version,
        write_again=True,
    )


def key_columns(entry: LogEntry, store: Readable) -> tuple[int, ...]:
    """Return the ids of the columns of a version's primary key; none if it has no key."""
    if PRIMARY_KEY not in entry.writer_features:
        return ()
    return key_ids(read_schema(store, entry.schemas[entry.schema], entry.version))


def with_key_feature(entry: LogEntry, base: LogEntry, store: Readable) -> LogEntry:
    """Return what a change made of a base, said to have a primary key if its schema does."""
    had = PRIMARY_KEY in base.writer_features
    if not entry.schema:
        return entry.with_feature(PRIMARY_KEY, needed=False) if had else entry
    ref = entry.schemas[entry.schema]
    if base.schema and base.schemas[base.schema].digest == ref.digest:
        return entry
    has = bool(key_ids(read_schema(store, ref, base.version)))
    return entry.with_feature(PRIMARY_KEY, needed=has)


def knows_constraints(written: WrittenSchema | StagedFiles, base: LogEntry, store: Readable) -> bool:
    """Say whether a schema was made for a table that had a version's primary key, and its columns without nulls."""
    if key_columns(base, store) != written.key_before:
        return False
    if not base.schema:
        return True
    held = not_null_ids(read_schema(store, base.schemas[base.schema], base.version))
    return set(held) <= set(written.not_null_before)


def require_same_constraints(
    base: LogEntry, written: WrittenSchema, operation: str, scratch: Scratch
) -> None:
    """Raise `CommitConflictError` with `write_again` if a schema was made for a table that held less of its rows."""
    if not knows_constraints(written, base, scratch):
        raise _other_schema(base, operation, scratch.location)


def read_schema(store: Readable, ref: SchemaRef, version: int) -> pa.Schema:
    """Return a schema that an entry names.

    Raises:
        NotFoundError: Its file isn't there: damage, or the version has expired.
        DamagedError: Its bytes are not what was written.
    """
    plain = inline_bytes(ref) if ref.path is None else store.read(ref.path)
    found = digest(plain)
    if found != ref.digest:
        raise DamagedError(
            f"the schema {ref.path} of the table {store.location} is damaged; bring it back from a backup",
            table=store.location,
            version=version,
            path=ref.path,
            expected=ref.digest,
            found=found,
        )
    return decode_schema(plain)
