"""What a column may be compared with, and a literal in the form of the column's bounds.

A comparison with a number that the column can't hold is told by what it means: of whole numbers, `> 2.5` is `> 2` and
`== 2.5` never true. So no value is ever rounded, and none overflows.
"""

from __future__ import annotations

import datetime as dt
import math
import operator as python_operator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, cast

import pyarrow as pa

from atio_core.arguments import shown
from atio_core.data.frames import frames_arrow
from atio_core.data.schema import arrow_types
from atio_core.data.schema.conform import field_id
from atio_core.data.schema.layout import Column, Layout
from atio_core.errors import InvalidInputError
from atio_core.model.predicate import Compare, IsIn, Literals, Not, Operator, Or, Predicate, Ref

Kind = Literal[
    "bool",
    "int",
    "float",
    "decimal",
    "text",
    "category",
    "bytes",
    "date",
    "time",
    "timestamp",
    "duration",
    "other",
]
WANTED: dict[Kind, str] = {
    "bool": "True or False",
    "int": "a number",
    "float": "a number",
    "decimal": "a Decimal or a whole number",
    "text": "text",
    "category": "text",
    "bytes": "bytes",
    "date": "a datetime.date",
    "time": "a datetime.time",
    "timestamp": "a datetime",
    "duration": "a timedelta",
}
_UNITS_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_NUMPY_UNITS_NS = {**_UNITS_NS, "m": 60 * 10**9, "h": 3600 * 10**9, "D": 86400 * 10**9}
_DAY_NS = _NUMPY_UNITS_NS["D"]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Operand:
    """A column, or an external partition field, that a filter compares.

    Attributes:
        label: As the user calls it.
        column: What a predicate calls it.
        kind: What it may be compared with.
        type: The Arrow type that it is stored as; None of a partition field, whose values have any.
    """

    label: Any
    column: Ref
    kind: Kind
    type: Any = None


def operand_of(layout: Layout, column: Column, field: pa.Field) -> Operand:
    """Return a column as what a filter may compare."""
    number = field_id(field)
    if number is None:
        raise InvalidInputError(
            f"the column {column.value!r} has no id, so it can't be filtered by; read all rows"
        )
    return Operand(column.value, number, _kind_of(layout.library, column, field), field.type)


def _kind_of(library: str, column: Column, field: pa.Field) -> Kind:
    described: Any = column.type
    if library == "arrow":
        meant = frames_arrow.type_of(column, field)
        if isinstance(meant, pa.BaseExtensionType) or pa.types.is_run_end_encoded(meant):
            return "other"
        if pa.types.is_dictionary(meant) and meant.ordered:
            return "category" if arrow_types.is_text(meant.value_type) else "other"
    elif isinstance(described, dict):
        (name,) = cast("dict[str, Any]", described)
        if name in ("Enum", "Categorical", "category"):
            text = pa.types.is_dictionary(field.type) and arrow_types.is_text(field.type.value_type)
            return "category" if text else "other"
        if name in ("period", "interval") or (name == "object" and not _is_plain_object(described)):
            return "other"
        if name == "arrow" and isinstance(arrow_types.build(described["arrow"]), pa.BaseExtensionType):
            return "other"
    return _kind_of_type(field.type)


def _is_plain_object(described: Any) -> bool:
    from atio_core.data.frames.objects import kind_and_parameter

    return kind_and_parameter(described)[0] not in ("array", "json", "null", "uuid")


def _kind_of_type(t: pa.DataType) -> Kind:
    if pa.types.is_dictionary(t):
        return "text" if arrow_types.is_text(t.value_type) else "other"
    tests: list[tuple[Any, Kind]] = [
        (pa.types.is_boolean, "bool"),
        (pa.types.is_integer, "int"),
        (pa.types.is_floating, "float"),
        (pa.types.is_decimal, "decimal"),
        (arrow_types.is_text, "text"),
        (pa.types.is_binary, "bytes"),
        (pa.types.is_large_binary, "bytes"),
        (pa.types.is_fixed_size_binary, "bytes"),
        (pa.types.is_date, "date"),
        (pa.types.is_time, "time"),
        (pa.types.is_timestamp, "timestamp"),
        (pa.types.is_duration, "duration"),
    ]
    for is_it, kind in tests:
        if is_it(t):
            return kind
    return "other"


