"""Columns that one library wrote, read as another's: the nearest type with the same values, or refused by name.

What pandas wrote, as Arrow or polars:

- The index comes first, as columns; a range only if it isn't 0 … n-1.
- Labels that are no text become their text, if no two become the same.
- Missing values are nulls; the NaNs of floats stay NaNs.
- A category of text is a dictionary, in polars an Enum; one of numbers or times is its values.
- Lists, dicts and mixed objects are JSON text, UUIDs their 16 bytes.
- Periods, intervals, complex numbers and other categories are refused.

What Arrow or polars wrote, as pandas: NumPy and pandas dtypes that hold the same (without nulls int64, with nulls
Int64), `str`, categories; any other type as an Arrow dtype. What Arrow wrote, as polars: polars' type for it, or
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa

from atio_core.data.frames import frames_arrow
from atio_core.data.frames.objects import kind_and_parameter
from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import Json
from atio_core.data.schema.layout import Column, Layout
from atio_core.data.schema.pieces import Pieces, rows_of
from atio_core.errors import InvalidInputError


def to_other(
    table: pa.Table, layout: Layout, positions: Sequence[int], pieces: Pieces, output_as: str, *, whole: bool
) -> Any:
    """Return stored columns as the frame of another library than the one that wrote them.

    Args:
        table: The stored columns.
        layout: What the frame was.
        positions: Which of its columns, in which order.
        pieces: Rows and info of each piece, in order.
        output_as: The other library.
        whole: Whether all columns are asked for, and so the index too.

    Raises:
        InvalidInputError: A column has no equal type there.
    """
    plain = _to_arrow(table, layout, positions, pieces, whole=whole)
    if output_as == "pandas":
        from atio_core.data.frames import pandas_conversion

        return pandas_conversion.from_arrow(plain, pieces)
    if output_as == "polars":
        from atio_core.data.frames import polars_conversion

        enums = _with_categories(layout, positions, plain.num_columns)
        return polars_conversion.from_arrow(plain, rows_of(pieces), layout.library, enums)
    return plain


def _with_categories(layout: Layout, positions: Sequence[int], count: int) -> set[int]:
    """Return which of a frame's plain columns have categories that belong to their type; an index comes first."""
    columns = [layout.columns[position] for position in positions]
    before = count - len(columns)
    numbered = [*enumerate(layout.index[:before]), *enumerate(columns, before)]
    return {place for place, column in numbered if _is_category(column.type)}


def _is_category(described: Json) -> bool:
    return isinstance(described, dict) and "category" in cast("dict[str, Any]", described)


def _to_arrow(
    table: pa.Table, layout: Layout, positions: Sequence[int], pieces: Pieces, *, whole: bool
) -> pa.Table:
    if layout.library == "polars":
        from atio_core.data.frames import frames_polars

        columns = [layout.columns[position] for position in positions]
        return frames_polars.to_arrow(table, columns, rows_of(pieces))
    if layout.library == "arrow":
        return frames_arrow.to_table(table, layout, positions, pieces)
    from atio_core.data.frames import pandas_conversion

    return pandas_conversion.to_arrow(table, layout, positions, pieces, whole=whole)


def meaning(library: str, column: Column, field: pa.Field) -> pa.DataType | None:
    """Return the Arrow type that a column means whatever library it is of; None if it means more than that.

    Args:
        library: The one it is of.
        column: Its type there.
        field: What it is stored as.
    """
    if library == "polars":
        from atio_core.data.frames import frames_polars

        return field.type if frames_polars.is_plain(column.type) else None
    t = frames_arrow.type_of(column, field) if library == "arrow" else _pandas_meaning(column.type, field)
    return None if t is None or _is_encoded(t) else t


def type_in(library: str, t: pa.DataType) -> tuple[Json, pa.DataType] | None:
    """Return the type of a library that holds an Arrow type's values and nulls, as JSON, and what it is stored as.

    Returns:
        None if there is none.

    Example:
        >>> type_in("pandas", pa.int8()), type_in("polars", pa.decimal256(40, 0))
        (('Int8', DataType(int8)), None)
    """
    nulls = pa.chunked_array([pa.nulls(1, t)])
    try:
        if library == "arrow":
            return {"arrow": arrow_types.describe(t)}, arrow_types.stored_type(t)
        if library == "polars":
            from atio_core.data.frames import frames_polars, polars_conversion

            described = frames_polars.describe_dtype(
                polars_conversion.from_arrow(pa.table({"": nulls}), 1, library).dtypes[0]
            )
            return described, frames_polars.stored_as(described)
        from atio_core.data.frames import frames_pandas, pandas_conversion

        encoded = frames_pandas.encode(
            pandas_conversion.from_arrow(pa.table({"": nulls}), [(1, {})])[""].array
        )
    except (InvalidInputError, arrow_types.UnknownTypeError):
        return None
    return encoded.type, encoded.values.type


def _is_encoded(t: pa.DataType) -> bool:
    encoded = pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t)
    inner = any(_is_encoded(field.type) for field in arrow_types.fields_of(t))
    return encoded or inner or isinstance(t, pa.BaseExtensionType)


def _pandas_meaning(described: Json, field: pa.Field) -> pa.DataType | None:
    """Return the Arrow type of a pandas column's values; None if there is none."""
    from atio_core.data.frames.pandas_index import COMPLEX, TIMES, arrow_time

    if isinstance(described, str):
        if described in TIMES:
            return arrow_time(described)
        return None if described in COMPLEX else field.type
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "string":
            return pa.large_string()
        case "datetime":
            return pa.timestamp(*content)
        case "arrow":
            return arrow_types.build(content)
        case "object" if kind_and_parameter(described)[0] not in ("array", "json", "null", "uuid"):
            return field.type
        case _:
            return None


def type_text(t: pa.DataType) -> str:
    """Return the text of a type, the same for all ways to lay its values out in memory.

    Example:
        >>> type_text(pa.large_list(pa.string_view()))
        'list(string)'
    """
    if arrow_types.is_text(t):
        return "string"
    if arrow_types.is_text_or_bytes(t):
        return "binary"
    if pa.types.is_struct(t):
        inner = (f"{field.name!r}: {type_text(field.type)}" for field in arrow_types.fields_of(t))
        return f"struct({', '.join(inner)})"
    if pa.types.is_map(t):
        return f"map({type_text(t.key_type)}, {type_text(t.item_type)})"
    if pa.types.is_nested(t) and not pa.types.is_union(t):
        size = f", {t.list_size}" if pa.types.is_fixed_size_list(t) else ""
        return f"list({type_text(t.value_type)}{size})"
    return str(t)
