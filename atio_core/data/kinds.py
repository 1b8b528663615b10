"""Which library made an object, found without importing that library.

An object of a library can only exist once the library is loaded, so a look into `sys.modules` is enough.
"""

from __future__ import annotations

import sys
from typing import Any, Literal

Kind = Literal["pandas", "polars", "polars-lazy", "arrow", "arrow-reader", "capsule", "other"]

_CLASSES: tuple[tuple[str, tuple[str, ...], Kind], ...] = (
    ("pandas", ("DataFrame",), "pandas"),
    ("polars", ("DataFrame",), "polars"),
    ("polars", ("LazyFrame",), "polars-lazy"),
    ("pyarrow", ("Table", "RecordBatch"), "arrow"),
    ("pyarrow", ("RecordBatchReader",), "arrow-reader"),
)

_ONE_COLUMN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pandas", ("Series", "Index")),
    ("polars", ("Series",)),
    ("pyarrow", ("Array", "ChunkedArray")),
)
"""Classes that export a stream too, but of values, not of rows."""


def kind_of(obj: object) -> Kind:
    """Say which library made an object.

    Args:
        obj: Anything.

    Returns:
        The kind. "capsule" is any other object that exports a stream of rows (`__arrow_c_stream__`).
        Subclasses count as their base.

    Example:
        >>> kind_of([1, 2])
        'other'
    """
    if type(obj).__module__ == "builtins":  # most often of what is no frame
        return "other"
    for module, names, kind in _CLASSES:
        if _is_made_by(obj, module, names):
            return kind
    if any(_is_made_by(obj, module, names) for module, names in _ONE_COLUMN) or isinstance(obj, type):
        return "other"
    return "capsule" if hasattr(obj, "__arrow_c_stream__") else "other"


def is_polars_expression(obj: object) -> bool:
    """Say whether an object is an expression of polars."""
    return _is_made_by(obj, "polars", ("Expr",))


def _is_made_by(obj: object, module: str, names: tuple[str, ...]) -> bool:
    loaded: Any = sys.modules.get(module)
    # A library that is just being imported has no classes yet, and no objects.
    return any(isinstance(obj, made) for name in names if (made := getattr(loaded, name, None)) is not None)
