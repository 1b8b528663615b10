"""Arrow tables as pandas frames, for formats that pyarrow doesn't write."""

from __future__ import annotations

from typing import Any


def as_pandas(table: Any) -> Any:
    """Return the table's columns as they are: integers with nulls stay integers, an index stays a column.

    Args:
        table: A `pyarrow.Table`.
    """
    import pandas as pd

    return table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
