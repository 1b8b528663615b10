"""Columns that rows are partitioned by: which may be, and their values as records, callers and folders have them.

`model/partition.py` tells the form in records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa

from atio_core.arguments import shown
from atio_core.data.filters.filter_literals import Operand, compare, is_missing, operand_of
from atio_core.data.schema import arrow_types
from atio_core.data.schema.conform import field_id
from atio_core.data.schema.labels import label_key
from atio_core.data.schema.layout import layout_of, places_of
from atio_core.errors import InvalidInputError
from atio_core.model.data_file import Scalar
from atio_core.model.entry import PartitionField
from atio_core.model.partition import NAN, as_tuple, column_scalar, partition_values
from atio_core.model.predicate import Compare

_OUT_OF_RANGE = "out of range"  # what Arrow writes instead of a year that it can't


def find_column(schema: pa.Schema, name: object, purpose: str) -> pa.Field | None:
    """Return the stored column, of the frame or of its index, that has a label; None if there is none.

    Args:
        schema: The table's, or that of a piece.
        name: The label.
        purpose: What it is wanted for, for messages.

    Raises:
        InvalidInputError: Several columns have it.
    """
    layout = layout_of(schema)
    for columns in (layout.columns, layout.index):
        places = places_of(columns).get(label_key(name), ())
        if len(places) > 1:
            message = f"{len(places)} columns have the label {shown(name)}, so {purpose} can't name one; rename them"
            raise InvalidInputError(message)
        if places:
            return schema.field(columns[places[0]].name)
    return None


def partition_column(schema: pa.Schema, name: str) -> int | None:
    """Return the id of the column that rows are to be partitioned by; None if there is no such column.

    Args:
        schema: The rows' own; each field carries its id.
        name: The column's label.

    Raises:
        InvalidInputError: It isn't of a type that has an order and an end: nested, of mixed values and so on.
    """
    field = find_column(schema, name, "partition_by")
    if field is None:
        return None
    number = cast("int", field_id(field))
    if _operand(schema, number).kind == "other" and not pa.types.is_null(field.type):
        raise InvalidInputError(
            f"column {name!r} of type {field.type} can't partition a table: its values are no numbers, texts, bytes,"
            " dates or times; cast it, or partition by another column",
            column=name,
        )
    return number


def _operand(schema: pa.Schema, column: int) -> Operand:
    layout = layout_of(schema)
    for one in (*layout.columns, *layout.index):
        field = schema.field(one.name)
        if field_id(field) == column:
            return operand_of(layout, one, field)
    raise InvalidInputError(f"the table's rows are partitioned by column {column}, which it has no more")


# --- Values that callers name, and see


def recorded_partition(
    schema: pa.Schema, fields: Sequence[PartitionField], partition: object
) -> tuple[Scalar, ...] | None:
    """Return what records have for a partition that a caller names; None if there can't be any such.

    Raises:
        InvalidInputError: It has more or fewer values than there are fields, or values of other kinds.
    """
    names = [field.name for field in fields]
    values: list[Scalar] = []
    for field, value in zip(fields, as_tuple(partition, names), strict=True):
        if field.column is None:
            values += partition_values((value,), [field.name])
        elif (found := wanted_scalar(schema, field.column, value)) is not None:
            values += found
        else:
            return None
    return tuple(values)


def shown_partition(
    schema: pa.Schema, fields: Sequence[PartitionField], values: tuple[Scalar, ...]
) -> tuple[Any, ...]:
    """Return what a record has for a partition as Python has it."""
    return tuple(
        value if field.column is None else python_value(schema, field.column, value)
        for field, value in zip(fields, values, strict=True)
    )


def wanted_scalar(schema: pa.Schema, column: int, value: object) -> tuple[Scalar] | None:
    """Return the value that a caller names as a record has it; None if no row of the column can have it.

    Raises:
        InvalidInputError: It is of another kind than the column's values.
    """
    operand = _operand(schema, column)
    if is_missing(value):
        return (NAN,) if isinstance(value, float) and operand.kind == "float" else (None,)
    if operand.kind == "other":  # a column of nulls
        return None
    found = compare(_as_numpy(operand, value), "==", value)
    return (column_scalar(found.value),) if isinstance(found, Compare) else None


def _as_numpy(operand: Operand, value: object) -> Operand:
    """The column as NumPy's times see it, which know neither zones nor times of a day: `python_value` gives such."""
    t = operand.type
    match type(value).__name__, operand.kind:
        case "datetime64", "timestamp":
            return replace(operand, type=pa.timestamp(t.unit))
        case "timedelta64", "time":
            return replace(operand, kind="duration", type=pa.duration(t.unit))
        case _:
            return operand


