"""Frames to be written and read back: nasty ones by name, and the way through a Parquet file."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.data.frames.frames import Piece, align, columns_to_read, slice_info, to_output, to_piece
from tests.support.nasty_others import ARROW, POLARS
from tests.support.nasty_pandas import PANDAS

__all__ = [
    "ARROW_TYPES",
    "NASTY",
    "cut",
    "library_of",
    "read_pieces",
    "round_trip",
    "sliced_entries",
    "through_parquet",
]

NASTY: dict[str, Callable[[], Any]] = {
    **{f"pandas: {name}": make for name, make in PANDAS.items()},
    **{f"polars: {name}": make for name, make in POLARS.items()},
    **{f"arrow: {name}": make for name, make in ARROW.items()},
}
"""Every nasty frame by its name."""

ARROW_TYPES = [field.type for make in ARROW.values() for field in make().schema]
"""The types of all columns of the Arrow tables."""


def through_parquet(table: pa.Table, **options: Any) -> pa.Table:
    """Return a table as it comes back from a Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file, store_schema=True, **options)
    file.seek(0)
    return pq.read_table(file)


def library_of(frame: Any) -> str:
    """Return the library's name, as `output_as` takes it."""
    return {"pandas": "pandas", "polars": "polars", "pyarrow": "arrow"}[
        type(frame).__module__.partition(".")[0]
    ]


def round_trip(
    frame: Any, output_as: str | None = None, labels: list[Any] | None = None, **options: Any
) -> Any:
    """Return a frame as it comes back from a Parquet file."""
    return read_pieces([to_piece(frame)], output_as or library_of(frame), labels, **options)


def sliced_entries(maps: pa.Array) -> pa.Array:
    """Return maps that say the same, with entries that are a slice: what lies before them are the last ones."""
    entries = maps.values
    slice_of = pa.concat_arrays([entries[-2:], entries])[len(entries[-2:]) :]
    return pa.Array.from_buffers(
        maps.type, len(maps), maps.buffers()[:2], maps.null_count, maps.offset, [slice_of]
    )


def cut(piece: Piece, at: list[int]) -> list[Piece]:
    """Return a piece cut before some of its rows, as a writer does it."""
    bounds = sorted({0, piece.table.num_rows, *at})
    return [
        Piece(piece.table.slice(start, stop - start), slice_info(piece.info, start, stop - start))
        for start, stop in itertools.pairwise(bounds)
    ] or [piece]


def read_pieces(pieces: list[Piece], output_as: Any, labels: list[Any] | None = None, **options: Any) -> Any:
    """Return pieces, a file each, as one frame; the first has the table's schema."""
    schema = pieces[0].table.schema
    names = columns_to_read(schema, labels, output_as)
    tables = [through_parquet(align(piece, schema).table, **options).select(names) for piece in pieces]
    infos = [(piece.table.num_rows, piece.info) for piece in pieces]
    return to_output(pa.concat_tables(tables), schema, infos, output_as, labels)
