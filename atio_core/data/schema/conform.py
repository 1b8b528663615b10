"""From the columns that a data file holds to those that a version shows.

Columns are matched by the id that each field carries as its Parquet field id, never by name or place: a renamed column
keeps its values, a dropped and re-added one doesn't get the old ones back. A column that a file lacks is null there.
Where the types differ the values are widened, or the read is refused: a value is never changed to fit.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Container, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.data.schema import arrow_types
from atio_core.errors import InvalidInputError, NotPreservableError, SchemaMismatchError

FIELD_ID = b"PARQUET:field_id"
NOT_NULL = b"atio:not_null"
KEY = b"atio:key"
_KEPT: collections.deque[pa.Schema] = collections.deque(maxlen=16)
"""Schemas that Parquet was seen to give back."""

_SMALL = {
    pa.large_string(): pa.string(),
    pa.large_binary(): pa.binary(),
}  # what dictionaries of them come back with

_Is = Callable[[pa.DataType], bool]
_SAME_KIND: tuple[_Is, ...] = (
    lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind),
    lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind),
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_duration,
    pa.types.is_decimal,
)


def field_id(field: pa.Field) -> int | None:
    """Return the column id that a field carries, or None."""
    metadata: dict[bytes, bytes] = field.metadata or {}
    value = metadata.get(FIELD_ID)
    return None if value is None or value == b"-1" else int(value)


def is_required(field: pa.Field) -> bool:
    """Say whether a column takes no nulls because the table's owner said so, whatever its type could hold."""
    return not {NOT_NULL, KEY}.isdisjoint(field.metadata or {})


def storage_type(kind: pa.DataType) -> pa.DataType:
    """Return what an extension type is kept as; any other type is itself."""
    return storage_type(kind.storage_type) if isinstance(kind, pa.BaseExtensionType) else kind


def leaf_count(kind: pa.DataType) -> int:
    """Return how many Parquet columns a column of this type becomes."""
    kind = storage_type(kind)
    if not pa.types.is_nested(kind):
        return 1
    return sum(leaf_count(kind.field(index).type) for index in range(kind.num_fields))


def leaves_of(schema: pa.Schema, ids: Container[int | None]) -> list[int]:
    """Return the places, among a file's Parquet columns, of the columns with these ids.

    Args:
        schema: The file's own, with every column that it holds.
        ids: The columns that are wanted.
    """
    leaves: list[int] = []
    place = 0
    for field in schema:
        count = leaf_count(field.type)
        if field_id(field) in ids:
            leaves.extend(range(place, place + count))
        place += count
    return leaves


def choose(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """Return the schema with only these columns, in this order; with all of them for None.

    Raises:
        InvalidInputError: There is no column of this name.
    """
    if columns is None:
        return schema
    known = set(schema.names)
    for name in columns:
        if name not in known:
            raise InvalidInputError(
                f"There is no column {name!r}. Choose among: {', '.join(map(repr, schema.names))}.",
                column=name,
            )
    return pa.schema([schema.field(name) for name in columns], metadata=schema.metadata)


def changed_by_parquet(written: pa.Schema, read: pa.Schema) -> pa.Field | None:
    """Return the first field whose type doesn't come back from Parquet; None if all do."""
    return next((field for field, found in zip(written, read, strict=True) if found.type != field.type), None)


def require_kept(schema: pa.Schema) -> None:
    """Raise `NotPreservableError` if a column would come back from Parquet with another type.

    Of refusals nothing is remembered: Arrow may be told of an extension type meanwhile.
    """
    if any(schema.equals(one, check_metadata=True) for one in tuple(_KEPT)):
        return
    with pq.ParquetWriter(pa.MockOutputStream(), schema) as writer:
        pass
    field = changed_by_parquet(schema, writer.writer.metadata.schema.to_arrow_schema())
    if field is not None:
        raise NotPreservableError(
            f"Column {field.name!r} is {field.type}, which Parquet gives back as another type. Cast it before writing.",
            column=field.name,
        )
    _KEPT.append(schema)


def restore(values: pa.ChunkedArray, kept: pa.DataType) -> pa.ChunkedArray:
    """Give a column that was read from Parquet the type that it was written with.

    Raises:
        TypeError: It is of another type.
    """
    if values.type != kept:
        raise TypeError(f"{values.type} instead of {kept}")
    # In files, fields inside lists have other names, and some have ids.
    return arrow_types.restore(values, kept)


def widen(values: pa.ChunkedArray, field: pa.Field, *, table: str, version: int) -> pa.ChunkedArray:
    """Give a column the type of a version's schema, with the same values.

    Raises:
        SchemaMismatchError: A value would change.
    """
    if values.type == field.type:
        return values
    try:
        if not may_become(values.type, field.type):
            raise pa.ArrowInvalid("that is another kind of value")
        if pa.types.is_null(values.type):
            return pa.chunked_array([pa.nulls(len(values), field.type)])
        return arrow_types.restore(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaMismatchError(
            f"Column {field.name!r} of table {table!r}, version {version}, is {field.type}, but an older file of it "
            f"has {values.type} values that don't fit: {error}. Read an older version, or write these rows again.",
            table=table,
            version=version,
            column=field.name,
        ) from error


def may_become(old: pa.DataType, new: pa.DataType) -> bool:
    """Say whether values of one type mean the same in another, if they fit; Arrow's safe cast checks that they do."""
    if old == new or pa.types.is_null(old):
        return True
    if pa.types.is_dictionary(old) or pa.types.is_dictionary(new):
        return may_become(_plain(old), _plain(new))
    if pa.types.is_nested(old):
        inner = [(old.field(index), new.field(index)) for index in range(min(old.num_fields, new.num_fields))]
        same = old.id == new.id and old.num_fields == new.num_fields
        return same and all(may_become(before.type, after.type) for before, after in inner)
    if pa.types.is_integer(old):
        return pa.types.is_integer(new) or pa.types.is_floating(new) or pa.types.is_decimal(new)
    if pa.types.is_floating(old):  # Arrow would drop digits
        return pa.types.is_floating(new) and new.bit_width >= old.bit_width
    if pa.types.is_timestamp(old):
        return pa.types.is_timestamp(new) and old.tz == new.tz
    return any(kind(old) and kind(new) for kind in _SAME_KIND)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
