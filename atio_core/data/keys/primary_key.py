"""A table's primary key, as its schema says it: each column of the key has its place in the key in its metadata.

So it goes with the columns, whatever they are called and wherever they stand, and with the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from atio_core.data.frames.columns import field_of
from atio_core.data.keys.key_match import KeyColumns
from atio_core.data.schema.conform import KEY, field_id
from atio_core.data.schema.layout import layout_of


def with_key(schema: pa.Schema, labels: Sequence[object]) -> pa.Schema:
    """Return a schema with these columns as its primary key; with none for no label.

    Args:
        schema: Its fields may have ids or not.
        labels: Of the columns.

    Raises:
        InvalidInputError: No column has a label, or several do; or they can't be a key.

    Example:
        >>> import atio_core as atio
        >>> table = atio.Table("memory://primary-key-example")
        >>> schema = with_key(table.append(pa.table({"a": [1], "b": [2]})).schema, ["b"])
        >>> key_labels(schema), key_labels(with_key(schema, []))
        (['b'], [])
    """
    places = {field_of(schema, label).name: place for place, label in enumerate(labels)}
    if labels:
        KeyColumns.of(schema, labels)
    fields: list[pa.Field] = []
    for field in schema:
        metadata: dict[bytes, bytes] = dict(field.metadata or {})
        metadata.pop(KEY, None)
        if field.name in places:
            metadata[KEY] = str(places[field.name]).encode()
        fields.append(field.with_metadata(metadata))
    return pa.schema(fields, metadata=schema.metadata)


def key_of(schema: pa.Schema) -> KeyColumns:
    """Return the columns of a schema's primary key, in the order in which they were named."""
    labels = {column.name: column.value for column in layout_of(schema).columns}
    names = [field.name for field in _fields(schema)]
    return KeyColumns(tuple(labels[name] for name in names), tuple(names))


def key_labels(schema: pa.Schema) -> list[Any]:
    """Return the labels of the columns of the primary key; none if there is no key."""
    return list(key_of(schema).labels)


def key_ids(schema: pa.Schema) -> tuple[int, ...]:
    """Return the ids of the columns of the primary key; none if there is no key. Columns without ids don't count."""
    ids = [field_id(field) for field in _fields(schema)]
    return tuple(column for column in ids if column is not None)


def _fields(schema: pa.Schema) -> list[pa.Field]:
    places: dict[int, pa.Field] = {}
    for field in schema:
        metadata: dict[bytes, bytes] = field.metadata or {}
        if KEY in metadata:
            places[int(metadata[KEY])] = field
    return [places[place] for place in sorted(places)]
