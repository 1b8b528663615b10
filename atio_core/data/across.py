"""Columns that one library wrote, read as another's: the nearest type that has the same values, or refused by name.

| written by | read as | |
|---|---|---|
| pandas | Arrow, polars | the index comes first, as columns; a range only if it isn't 0 … n-1. Labels that are no text become text. Text categories become an ordered or unordered dictionary, in polars an Enum; objects of JSON their text. Periods, intervals and complex numbers are refused. |
| Arrow, polars | pandas | NumPy and pandas dtypes where they hold the same: without nulls int64, with nulls Int64; any other type as an Arrow dtype |
| Arrow | polars | where polars has the type; else refused |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, cast

import pyarrow as pa

from atio_core.data import arrow_types, frames_arrow
from atio_core.data.labels import Json
from atio_core.data.layout import Column, Layout
from atio_core.data.objects import kind_and_parameter
from atio_core.data.pieces import Pieces, rows_of
from atio_core.errors import InvalidInputError


def meant_type(library: str, column: Column, field: pa.Field) -> str | None:
    """Return the Arrow type that a column means whatever library it is of; None if it means more than one can say."""
    described = column.type
    if library == "arrow":
        t = frames_arrow.arrow_type_of(column) if described else field.type
        return None if _is_encoded(t) else _normal_text(t)
    if library == "polars":
        from atio_core.data.frames_polars import is_plain

        return _normal_text(field.type) if is_plain(described) else None
    t = _pandas_meaning(described, field)
    return None if t is None or _is_encoded(t) else _normal_text(t)


def _is_encoded(t: pa.DataType) -> bool:
    encoded = (
        pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t) or isinstance(t, pa.BaseExtensionType)
    )
    return encoded or any(_is_encoded(t.field(i).type) for i in range(t.num_fields))


def _normal_text(t: pa.DataType) -> str:
    """Layouts in memory don't tell types apart: string and large_string are one."""
    if pa.types.is_large_string(t) or pa.types.is_string_view(t):
        return "string"
    if pa.types.is_large_binary(t) or pa.types.is_binary_view(t):
        return "binary"
    if pa.types.is_fixed_size_list(t):
        return f"list({_normal_text(t.value_type)}, {t.list_size})"
    if (
        pa.types.is_list(t)
        or pa.types.is_large_list(t)
        or pa.types.is_list_view(t)
        or pa.types.is_large_list_view(t)
    ):
        return f"list({_normal_text(t.value_type)})"
    if pa.types.is_struct(t):
        return f"struct({', '.join(f'{f.name!r}: {_normal_text(f.type)}' for f in (t.field(i) for i in range(t.num_fields)))})"
    return str(t)


def _pandas_meaning(described: Json, field: pa.Field) -> pa.DataType | None:
    """Return the Arrow type of a pandas column's values; None if there is none."""
    from atio_core.data.pandas_index import COMPLEX, TIMES

    if isinstance(described, str):
        if described in COMPLEX:
            return None
        return field.type if described not in TIMES else pa.type_for_alias(_arrow_alias(described))
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "string":
            return pa.large_string()
        case "datetime":
            return pa.timestamp(*content)
        case "arrow":
            return arrow_types.build(content)
        case "object" if kind_and_parameter(described)[0] not in ("array", "json", "null"):
            return field.type
        case _:
            return None


def _arrow_alias(dtype: str) -> str:
    return dtype.replace("datetime64", "timestamp").replace("timedelta64", "duration")


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
        from atio_core.data.pandas_across import from_arrow

        return from_arrow(plain, pieces)
    if output_as == "polars":
        from atio_core.data.polars_across import from_arrow

        return from_arrow(plain, rows_of(pieces), layout.library)
    return plain


def _to_arrow(
    table: pa.Table, layout: Layout, positions: Sequence[int], pieces: Pieces, *, whole: bool
) -> pa.Table:
    if layout.library == "polars":
        from atio_core.data import frames_polars

        return frames_polars.to_arrow(
            table, [layout.columns[position] for position in positions], rows_of(pieces)
        )
    if layout.library == "arrow":
        return frames_arrow.to_table(table, layout, positions, pieces)
    from atio_core.data.pandas_across import to_arrow

    return to_arrow(table, layout, positions, pieces, whole=whole)
