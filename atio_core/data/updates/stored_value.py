"""A plain value in the form that a column stores it, if the column's type holds it exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NoReturn, cast

import pyarrow as pa

from atio_core.arguments import shown
from atio_core.data.filters.filter_literals import WANTED, Operand, plain_literal, unit_ns
from atio_core.data.frames import frames_arrow
from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import from_json
from atio_core.data.schema.layout import Column, Layout
from atio_core.errors import InvalidInputError


def stored_value(operand: Operand, layout: Layout, field: pa.Field, value: Any) -> pa.Array:
    """Return a value as a column stores it: an array of one.

    Args:
        operand: The column, as a filter would compare it.
        layout: What the table's frame is.
        field: The stored column.
        value: What a caller gave.

    Raises:
        InvalidInputError: The column's type doesn't hold it exactly.
    """
    if _is_null(layout, operand, value):
        if field.nullable:
            return pa.nulls(1, field.type)
        _refuse(operand, value)
    cause: Exception | None = None
    found: pa.Array | None = None
    try:
        found = _converted(operand, layout, field, value)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
        cause = error
    if found is None or found.type != field.type:
        _refuse(operand, value, cause)
    return found


def _is_null(layout: Layout, operand: Operand, value: object) -> bool:
    """Whether a value is a missing one; NaN is one where pandas has it for that."""
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - only NaN differs from itself
        return layout.library == "pandas" and operand.kind != "float"
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _refuse(operand: Operand, value: object, error: Exception | None = None) -> NoReturn:
    wanted = {"int": "a whole number", "category": "one of its categories"}.get(operand.kind)
    wanted = wanted or WANTED.get(operand.kind, "a value of its own type")
    raise InvalidInputError(
        f"column {operand.label!r} of type {operand.type} can't hold {shown(value)} exactly; give {wanted}"
    ) from error


def seconds_of(layout: Layout, field: pa.Field) -> pa.DataType | None:
    """Return the type of a column of whole seconds, which Parquet keeps in milliseconds; None for any other."""
    described: Any = _column(layout, field.name).type
    if not pa.types.is_temporal(field.type) or getattr(field.type, "unit", None) != "ms":
        return None
    if layout.library == "arrow":
        t = frames_arrow.type_of(_column(layout, field.name), field)
    elif layout.library == "pandas" and isinstance(described, str):
        from atio_core.data.frames.pandas_index import arrow_time

        t = arrow_time(described)
    elif layout.library == "pandas" and "datetime" in described:
        t = pa.timestamp(described["datetime"][0], field.type.tz)
    else:
        return None
    return t if getattr(t, "unit", None) == "s" else None


def is_category_of(layout: Layout, name: str, text: str) -> bool:
    """Say whether a column of categories has this one; some may grow."""
    described: Any = _column(layout, name).type
    if layout.library == "pandas":
        return text in [from_json(value) for value in described["category"]["values"]]
    if layout.library == "polars":
        return "Enum" not in described or text in described["Enum"]
    return text in [from_json(value) for value in described.get("categories", [text])]


def _column(layout: Layout, name: str) -> Column:
    return next(column for column in (*layout.columns, *layout.index) if column.name == name)


def _converted(operand: Operand, layout: Layout, field: pa.Field, value: Any) -> pa.Array | None:
    t: Any = field.type
    if operand.kind == "other":
        return _of_library(layout, _column(layout, field.name), field, value)
    if operand.kind == "float":
        return _float(t, value if value != value else plain_literal(operand, value))  # noqa: PLR0124 - NaN
    plain = plain_literal(operand, value)
    match operand.kind:
        case "int":
            return pa.array([plain], t) if isinstance(plain, int) else None
        case "decimal":
            return pa.array([Decimal(plain)], t)
        case "date" | "time" | "timestamp" | "duration":
            unit: Any = seconds_of(layout, field) or t
            count, rest = divmod(plain, unit_ns(unit))
            whole = pa.int32() if unit.bit_width == pa.int32().bit_width else pa.int64()
            return None if rest else pa.array([count], whole).cast(unit).cast(t)
        case "category" if not is_category_of(layout, field.name, plain):
            return None
        case _ if pa.types.is_dictionary(t):
            return pa.array([plain], t.value_type).dictionary_encode().cast(t)
        case _:
            return pa.array([plain], t)


def _float(t: pa.DataType, value: Any) -> pa.Array | None:
    import numpy as np

    kinds = {pa.float16(): np.float16, pa.float32(): np.float32, pa.float64(): np.float64}
    with np.errstate(over="ignore"):
        number = kinds[t](value)
    return pa.array([number], t) if float(number) == value or number != number else None  # noqa: PLR0124 - NaN


def _of_library(layout: Layout, column: Column, field: pa.Field, value: Any) -> pa.Array | None:
    """A value of a type that filters know nothing of, as the library makes one of it."""
    if layout.library == "arrow":
        t = frames_arrow.type_of(column, field)
        made = pa.array([value], t)
        known = column.type.get("categories")
        same = made.to_pylist() == [value] and (known is None or value in map(from_json, known))
        return arrow_types.store(pa.chunked_array([made])).combine_chunks() if same else None
    if layout.library == "polars":
        import polars as pl

        from atio_core.data.frames import frames_polars

        series = pl.Series("value", [value], frames_polars.build_dtype(column.type), strict=True)
        same = series.to_list() == [value]
        return frames_polars.to_piece(series.to_frame()).table.column(0).combine_chunks() if same else None
    return _of_pandas(column, field, value)


def _of_pandas(column: Column, field: pa.Field, value: Any) -> pa.Array | None:
    import numpy as np
    import pandas as pd

    from atio_core.data.frames import frames_pandas, objects
    from atio_core.data.frames.pandas_index import build_dtype

    described: Any = column.type
    if isinstance(described, dict) and "object" in described:
        if described == {"object": "json"}:
            return pa.array([objects.json_text(value)], field.type)
        values = np.empty(1, object)
        values[0] = value
        encoded = frames_pandas.encode(pd.Series(values).array)
        same = encoded.type == described
    else:
        dtype = build_dtype(described)
        if ("period" in described or "interval" in described) and not isinstance(value, dtype.type):
            return None
        made = cast("Any", pd).array([value], dtype=dtype)
        encoded = frames_pandas.encode(made)
        same = made[0] == value
    found: Any = encoded.values  # noqa: PD011 - not a Series
    return (found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found) if same else None
