"""How each format is read back by the library that wrote it, as a frame of the same kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from pyarrow import feather

from atio_core.data.kinds import Kind
from atio_core.testing import assert_frames_equal


def _as_arrow(read: pd.DataFrame) -> pa.Table:
    """As Arrow would have it: pandas makes its text large."""
    table = pa.Table.from_pandas(read, preserve_index=False).replace_schema_metadata()
    fields = [f.with_type(pa.string()) if f.type == pa.large_string() else f for f in table.schema]
    return table.cast(pa.schema(fields))


READ: dict[tuple[str, Kind], Callable[[Path], Any]] = {
    ("parquet", "pandas"): pd.read_parquet,
    ("parquet", "polars"): pl.read_parquet,
    ("parquet", "arrow"): pq.read_table,
    ("feather", "pandas"): pd.read_feather,
    ("feather", "polars"): pl.read_ipc,
    ("feather", "arrow"): feather.read_table,
    ("csv", "pandas"): pd.read_csv,
    ("csv", "polars"): pl.read_csv,
    ("csv", "arrow"): pc.read_csv,
    ("json", "pandas"): lambda path: pd.read_json(path, orient="records", precise_float=True),
    ("json", "polars"): pl.read_json,
    ("json", "arrow"): lambda path: _as_arrow(pd.read_json(path, precise_float=True)),
    ("jsonl", "pandas"): lambda path: pd.read_json(path, lines=True, precise_float=True),
    ("jsonl", "polars"): pl.read_ndjson,
    ("jsonl", "arrow"): lambda path: _as_arrow(pd.read_json(path, lines=True, precise_float=True)),
    ("excel", "pandas"): pd.read_excel,
    ("excel", "polars"): lambda path: pl.from_pandas(pd.read_excel(path)),
    ("excel", "arrow"): lambda path: _as_arrow(pd.read_excel(path)),
}
"""By format and library."""

OPTIONS: dict[tuple[str, Kind], dict[str, Any]] = {
    ("csv", "pandas"): {"index": False},
    ("json", "pandas"): {"orient": "records"},
    ("excel", "pandas"): {"index": False},
}
"""With which a frame has a chance to come back."""


def assert_read_same(expected: Any, actual: Any) -> None:
    """Demand that a frame came back from a file equal, types and all; a NaN is a NaN, whatever its other bits."""
    assert_frames_equal(_with_one_nan(expected), _with_one_nan(actual))


def _with_one_nan(frame: Any) -> Any:
    if isinstance(frame, pl.DataFrame):
        floats = pl.col(pl.Float32, pl.Float64)
        return frame.with_columns(floats.fill_nan(math.nan))
    if not isinstance(frame, pd.DataFrame):
        return frame
    made = {n: _one_nan(frame.iloc[:, n]) for n in range(frame.shape[1])}
    again = pd.DataFrame(made, index=frame.index, copy=False) if made else frame[[]].copy()
    again.columns, again.attrs, again.index = frame.columns, frame.attrs, _one_nan_index(frame.index)
    return again.set_flags(allows_duplicate_labels=frame.flags.allows_duplicate_labels)


def _one_nan(values: pd.Series) -> pd.Series:
    if not (isinstance(values.dtype, np.dtype) and values.dtype.kind == "f"):
        return values
    array = values.to_numpy(copy=True)
    array[np.isnan(array)] = math.nan
    return pd.Series(array, index=values.index)


def _one_nan_index(index: pd.Index) -> pd.Index:
    if isinstance(index, pd.MultiIndex) or not (
        isinstance(index.dtype, np.dtype) and index.dtype.kind == "f"
    ):
        return index
    return pd.Index(_one_nan(index.to_series()).to_numpy(), name=index.name)
