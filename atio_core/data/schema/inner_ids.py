"""Ids of the fields inside structs, lists and maps, for others who find what lies there by ids, as Iceberg does.

Nothing here is read by them: a column is found by its own id, and what lies inside by its place. An id inside is made
from the column's and the place in a walk that tells a field before what lies in it, from 1: `2**30 + column * 1024 +
place`. So it needs no list, and is no column's.

Whether files have them is said by a mark on the column: those that were written without it go on without them, until
the column is made anew. A column that has more fields inside than there are ids has no mark.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pyarrow as pa

from atio_core.data.schema.arrow_types import fields_of, list_like
from atio_core.data.schema.conform import FIELD_ID, field_id

MARK = b"atio:inner_ids"
MOST = 1023
"""How many fields a column may have inside."""

_FIRST = 1 << 30
_LAST_COLUMN = (1 << 20) - 2  # the ids of the next one would reach into those that Iceberg keeps to itself


def marked(field: pa.Field) -> pa.Field:
    """Return a column that has an id, with the mark if the fields inside are to have ids in the files."""
    column, inside = field_id(field) or 0, _count(field.type)
    if not inside or inside > MOST or column > _LAST_COLUMN:
        return field
    told: dict[bytes, bytes] = {**(field.metadata or {}), MARK: b"1"}
    return field.with_metadata(told)


def is_marked(field: pa.Field) -> bool:
    """Say whether the fields inside a column have ids in the files of its schema."""
    return MARK in (field.metadata or {})


def inner_ids(field: pa.Field) -> Iterator[int]:
    """Yield the ids inside a column, in the order of the walk."""
    return itertools.count(_FIRST + (field_id(field) or 0) * (MOST + 1) + 1)


def with_inner_ids(schema: pa.Schema) -> pa.Schema:
    """Return a schema as Parquet gets it: inside the columns that have the mark, fields have their ids.

    Example:
        >>> lists = pa.field("a", pa.list_(pa.int8()), metadata={FIELD_ID: b"2"})
        >>> with_inner_ids(pa.schema([marked(lists)])).field("a").type.value_field.metadata
        {b'PARQUET:field_id': b'1073743873'}
    """
    if not any(map(is_marked, schema)):
        return schema
    fields = [
        field.with_type(_numbered(field.type, inner_ids(field))) if is_marked(field) else field
        for field in schema
    ]
    return pa.schema(fields, metadata=schema.metadata)


def _numbered(t: pa.DataType, ids: Iterator[int]) -> pa.DataType:
    if not pa.types.is_nested(t):
        return t

    def numbered(field: pa.Field) -> pa.Field:
        told = {FIELD_ID: str(next(ids)).encode()}
        return field.with_metadata(told).with_type(_numbered(field.type, ids))

    if pa.types.is_struct(t):
        return pa.struct([numbered(field) for field in fields_of(t)])
    if pa.types.is_map(t):
        return pa.map_(numbered(t.key_field), numbered(t.item_field), keys_sorted=t.keys_sorted)
    return list_like(t, numbered(t.value_field))


def _count(t: pa.DataType) -> int:
    if not pa.types.is_nested(t):
        return 0
    inside = [t.key_field, t.item_field] if pa.types.is_map(t) else fields_of(t)
    return sum(1 + _count(field.type) for field in inside)
