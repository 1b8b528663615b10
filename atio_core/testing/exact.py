"""Values as they are: two have the same exact form if they have the same type, and the same bits."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast


def exact(value: Any) -> Any:
    """Return a form of a value that equals another's only if both are the same to the bit and to the type.

    Example:
        >>> exact(1) == exact(True), exact(0.0) == exact(-0.0), exact([float("nan")]) == exact([float("nan")])
        (False, False, True)
    """
    kind = cast("type[Any]", type(value))
    if isinstance(value, float):
        return kind, struct.pack("<d", value)
    if kind in (list, tuple):
        return kind, [exact(item) for item in value]
    if kind is dict:
        return kind, [(exact(key), exact(item)) for key, item in value.items()]
    if kind is Decimal:
        return kind, value.as_tuple()
    if kind in (dt.datetime, dt.time):
        return kind, value.replace(tzinfo=None, fold=0), value.fold, type(value.tzinfo), str(value.tzinfo)
    if kind.__module__ == "numpy":
        return kind, value.dtype, getattr(value, "shape", ()), _items(value)
    if hasattr(value, "asm8"):  # a time of pandas: repr leaves its unit out
        return (
            kind,
            getattr(value, "unit", None),
            int(value.asm8.view("i8")),
            str(getattr(value, "tzinfo", None)),
        )
    return kind, repr(value)


def _items(value: Any) -> Any:
    """The bytes of a numpy scalar or array; of objects each one's exact form, since their bytes are addresses."""
    return [exact(item) for item in value.ravel().tolist()] if value.dtype.hasobject else value.tobytes()


def same(what: str, left: Any, right: Any) -> None:
    """Raise `AssertionError`, which tells both, unless two facts are the same."""
    if exact(left) != exact(right):
        raise AssertionError(f"{what}: {told(left, right)}")


def same_values(where: str, left: Sequence[Any], right: Sequence[Any]) -> None:
    """Raise `AssertionError`, which tells the first row that differs, unless two columns have the same values."""
    for row, (ours, theirs) in enumerate(zip(left, right, strict=True)):
        same(f"{where}, row {row}", ours, theirs)


def told(left: Any, right: Any) -> str:
    """Two things as people read them; if these look alike, what tells them apart."""
    ours, theirs = repr(left), repr(right)
    if ours == theirs:
        ours, theirs = (f"{one!r} ({type(one).__name__}, {exact(one)[1:]})" for one in (left, right))
    return f"{ours}, and {theirs}"
