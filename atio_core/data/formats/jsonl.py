"""JSON lines: a row or value per line."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from atio_core.data.formats import arrays, arrow, compression, json_rows, lazy, values
from atio_core.data.formats.base import FileFormat, Shape, Writer, WriteRequest
from atio_core.data.formats.json import EXACT
from atio_core.data.losses import json as losses
from atio_core.errors import InvalidInputError


def _lines(request: WriteRequest, *ours: str) -> dict[str, Any]:
    return {"orient": "records", "lines": True, **compression.for_pandas(request, *ours)}


def _from_pandas(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    json_rows.write(frame, file, _lines(request))


def _from_array(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    json_rows.write(frame, file, _lines(request, *arrays.OURS))


def _from_polars(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    frame.write_ndjson(file, **compression.for_polars(request))


def _from_lazy(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    lazy.sink("sink_ndjson", frame, file, request, compression.for_polars(request))


def _from_arrow(table: Any, file: BinaryIO, request: WriteRequest) -> None:
    json_rows.write(arrow.as_pandas(table), file, {**EXACT, **_lines(request)})


def _from_stream(reader: Any, file: BinaryIO, request: WriteRequest) -> None:
    options = {**EXACT, "lines": True, **request.options}
    with compression.around(file, request) as stream:
        for table in arrow.in_groups(reader):
            arrow.as_pandas(table).to_json(stream, **options)
            request.wrote(table.num_rows)


def _from_values(items: Any, file: BinaryIO, request: WriteRequest) -> None:
    options = values.dump_options(request)
    if options.get("indent") is not None:
        raise InvalidInputError("The option indent is refused: each value of jsonl is one line. Drop it.")
    with compression.around(file, request) as stream:
        for item in items:
            stream.write(f"{json.dumps(item, **options)}\n".encode())


def _shape_of_lines(items: Any) -> Shape:
    return len(items), None


_ALL = compression.ALL
_STREAM = Writer(
    "pandas' to_json",
    _from_stream,
    losses.of_stream,
    arrow.as_reader,
    arrow.shape_of_stream,
    _ALL,
    streams=True,
)
_POLARS = compression.POLARS

FORMAT = FileFormat(
    name="jsonl",
    suffixes=(".jsonl", ".ndjson"),
    aliases=("ndjson",),
    writers={
        "pandas": Writer("pandas' to_json", _from_pandas, losses.of_pandas_lines, compressions=_ALL),
        "polars": Writer("polars' write_ndjson", _from_polars, losses.of_polars, compressions=_POLARS),
        "polars-lazy": Writer(
            "polars' sink_ndjson",
            _from_lazy,
            losses.of_polars,
            shape=lazy.shape_of_lazy,
            streams=True,
            compressions=_POLARS,
        ),
        "arrow": Writer("pandas' to_json", _from_arrow, losses.of_arrow, arrow.as_table, compressions=_ALL),
        "arrow-reader": _STREAM,
        "capsule": _STREAM,
        "array": Writer(
            "pandas' to_json", _from_array, losses.of_pandas_lines, arrays.as_frame, compressions=_ALL
        ),
        "list": Writer("json.dumps", _from_values, losses.of_value, shape=_shape_of_lines, compressions=_ALL),
    },
)
