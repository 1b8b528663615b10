"""Plain Arrow tables as polars frames, where they weren't written as polars frames."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.errors import InvalidInputError


class _NoSuchTypeError(TypeError):
    """polars has no type that holds the same values."""


def from_arrow(table: pa.Table, rows: int, library: str) -> Any:
    """Return an Arrow table as a polars frame.

    Args:
        table: The columns.
        rows: How many; without columns the table can't tell.
        library: Who wrote it.

    Raises:
        InvalidInputError: polars can't hold a column's values or its name.
    """
    import polars as pl

    columns: list[Any] = []
    for name, values in zip(table.column_names, table.columns, strict=True):
        if table.column_names.count(name) > 1:
            _refuse(name, "stands there more than once, which polars doesn't take", library)
        try:
            columns.append(_column(name, values, as_enum=library == "pandas"))
        except (_NoSuchTypeError, pa.ArrowInvalid) as error:
            _refuse(name, f"of type {values.type} holds what polars can't ({error})", library)
    return pl.DataFrame(columns) if columns else pl.DataFrame(height=rows)


def _refuse(name: str, what: str, library: str) -> None:
    raise InvalidInputError(
        f"column {name!r} {what}; read with output_as={library!r}, or leave the column out with columns=[…]"
    )


def _column(name: str, values: pa.ChunkedArray, *, as_enum: bool) -> Any:
    import polars as pl

    if pa.types.is_dictionary(values.type) and _is_text(values.type.value_type):
        text = pl.Series(name, pl.from_arrow(values.cast(pa.large_string())), dtype=pl.String)
        if not as_enum:
            return text.cast(pl.Categorical)
        categories = values.chunk(0).dictionary.to_pylist() if values.num_chunks else []
        return text.cast(pl.Enum(categories))
    target = _carrier(values.type)
    if pa.types.is_dictionary(values.type):
        values = pa.chunked_array([c.dictionary_decode() for c in values.chunks], values.type.value_type)
    elif pa.types.is_run_end_encoded(values.type):
        values = pa.chunked_array([pc.run_end_decode(c) for c in values.chunks], values.type.value_type)
    elif isinstance(values.type, pa.BaseExtensionType):
        values = pa.chunked_array([c.storage for c in values.chunks], values.type.storage_type)
    return pl.Series(name, pl.from_arrow(values if values.type == target else values.cast(target)))


def _is_text(t: pa.DataType) -> bool:
    return pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t)


def _carrier(t: pa.DataType) -> pa.DataType:
    """Return the Arrow type from which polars makes an equal one."""
    if pa.types.is_timestamp(t) or pa.types.is_duration(t):
        if pa.types.is_timestamp(t) and t.tz is not None and (t.tz[:1] in "+-"):
            raise _NoSuchTypeError(f"a time zone that is an offset, {t.tz}")
        unit = "ms" if t.unit == "s" else t.unit
        return pa.timestamp(unit, t.tz) if pa.types.is_timestamp(t) else pa.duration(unit)
    if pa.types.is_time(t):
        return pa.time64("ns")
    if pa.types.is_date64(t):
        return pa.date32()
    if pa.types.is_fixed_size_binary(t):
        return pa.large_binary()
    if pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t):
        return _carrier(t.value_type)
    if isinstance(t, pa.BaseExtensionType) and t.extension_name in (
        "arrow.uuid",
        "arrow.json",
        "arrow.bool8",
    ):
        return _carrier(t.storage_type) if t.extension_name != "arrow.bool8" else pa.bool_()
    if pa.types.is_nested(t):
        return _nested_carrier(t)
    if pa.types.is_decimal(t) and (t.bit_width > 128 or t.scale < 0):  # noqa: PLR2004 # the widest that polars has
        raise _NoSuchTypeError(str(t))
    if (
        pa.types.is_primitive(t)
        or _is_text(t)
        or pa.types.is_decimal(t)
        or pa.types.is_null(t)
        or _is_bytes(t)
    ):
        return t
    raise _NoSuchTypeError(str(t))


def _is_bytes(t: pa.DataType) -> bool:
    return pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_binary_view(t)


def _nested_carrier(t: pa.DataType) -> pa.DataType:
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return pa.large_list(_carrier(t.value_type))
    if pa.types.is_fixed_size_list(t):
        return pa.list_(_carrier(t.value_type), t.list_size)
    if pa.types.is_struct(t):
        return pa.struct(
            [pa.field(f.name, _carrier(f.type)) for f in (t.field(i) for i in range(t.num_fields))]
        )
    raise _NoSuchTypeError(str(t))
