"""The rows of a frame of each library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from atio_core.data.kinds import kind_of
from atio_core.databases.rows import Rows
from atio_core.errors import InvalidInputError, UnsupportedFormatError


def rows_of(obj: Any, *, index: bool | None, index_label: Any) -> Rows:
    """Return the rows of a frame.

    Args:
        obj: A pandas or polars frame, an Arrow table, batch or reader, or an object that exports an Arrow stream.
        index: Write a pandas index as columns; None for yes.
        index_label: Their names, as pandas' `to_sql` takes them.

    Raises:
        UnsupportedFormatError: It has no rows.
        InvalidInputError: A column can't be written; the message names it.

    Example:
        >>> rows_of(pa.table({"n": [1, 2]}), index=None, index_label=None).count
        2
    """
    kind = kind_of(obj)
    if kind == "pandas":
        from atio_core.databases import frames_pandas

        rows = frames_pandas.rows_of(obj, index=index is not False, index_label=index_label)
    elif index or index_label is not None:
        raise InvalidInputError(
            f"index={index!r} is for pandas frames: {type(obj).__qualname__} has no index."
        )
    elif kind == "polars":
        rows = _of_table(_polars_table(obj))
    elif kind == "polars-lazy":
        rows = _of_lazy(obj)
    elif kind == "arrow":
        rows = _of_table(obj if isinstance(obj, pa.Table) else pa.Table.from_batches([obj]))
    elif kind in {"arrow-reader", "capsule"}:
        rows = _of_stream(obj)
    else:
        made = f"{type(obj).__module__}.{type(obj).__qualname__}"
        message = (
            f"Databases are written from pandas and polars frames and from Arrow tables and streams, not from {made}. "
            "Turn it into a frame first: pandas.DataFrame(it)."
        )
        raise UnsupportedFormatError(message)
    _check_names(rows.schema)
    return rows


def _check_names(schema: pa.Schema) -> None:
    names = schema.names
    if not names:
        raise InvalidInputError("A table needs a column, the frame has none. Nothing was written.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInputError(
            f"Column {twice[0]!r} is there more than once. Rename one. Nothing was written."
        )


def _of_table(table: pa.Table) -> Rows:
    return Rows(
        table.schema,
        lambda size: iter(table.to_batches(max_chunksize=size)),
        again=True,
        count=table.num_rows,
    )


def _of_stream(obj: Any) -> Rows:
    try:
        reader = obj if isinstance(obj, pa.RecordBatchReader) else pa.RecordBatchReader.from_stream(obj)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise InvalidInputError(
            f"The Arrow stream can't be read as rows: {error}. Nothing was written."
        ) from error
    return Rows(reader.schema, lambda size: _cut(reader, size), again=False, count=None)


def _cut(batches: Any, size: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)


def _polars_table(frame: Any) -> pa.Table:
    """Return a polars frame as an Arrow table; integers of 128 bits as decimals."""
    import polars as pl

    for name, dtype in frame.schema.items():
        if "\0" in name:  # it can't leave polars: to_arrow panics
            raise InvalidInputError(
                f"Column {name!r} has the character NUL in its name. Rename it. Nothing was written."
            )
        if dtype == pl.Object:
            raise InvalidInputError(
                f"Column {name!r} holds Python objects, which no database can. Cast it. Nothing was written."
            )
    wide = [name for name, dtype in frame.schema.items() if dtype in {pl.Int128, pl.UInt128}]
    try:
        return (
            frame.with_columns(pl.col(wide).cast(pl.Decimal(38, 0))).to_arrow() if wide else frame.to_arrow()
        )
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError(f"One of the columns {wide} is beyond 38 digits: {error}") from error


def _of_lazy(lazy: Any) -> Rows:
    import polars as pl

    schema = _polars_table(pl.DataFrame(schema=lazy.collect_schema())).schema

    def batches(size: int) -> Iterator[pa.RecordBatch]:
        try:
            for frame in lazy.collect_batches(chunk_size=size, maintain_order=True):
                yield from _cut(_polars_table(frame).cast(schema).to_batches(), size)
        except pl.exceptions.PolarsError as error:
            raise InvalidInputError(
                f"The lazy frame can't be computed: {error}. Nothing was written."
            ) from error

    return Rows(schema, batches, again=False, count=None)
