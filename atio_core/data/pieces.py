"""What belongs to a piece of data and not to its table: the info kept with each data file.

| key | what |
|---|---|
| `range_index` | bounds of a pandas range but 0 … n-1: `start`, `step`, `stop`; `default` if cut from one that was |
| `freq`, `freq_<level>` | the frequency of a pandas index of times, or of a level of one |
| `attrs`, `unique_labels` | `df.attrs`; true if `df.flags` allows no duplicate labels |
| `missing` | by column name in the file, which missing value an object column has where that isn't None |
| `metadata`, `field_metadata` | of an Arrow schema, and of its fields by their position |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from atio_core.data.labels import canonical_json
from atio_core.data.layout import Layout

FILLER = "rows"


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame, ready to be written.

    Attributes:
        table: Its stored columns, under unique names. The schema's metadata holds the layout (`layout.py`).
        info: What belongs to this piece and not to the table, as JSON.
    """

    table: pa.Table
    info: dict[str, Any]


def piece_of(
    layout: Layout, arrays: Sequence[Any], nullable: Sequence[bool], rows: int, info: dict[str, Any]
) -> Piece:
    """Return a piece of these columns, each of which says whether it may have nulls.

    Rows without any column are told by a column of nulls that belongs to no one.
    """
    columns = [*layout.columns, *layout.index]
    fields = [
        pa.field(column.name, array.type, nullable=may)
        for column, array, may in zip(columns, arrays, nullable, strict=True)
    ]
    if not columns:
        fields, arrays = [pa.field(FILLER, pa.null())], [pa.nulls(rows)]
    return Piece(pa.table(list(arrays), schema=pa.schema(fields, metadata=layout.to_metadata())), info)


def table_of(arrays: Sequence[Any], schema: pa.Schema, rows: int) -> pa.Table:
    """Return an Arrow table that knows its rows even if it has no columns."""
    if len(schema):
        return pa.table(list(arrays), schema=schema)
    return pa.table({"": pa.nulls(rows)}, metadata=schema.metadata).select([])


Pieces = Sequence[tuple[int, dict[str, Any]]]
"""Rows and info of each piece, in order."""


def slice_info(info: dict[str, Any], offset: int, rows: int) -> dict[str, Any]:
    """Return the info of some of a piece's rows, for a piece that is cut over several files.

    Args:
        info: Of the whole piece.
        offset: The first row.
        rows: How many.

    Example:
        >>> slice_info({}, 10, 5)
        {'range_index': {'start': 10, 'step': 1, 'stop': 15, 'default': True}}
    """
    bounds = info.get("range_index")
    if bounds is None:
        if offset == 0:
            return info
        bounds = {"start": 0, "step": 1, "stop": offset + rows, "default": True}
    whole = range(bounds["start"], bounds["stop"], bounds["step"])
    part = whole[offset : offset + rows]
    # The last rows keep a bound that lies between two steps.
    stop = whole.stop if offset + rows == len(whole) else part.stop
    return {**info, "range_index": {**bounds, "start": part.start, "stop": stop}}


def kept_info(info: dict[str, Any], rows: int, kept: Any) -> dict[str, Any]:
    """Return the info of some rows of a piece, for a frame in memory.

    Args:
        info: Of the whole piece.
        rows: How many rows it has.
        kept: Which of them: an array of numbers from 0, rising; one at least.

    Example:
        >>> kept_info({}, 10, [2, 3])
        {'range_index': {'start': 2, 'step': 1, 'stop': 4, 'default': True}}
    """
    if kept[-1] - kept[0] == len(kept) - 1:
        return slice_info(info, int(kept[0]), len(kept))
    bounds = info.get("range_index", {"start": 0, "step": 1, "stop": rows, "default": True})
    return {**info, "range_index": {**bounds, "kept": kept}}


def rows_of(pieces: Pieces) -> int:
    """Return how many rows the pieces have."""
    return sum(rows for rows, _ in pieces)


def shared(pieces: Pieces, key: str) -> Any:
    """Return what all pieces have under a key; None if they differ, or lack it."""
    found = {canonical_json(info.get(key)) for _, info in pieces}
    return pieces[0][1].get(key) if len(found) == 1 else None
