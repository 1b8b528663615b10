"""What becomes of floats in formats that write a number of digits, looked at by Arrow's kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LARGE = 1e15
_SLICE = 16_384  # most columns show in their first values that they have more digits


def some_unrounded(values: Any, digits: int) -> float | None:
    """Return a value with more than some digits after the point, or too large for 15 in all, if there is one.

    Args:
        values: An Arrow array of floats.
        digits: How many are written.
    """
    import pyarrow.compute as pc

    for part in _slices(values):
        finite = pc.is_finite(part)
        more = pc.or_(pc.not_equal(pc.round(part, digits), part), pc.greater(pc.abs(part), _LARGE))
        found = pc.and_(finite, more).fill_null(fill_value=False)
        if (at := pc.index(found, value=True).as_py()) >= 0:
            return part[at].as_py()
    return None


def some_not_15_digits(values: Any) -> float | None:
    """Return a value that 15 significant digits don't tell, if there is one.

    Args:
        values: An Arrow array of floats.
    """
    for part in _slices(values):
        for value in part.to_pylist():
            if value is not None and float(f"{value:.15g}") != value == value:  # noqa: PLR0124 - NaN isn't
                return value
    return None


def only_whole(values: Any) -> bool:
    """Tell whether each value that isn't missing is a whole number, so that readers may take them for integers.

    Args:
        values: An Arrow array of floats.
    """
    import pyarrow.compute as pc

    for part in _slices(values):
        fraction = pc.and_(pc.is_finite(part), pc.not_equal(pc.trunc(part), part)).fill_null(fill_value=False)
        if pc.any(fraction).as_py():
            return False
    return True


def some_infinite(values: Any) -> float | None:
    """Return an infinity, if there is one.

    Args:
        values: An Arrow array of floats.
    """
    import pyarrow.compute as pc

    at = pc.index(pc.is_inf(values), value=True).as_py()
    return None if at < 0 else values[at].as_py()


def some_nan(values: Any) -> bool:
    """Tell whether there is a NaN.

    Args:
        values: An Arrow array of floats.
    """
    import pyarrow.compute as pc

    return bool(pc.any(pc.is_nan(values)).as_py())


def _slices(values: Any) -> Iterator[Any]:
    for start in range(0, len(values), _SLICE):
        yield values.slice(start, _SLICE)
