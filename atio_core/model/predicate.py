"""Row filters: comparisons of columns with literals under SQL's three-valued logic.

A comparison with null is neither true nor false but unknown (None here). `Not` leaves unknown as it is, `And` is false
as soon as one term is, `Or` true as soon as one is; else unknown wins. A row matches if its filter is true.

Not-a-number is a number that equals nothing and lies neither below nor above any other; `IsNan` finds it.

What a filter may be for some rows, of which little is known, is found by computing with sets of possible truths
(`model/pruning.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any, Literal, get_args

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
Literals = str | bytes | int | float | bool | Decimal
"""A literal in the form of its column's bounds: of a temporal column a whole number in the column's unit."""

Ref = int | str
"""A column by its id, or an external partition field by its name. Partition fields are named so too."""


@dataclass(frozen=True, slots=True)
class Compare:
    """Unknown where the column is null."""

    column: Ref
    operator: Operator
    value: Literals


@dataclass(frozen=True, slots=True)
class IsIn:
    """Equal to one of some values; unknown where the column is null."""

    column: Ref
    values: tuple[Literals, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """Never unknown."""

    column: Ref


@dataclass(frozen=True, slots=True)
class IsNan:
    """Not a number; unknown where the column is null."""

    column: Ref


@dataclass(frozen=True, slots=True)
class And:
    """True if all terms are; of no terms, true."""

    terms: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True if one term is; of no terms, false."""

    terms: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; unknown stays unknown."""

    term: Predicate


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for every row."""

    truth: bool | None


Leaf = Compare | IsIn | IsNull | IsNan
Predicate = Leaf | And | Or | Not | Constant
Truths = frozenset[bool | None]
"""What a predicate may be for some row."""

_TRUE: Truths = frozenset([True])
_FALSE: Truths = frozenset([False])
_ANY: Truths = frozenset([True, False, None])


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of a column's values in some rows. A bound of None is unknown.

    Attributes:
        nulls: Whether some may be null.
        values: Whether some may be other than null.
        nan: Whether some may be not a number.
    """

    low: Any = None
    high: Any = None
    nulls: bool = True
    values: bool = True
    nan: bool = True


ALL_NULL = Bounds(values=False, nan=False)


def columns_of(predicate: Predicate) -> set[Ref]:
    """Return the columns and partition fields that a predicate looks at.

    Example:
        >>> columns_of(Not(Or((IsNull(1), Compare("day", "==", "x"))))) == {1, "day"}
        True
    """
    match predicate:
        case And(terms) | Or(terms):
            return {column for term in terms for column in columns_of(term)}
        case Not(term):
            return columns_of(term)
        case Constant():
            return set()
        case _:
            return {predicate.column}


def truths(predicate: Predicate, of_leaf: Callable[[Leaf], Truths]) -> Truths:
    """Return all that a predicate may be for some row, if each leaf may be what `of_leaf` says."""
    match predicate:
        case And(terms):
            return reduce(
                lambda a, b: _combined(a, b, decided=False), (truths(t, of_leaf) for t in terms), _TRUE
            )
        case Or(terms):
            return reduce(
                lambda a, b: _combined(a, b, decided=True), (truths(t, of_leaf) for t in terms), _FALSE
            )
        case Not(term):
            return frozenset(None if one is None else not one for one in truths(term, of_leaf))
        case Constant(truth):
            return frozenset([truth])
        case _:
            return of_leaf(predicate)


def leaf_truths(leaf: Leaf, bounds: Bounds) -> Truths:
    """Return what a leaf may be for rows within these bounds."""
    found: set[bool | None] = set()
    if isinstance(leaf, IsNull):
        return frozenset([one for one, may in ((True, bounds.nulls), (False, bounds.values)) if may])
    if bounds.nulls:
        found.add(None)
    if bounds.values:
        match leaf:
            case IsNan():
                found |= {False, True} if bounds.nan else {False}
            case Compare(_, operator, value):
                found |= _compared(operator, value, bounds)
            case IsIn(_, values):
                each = [_compared("==", value, bounds) for value in values]
                found |= {True} if {True} in each else {False}.union(*each)
    return frozenset(found)


def _compared(operator: Operator, value: Literals, bounds: Bounds) -> set[bool | None]:
    """What a comparison may be for values within bounds, none of them null."""
    low, high = _like(value, bounds.low), _like(value, bounds.high)
    below = low is None or low < value  # a value may be below the literal, and so on
    above = high is None or high > value
    equal = (low is None or low <= value) and (high is None or high >= value)
    true, false = {
        "==": (equal, below or above),
        "!=": (below or above, equal),
        "<": (below, equal or above),
        "<=": (below or equal, above),
        ">": (above, equal or below),
        ">=": (above or equal, below),
    }[operator]
    if bounds.nan:
        true, false = (True, false) if operator == "!=" else (true, True)
    return {one for one, may in ((True, true), (False, false)) if may}


def _like(value: Literals, bound: Any) -> Any:
    """A bound as it compares with a literal: those of decimals are kept as text."""
    return Decimal(bound) if isinstance(value, Decimal) and isinstance(bound, str) else bound


def _combined(one: Truths, other: Truths, *, decided: bool) -> Truths:
    """What two terms may be together, if `decided` of either decides: False for and, True for or."""
    pairs = itertools.product(one, other)
    return frozenset(decided if decided in pair else None if None in pair else not decided for pair in pairs)
