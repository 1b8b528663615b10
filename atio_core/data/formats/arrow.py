"""Arrow tables and streams, for formats that pyarrow doesn't write, or writes piece by piece."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from atio_core.data.formats.base import Shape, WriteRequest

_GROUP_ROWS = 1 << 20
_GROUP_BYTES = 128 << 20


def as_pandas(table: Any) -> Any:
    """Return the table's columns as they are: integers with nulls stay integers, an index stays a column.

    Args:
        table: A `pyarrow.Table`.
    """
    import pandas as pd

    return table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)


def as_table(obj: Any, _request: WriteRequest) -> Any:
    """Return a table or record batch as a table."""
    import pyarrow as pa

    return pa.Table.from_batches([obj]) if isinstance(obj, pa.RecordBatch) else obj


def as_reader(obj: Any, _request: WriteRequest) -> Any:
    """Return a record-batch reader, or any object that exports a stream of rows, as a reader."""
    import pyarrow as pa

    return obj if isinstance(obj, pa.RecordBatchReader) else pa.RecordBatchReader.from_stream(obj)


def read_all(obj: Any, request: WriteRequest) -> Any:
    """Return a stream as a table, for formats that can't be written piece by piece."""
    return as_reader(obj, request).read_all()


def shape_of_stream(reader: Any) -> Shape:
    """Return a stream's columns; its rows are known when it has ended."""
    return None, len(reader.schema)


def in_groups(reader: Any) -> Generator[Any]:
    """Yield a stream's rows as tables large enough to be a row group, so that small batches cost no more.

    Args:
        reader: A `pyarrow.RecordBatchReader`.
    """
    import pyarrow as pa

    batches: list[Any] = []
    rows = size = 0
    for batch in reader:
        batches.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(batches)
            batches, rows, size = [], 0, 0
    if batches:
        yield pa.Table.from_batches(batches)
