"""Excel workbooks of one sheet."""

from __future__ import annotations

from typing import Any

from atio_core.data.formats import arrow
from atio_core.data.formats.base import FileFormat, Order, Writer


def _from_pandas(frame: Any, order: Order) -> None:
    frame.to_excel(order.file, **order.options)


def _from_polars(frame: Any, order: Order) -> None:
    frame.write_excel(order.file, **order.options)


def _from_arrow(table: Any, order: Order) -> None:
    """Without an index: an Arrow table has none."""
    arrow.as_pandas(table).to_excel(order.file, **{"index": False, **order.options})


FORMAT = FileFormat(
    name="excel",
    suffixes=(".xlsx",),
    writers={
        "pandas": Writer("pandas' to_excel", _from_pandas),
        "polars": Writer("polars' write_excel", _from_polars),
        "arrow": Writer("pandas' to_excel", _from_arrow),
    },
    other_suffixes=(".xls", ".xlsb", ".xlsm", ".ods"),
)
