"""JSON files: frames as their library writes them, any other value as Python's json does."""

from __future__ import annotations

import io
import json
from typing import Any, BinaryIO

from atio_core.data.formats import arrays, arrow, compression, json_rows, lazy, values
from atio_core.data.formats.base import FileFormat, Shape, Writer, WriteRequest
from atio_core.data.losses import json as losses

EXACT: dict[str, Any] = {
    "orient": "records",
    "date_format": "iso",
    "date_unit": "ns",
    "double_precision": 15,
}
"""How an Arrow table is written: as a list of rows, as exact as pandas can. Pyarrow has no writer to follow."""


def _from_pandas(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    json_rows.write(frame, file, compression.for_pandas(request))


def _from_array(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    json_rows.write(frame, file, compression.for_pandas(request, *arrays.OURS))


def _from_polars(frame: Any, file: BinaryIO, request: WriteRequest) -> None:
    with compression.around(file, request) as stream:
        frame.write_json(stream, **request.options)


def _from_arrow(table: Any, file: BinaryIO, request: WriteRequest) -> None:
    json_rows.write(arrow.as_pandas(table), file, {**EXACT, **compression.for_pandas(request)})


def _from_value(value: Any, file: BinaryIO, request: WriteRequest) -> None:
    with compression.around(file, request) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        try:
            json.dump(value, text, **values.dump_options(request))
        finally:
            text.detach()


def _no_shape(_value: Any) -> Shape:
    return None, None


_ALL = compression.ALL
_TABLE = "pandas' to_json"

FORMAT = FileFormat(
    name="json",
    suffixes=(".json",),
    writers={
        "pandas": Writer(_TABLE, _from_pandas, losses.of_pandas, compressions=_ALL),
        "polars": Writer("polars' write_json", _from_polars, losses.of_polars, compressions=_ALL),
        "polars-lazy": Writer(
            "polars' write_json", _from_polars, losses.of_polars, lazy.collect, compressions=_ALL
        ),
        "arrow": Writer(_TABLE, _from_arrow, losses.of_arrow, arrow.as_table, compressions=_ALL),
        "arrow-reader": Writer(_TABLE, _from_arrow, losses.of_arrow, arrow.read_all, compressions=_ALL),
        "capsule": Writer(_TABLE, _from_arrow, losses.of_arrow, arrow.read_all, compressions=_ALL),
        "array": Writer(_TABLE, _from_array, losses.of_pandas, arrays.as_frame, compressions=_ALL),
        "value": Writer("json.dump", _from_value, losses.of_value, shape=_no_shape, compressions=_ALL),
    },
)
