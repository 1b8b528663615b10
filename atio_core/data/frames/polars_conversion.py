"""Plain Arrow tables as polars frames, where they weren't written as polars frames."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NoReturn

import pyarrow as pa

from atio_core.data.schema import arrow_types
from atio_core.errors import InvalidInputError


class _NoSuchTypeError(TypeError):
    """polars has no type that holds the same values; the message names what it lacks."""


def from_arrow(table: pa.Table, rows: int, library: str, enums: Collection[int] = ()) -> Any:
    """Return an Arrow table as a polars frame.

    Args:
        table: The columns.
        rows: How many; without columns the table can't tell.
        library: Who wrote it.
        enums: The places of columns whose categories belong to their type.

    Raises:
        InvalidInputError: polars can't hold a column's values or its name.
    """
    import polars as pl

    columns: dict[str, Any] = {}
    for place, (name, values) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if name in columns:
            _refuse(name, "stands there more than once, which polars doesn't take", library)
        try:
            columns[name] = _series(values, as_enum=place in enums)
        except (_NoSuchTypeError, pa.ArrowInvalid, pl.exceptions.PolarsError) as error:
            _refuse(
                name, f"of type {values.type} holds what polars has no type for ({error})", library, error
            )
    return pl.DataFrame(columns) if columns else pl.DataFrame(height=rows)


def _refuse(name: str, what: str, library: str, error: Exception | None = None) -> NoReturn:
    raise InvalidInputError(
        f"column {name!r} {what}; read with output_as={library!r}, or leave the column out with columns=[…]"
    ) from error


def _series(values: pa.ChunkedArray, *, as_enum: bool) -> Any:
    import polars as pl

    if not pa.types.is_dictionary(values.type) or not arrow_types.is_text(values.type.value_type):
        return pl.from_arrow(arrow_types.restore(values, _carrier(values.type)))
    text: Any = pl.from_arrow(arrow_types.restore(values, pa.large_string()))
    if not as_enum:
        return text.cast(pl.Categorical)
    categories: list[str] = values.chunk(0).dictionary.to_pylist() if values.num_chunks else []
    return text.cast(pl.Enum(categories))


_CARRIERS = {
    pa.timestamp("s"): pa.timestamp("ms"),
    pa.duration("s"): pa.duration("ms"),
    pa.time32("s"): pa.time64("ns"),
    pa.time32("ms"): pa.time64("ns"),
    pa.time64("us"): pa.time64("ns"),
    pa.date64(): pa.date32(),
    pa.string_view(): pa.large_string(),
    pa.binary_view(): pa.large_binary(),
}


def _carrier(t: pa.DataType) -> pa.DataType:
    """Return the Arrow type of which polars makes an equal one."""
    if isinstance(t, pa.BaseExtensionType):
        return _extension_carrier(t)
    if pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t):
        return _carrier(t.value_type)
    if pa.types.is_nested(t):
        return _nested_carrier(t)
    if pa.types.is_timestamp(t) and t.tz is not None:
        if t.tz[:1] in "+-":
            raise _NoSuchTypeError(f"the time zone {t.tz}")
        return pa.timestamp("ms" if t.unit == "s" else t.unit, t.tz)
    if pa.types.is_decimal256(t):
        raise _NoSuchTypeError(str(t))
    return pa.large_binary() if pa.types.is_fixed_size_binary(t) else _CARRIERS.get(t, t)


def _extension_carrier(t: Any) -> pa.DataType:
    match t.extension_name:
        case "arrow.bool8":
            return pa.int8()
        case "arrow.uuid" | "arrow.json":
            return _carrier(t.storage_type)
        case name:
            raise _NoSuchTypeError(name)


def _struct_carrier(fields: list[pa.Field]) -> pa.DataType:
    names = [field.name for field in fields]
    if (twice := next((name for name in names if names.count(name) > 1), None)) is not None:
        # polars before 2 makes a broken frame of it
        raise _NoSuchTypeError(f"several fields named {twice!r}")
    return pa.struct([pa.field(field.name, _carrier(field.type)) for field in fields])


def _nested_carrier(t: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(t):
        return _struct_carrier(arrow_types.fields_of(t))
    if pa.types.is_fixed_size_list(t):
        return pa.list_(_carrier(t.value_type), t.list_size)
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return pa.large_list(_carrier(t.value_type))
    raise _NoSuchTypeError(str(t))
