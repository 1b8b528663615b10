"""pandas frames as plain Arrow tables, and Arrow tables as pandas frames, where the one wasn't written as the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.frames.frames_pandas import stored_categories
from atio_core.data.frames.pandas_index import COMPLEX, TIMES, arrow_time, build_dtype
from atio_core.data.frames.pandas_output import decode, frame_of, is_default, plain_index, range_index
from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import from_json
from atio_core.data.schema.layout import Column, Layout, is_utf8
from atio_core.data.schema.pieces import Pieces, rows_of, table_of
from atio_core.errors import InvalidInputError


def to_arrow(
    table: pa.Table, layout: Layout, positions: Sequence[int], pieces: Pieces, *, whole: bool
) -> pa.Table:
    """Return the columns of a pandas frame as plain Arrow types, before them its index if it is asked for whole.

    Raises:
        InvalidInputError: A column has no such type, or two have the same name once labels are text.
    """
    columns = [layout.columns[position] for position in positions]
    named: list[tuple[object, Any]] = [(column.value, _plain(table, column)) for column in columns]
    if whole:
        named = _index_columns(table, layout, pieces, {str(label) for label, _ in named}) + named
    labels: dict[str, object] = {}
    for label, _ in named:
        if not is_utf8(str(label)):
            _refuse(label, "has a label that is no Unicode text")
        before = labels.setdefault(str(label), label)
        if before is not label and not (isinstance(label, str) and isinstance(before, str)):
            _refuse(label, f"and {before!r} have the same text, and labels of other libraries are text")
    schema = pa.schema([(str(label), values.type) for label, values in named])
    return table_of([values for _, values in named], schema, rows_of(pieces))


def _refuse(label: object, what: str) -> NoReturn:
    raise InvalidInputError(
        f"column {label!r} {what}; read with output_as='pandas', or leave the column out with columns=[…]"
    )


def _index_columns(
    table: pa.Table, layout: Layout, pieces: Pieces, taken: set[str]
) -> list[tuple[object, Any]]:
    """Return the index as columns, named as `DataFrame.reset_index` does it."""
    free = "index" if "index" not in taken else "level_0"
    if not layout.index:
        if is_default(pieces):
            return []
        name = from_json(layout.index_name)
        return [(free if name is None else name, pa.array(range_index(pieces).to_numpy()))]
    named: list[tuple[object, Any]] = []
    for position, level in enumerate(layout.index):
        unnamed = f"level_{position}" if len(layout.index) > 1 else free
        named.append((unnamed if level.label is None else level.value, _plain(table, level)))
    return named


def _plain(table: pa.Table, column: Column) -> pa.ChunkedArray:
    values, described = table.column(column.name), column.type
    if isinstance(described, str):
        if described in COMPLEX:
            _refuse(column.value, "holds complex numbers, which no other library has")
        return arrow_types.restore(values, arrow_time(described)) if described in TIMES else values
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "period" | "interval":
            _refuse(column.value, f"has the dtype {build_dtype(described)}, which no other library has")
        case "category":
            return _plain_category(values, column)
        case "datetime":
            return arrow_types.restore(values, pa.timestamp(*content))
        case "arrow":
            return arrow_types.restore(values, arrow_types.build(content))
        case _:
            return values


def _plain_category(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    dtype = build_dtype(column.type)
    stored = stored_categories(dtype.categories)
    if stored is None:
        _refuse(column.value, f"is a category of {dtype.categories.dtype}, which no other library has")
    if not pa.types.is_string(stored.type):
        return values
    codes = decode(values, column, ()).codes
    indices = pa.array(codes, mask=codes < 0)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, stored, ordered=bool(dtype.ordered))])


def from_arrow(table: pa.Table, pieces: Pieces) -> Any:
    """Return an Arrow table as a pandas frame.

    Numbers are NumPy's where they have no nulls, else pandas' nullable ones; text is `str`, dictionaries are
    categories, times are datetime64 and timedelta64. All other types become Arrow dtypes.
    """
    import pandas as pd

    frame = frame_of([_array(column) for column in table.columns], rows_of(pieces))
    frame.index = range_index(pieces)
    frame.columns = pd.Index(table.column_names, dtype=_text_dtype())
    return frame


def _text_dtype() -> Any:
    import numpy as np
    import pandas as pd

    return pd.StringDtype(na_value=np.nan)


def _array(values: pa.ChunkedArray) -> Any:
    import numpy as np
    import pandas as pd

    t = values.type
    values = values if values.num_chunks else pa.chunked_array([pa.nulls(0, t)])
    if pa.types.is_null(t):
        return np.full(len(values), None, dtype=object)
    if arrow_types.is_text(t):
        return _text_dtype().__from_arrow__(values.cast(pa.large_string()))
    if _is_number(t) and (values.null_count == 0 or not pa.types.is_float16(t)):
        return _numbers(values)
    if pa.types.is_duration(t) or (pa.types.is_timestamp(t) and _is_zone_known(t.tz)):
        return pa.table([values], names=["0"]).to_pandas()["0"].array
    if pa.types.is_dictionary(t) and (category := _category(values)) is not None:
        return category
    return pd.arrays.ArrowExtensionArray(values)


def _is_number(t: pa.DataType) -> bool:
    return pa.types.is_boolean(t) or pa.types.is_integer(t) or pa.types.is_floating(t)


def _numbers(values: pa.ChunkedArray) -> Any:
    if not values.null_count:
        return pa.table([values], names=["0"]).to_pandas()["0"].array
    name = {"bool": "boolean", "float": "Float32", "double": "Float64"}.get(str(values.type))
    name = name or str(values.type).replace("uint", "UInt").replace("int", "Int").replace("UInt", "UInt")
    return decode(values, Column("", "", name), ())


def _is_zone_known(zone: str | None) -> bool:
    import pandas as pd

    try:
        return zone is None or pd.Timestamp(0, tz=zone).tzinfo is not None
    except (ValueError, KeyError):  # zoneinfo's error for a missing zone is a KeyError
        return False


def _category(values: pa.ChunkedArray) -> Any:
    import pandas as pd

    t = values.type.value_type
    if not arrow_types.is_text(t) and not pa.types.is_primitive(t):
        return None  # as categories, pandas can't tell all other values apart
    # Together they may have more entries than small indices can count.
    unified = arrow_types.restore(
        values, pa.dictionary(pa.int32(), t, values.type.ordered)
    ).unify_dictionaries()
    dictionary = unified.chunk(0).dictionary
    categories = plain_index(_array(pa.chunked_array([dictionary])))
    if categories.hasnans or not categories.is_unique:
        return None
    indices = pa.chunked_array([chunk.indices for chunk in unified.chunks])
    codes = pc.fill_null(indices.cast(pa.int64()), -1).to_numpy()
    return pd.Categorical.from_codes(codes, categories=categories, ordered=values.type.ordered)
