"""CSV files."""

from __future__ import annotations

from typing import Any

from atio_core.data.formats import compression
from atio_core.data.formats.base import FileFormat, Order, Writer


def _from_pandas(frame: Any, order: Order) -> None:
    frame.to_csv(order.file, **compression.for_pandas(order))


def _from_polars(frame: Any, order: Order) -> None:
    by_name = {"compression": order.compression} if order.compression else {}
    frame.write_csv(order.file, **{**by_name, **order.options})


def _from_arrow(table: Any, order: Order) -> None:
    import pyarrow.csv as pc

    options = dict(order.options)
    if options and "write_options" not in options:  # pyarrow takes them in one object; so may the caller
        options = {"write_options": pc.WriteOptions(**options)}
    with compression.around(order) as file:
        pc.write_csv(table, file, **options)


FORMAT = FileFormat(
    name="csv",
    suffixes=(".csv",),
    writers={
        "pandas": Writer("pandas' to_csv", _from_pandas, compression.PANDAS),
        "polars": Writer("polars' write_csv", _from_polars, compression.POLARS),
        "arrow": Writer("pyarrow.csv.write_csv", _from_arrow, compression.ARROW),
    },
)
