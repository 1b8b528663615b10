"""An Arrow table as columns that Parquet keeps, exactly or not at all, and back.

A column's type is `{"arrow": type}` (`arrow_types.py`), with `"nullable": false` where the field says so, and the
`categories` of an ordered dictionary, whose order is part of what the values mean. The entries of other dictionaries
may come back in another order, without those that no value uses. Metadata of the schema and of its fields belongs to
the piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import Json, UnknownValueError, from_json, to_json
from atio_core.data.schema.layout import Column, Layout, physical_names
from atio_core.data.schema.pieces import Piece, Pieces, piece_of, rows_of, shared, table_of
from atio_core.errors import NotPreservableError


def to_piece(table: pa.Table) -> Piece:
    """Return a table as a piece.

    Raises:
        NotPreservableError: Something in it couldn't come back equal.
    """
    names = physical_names(table.column_names)
    columns: list[Column] = []
    arrays: list[pa.ChunkedArray] = []
    for name, field, values in zip(names, table.schema, table.columns, strict=True):
        try:
            described, stored = _encode(field, values)
        except (arrow_types.UnknownTypeError, UnknownValueError) as error:
            _refuse(
                field, f"has the type {field.type!s:.200}, which can't be stored ({error})", "cast it", error
            )
        except pa.ArrowInvalid as error:
            _refuse(field, f"holds a value that can't be stored ({error})", "take it out or change it", error)
        columns.append(Column(name, field.name, described))
        arrays.append(stored)
    nullable = [field.nullable for field in table.schema]
    return piece_of(Layout("arrow", tuple(columns)), arrays, nullable, table.num_rows, _info_of(table.schema))


def _encode(field: pa.Field, values: pa.ChunkedArray) -> tuple[Json, pa.ChunkedArray]:
    described: dict[str, Json] = {"arrow": arrow_types.describe(field.type)}
    if not field.nullable:
        described["nullable"] = False
        if values.null_count:
            _refuse(field, "is declared not nullable, but has nulls", "declare it nullable")
    if pa.types.is_dictionary(field.type):
        if any(chunk.dictionary.null_count for chunk in values.chunks):
            _refuse(field, "has a null among its dictionary's values", "use a null index instead")
        if field.type.ordered:
            described["categories"] = _categories(field, values)
    return described, arrow_types.store(values)


def _categories(field: pa.Field, values: pa.ChunkedArray) -> list[Json]:
    t = field.type.value_type
    if not arrow_types.is_text_or_bytes(t) and not pa.types.is_integer(t):
        _refuse(field, f"is an ordered dictionary of {t}", "use text or integers, or one that isn't ordered")
    dictionaries = [chunk.dictionary for chunk in values.chunks]
    if any(not dictionary.equals(dictionaries[0]) for dictionary in dictionaries):
        _refuse(
            field, "has an ordered dictionary that differs from chunk to chunk", "use unify_dictionaries()"
        )
    return [to_json(value) for value in dictionaries[0].to_pylist()] if dictionaries else []


def _refuse(field: pa.Field, what: str, advice: str, error: Exception | None = None) -> NoReturn:
    message = f"column {field.name!r} {what}, so it wouldn't come back equal; {advice}. Nothing was written"
    raise NotPreservableError(message) from error


def _info_of(schema: pa.Schema) -> dict[str, Any]:
    info: dict[str, Any] = {}
    if schema.metadata:
        info["metadata"] = arrow_types.metadata_to_json(schema.metadata)
    fields = {
        str(i): arrow_types.metadata_to_json(field.metadata)
        for i, field in enumerate(schema)
        if field.metadata
    }
    if fields:
        info["field_metadata"] = fields
    return info


def to_table(table: pa.Table, layout: Layout, positions: Sequence[int], pieces: Pieces) -> pa.Table:
    """Return the table that was written, or some of its columns."""
    metadata = cast("dict[str, Json]", shared(pieces, "field_metadata") or {})
    fields: list[pa.Field] = []
    arrays: list[pa.ChunkedArray] = []
    for position in positions:
        column = layout.columns[position]
        values = table.column(column.name)
        described = cast("dict[str, Json]", column.type or {})
        t = type_of(column, table.schema.field(column.name))
        arrays.append(_decode(values, t, described.get("categories")))
        kept = arrow_types.metadata_from_json(metadata.get(str(position)))
        fields.append(pa.field(column.value, t, nullable=described.get("nullable", True), metadata=kept))
    schema = pa.schema(fields, metadata=arrow_types.metadata_from_json(shared(pieces, "metadata")))
    return table_of(arrays, schema, rows_of(pieces))


def _decode(values: pa.ChunkedArray, t: pa.DataType, categories: list[Json] | None) -> pa.ChunkedArray:
    if categories is None:
        return arrow_types.restore(values, t)
    dictionary = pa.array([from_json(category) for category in categories], t.value_type)
    plain = arrow_types.restore(values, t.value_type)
    chunks = [
        pa.DictionaryArray.from_arrays(
            pc.index_in(chunk, dictionary).cast(t.index_type), dictionary, ordered=True
        )
        for chunk in plain.chunks
    ]
    return pa.chunked_array(chunks, t)


def type_of(column: Column, field: pa.Field) -> pa.DataType:
    """Return the Arrow type that a column had; without a layout, what it is stored as."""
    return field.type if column.type is None else arrow_types.build(column.type["arrow"])