def compare(operand: Operand, operator: Operator, value: Any) -> Predicate:
    """Return the comparison of a column with a literal.

    Raises:
        InvalidInputError: They don't compare.
    """
    value = plain_literal(operand, value)
    if operand.type is None:
        return Compare(operand.column, operator, value)
    if operand.kind == "category" and operator not in ("==", "!="):
        message = (
            f"column {operand.label!r} is a category, of whose order a filter knows nothing; use ==, != or in"
        )
        raise InvalidInputError(message)
    if operand.kind in ("bool", "text", "category", "bytes"):
        return Compare(operand.column, operator, value)
    if operand.kind == "float":
        return _among_floats(operand.column, operator, value)
    return _on_grid(operand, operator, value)


def is_in(operand: Operand, values: list[object]) -> Predicate:
    """Return whether a column has one of some values.

    Raises:
        InvalidInputError: One of them can't be compared with it.
    """
    parts = [compare(operand, "==", value) for value in values]
    equal = [part for part in parts if isinstance(part, Compare)]  # others are never true
    if operand.kind == "float":  # as a set they would be rounded to the column's type
        return Or((IsIn(operand.column, ()), *equal))
    return IsIn(operand.column, tuple(part.value for part in equal))


def never(column: Ref) -> Predicate:
    """False, and unknown where the column is null."""
    return IsIn(column, ())


def always(column: Ref) -> Predicate:
    """True, and unknown where the column is null."""
    return Not(never(column))


def refuse(operand: Operand, value: object, why: str = "") -> InvalidInputError:
    """Return the error for a literal that doesn't compare with a column."""
    if operand.type is None:
        message = f"the partition field {operand.label!r} can't be compared with {shown(value)}"
        return InvalidInputError(f"{message}; give a text, a number, True or False")
    message = f"column {operand.label!r} of type {operand.type} can't be compared with {shown(value)}{why}"
    wanted = WANTED.get(operand.kind)
    return InvalidInputError(
        f"{message}; give {wanted}"
        if wanted
        else f"{message}; filters only ask such a column whether it is null"
    )


# --- Literals


def plain_literal(operand: Operand, value: object) -> Any:
    """Return a literal as a number, text and so on; of times the count of nanoseconds.

    Raises:
        InvalidInputError: It isn't of the column's kind.
    """
    if is_missing(value):
        what = "not a number equals nothing" if isinstance(value, float) else "nothing equals null"
        advice = (
            f"({operand.label!r}, 'is nan')"
            if isinstance(value, float)
            else f"({operand.label!r}, 'is null')"
        )
        message = (
            f"column {operand.label!r} can't be compared with {shown(value)}: {what}; use {advice} in filter"
        )
        raise InvalidInputError(message)
    if operand.type is None:
        plain = _number(value) if not isinstance(value, bool | str) else value
        if plain is None:
            raise refuse(operand, value)
        return plain
    found: Any = None
    match operand.kind:
        case "bool":
            found = _boolean(value)
        case "int" | "float" | "decimal":
            found = _number_for(operand, value)
        case "text" | "category":
            found = _text(value)
        case "bytes":
            found = bytes(cast("bytes", value)) if isinstance(value, bytes | bytearray) else None
        case "date" | "time" | "timestamp" | "duration":
            found = _nanoseconds(operand, value)
        case _:
            pass
    if found is None:
        raise refuse(operand, value)
    return found


