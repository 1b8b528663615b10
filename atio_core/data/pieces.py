"""What belongs to a piece of data and not to its table: the info kept with each data file.

| key | what |
|---|---|
| `range_index` | bounds of a pandas range that isn't 0 … n-1: `start`, `step`, `stop`; `default` if it is cut from one that is |
| `freq`, `freq_<level>` | the frequency of a pandas index of times, or of a level of one |
| `attrs`, `unique_labels` | `df.attrs`; true if `df.flags` allows no duplicate labels |
| `missing` | by column name in the file, which missing value an object column has where that isn't None |
| `metadata`, `field_metadata` | of an Arrow schema, and of its fields by their position |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atio_core.data.labels import canonical_json

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
    bounds = info.get("range_index", {"start": 0, "step": 1, "default": True})
    if offset == 0 and "range_index" not in info:
        return info
    start = bounds["start"] + offset * bounds["step"]
    stop = start + rows * bounds["step"]
    if "stop" in bounds and (bounds["stop"] - stop) // bounds["step"] == 0:
        stop = bounds["stop"]  # the last rows keep a bound that lies between two steps
    return {**info, "range_index": {**bounds, "start": start, "stop": stop}}


def rows_of(pieces: Pieces) -> int:
    """Return how many rows the pieces have."""
    return sum(rows for rows, _ in pieces)


def shared(pieces: Pieces, key: str) -> Any:
    """Return what all pieces have under a key; None if they differ, or lack it."""
    found = {canonical_json(info.get(key)) for _, info in pieces}
    return pieces[0][1].get(key) if len(found) == 1 else None
