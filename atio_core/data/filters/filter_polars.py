"""A polars expression as a predicate, where it says no more than one does; any other is refused.

What is read is the expression's own JSON form. In polars a NaN is above every other number, and a literal without a
type takes that of its column; the predicate says the same.
"""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa

from atio_core.arguments import shown
from atio_core.data.filters.filter_literals import Operand, compare, is_in, never
from atio_core.errors import InvalidInputError
from atio_core.model.predicate import And, Constant, IsNan, IsNull, Not, Operator, Or, Predicate

_OPERATORS: dict[str, tuple[Operator, Operator]] = {  # and what they are with the sides swapped
    "Eq": ("==", "=="),
    "NotEq": ("!=", "!="),
    "Lt": ("<", ">"),
    "LtEq": ("<=", ">="),
    "Gt": (">", "<"),
    "GtEq": (">=", "<="),
}
_BETWEEN: dict[str, tuple[Operator, Operator]] = {
    "Both": (">=", "<="),
    "Left": (">=", "<"),
    "Right": (">", "<="),
    "None": (">", "<"),
}
_UNITS_US = {"Milliseconds": 1000, "Microseconds": 1}


class UnreadableError(Exception):
    """A part of an expression that no predicate says; the message names it."""


# Its JSON form is polars' own affair: where it isn't what is known here, the expression isn't read.
_NOT_AS_EXPECTED = (
    UnreadableError,
    AttributeError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
    pa.ArrowException,
)


