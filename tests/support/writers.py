"""Each writer of the registry, with a frame of its library, that library's own call and its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from pyarrow import feather

from atio_core.data.formats.base import Takes
from atio_core.data.formats.registry import FORMATS
from atio_core.data.kinds import Kind

COLUMNS: dict[str, list[Any]] = {
    "product": ["pen", "ink", 'né, "b"\n'],
    "price": [1.5, 7.25, -0.125],
    "left": [3, 0, 2**40],
}


def frame(kind: Kind, columns: dict[str, Any] = COLUMNS) -> Any:
    """Return a frame of a library."""
    makers: dict[Kind, Callable[..., Any]] = {
        "pandas": pd.DataFrame,
        "polars": pl.DataFrame,
        "arrow": pa.table,
    }
    return makers[kind](columns)


@dataclass(frozen=True, slots=True)
class Written:
    """How a library writes and reads a format by itself.

    Attributes:
        own: Writes a frame to a path, with options.
        read: Reads it back, as the same library's frame.
        suffix: Of such files.
        options: For `own` and for us: such that the frame comes back, and some that the bytes show.
        repeats: Whether the same call makes the same bytes.
    """

    own: Callable[..., Any]
    read: Callable[[Path], Any]
    suffix: str
    options: tuple[dict[str, Any], ...] = field(default=({},))
    repeats: bool = True


def _arrow_json(table: pa.Table, path: Path, **options: Any) -> None:
    table.to_pandas(types_mapper=pd.ArrowDtype).to_json(
        path,
        **{"orient": "records", "date_format": "iso", "date_unit": "ns", "double_precision": 15, **options},
    )


def _pandas_lines(made: pd.DataFrame, path: Path, **options: Any) -> None:
    made.to_json(path, **{"orient": "records", "lines": True, **options})


def _arrow_excel(table: pa.Table, path: Path, **options: Any) -> None:
    table.to_pandas().to_excel(path, **{"index": False, **options})


def _as_arrow(read: pd.DataFrame) -> pa.Table:
    """As Arrow would have it: pandas makes its text large."""
    table = pa.Table.from_pandas(read, preserve_index=False).replace_schema_metadata()
    large = pa.large_string()
    fields = [field.with_type(pa.string()) if field.type == large else field for field in table.schema]
    return table.cast(pa.schema(fields))


def _arrow_csv(table: pa.Table, path: Path, **options: Any) -> None:
    pc.write_csv(table, path, pc.WriteOptions(**options))


def _polars_excel(table: pl.DataFrame, path: Path, **options: Any) -> None:
    table.write_excel(path, **options)


WRITTEN: dict[tuple[str, Kind], Written] = {
    ("parquet", "pandas"): Written(
        pd.DataFrame.to_parquet,
        pd.read_parquet,
        ".parquet",
        ({}, {"compression": "gzip"}, {"row_group_size": 1}),
    ),
    ("parquet", "polars"): Written(
        pl.DataFrame.write_parquet,
        pl.read_parquet,
        ".parquet",
        ({}, {"compression": "lz4", "row_group_size": 1}, {"use_pyarrow": True}),
    ),
    ("parquet", "arrow"): Written(
        pq.write_table, pq.read_table, ".parquet", ({}, {"compression": "zstd", "write_page_checksum": True})
    ),
    ("csv", "pandas"): Written(
        pd.DataFrame.to_csv,
        pd.read_csv,
        ".csv",
        ({"index": False}, {"index": False, "quoting": 1, "encoding": "utf-8-sig"}),
    ),
    ("csv", "polars"): Written(
        pl.DataFrame.write_csv, pl.read_csv, ".csv", ({}, {"include_bom": True, "quote_style": "always"})
    ),
    ("csv", "arrow"): Written(
        _arrow_csv,
        lambda path: pc.read_csv(path, parse_options=pc.ParseOptions(newlines_in_values=True)),
        ".csv",
        ({}, {"quoting_style": "all_valid", "batch_size": 1}),
    ),
    ("json", "pandas"): Written(
        pd.DataFrame.to_json,
        pd.read_json,
        ".json",
        (
            {"orient": "records"},
            {"orient": "records", "indent": 2},
            {"force_ascii": False, "orient": "records"},
        ),
    ),
    ("json", "polars"): Written(pl.DataFrame.write_json, pl.read_json, ".json"),
    ("json", "arrow"): Written(
        _arrow_json,
        lambda path: _as_arrow(pd.read_json(path)),
        ".json",
        ({}, {"force_ascii": False}),
    ),
    ("jsonl", "pandas"): Written(
        _pandas_lines, lambda path: pd.read_json(path, lines=True), ".jsonl", ({}, {"force_ascii": False})
    ),
    ("jsonl", "polars"): Written(pl.DataFrame.write_ndjson, pl.read_ndjson, ".jsonl"),
    ("jsonl", "arrow"): Written(
        partial(_arrow_json, lines=True), lambda path: _as_arrow(pd.read_json(path, lines=True)), ".jsonl"
    ),
    ("feather", "pandas"): Written(
        pd.DataFrame.to_feather, pd.read_feather, ".feather", ({}, {"compression": "zstd"})
    ),
    ("feather", "polars"): Written(
        pl.DataFrame.write_ipc, pl.read_ipc, ".feather", ({}, {"compression": "lz4"})
    ),
    ("feather", "arrow"): Written(
        feather.write_feather, feather.read_table, ".arrow", ({}, {"compression": "uncompressed"})
    ),
    ("excel", "pandas"): Written(
        pd.DataFrame.to_excel,
        pd.read_excel,
        ".xlsx",
        ({"index": False}, {"index": False, "engine": "openpyxl"}, {"index": False, "engine": "xlsxwriter"}),
        repeats=False,
    ),
    ("excel", "polars"): Written(
        _polars_excel,
        lambda path: pl.from_pandas(pd.read_excel(path)),
        ".xlsx",
        ({}, {"autofilter": False}),
        repeats=False,
    ),
    ("excel", "arrow"): Written(
        _arrow_excel,
        lambda path: _as_arrow(pd.read_excel(path)),
        ".xlsx",
        repeats=False,
    ),
}

PAIRS: list[tuple[str, Kind]] = list(WRITTEN)
"""Every writer of eager frames."""


def lazy_frame() -> pl.LazyFrame:
    """Return a lazy frame with the usual rows."""
    return frame("polars").lazy()


def reader() -> pa.RecordBatchReader:
    """Return a stream of the usual rows, in two batches; it can be read once."""
    return frame("arrow").to_reader(max_chunksize=2)


class Stream:
    """What is known only by the stream that it exports. It counts how often it was asked for it."""

    def __init__(self) -> None:
        self.asked = 0

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        self.asked += 1
        return reader().__arrow_c_stream__(requested_schema)


ARRAY = np.array([[1.5, -0.25], [7.25, 2.0], [0.5, 3.0]])
OBJECTS: dict[Takes, Callable[[], Any]] = {
    "pandas": lambda: frame("pandas"),
    "polars": lambda: frame("polars"),
    "arrow": lambda: frame("arrow"),
    "polars-lazy": lazy_frame,
    "arrow-reader": reader,
    "capsule": Stream,
    "array": ARRAY.copy,
    "arrays": lambda: {"a": ARRAY, "b": np.array(["x"])},
    "sheets": lambda: {"June": frame("pandas"), "July": frame("polars")},
    "text": lambda: "né\r\n",
    "bytes": lambda: b"\x00\xff",
    "list": lambda: [1, {"a": "né"}],
    "value": lambda: {"a": [{"a": [1, None, "né"]}]},
    "anything": lambda: {1, 2},
}
"""One object for each thing that a writer may take."""
EVERY: list[tuple[str, Takes]] = [(made.name, takes) for made in FORMATS.values() for takes in made.writers]
"""Every writer that there is."""
