"""Which rows of a table are meant: comparisons of columns with values, as SQL with parameters.

`[("day", ">=", first), ("day", "<", last)]` means all of them; a list of such lists, any of these. A comparison with
NULL is never true. Texts are compared by their characters, whatever the column's collation says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa

from atio_core.data.schema.arrow_types import is_text
from atio_core.databases.dialect import Column, Dialect
from atio_core.databases.sql_types import CARRIERS, UnfitError, fit
from atio_core.errors import InvalidInputError

_OPERATORS = {"==": "=", "=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "in": "IN"}
_TEXTS = ("text", "other", "uuid", "json")


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison.

    Attributes:
        column: The column's name.
        operator: As SQL spells it.
        values: What it is compared with: one, or several for IN.
    """

    column: str
    operator: str
    values: tuple[Any, ...]


Where = tuple[tuple[Condition, ...], ...]
"""Any of these groups; of a group, all."""


def read_where(given: object) -> Where:
    """Return what a caller means.

    Raises:
        InvalidInputError: It is no list of comparisons, or is empty.

    Example:
        >>> read_where([("day", "in", ["a", "b"])])[0][0].values
        ('a', 'b')
    """
    items = cast("Sequence[object]", given)
    if not isinstance(given, list | tuple) or not items:
        raise _misspelt(items)
    groups = items if all(isinstance(item, list) for item in items) else [items]
    return tuple(_group(group) for group in groups)


def _group(given: object) -> tuple[Condition, ...]:
    items = cast("Sequence[object]", given)
    if not items or isinstance(given, str):
        raise _misspelt(given)
    return tuple(_condition(item) for item in items)


def _condition(given: object) -> Condition:
    parts = cast("Sequence[Any]", given)
    if not isinstance(given, tuple) or len(parts) != 3 or not isinstance(parts[0], str):  # noqa: PLR2004 - see Condition
        raise _misspelt(parts)
    column, operator, value = parts
    if operator not in _OPERATORS:
        raise InvalidInputError(f"where= compares by {', '.join(_OPERATORS)}, not by {operator!r}.")
    values = (value,) if operator != "in" else value
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidInputError(f"where=: 'in' needs a list of values, not {value!r}.")
    made = tuple(cast("Iterable[Any]", values))
    if not made or any(one is None for one in made):
        raise InvalidInputError(f"where=: {column!r} is compared with nothing, which no row equals.")
    return Condition(column, _OPERATORS[operator], made)


def _misspelt(given: object) -> InvalidInputError:
    return InvalidInputError(
        f"where= takes comparisons, such as [('day', '>=', first), ('day', '<', last)], not {given!r}."
    )


def of_matching(
    dialect: Dialect, start: str, columns: Sequence[Column], where: Where
) -> tuple[str, tuple[Any, ...]]:
    """Return a statement about the rows that match, and its parameters.

    Args:
        dialect: The database.
        start: The statement up to its WHERE.
        columns: Those of the table.
        where: Which rows.

    Raises:
        InvalidInputError: There is no such column, or it can't hold such a value.
    """
    parameters: list[Any] = []
    groups: list[str] = []
    for group in where:
        parts: list[str] = []
        for condition in group:
            column = _column(dialect, columns, condition.column)
            parameters += _held(dialect, column, condition.values)
            quoted = dialect.beside_marks(dialect.quote(column.name))
            name, mark = dialect.compared(quoted, column.type)
            marks = ", ".join([mark] * len(condition.values))
            shown = f"({marks})" if condition.operator == "IN" else marks
            parts.append(f"{name} {condition.operator} {shown}")
        groups.append(f"({' AND '.join(parts)})")
    return f"{dialect.beside_marks(start)} WHERE {' OR '.join(groups)}", tuple(parameters)


def _column(dialect: Dialect, columns: Sequence[Column], name: str) -> Column:
    for column in columns:
        if dialect.fold(column.name) == dialect.fold(name):
            return column
    there = ", ".join(repr(column.name) for column in columns)
    raise InvalidInputError(f"where= names a column {name!r}, and there is none, only {there}.")


def _held(dialect: Dialect, column: Column, values: Sequence[Any]) -> list[Any]:
    """Values as the column holds them. A text stands for what it says; a day for its midnight."""
    family = column.type.family
    try:
        array = pa.array(values)
        if is_text(array.type) and family not in _TEXTS:
            array = array.cast(CARRIERS[family])
        elif pa.types.is_date(array.type) and family == "timestamp":
            array = array.cast(pa.timestamp("us"))
        return dialect.bound(fit(array, column.type), column.type)
    except (UnfitError, pa.ArrowException, OverflowError, UnicodeError) as error:
        raise InvalidInputError(
            f"where=: the column {column.name!r} ({column.type.ddl}) can't hold one of {list(values)!r}: {error}."
        ) from error
