"""What readers would take texts for, looked at by Arrow's kernels."""

from __future__ import annotations

import re
from typing import Any

from atio_core.data.losses.columns import Column

_NA = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""What pandas reads as missing."""
_NUMBER = r"[+-]?(\d[\d_,]*\.?\d*|\.\d+)(e[+-]?\d*)?|[+-]?inf(inity)?|[+-]?nan|[+-]?0x[0-9a-f]+"
_TIME = r"\d{2,4}[-/:]\d{1,2}([-/:T .].*)?"
VALUE = rf"(?i)^\s*({_NUMBER}|true|false|{_TIME})\s*$"
"""Texts that some reader takes for a number, a boolean or a time: at least all that pandas, polars and pyarrow do."""
_VALUE = re.compile(VALUE)
_NA_OR_VALUE = re.compile(rf"(?i)^\s*({_NUMBER}|true|false|{_TIME}|#?n/?a|null|none|)\s*$")


def some_missing(values: Any) -> str | None:
    """Return a text that pandas reads as missing, if there is one.

    Args:
        values: An Arrow array of text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    return first(values, pc.is_in(values, value_set=pa.array(_NA, values.type)))


def some_like(values: Any, pattern: str) -> str | None:
    """Return a text that matches a pattern (of RE2), if there is one.

    Args:
        values: An Arrow array of text.
        pattern: Searched for in each.
    """
    import pyarrow.compute as pc

    return first(values, pc.match_substring_regex(values, pattern))


def some_with(values: Any, part: str) -> str | None:
    """Return a text that holds a part, if there is one.

    Args:
        values: An Arrow array of text.
        part: Searched for in each.
    """
    import pyarrow.compute as pc

    return first(values, pc.match_substring(values, part)) if _may_hold(values, part.encode()) else None


def _may_hold(values: Any, part: bytes) -> bool:
    """Whether the bytes are anywhere in the buffers: much quicker than to look into each text."""
    import pyarrow as pa

    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return True
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    buffers = [chunk.buffers()[2] for chunk in chunks]
    return any(part in buffer.to_pybytes() for buffer in buffers if buffer is not None)


def first(values: Any, chosen: Any) -> Any:
    """Return the first value that a mask chooses, or None.

    Args:
        values: An Arrow array.
        chosen: An Arrow array of booleans, as long.
    """
    import pyarrow.compute as pc

    at = pc.index(chosen, value=True).as_py()
    return None if at < 0 else values[at].as_py()


def some_value(column: Column, *, strict: bool) -> str | None:
    """Return a text that a reader could take for something else.

    Args:
        column: Of text, with values.
        strict: Look at all of them. Else a column that begins with other texts is taken for text.
    """
    head = [text for text in column.head() if isinstance(text, str)]
    if strict and column.values is not None:
        found = some_like(column.values(), VALUE)
        if found is not None:
            return found
    if head and all(_NA_OR_VALUE.search(text) for text in head):
        return next((text for text in head if _VALUE.search(text)), head[0])
    return None
