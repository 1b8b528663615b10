"""Rows of a pandas frame as JSON, some at a time where that gives the same bytes.

pandas makes one text of the whole frame, encodes it, and only then writes. Where a row's text stands for itself, rows
are written piece by piece: no more than one piece's text is in memory, and the disk works meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, cast

PIECE_ROWS = 1 << 16


def write(frame: Any, file: BinaryIO, options: Mapping[str, Any]) -> None:
    """Write what pandas' `to_json` writes.

    Args:
        frame: A `pandas.DataFrame`.
        file: Open for writing bytes.
        options: Those of `to_json`.
    """
    if len(frame) <= PIECE_ROWS or not _by_rows(frame, options):
        frame.to_json(file, **options)
        return
    lines = options.get("lines", False)
    for start in range(0, len(frame), PIECE_ROWS):
        text = frame.iloc[start : start + PIECE_ROWS].to_json(**options)
        if not lines:  # the pieces' lists become one list
            text = ("," if start else "[") + text[1:-1]
        file.write(text.encode())
    if not lines:
        file.write(b"]")


def _by_rows(frame: Any, options: Mapping[str, Any]) -> bool:
    """Whether each row is written for itself: not by an index, nor indented, nor in a subclass's own way."""
    import pandas as pd

    if options["compression"].get("method") is not None or options.get("indent"):
        return False
    own, plain = cast("Any", type(frame)), cast("Any", pd.DataFrame)  # its stubs don't know all of it
    if options.get("orient") != "records" or own.to_json is not plain.to_json:
        return False
    return len(frame.columns) > 0 and all(_by_values(dtype) for dtype in frame.dtypes)


def _by_values(dtype: Any) -> bool:
    """Whether a value's text doesn't depend on the others, as with categories: integers are floats beside a null."""
    import numpy as np
    import pandas as pd

    return isinstance(dtype, np.dtype | pd.StringDtype | pd.DatetimeTZDtype)
