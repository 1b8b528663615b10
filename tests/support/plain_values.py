"""What the columns of a frame hold, told without any library's types: so frames of two libraries can be compared."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# ^ any of three libraries' columns

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_DAY = 86_400 * 10**9


def columns_of(frame: Any) -> list[Any]:
    """Return the columns, in order."""
    if isinstance(frame, pd.DataFrame):
        return [frame.iloc[:, place].array for place in range(frame.shape[1])]
    return frame.get_columns() if isinstance(frame, pl.DataFrame) else frame.columns


def same_values(ours: Any, theirs: Any) -> bool:
    """Say whether two columns hold the same: to the bit, but for NaNs, and where objects are missing.

    What no library but pandas has as a value, a list, dict or mixture of Python objects, has to be its JSON text.
    """
    found, wanted = plain(theirs), plain(ours)
    if not _is_objects(ours):
        return repr(found) == repr(wanted)
    wanted = [_gone(value) for value in wanted]
    return repr(wanted) in (
        repr([_gone(value) for value in found]),
        repr([_gone(_decoded(one)) for one in found]),
    )


def plain(column: Any) -> list[Any]:
    """Return the values of a column of any library."""
    if isinstance(column, pl.Series):
        shown = repr(column.dtype)
        # Arrow hasn't got the one, and polars doesn't hand out the other.
        if "Int128" in shown or r"\x00" in shown:
            return [_plain(value) for value in column.to_list()]
        return _of_arrow(pa.chunked_array([column.alias("").to_arrow()]))
    if isinstance(column, pa.ChunkedArray):
        return _of_arrow(column)
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return _of_arrow(column.__arrow_array__())
    if isinstance(dtype, pd.CategoricalDtype):
        categories = plain(column.categories.array)
        return [None if code < 0 else categories[code] for code in column.codes.tolist()]
    if isinstance(dtype, pd.DatetimeTZDtype) or dtype.kind in "mM":
        unit = NANOSECONDS[column.unit]
        return [
            None if gone else count * unit
            for count, gone in zip(column.asi8.tolist(), column.isna(), strict=True)
        ]
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return column.to_numpy().tolist()
    missing = isinstance(dtype, pd.StringDtype)
    return [None if missing and pd.isna(value) else _plain(value) for value in column]


def _of_arrow(values: pa.ChunkedArray) -> list[Any]:
    t = values.type
    if isinstance(t, pa.BaseExtensionType):
        return _of_arrow(pa.chunked_array([chunk.storage for chunk in values.chunks], t.storage_type))
    if pa.types.is_dictionary(t):
        return [
            None if index is None else known[index]
            for chunk in values.chunks
            for known in [_of_arrow(pa.chunked_array([chunk.dictionary]))]
            for index in chunk.indices.to_pylist()
        ]
    if pa.types.is_date(t):
        days = values.cast(pa.date32()).cast(pa.int32()).to_pylist()
        return [None if day is None else day * _DAY for day in days]
    if pa.types.is_temporal(t) and not pa.types.is_interval(t):
        width = pa.int32() if pa.types.is_time32(t) else pa.int64()
        return [None if one is None else one * NANOSECONDS[t.unit] for one in values.cast(width).to_pylist()]
    if pa.types.is_run_end_encoded(t):
        return _of_arrow(pa.chunked_array(map(pc.run_end_decode, values.chunks), t.value_type))
    if pa.types.is_struct(t):
        inner = [_of_arrow(field) for field in values.flatten()]
        rows = [dict(zip(t.names, row, strict=True)) for row in zip(*inner, strict=True)] or [{}] * len(
            values
        )
        return [
            row if there else None for row, there in zip(rows, values.is_valid().to_pylist(), strict=True)
        ]
    if pa.types.is_nested(t) and not pa.types.is_union(t):
        inner = [one.values if one.is_valid else None for one in values]  # noqa: PD011 - of Arrow, not pandas
        return [None if one is None else _of_arrow(pa.chunked_array([one])) for one in inner]
    return [_plain(value) for value in values.to_pylist()]


def _plain(value: Any) -> Any:
    """Return one value, as Python has it."""
    match value:
        case pd.Timestamp() | pd.Timedelta():
            return None if value is pd.NaT else int(value.asm8.astype("int64")) * NANOSECONDS[value.unit]
        case dt.datetime():
            start = dt.datetime(1970, 1, 1, tzinfo=None if value.tzinfo is None else dt.UTC)
            return (value - start) // dt.timedelta(microseconds=1) * 1000
        case dt.date() | dt.time() | dt.timedelta():
            return _of_time(value)
        case uuid.UUID():
            return value.bytes
        case Decimal():
            whole = value.is_finite() and value == value.to_integral_value()
            return int(value) if whole else value.normalize(Context(prec=100)) if value.is_finite() else value
        case np.generic():
            return value.item()
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple() | np.ndarray():
            return [_plain(one) for one in value]
        case _:
            return None if value is pd.NA or value is pd.NaT else value


def _of_time(value: dt.date | dt.time | dt.timedelta) -> int:
    if isinstance(value, dt.date):
        return (value - dt.date(1970, 1, 1)).days * _DAY
    if isinstance(value, dt.time):
        value = dt.timedelta(0, value.second, value.microsecond, 0, value.minute, value.hour)
    return value // dt.timedelta(microseconds=1) * 1000


def _is_objects(column: Any) -> bool:
    return isinstance(column, pd.arrays.NumpyExtensionArray) and column.dtype.kind == "O"


def _decoded(value: Any) -> Any:
    """Return what a JSON text stands for; what is none stays."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _gone(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
