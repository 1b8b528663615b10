"""Row filters: comparisons of columns with literals under SQL's three-valued logic, and which files they rule out.

A comparison with null is neither true nor false but unknown (None here). `Not` leaves unknown as it is, `And` is false
as soon as one term is, `Or` true as soon as one is; else unknown wins. A row matches if its filter is true.

Not-a-number is a number that equals nothing and lies neither below nor above any other; `IsNan` finds it.

Which files can match is found by computing with sets of possible truths: a leaf may be true, false or unknown for some
row of the file, as far as its statistics tell; a file is passed over if the whole can't be true. So statistics that say
too little cost a look into the file, never a row.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any, Literal, cast, get_args

from atio_core.arguments import shown
from atio_core.errors import InvalidInputError
from atio_core.model.data_file import ColumnStats, DataFile, Scalar
from atio_core.model.manifest import ManifestRef, bound_text

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
Literals = str | bytes | int | float | bool | Decimal
"""A literal in the form of its column's bounds: of a temporal column a whole number in the column's unit."""

Ref = int | str
"""A column by its id, or an external partition field by its name."""


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


def with_partition(predicate: Predicate, values: Mapping[str, Scalar]) -> Predicate:
    """Return the predicate for the rows of one partition: what it says of partition fields becomes constant.

    Raises:
        InvalidInputError: A partition's value is compared with one of another kind.

    Example:
        >>> with_partition(And((Compare("day", ">", 3), IsNull(1))), {"day": 4})
        And(terms=(Constant(truth=True), IsNull(column=1)))
    """
    match predicate:
        case And(terms):
            return And(tuple(with_partition(term, values) for term in terms))
        case Or(terms):
            return Or(tuple(with_partition(term, values) for term in terms))
        case Not(term):
            return Not(with_partition(term, values))
        case Constant():
            return predicate
        case _ if isinstance(predicate.column, int):
            return predicate
        case _:
            (truth,) = leaf_truths(predicate, _exactly(predicate, values[predicate.column]))
            return Constant(truth)


def file_may_match(
    predicate: Predicate,
    file: DataFile,
    fields: Sequence[str],
    *,
    absent: Collection[int] = (),
    changed: Collection[int] = (),
) -> bool:
    """Say whether a row of a file may match.

    Args:
        predicate: The filter.
        file: The file's record.
        fields: The names of the partition fields, in the order of the file's values.
        absent: Columns that the file's schema lacks: all null there.
        changed: Columns whose bounds in this file mean something else than the filter's literals.
    """
    return bool(file.rows) and True in _file_truths(predicate, file, fields, absent, changed)


def file_must_match(
    predicate: Predicate,
    file: DataFile,
    fields: Sequence[str],
    *,
    absent: Collection[int] = (),
    changed: Collection[int] = (),
) -> bool:
    """Say whether surely every row of a file matches; the arguments are those of `file_may_match`."""
    return bool(file.rows) and _file_truths(predicate, file, fields, absent, changed) == _TRUE


def _file_truths(
    predicate: Predicate,
    file: DataFile,
    fields: Sequence[str],
    absent: Collection[int],
    changed: Collection[int],
) -> Truths:
    partition = dict(zip(fields, file.partition, strict=True))

    def of_leaf(leaf: Leaf) -> Truths:
        column = leaf.column
        if isinstance(column, str):
            return leaf_truths(leaf, _exactly(leaf, partition[column]))
        if column in absent:
            return leaf_truths(leaf, ALL_NULL)
        if column in changed or column not in file.stats:
            return leaf_truths(leaf, Bounds())
        return leaf_truths(leaf, bounds_of(file.stats[column], file.rows))

    return truths(predicate, of_leaf)


def manifest_may_match(predicate: Predicate, ref: ManifestRef, fields: Sequence[str]) -> bool:
    """Say whether a file that a manifest lists may have a row that matches, by the partitions' bounds."""
    texts = dict(zip(fields, ref.partitions, strict=False)) if len(ref.partitions) == len(fields) else {}

    def of_leaf(leaf: Leaf) -> Truths:
        column = leaf.column
        return _ANY if isinstance(column, int) or column not in texts else _text_truths(leaf, *texts[column])

    return True in truths(predicate, of_leaf)


def bounds_of(stats: ColumnStats, rows: int) -> Bounds:
    """Return what a column's statistics tell of so many rows."""
    known = stats.low is not None or stats.high is not None  # then there is no NaN: see `data/stats.py`
    has_values = stats.nulls is None or stats.nulls < rows
    return Bounds(
        stats.low, stats.high, nulls=stats.nulls != 0, values=has_values, nan=has_values and not known
    )


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


# --- Partition fields, whose values are known


def _exactly(leaf: Leaf, value: Scalar) -> Bounds:
    if value is None:
        return ALL_NULL
    _require_same_kind(leaf, value)
    return Bounds(value, value, nulls=False, nan=False)


def _require_same_kind(leaf: Leaf, value: Scalar) -> None:
    literals = (leaf.value,) if isinstance(leaf, Compare) else leaf.values if isinstance(leaf, IsIn) else ()
    for literal in literals:
        if _kind(literal) != _kind(value):
            message = (
                f"the partition field {leaf.column!r} has the value {shown(value)}, which doesn't compare with"
                f" {shown(literal)}; give a value of its type in filter"
            )
            raise InvalidInputError(message)


def _kind(value: object) -> str:
    if isinstance(value, bool | str):
        return type(value).__name__
    return "number" if isinstance(value, int | float | Decimal) else "other"


def _text_truths(leaf: Leaf, low: str, high: str) -> Truths:
    """What a leaf may be for partition values whose texts (`bound_text`) lie between two others."""
    if low == high:
        return leaf_truths(leaf, _exactly(leaf, _value_of(low)))
    _require_same_kind(leaf, _value_of(high))
    nulls = low == ""
    texts = all(bound.startswith("str:") for bound in (low, high))
    if texts:
        return leaf_truths(leaf, Bounds(low[4:], high[4:], nulls=False, nan=False))
    match leaf:
        case Compare(_, "==", value) if not _between(low, high, value):
            return frozenset([False, None] if nulls else [False])
        case IsIn(_, values) if not any(_between(low, high, value) for value in values):
            return frozenset([False, None] if nulls else [False])
        case IsNull() if not nulls:
            return _FALSE
        case _:
            return _ANY


def _between(low: str, high: str, value: Literals) -> bool:
    """Whether a partition's value that equals this one may be among those between two texts."""
    same: list[Scalar] = [cast("Scalar", value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        same = [float(value), *([int(value)] if value == int(value) else [])]
    return any(low <= bound_text(one) <= high for one in same)


def _value_of(text: str) -> Scalar:
    """The partition value whose `bound_text` this is."""
    kind, _, written = text.partition(":")
    match kind:
        case "int":
            return int(written)
        case "float":
            return float(written)
        case "bool":
            return written == "True"
        case "str":
            return written
        case _:
            return None
