"""Stored columns as the pandas frame that they came from."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.frames import objects
from atio_core.data.frames.frames_pandas import stored_categories
from atio_core.data.frames.gapped_levels import with_plain_level
from atio_core.data.frames.pandas_index import (
    COMPLEX,
    TIMES,
    arrow_time,
    build_dtype,
    build_index,
    with_level_freq,
)
from atio_core.data.frames.widening import takes_nulls
from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import NUMPY_NUMBERS, Json, from_json
from atio_core.data.schema.layout import Column, Layout
from atio_core.data.schema.pieces import Pieces, has_default_index, labels_kept, rows_of, shared
from atio_core.errors import DamagedError


def to_frame(table: pa.Table, layout: Layout, positions: Sequence[int], pieces: Pieces) -> Any:
    """Return the frame that was written, or some of its columns.

    Args:
        table: The stored columns.
        layout: What the frame was.
        positions: Which of its columns, in which order.
        pieces: Rows and info of each piece, in order.
    """
    arrays = _decode_all(table, [layout.columns[position] for position in positions], pieces)
    frame = frame_of(arrays, rows_of(pieces))
    frame.index = _index(table, layout, pieces)
    labels = build_index(layout.labels, [column.label for column in layout.columns])
    # All of them keep what a selection loses: a range's bounds, a frequency.
    frame.columns = labels if list(positions) == list(range(len(labels))) else labels.take(list(positions))
    if (attrs := shared(pieces, "attrs")) is not None:
        frame.attrs = from_json(attrs)
    if shared(pieces, "unique_labels"):
        frame.flags.allows_duplicate_labels = False
    return frame


def frame_of(arrays: Sequence[Any], rows: int) -> Any:
    """Return a frame of these arrays, none of which has its dtype guessed anew, or is copied unless it comes twice."""
    import pandas as pd

    # Only a Series with a dtype is safe from being guessed: text in an object array, text in Python.
    columns = {
        i: pd.Series(array, dtype=array.dtype, copy=any(array is other for other in arrays[:i]))
        for i, array in enumerate(arrays)
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(rows), copy=False)


def _index(table: pa.Table, layout: Layout, pieces: Pieces) -> Any:
    import pandas as pd

    if not layout.index:
        return range_index(pieces).rename(from_json(layout.index_name))
    arrays = _decode_all(table, layout.index, pieces)
    names = [level.value for level in layout.index]
    if layout.multi:
        index = pd.MultiIndex.from_arrays([plain_index(array) for array in arrays], names=names)
        for position in shared(pieces, "gapped_levels") or ():
            index = with_plain_level(index, position)
        for position in range(index.nlevels):
            if (freq := shared(pieces, f"freq_{position}")) is not None:
                index = with_level_freq(index, position, freq)
        return index
    return _with_freq(plain_index(arrays[0]).rename(names[0]), shared(pieces, "freq"))


def plain_index(array: Any) -> Any:
    """Return an index of these values and their dtype, whatever they are."""
    import pandas as pd

    return pd.Index(array, dtype=array.dtype, tupleize_cols=False)


def range_index(pieces: Pieces) -> Any:
    """Return the index of pieces whose index is a range each.

    All of them from 0: one range over all rows. Ranges that follow each other: one range. Else their numbers.
    """
    import numpy as np
    import pandas as pd

    if is_default(pieces):
        return pd.RangeIndex(rows_of(pieces))
    ranges = [_range_of(rows, info) for rows, info in pieces]
    filled = [r for r in ranges if len(r)] or ranges[:1]
    if any("kept" in info.get("range_index", {}) for _, info in pieces):
        return pd.Index(np.concatenate([_labels_of(rows, info) for rows, info in pieces]))
    if all(a.step == b.step and a[-1] + a.step == b.start for a, b in itertools.pairwise(filled)):
        return pd.RangeIndex(filled[0].start, filled[-1].stop, filled[0].step)
    return pd.Index(np.concatenate([np.arange(r.start, r.stop, r.step) for r in filled]))


def is_default(pieces: Pieces) -> bool:
    """Say whether all pieces had the range from 0, or are cut from such a one."""
    return all(has_default_index(info) for _, info in pieces)


def _range_of(rows: int, info: dict[str, Any]) -> range:
    bounds = info.get("range_index", {"start": 0, "step": 1, "stop": rows})
    return range(bounds["start"], bounds["stop"], bounds["step"])


def _labels_of(rows: int, info: dict[str, Any]) -> Any:
    import numpy as np

    labels = _range_of(rows, info)
    numbers = np.arange(labels.start, labels.stop, labels.step)
    bounds = info.get("range_index", {})
    return numbers[labels_kept(bounds)] if "kept" in bounds else numbers


def _with_freq(index: Any, freq: str | None) -> Any:
    """Keep a frequency that all pieces have, if they follow each other in it, as pandas does when it joins them."""
    if freq is not None:
        with contextlib.suppress(ValueError):  # there is a gap between two pieces
            index.freq = freq
    return index


def _decode_all(table: pa.Table, columns: Sequence[Column], pieces: Pieces) -> list[Any]:
    """Return the array of each column; those that are NumPy arrays are made by Arrow, in parallel."""
    plain = [column for column in columns if isinstance(column.type, str) and column.type in _PLAIN]
    arrays: dict[str, Any] = {}
    if plain:
        typed = [arrow_types.restore(_stored(table, column), _PLAIN[column.type]) for column in plain]
        for column, values in zip(plain, typed, strict=True):
            _require_values(column, values)
        names = [str(position) for position in range(len(plain))]
        made = pa.table(typed, names=names).to_pandas()
        arrays = {column.name: series.array for column, (_, series) in zip(plain, made.items(), strict=True)}
    return [
        arrays[column.name] if column.name in arrays else decode(_stored(table, column), column, pieces)
        for column in columns
    ]


def _stored(table: pa.Table, column: Column) -> pa.ChunkedArray:
    """Return a column as it is stored, in one chunk at least: pandas hands others to code that aborts the process."""
    values = table.column(column.name)
    return values if values.num_chunks else pa.chunked_array([pa.nulls(0, values.type)])


def _require_values(column: Column, values: pa.ChunkedArray) -> None:
    if values.null_count and not takes_nulls("pandas", column.type):
        raise DamagedError(f"column {column.value!r} has nulls, which its type {column.type} can't have")


_PLAIN: dict[str, pa.DataType] = {
    **{name: pa.type_for_alias("halffloat" if name == "float16" else name) for name in NUMPY_NUMBERS},
    **{name: arrow_time(name) for name in TIMES},
}


def decode(values: pa.ChunkedArray, column: Column, pieces: Pieces) -> Any:
    """Return the array of one column.

    Args:
        values: As they are stored.
        column: Its name and type.
        pieces: Rows and info of each piece; they say which missing value an object column had.
    """
    import pandas as pd

    described = column.type
    if isinstance(described, str):
        if described in COMPLEX:
            return _decode_complex(values, column)
        if described in _PLAIN:
            return (
                pa.table([arrow_types.restore(values, _PLAIN[described])], names=["0"]).to_pandas()["0"].array
            )
        return _decode_masked(values, build_dtype(described))
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "object":
            return _decode_objects(values, column, pieces)
        case "datetime":
            naive = pa.table([values.cast(pa.timestamp(content[0]))], names=["0"]).to_pandas()["0"]
            return naive.dt.tz_localize("UTC").dt.tz_convert(build_dtype(described).tz).array
        case "category":
            return _decode_category(values, build_dtype(described))
        case "interval":
            sides = [_decode_side(values, side, content[0], pieces) for side in ("left", "right")]
            return pd.arrays.IntervalArray.from_arrays(
                *sides, closed=content[1], dtype=build_dtype(described)
            )
        case "period":
            ordinals = pc.fill_null(values, -(2**63)).to_numpy()
            return pd.arrays.PeriodArray(ordinals, dtype=build_dtype(described))
        case "arrow":
            return pd.arrays.ArrowExtensionArray(arrow_types.restore(values, arrow_types.build(content)))
        case _:
            return build_dtype(described).__from_arrow__(values)


def _decode_masked(values: pa.ChunkedArray, dtype: Any) -> Any:
    import pandas as pd

    if dtype.kind != "f":
        return dtype.__from_arrow__(values)
    # pandas' own way would make a NaN an NA.
    numbers = pc.fill_null(values, 0).to_numpy().astype(dtype.numpy_dtype)
    return pd.arrays.FloatingArray(numbers, pc.is_null(values).to_numpy())


def _decode_complex(values: pa.ChunkedArray, column: Column) -> Any:
    _require_values(column, values)
    parts = [chunk.flatten().to_numpy() for chunk in values.chunks]
    import numpy as np

    joined = (
        np.concatenate(parts)
        if parts
        else np.empty(0, "float32" if column.type == "complex64" else "float64")
    )
    return joined.view(column.type)


def _decode_side(values: pa.ChunkedArray, side: str, subtype: Json, pieces: Pieces) -> Any:
    chunks = [chunk.field(side) for chunk in values.chunks]
    stored = pa.chunked_array(chunks, values.type.field(side).type)
    return decode(stored, Column(side, side, subtype), pieces)


def _decode_category(values: pa.ChunkedArray, dtype: Any) -> Any:
    import numpy as np
    import pandas as pd

    stored = stored_categories(dtype.categories)
    if stored is None:
        indices = values
    elif pa.types.is_dictionary(values.type):
        chunks = [pc.index_in(chunk.dictionary, stored).take(chunk.indices) for chunk in values.chunks]
        indices = pa.chunked_array(chunks, pa.int32())
    else:
        indices = pc.index_in(values.cast(stored.type), stored)
    if stored is not None and indices.null_count != values.null_count:
        raise DamagedError("a column holds values that are none of its categories")
    codes = pc.fill_null(indices, -1).to_numpy()
    return cast("Any", pd.Categorical.from_codes(np.asarray(codes), dtype=dtype))


def _decode_objects(values: pa.ChunkedArray, column: Column, pieces: Pieces) -> Any:
    decoded = objects.decode(values, column.type)
    start = 0
    for rows, info in pieces:
        missing = info.get("missing", {}).get(column.name, objects.NONE)
        if missing != objects.NONE:
            hidden = pc.is_null(values.slice(start, rows)).to_numpy()
            decoded[start : start + rows][hidden] = objects.missing_value(missing)
        start += rows
    return decoded