def from_polars(expression: Any, operand: Callable[[str], Operand]) -> Predicate:
    """Return the predicate that a polars expression is.

    Args:
        expression: A polars `Expr`.
        operand: Finds a column by its name.

    Raises:
        InvalidInputError: It says more than a predicate can, or compares what doesn't compare.
    """
    from polars.exceptions import PolarsError

    try:
        return _Reader(operand).truth(json.loads(expression.meta.serialize(format="json")))
    except (*_NOT_AS_EXPECTED, PolarsError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(
            f"the polars expression {shown(expression)} can't be used as filter: it may compare columns with literals"
            " (==, <, is_in, is_between, is_null, is_nan) and join this by &, | and ~; read more rows, and filter them"
            f" with polars ({error})"
        ) from error


class _Reader:
    def __init__(self, operand: Callable[[str], Operand]) -> None:
        self._operand = operand

    def truth(self, node: Any) -> Predicate:
        ((name, content),) = node.items()
        match name:
            case "Column":
                return compare(self._operand(content), "==", value=True)
            case "Literal":
                return self._constant(content)
            case "BinaryExpr":
                return self._binary(content["op"], content["left"], content["right"])
            case "Function":
                return self._function(content["function"], content["input"])
            case _:
                raise UnreadableError(name)

    def _constant(self, content: Any) -> Predicate:
        value = _literal(content)
        if value is None or isinstance(value, bool):
            return Constant(value)
        raise UnreadableError(f"the literal {value!r}")

    def _binary(self, name: str, left: Any, right: Any) -> Predicate:
        if name in ("And", "LogicalAnd"):
            return And((self.truth(left), self.truth(right)))
        if name in ("Or", "LogicalOr"):
            return Or((self.truth(left), self.truth(right)))
        if name not in _OPERATORS:
            raise UnreadableError(name)
        operator, swapped = _OPERATORS[name]
        if "Column" in left and "Literal" in right:
            return self._compared(left, operator, right)
        if "Literal" in left and "Column" in right:
            return self._compared(right, swapped, left)
        raise UnreadableError(f"{name} of other than a column and a literal")

    def _function(self, function: Any, inputs: list[Any]) -> Predicate:
        test = function["Boolean"]
        match test:
            case "Not":
                return Not(self.truth(inputs[0]))
            case "AllHorizontal":
                return And(tuple(self.truth(one) for one in inputs))
            case "AnyHorizontal":
                return Or(tuple(self.truth(one) for one in inputs))
            case "IsNull":
                return IsNull(self._column(inputs[0]).column)
            case "IsNotNull":
                return Not(IsNull(self._column(inputs[0]).column))
            case "IsNan":
                return IsNan(self._float(inputs[0]).column)
            case "IsNotNan":
                return Not(IsNan(self._float(inputs[0]).column))
            case {"IsBetween": {"closed": closed}}:
                return self._between(closed, *inputs)
            case {"IsIn": {"nulls_equal": False}}:
                return self._is_in(inputs[0], inputs[1])
            case _:
                raise UnreadableError(str(test))

    def _between(self, closed: str, column: Any, least: Any, most: Any) -> Predicate:
        low, high = _BETWEEN[closed]
        if _literal(least["Literal"]) is None or _literal(most["Literal"]) is None:
            raise UnreadableError("is_between with a null")
        return And((self._compared(column, low, least), self._compared(column, high, most)))

    def _compared(self, column: Any, operator: Operator, literal: Any) -> Predicate:
        operand = self._column(column)
        value = _literal(literal["Literal"])
        if value is None:
            return Constant(None)
        if operand.type == pa.float16():
            raise UnreadableError("a comparison of Float16")
        if "Dyn" in literal["Literal"] and operand.type == pa.float32():
            value = _as_float32(value)
        found = compare(operand, operator, value)
        above = operand.kind == "float" and operator in (">", ">=")
        return Or((found, IsNan(operand.column))) if above else found

    def _is_in(self, column: Any, literal: Any) -> Predicate:
        operand = self._column(column)
        (stored,) = pa.ipc.open_stream(bytes(literal["Literal"]["Scalar"]["List"])).read_all().columns
        values = cast("list[object]", stored.to_pylist())
        if operand.kind == "float" and operand.type != pa.float64():
            raise UnreadableError("is_in of a column of other than Float64")
        if any(value is None for value in values):  # a null among them equals nothing, and hides nothing
            values = [value for value in values if value is not None]
        return is_in(operand, values) if values else never(operand.column)

    def _column(self, node: Any) -> Operand:
        if "Column" not in node:
            raise UnreadableError("a test of other than a column")
        return self._operand(node["Column"])

    def _float(self, node: Any) -> Operand:
        operand = self._column(node)
        if operand.kind != "float":
            raise UnreadableError("is_nan of a column without NaN")
        return operand


def _as_float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def _literal(content: Any) -> Any:
    ((form, typed),) = content.items()
    if form not in ("Dyn", "Scalar"):
        raise UnreadableError(f"a literal of {form}")
    ((name, value),) = typed.items()
    if value is None and name.startswith("Float"):
        raise UnreadableError("infinity and NaN, which its JSON form doesn't tell apart")
    return _typed(name, value)


def _typed(name: str, value: Any) -> Any:
    if name == "Float32":  # its JSON form is the shortest one that means it: 0.1
        return _as_float32(value)
    if name in ("Boolean", "String", "StringOwned") or name.startswith(("Int", "UInt", "Float")):
        return value
    match name:
        case "Null":
            return None
        case "Binary" | "BinaryOwned":
            return bytes(value)
        case "Decimal":
            return Decimal(f"{value[0]}E-{value[2]}")
        case _:
            return _time(name, value)


def _time(name: str, value: Any) -> Any:
    match name:
        case "Date":
            return dt.date(1970, 1, 1) + dt.timedelta(days=value)
        case "Time" if value % 1000 == 0:
            return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=value // 1000)).time()  # noqa: DTZ001 - no zone
        case "Datetime" if value[1] in _UNITS_US:
            zone = None if value[2] is None else dt.UTC
            return dt.datetime(1970, 1, 1, tzinfo=zone) + dt.timedelta(
                microseconds=value[0] * _UNITS_US[value[1]]
            )
        case "Duration" if value[1] in _UNITS_US:
            return dt.timedelta(microseconds=value[0] * _UNITS_US[value[1]])
        case _:
            raise UnreadableError(f"a literal of {name}")
