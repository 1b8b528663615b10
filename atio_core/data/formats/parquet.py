"""Parquet files. They are compressed inside: `.parquet.gz` would be a file that no reader knows."""

from __future__ import annotations

from typing import Any

from atio_core.data.formats.base import FileFormat, Order, Writer


def _from_pandas(frame: Any, order: Order) -> None:
    frame.to_parquet(order.file, **order.options)


def _from_polars(frame: Any, order: Order) -> None:
    frame.write_parquet(order.file, **order.options)


def _from_arrow(table: Any, order: Order) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    pq.write_table(table, order.file, **order.options)


FORMAT = FileFormat(
    name="parquet",
    suffixes=(".parquet", ".pq"),
    writers={
        "pandas": Writer("pandas' to_parquet", _from_pandas),
        "polars": Writer("polars' write_parquet", _from_polars),
        "arrow": Writer("pyarrow.parquet.write_table", _from_arrow),
    },
)
