"""JSON files."""

from __future__ import annotations

from typing import Any

from atio_core.data.formats import arrow, compression
from atio_core.data.formats.base import FileFormat, Order, Writer

_EXACT: dict[str, Any] = {
    "orient": "records",
    "date_format": "iso",
    "date_unit": "ns",
    "double_precision": 15,
}


def _from_pandas(frame: Any, order: Order) -> None:
    frame.to_json(order.file, **compression.for_pandas(order))


def _from_polars(frame: Any, order: Order) -> None:
    with compression.around(order) as file:
        frame.write_json(file, **order.options)


def _from_arrow(table: Any, order: Order) -> None:
    """As a list of rows, as exact as pandas can: pyarrow has no writer whose ways could be kept."""
    arrow.as_pandas(table).to_json(order.file, **{**_EXACT, **compression.for_pandas(order)})


FORMAT = FileFormat(
    name="json",
    suffixes=(".json",),
    writers={
        "pandas": Writer("pandas' to_json", _from_pandas, compression.PANDAS),
        "polars": Writer("polars' write_json", _from_polars, compression.ARROW),
        "arrow": Writer("pandas' to_json", _from_arrow, compression.PANDAS),
    },
)
