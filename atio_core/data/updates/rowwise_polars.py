"""Does a polars expression look at one row at a time? What isn't known to is taken to look at others.

What polars itself says of this (`meta.is_row_separable`) is not enough: it takes `a - a.mean()` for such.
"""

from __future__ import annotations

import json
from typing import Any, cast

_ROWWISE = frozenset(
    ["Abs", "Clip", "Coalesce", "Floor", "Ceil", "FillNull", "Negate", "Round", "RoundSF", "Sign"]
)
_TESTS = frozenset(
    [
        *(
            "AllHorizontal",
            "AnyHorizontal",
            "IsBetween",
            "IsFinite",
            "IsIn",
            "IsInfinite",
            "IsNan",
            "IsNotNan",
        ),
        *("IsNotNull", "IsNull", "Not"),
    ]
)
_TEXTS = frozenset(
    [
        *("ConcatHorizontal", "Contains", "EndsWith", "Head", "LenBytes", "LenChars", "Lowercase", "PadEnd"),
        *("PadStart", "Replace", "Slice", "StartsWith", "StripChars", "StripCharsEnd", "StripCharsStart"),
        *("StripPrefix", "StripSuffix", "Tail", "Titlecase", "Uppercase"),
    ]
)
_FUNCTIONS = {"Boolean": _TESTS, "StringExpr": _TEXTS}


def is_rowwise(expression: Any) -> bool:
    """Say whether what an expression gives for a row depends on that row alone.

    Args:
        expression: A polars `Expr`.

    Example:
        >>> import polars as pl
        >>> is_rowwise(pl.col("a") + 1), is_rowwise(pl.col("a").shift(1))
        (True, False)
    """
    from polars.exceptions import PolarsError

    try:
        return _is_rowwise(json.loads(expression.meta.serialize(format="json")))
    except (AttributeError, KeyError, TypeError, ValueError, PolarsError):  # its form is polars' own affair
        return False


def _is_rowwise(node: Any) -> bool:
    ((name, content),) = node.items()
    match name:
        case "Column":
            return True
        case "Literal":
            return next(iter(content)) in ("Dyn", "Scalar")  # not a series
        case "BinaryExpr":
            return _is_rowwise(content["left"]) and _is_rowwise(content["right"])
        case "Ternary":
            return all(_is_rowwise(content[part]) for part in ("predicate", "truthy", "falsy"))
        case "Cast":
            return _is_rowwise(content["expr"])
        case "Alias":
            return _is_rowwise(content[0])
        case "Function":
            return _is_known(content["function"]) and all(_is_rowwise(one) for one in content["input"])
        case _:
            return False


def _is_known(function: Any) -> bool:
    name, detail = _name_of(function)
    if name in _FUNCTIONS:
        return _name_of(detail)[0] in _FUNCTIONS[name]
    return name in _ROWWISE or name == "TemporalExpr"


def _name_of(function: Any) -> tuple[str, Any]:
    """A function is its name, or has one key, the name, with what it is told."""
    if isinstance(function, str):
        return function, None
    ((name, detail),) = cast("dict[str, Any]", function).items()
    return name, detail
