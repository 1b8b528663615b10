"""CSV files."""

from __future__ import annotations

from typing import Any, BinaryIO

from atio_core.data.formats import arrays, arrow, compression, lazy
from atio_core.data.formats.base import FileFormat, Writer, WriteRequest
from atio_core.data.losses import csv as losses


def _from_pandas(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    frame.to_csv(file, **compression.for_pandas(request))


def _from_array(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    """Without an index: an array has none."""
    frame.to_csv(file, **{"index": False, **compression.for_pandas(request, *arrays.OURS)})


def _from_polars(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    frame.write_csv(file, **compression.for_polars(request))


def _from_lazy(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    lazy.sink("sink_csv", frame, file, request, compression.for_polars(request))


def _write_options(request: WriteRequest) -> dict[str, Any]:
    """Pyarrow takes its options in one object; so may the caller."""
    import pyarrow.csv as pc

    options = dict(request.options)
    return (
        {"write_options": pc.WriteOptions(**options)}
        if options and "write_options" not in options
        else options
    )


def _from_arrow(table: Any, file: BinaryIO, request: WriteRequest) -> None:
    import pyarrow.csv as pc

    with compression.around(file, request) as stream:
        pc.write_csv(table, stream, **_write_options(request))


def _from_stream(reader: Any, file: BinaryIO, request: WriteRequest) -> None:
    import pyarrow.csv as pc

    with (
        compression.around(file, request) as stream,
        pc.CSVWriter(stream, reader.schema, **_write_options(request)) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
            request.wrote(batch.num_rows)


_STREAM = Writer(
    "pyarrow.csv.CSVWriter",
    _from_stream,
    losses.of_stream,
    arrow.as_reader,
    arrow.shape_of_stream,
    compression.ALL,
    streams=True,
)

FORMAT = FileFormat(
    name="csv",
    suffixes=(".csv",),
    writers={
        "pandas": Writer("pandas' to_csv", _from_pandas, losses.of_pandas, compressions=compression.ALL),
        "polars": Writer(
            "polars' write_csv", _from_polars, losses.of_polars, compressions=compression.POLARS
        ),
        "polars-lazy": Writer(
            "polars' sink_csv",
            _from_lazy,
            losses.of_polars,
            shape=lazy.shape_of_lazy,
            streams=True,
            compressions=compression.POLARS,
        ),
        "arrow": Writer(
            "pyarrow.csv.write_csv",
            _from_arrow,
            losses.of_arrow,
            arrow.as_table,
            compressions=compression.ALL,
        ),
        "arrow-reader": _STREAM,
        "capsule": _STREAM,
        "array": Writer(
            "pandas' to_csv", _from_array, losses.of_array, arrays.as_frame, compressions=compression.ALL
        ),
    },
)
