"""Types of columns between tables and Spark: what it holds exactly in a type of its own becomes that, or is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkTypeError
from pyspark.sql.pandas.types import from_arrow_type, to_arrow_schema
from pyspark.sql.types import StructField, StructType

from atio_core.errors import InvalidInputError, NotPreservableError

_UTC = "UTC"
_WIDER = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
}


def spark_schema(schema: pa.Schema) -> StructType:
    """Return what Spark calls columns of Arrow.

    Raises:
        InvalidInputError: It has no type for one of them.
    """
    return StructType([StructField(field.name, _spark_type(field), nullable=True) for field in schema])


def _spark_type(field: pa.Field) -> Any:
    try:
        return from_arrow_type(_held_as(field.type))
    except PySparkTypeError as error:
        raise InvalidInputError(
            f"Spark has no type that holds {field.type} of the column {field.name!r}; leave it out by"
            " option('columns', …)"
        ) from error


def _held_as(t: pa.DataType) -> pa.DataType:
    """The Arrow type that Spark knows, of which the values are the same, or null anywhere."""
    if pa.types.is_dictionary(t):
        return _held_as(t.value_type)
    if pa.types.is_time(t):
        return pa.time64("ns")
    if pa.types.is_string_view(t):
        return pa.string()
    if pa.types.is_binary_view(t):
        return pa.binary()
    if pa.types.is_map(t):
        return pa.map_(_held_as(t.key_type), _held_as(t.item_type))
    if pa.types.is_struct(t):
        return pa.struct([(field.name, _held_as(field.type)) for field in t.fields])
    if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        return pa.list_(_held_as(t.value_type))
    return _WIDER.get(t, t)


def arrow_schema_of(schema: StructType) -> pa.Schema:
    """Return the Arrow schema in which Spark takes rows; times are in UTC."""
    made = to_arrow_schema(schema, timezone=_UTC)
    return pa.schema([pa.field(field.name, field.type) for field in made])


def stored_schema(schema: StructType, own: pa.Schema) -> pa.Schema:
    """Return the Arrow schema in which Spark's rows are written: any value in them may be null.

    Args:
        schema: Spark's. It has no zones, just moments: times get those of the table.
        own: The table's, as Arrow has it.

    Raises:
        NotPreservableError: One of Spark's types would come back as another.
    """
    for one, field in zip(schema, arrow_schema_of(schema), strict=True):
        if (given := one.dataType.simpleString()) != (back := _spark_type(field).simpleString()):
            raise NotPreservableError(
                f"column {one.name!r} is {given}, which would come back as {back}; cast it, for example to text."
                " Nothing was written",
                column=one.name,
            )
    zoned = {field.name: field.type for field in own if pa.types.is_timestamp(field.type) and field.type.tz}
    return pa.schema(
        [
            field.with_type(pa.timestamp("us", zoned[field.name].tz))
            if field.name in zoned and pa.types.is_timestamp(field.type) and field.type.tz
            else field
            for field in (pa.field(one.name, _held_as(one.type)) for one in arrow_schema_of(schema))
        ]
    )


def cast_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return rows in another schema of the same columns.

    Raises:
        NotPreservableError: A value isn't there in it.
    """
    columns: Sequence[Any] = [
        _cast(column, field) for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: Any, field: pa.Field) -> Any:
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise NotPreservableError(
            f"the column {field.name!r} has a value that {field.type} doesn't hold: {error}"
        ) from error
