"""Feather files, which are Arrow's IPC files: the types of Arrow as they are."""

from __future__ import annotations

from typing import Any, BinaryIO

from atio_core.data.formats import arrow, lazy
from atio_core.data.formats.base import FileFormat, Writer, WriteRequest
from atio_core.data.losses import typed


def _from_pandas(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    frame.to_feather(file, **request.options)


def _from_polars(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    frame.write_ipc(file, **request.options)


def _from_lazy(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    lazy.sink("sink_ipc", frame, file, request, request.options)


def _from_arrow(table: Any, file: BinaryIO, request: WriteRequest) -> None:
    from pyarrow import feather

    feather.write_feather(table, file, **request.options)


def _from_stream(reader: Any, file: BinaryIO, request: WriteRequest) -> None:
    import pyarrow as pa

    given = {"compression": "lz4", **request.options}  # as write_feather does
    if given["compression"] == "uncompressed":
        given["compression"] = None
    with pa.ipc.new_file(file, reader.schema, options=pa.ipc.IpcWriteOptions(**given)) as writer:
        for batch in reader:
            writer.write_batch(batch)
            request.wrote(batch.num_rows)


_STREAM = Writer(
    "pyarrow.ipc.new_file", _from_stream, prepare=arrow.as_reader, shape=arrow.shape_of_stream, streams=True
)

FORMAT = FileFormat(
    name="feather",
    suffixes=(".feather", ".arrow", ".ipc"),
    aliases=("arrow", "ipc"),
    writers={
        "pandas": Writer("pandas' to_feather", _from_pandas, typed.of_feather_pandas),
        "polars": Writer("polars' write_ipc", _from_polars, typed.of_polars),
        "polars-lazy": Writer(
            "polars' sink_ipc", _from_lazy, typed.of_polars, shape=lazy.shape_of_lazy, streams=True
        ),
        "arrow": Writer("pyarrow.feather.write_feather", _from_arrow, prepare=arrow.as_table),
        "arrow-reader": _STREAM,
        "capsule": _STREAM,
    },
)
