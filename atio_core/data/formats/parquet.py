"""Parquet files. Their compression is inside: `.parquet.gz` would be a file that no reader knows."""

from __future__ import annotations

from typing import Any, BinaryIO

from atio_core.data.formats import arrays, arrow, lazy
from atio_core.data.formats.base import FileFormat, Writer, WriteRequest
from atio_core.data.losses import typed


def _from_pandas(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    frame.to_parquet(file, **request.options)


def _from_array(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    frame.to_parquet(file, **request.without(*arrays.OURS))


def _from_polars(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    frame.write_parquet(file, **request.options)


def _from_lazy(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    lazy.sink("sink_parquet", frame, file, request, request.options)


def _from_arrow(table: Any, file: BinaryIO, request: WriteRequest) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, file, **request.options)


def _from_stream(reader: Any, file: BinaryIO, request: WriteRequest) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, reader.schema, **request.without("row_group_size")) as writer:
        for table in arrow.in_groups(reader):
            writer.write_table(table, request.options.get("row_group_size"))
            request.wrote(table.num_rows)


_STREAM = Writer(
    "pyarrow.parquet.ParquetWriter",
    _from_stream,
    losses=typed.of_parquet_arrow,
    prepare=arrow.as_reader,
    shape=arrow.shape_of_stream,
    streams=True,
)

FORMAT = FileFormat(
    name="parquet",
    suffixes=(".parquet", ".pq"),
    writers={
        "pandas": Writer("pandas' to_parquet", _from_pandas, typed.of_parquet_pandas),
        "polars": Writer("polars' write_parquet", _from_polars, typed.of_polars),
        "polars-lazy": Writer(
            "polars' sink_parquet", _from_lazy, typed.of_polars, shape=lazy.shape_of_lazy, streams=True
        ),
        "arrow": Writer("pyarrow.parquet.write_table", _from_arrow, typed.of_parquet_arrow, arrow.as_table),
        "arrow-reader": _STREAM,
        "capsule": _STREAM,
        "array": Writer("pandas' to_parquet", _from_array, typed.of_parquet_pandas, arrays.as_frame),
    },
)
