"""pandas frames as plain Arrow tables, and Arrow tables as pandas frames, where the one wasn't written as the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data import arrow_types
from atio_core.data.frames_pandas import stored_categories
from atio_core.data.layout import Column, Layout
from atio_core.data.pandas_index import COMPLEX, TIMES, build_dtype
from atio_core.data.pandas_output import decode, plain_index, range_index
from atio_core.data.pieces import Pieces
from atio_core.errors import InvalidInputError


def to_arrow(
    table: pa.Table, layout: Layout, positions: Sequence[int], pieces: Pieces, *, whole: bool
) -> pa.Table:
    """Return the columns of a pandas frame as plain Arrow types, before them its index if it is asked for whole."""
    columns = [layout.columns[position] for position in positions]
    named = [(column.value, _to_plain(table, column)) for column in columns]
    index = _index_columns(table, layout, pieces, {str(label) for label, _ in named}) if whole else []
    names: list[str] = []
    labels: dict[str, object] = {}
    for label, _ in (*index, *named):
        name = str(label)
        if name in labels and not (isinstance(label, str) and isinstance(labels[name], str)):
            refuse_column(
                label, f"has the same text as {labels[name]!r}, and labels of any other library are text"
            )
        labels[name] = label
        names.append(name)
    return pa.table([values for _, values in (*index, *named)], names=names)


def refuse_column(label: object, what: str) -> NoReturn:
    """Raise the refusal of a pandas column that no other library has a type for."""
    raise InvalidInputError(
        f"column {label!r} {what}; read with output_as='pandas', or leave the column out with columns=[…]"
    )


def _index_columns(
    table: pa.Table, layout: Layout, pieces: Pieces, taken: set[str]
) -> list[tuple[object, Any]]:
    """Name the levels as `DataFrame.reset_index` does; a range that says no more than the order is left out."""
    if layout.index:
        several = len(layout.index) > 1
        free = "index" if "index" not in taken else "level_0"
        return [
            (
                level.value if level.label is not None else f"level_{i}" if several else free,
                _to_plain(table, level),
            )
            for i, level in enumerate(layout.index)
        ]
    index = range_index(pieces)
    if (index[:1] == [0]).all() and len(index) == len(range(len(index))) and _counts_from_zero(index):
        return []
    name = Column("", layout.index_name, None).value
    free = "index" if "index" not in taken else "level_0"
    return [(free if name is None else name, pa.array(index.to_numpy()))]


def _counts_from_zero(index: Any) -> bool:
    import pandas as pd

    return isinstance(index, pd.RangeIndex) and (index.start, index.step) == (0, 1)


def _to_plain(table: pa.Table, column: Column) -> pa.ChunkedArray:
    values, described = table.column(column.name), column.type
    if isinstance(described, str):
        if described in COMPLEX:
            refuse_column(column.value, "holds complex numbers")
        if described in TIMES:
            alias = described.replace("datetime64", "timestamp").replace("timedelta64", "duration")
            return arrow_types.restore(values, pa.type_for_alias(alias))
        return values
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "period" | "interval":
            refuse_column(column.value, f"holds values of the dtype {build_dtype(described)}")
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
        refuse_column(column.value, f"is a category of {dtype.categories.dtype}")
    if not pa.types.is_string(stored.type):
        return values
    codes = decode(values, column, ()).codes
    indices = pa.array(codes, mask=codes < 0)
    array = pa.DictionaryArray.from_arrays(indices, stored, ordered=bool(dtype.ordered))
    return pa.chunked_array([array])


def from_arrow(table: pa.Table, pieces: Pieces) -> Any:
    """Return an Arrow table as a pandas frame.

    Numbers are NumPy's where they have no nulls, else pandas' nullable ones; text is `str`, dictionaries are
    categories, times are datetime64 and timedelta64. All other types become Arrow dtypes.
    """
    import pandas as pd

    arrays = [_from_column(column) for column in table.columns]
    index = range_index(pieces)
    frame = pd.DataFrame(dict(enumerate(arrays)), index=index, copy=False)
    frame.columns = pd.Index(table.column_names, dtype=_text_dtype())
    return frame


def _text_dtype() -> Any:
    import numpy as np
    import pandas as pd

    return pd.StringDtype(na_value=np.nan)


def _from_column(values: pa.ChunkedArray) -> Any:
    import numpy as np
    import pandas as pd

    t = values.type
    if pa.types.is_null(t):
        return np.full(len(values), None, dtype=object)
    if pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t):
        return _text_dtype().__from_arrow__(values.cast(pa.large_string()))
    if pa.types.is_boolean(t) or pa.types.is_integer(t) or pa.types.is_floating(t):
        if not values.null_count:
            return pa.table([values], names=["0"]).to_pandas()["0"].array
        name = "boolean" if pa.types.is_boolean(t) else np.dtype(t.to_pandas_dtype()).name
        if name != "float16":
            name = name.replace("uint", "UInt").replace("int", "Int").replace("float", "Float")
            return build_dtype(name.replace("UInt", "UInt")).__from_arrow__(values)
    if (pa.types.is_timestamp(t) and _has_known_zone(t)) or pa.types.is_duration(t):
        return pa.table([values], names=["0"]).to_pandas()["0"].array
    if pa.types.is_dictionary(t) and (category := _from_dictionary(values)) is not None:
        return category
    return pd.arrays.ArrowExtensionArray(values)


def _has_known_zone(t: pa.DataType) -> bool:
    import pandas as pd

    return t.tz is None or pa.types.is_timestamp(t) and pd.DatetimeTZDtype(t.unit, t.tz).unit == t.unit


def _from_dictionary(values: pa.ChunkedArray) -> Any:
    import pandas as pd

    unified = values.unify_dictionaries()
    dictionary = unified.chunk(0).dictionary if unified.num_chunks else pa.array([], values.type.value_type)
    categories = plain_index(_from_column(pa.chunked_array([dictionary])))
    if dictionary.null_count or not categories.is_unique:
        return None
    indices = pa.chunked_array([chunk.indices for chunk in unified.chunks], values.type.index_type)
    codes = pc.fill_null(indices.cast(pa.int64()), -1).to_numpy()
    return pd.Categorical.from_codes(codes, categories=categories, ordered=values.type.ordered)
