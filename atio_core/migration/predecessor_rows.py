"""Rows of `atio` 2 and 3, in the order and with the columns that these packages give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atio_core.errors import NotPreservableError

if TYPE_CHECKING:
    import pyarrow as pa


def require_row_files(files: Sequence[Path]) -> None:
    """See that the files of a version of `atio` 2 can be read together.

    Raises:
        OSError: One isn't there.
        ValueError: One is no Parquet, or a column has types that don't go together.
    """
    import pyarrow.parquet as pq

    first, *others = [pq.read_schema(path) for path in files]
    types = dict(zip(first.names, first.types, strict=True))
    if any(types.get(field.name, field.type) != field.type for schema in others for field in schema):
        _read(files)  # whether values fit the first file's type is only known then


def read_row_files(files: Sequence[Path]) -> Any:
    """Return the rows of a version of `atio` 2: a pandas frame if pandas wrote it, else an Arrow table.

    The files stand newest first, and the first one says which columns there are, as in the old package. What pandas
    can't give back equal, such as arrays of arrays, stays in Arrow's hands.
    """
    from atio_core.data.frames.frames import to_piece

    table = _read(files)
    if not table.schema.pandas_metadata:
        return table
    frame = table.to_pandas()
    try:
        to_piece(frame)
    except NotPreservableError:
        return table
    return frame


def _read(files: Sequence[Path]) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table([str(path) for path in files], partitioning=None)


def require_columns(columns: Sequence[tuple[str, Path]]) -> None:
    """See that the columns of a version of `atio` 3 go together.

    Raises:
        OSError: A file isn't there.
        ValueError: One is no Parquet, or has another number of rows than the others.
    """
    import pyarrow.parquet as pq

    rows = [(name, pq.read_metadata(path).num_rows) for name, path in columns]
    if len({count for _, count in rows}) > 1:
        told = ", ".join(f"{name} {count}" for name, count in rows)
        raise ValueError(f"its columns have different numbers of rows: {told}")


def read_columns(columns: Sequence[tuple[str, Path]]) -> pa.Table:
    """Return the rows of a version of `atio` 3, which keeps no index and no dtypes of pandas."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [pq.read_table(path, partitioning=None).column(0) for _, path in columns]
    return pa.Table.from_arrays(arrays, names=[name for name, _ in columns])