def is_missing(value: object) -> bool:
    """Say whether a value stands for none: None, NA, NaT or not-a-number."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return (_is_numpy(value) and str(value) == "NaT") or (isinstance(value, float) and math.isnan(value))


def _is_numpy(value: object) -> bool:
    return type(value).__module__ == "numpy"


def _boolean(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return bool(value) if _is_numpy(value) and type(value).__name__ == "bool" else None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    text = str.__str__(value)
    return text if text.encode("utf-8", "replace").decode() == text else None


def _number(value: object) -> int | float | Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, float):
        return float(value)
    if _is_numpy(value) and type(value).__name__.startswith("float"):
        return float(cast("Any", value))
    try:
        return python_operator.index(cast("Any", value))
    except TypeError:
        return None


def _number_for(operand: Operand, value: object) -> int | float | Decimal | None:
    number = _number(value)
    if isinstance(number, Decimal) and operand.kind == "float":
        raise refuse(operand, value, ": floats are binary, so hardly a decimal equals one")
    if isinstance(number, float) and operand.kind == "decimal":
        raise refuse(operand, value, ": floats are binary, so hardly one equals a decimal")
    return number


def _nanoseconds(operand: Operand, value: Any) -> int | None:
    """A time as nanoseconds since 1970, since midnight, or long; None if it is of another kind than the column."""
    t, numpy = operand.type, value.to_numpy() if hasattr(value, "to_numpy") else value
    if type(value).__module__.startswith("pandas"):
        if (
            isinstance(value, dt.datetime)
            and operand.kind == "timestamp"
            and (value.tzinfo is None) == (t.tz is None)
        ):
            return _numpy_nanoseconds(numpy)
        is_duration = isinstance(value, dt.timedelta) and operand.kind == "duration"
        return _numpy_nanoseconds(numpy) if is_duration else None
    if _is_numpy(value):
        wanted = {"date": "datetime64[D]", "timestamp": "datetime64", "duration": "timedelta64"}.get(
            operand.kind, "-"
        )
        fits = str(value.dtype).startswith(wanted) and (operand.kind != "timestamp" or t.tz is None)
        return _numpy_nanoseconds(value) if fits else None
    match operand.kind:
        case "timestamp" if isinstance(value, dt.datetime):
            if (value.tzinfo is None) != (t.tz is None):
                raise refuse(operand, value, ": one has a time zone, the other none")
            aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
            return (aware - _EPOCH) // dt.timedelta(microseconds=1) * 1000
        case "date" if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return (value - _EPOCH.date()).days * _DAY_NS
        case "time" if isinstance(value, dt.time) and value.tzinfo is None:
            seconds = (value.hour * 60 + value.minute) * 60 + value.second
            return seconds * 10**9 + value.microsecond * 1000
        case "duration" if isinstance(value, dt.timedelta):
            return value // dt.timedelta(microseconds=1) * 1000
        case _:
            return None


def _numpy_nanoseconds(value: Any) -> int | None:
    unit = str(value.dtype).partition("[")[2].removesuffix("]")
    return int(value.astype("int64")) * _NUMPY_UNITS_NS[unit] if unit in _NUMPY_UNITS_NS else None


# --- Comparisons with what a column can't hold


def _on_grid(operand: Operand, operator: Operator, value: Any) -> Predicate:
    """A comparison of whole numbers, times or decimals, which are whole numbers of their column's unit."""
    column = operand.column
    if isinstance(value, float) and math.isinf(value):
        return _beyond(column, operator, above=value > 0)
    unit, low, high = _grid(operand)
    steps = Fraction(value) / unit
    whole = math.floor(steps)
    if whole < low or steps > high:
        return _beyond(column, operator, above=steps > high)
    if steps != whole:
        if operator in ("==", "!="):
            return never(column) if operator == "==" else always(column)
        operator = "<=" if operator in ("<", "<=") else ">"
    literal: Literals = whole
    if operand.kind == "decimal":
        literal = Decimal(f"{whole}E-{operand.type.scale}")
    return Compare(column, operator, literal)


def _grid(operand: Operand) -> tuple[Fraction, int, int]:
    """The unit of a column, and the lowest and highest number of units that it can hold."""
    t: Any = operand.type
    if operand.kind == "decimal":
        most = 10**t.precision - 1
        return Fraction(1, 10**t.scale), -most, most
    if operand.kind == "int" and pa.types.is_unsigned_integer(t):
        return Fraction(1), 0, 2**t.bit_width - 1
    unit = 1 if operand.kind == "int" else unit_ns(t)
    return Fraction(unit), -(2 ** (t.bit_width - 1)), 2 ** (t.bit_width - 1) - 1


def unit_ns(t: Any) -> int:
    """Return how many nanoseconds the unit of a temporal type has."""
    if pa.types.is_date32(t):
        return _DAY_NS
    return _UNITS_NS["ms" if pa.types.is_date64(t) else t.unit]


def _among_floats(column: Ref, operator: Operator, value: Any) -> Predicate:
    """A comparison with a number that needn't be a float."""
    try:
        near = float(value)
    except OverflowError:
        near = math.inf if value > 0 else -math.inf
    if near == value:
        return Compare(column, operator, near)
    if operator in ("==", "!="):  # which a NaN isn't equal to, either
        return never(column) if operator == "==" else always(column)
    below = operator in ("<", "<=")
    if near > value:
        return Compare(column, "<" if below else ">=", near)
    return Compare(column, "<=" if below else ">", near)


def _beyond(column: Ref, operator: Operator, *, above: bool) -> Predicate:
    """A comparison with what lies above, or below, all that the column can hold."""
    holds = operator == "!=" or operator in (("<", "<=") if above else (">", ">="))
    return always(column) if holds else never(column)