def python_value(schema: pa.Schema, column: int, value: Scalar) -> Any:
    """Return a record's value as Python has it; a time out of Python's reach as NumPy's `datetime64`.

    Example:
        >>> schema = pa.schema([pa.field("day", pa.date32(), metadata={"PARQUET:field_id": "1"})])
        >>> python_value(schema, 1, 15706)
        datetime.date(2013, 1, 1)
    """
    t = next((field.type for field in schema if field_id(field) == column), pa.null())
    t = t.value_type if pa.types.is_dictionary(t) else t
    if value is None or (pa.types.is_temporal(t) and not isinstance(value, int)):
        return value
    if pa.types.is_floating(t):
        return float(value)
    if pa.types.is_decimal(t):
        return Decimal(str(value))
    if arrow_types.is_text_or_bytes(t) or pa.types.is_fixed_size_binary(t):
        return value if arrow_types.is_text(t) else bytes.fromhex(str(value))
    return time_from(t, cast("int", value)) if pa.types.is_temporal(t) else value


def time_from(t: Any, count: int) -> Any:
    """Return a value of a temporal type as Python has it, or NumPy where Python's calendar ends.

    Args:
        t: The type.
        count: How many units of it.

    Example:
        >>> time_from(pa.date32(), 2**31 - 1)
        np.datetime64('5881580-07-11')
    """
    stored = pa.array([count], arrow_types.count_type(t)).view(t)
    unit = "D" if pa.types.is_date32(t) else "ms" if pa.types.is_date64(t) else t.unit
    thousand = 1000
    if unit == "ns" and count % thousand == 0:
        stored = stored.cast(_in_microseconds(t))
    elif unit == "ns":
        return _numpy_time(t, count, unit)
    try:
        return stored[0].as_py()
    except (ValueError, OverflowError):  # a year that Python's calendar lacks
        return _numpy_time(t, count, unit)


def _in_microseconds(t: Any) -> pa.DataType:
    if pa.types.is_timestamp(t):
        return pa.timestamp("us", t.tz)
    return pa.duration("us") if pa.types.is_duration(t) else pa.time64("us")


def _numpy_time(t: Any, count: int, unit: str) -> Any:
    import numpy as np

    if pa.types.is_date(t) or pa.types.is_timestamp(t):
        return np.datetime64(count, cast("Any", unit))
    return np.timedelta64(count, cast("Any", unit))


def scalars_of(values: pa.Array) -> list[Scalar]:
    """Return values of a column as records have them."""
    t = values.type
    if pa.types.is_temporal(t):
        values = values.view(arrow_types.count_type(t))
    return [None if value is None else column_scalar(value) for value in values.to_pylist()]


def names_of(values: pa.Array) -> list[Scalar]:
    """Return what people call the values; where Arrow can't say, what records have."""
    t, scalars = values.type, scalars_of(values)
    if not (pa.types.is_date(t) or pa.types.is_timestamp(t) or pa.types.is_time(t)):
        return scalars
    zone = "Z" if pa.types.is_timestamp(t) and t.tz else ""
    plain = values.cast(pa.timestamp(t.unit)) if zone else values
    names: list[Scalar] = []
    for scalar, text in zip(scalars, plain.cast(pa.string()).to_pylist(), strict=True):
        names.append(scalar if text is None or _OUT_OF_RANGE in text else text + zone)
    return names
