"""Levels of NumPy numbers in which a MultiIndex of pandas has missing labels.

pandas tells the values of such a level in another dtype than the level has: whole numbers as floats, in which large
ones are others, and booleans as objects. So they are kept as nullable numbers, and the piece says what they were.
"""

from __future__ import annotations

from typing import Any, cast

_NULLABLE = {"bool": "boolean"} | {
    f"{kind.lower()}{bits}": f"{kind}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)
}
"""By the dtypes of NumPy those of pandas that hold the same values, and missing ones."""


def gapped_levels(index: Any) -> list[int]:
    """Return their places.

    Args:
        index: A MultiIndex.
    """
    return [
        place
        for place, (level, codes) in enumerate(zip(index.levels, index.codes, strict=True))
        if str(level.dtype) in _NULLABLE and (codes < 0).any()
    ]


def masked_level(index: Any, place: int) -> Any:
    """Return the values of one exactly, as an array of pandas' nullable numbers."""
    import pandas as pd

    level = index.levels[place]
    values: Any = cast("Any", pd).array(level.to_numpy(), dtype=_NULLABLE[str(level.dtype)])
    return values.take(index.codes[place], allow_fill=True)


def with_plain_level(index: Any, place: int) -> Any:
    """Return a MultiIndex whose level of nullable numbers is one of NumPy's: what is missing has no place there."""
    level = index.levels[place]
    return index.set_levels(level.astype(level.dtype.numpy_dtype), level=place)
