"""Which files and manifests a filter rules out, by what is recorded of them: partition values and statistics.

A leaf may be true, false or unknown for some row of a file, as far as its record tells; the file is passed over if the
whole can't be true. So statistics that say too little cost a look into the file, never a row.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from atio_core.arguments import shown
from atio_core.errors import InvalidInputError
from atio_core.model.data_file import ColumnStats, DataFile, Scalar
from atio_core.model.manifest import ManifestRef, Span, bound_text
from atio_core.model.partition import NAN, column_scalar
from atio_core.model.predicate import (
    ALL_NULL,
    And,
    Bounds,
    Compare,
    Constant,
    IsIn,
    IsNan,
    IsNull,
    Leaf,
    Literals,
    Not,
    Or,
    Predicate,
    Ref,
    Truths,
    leaf_truths,
    truths,
)

_TRUE: Truths = frozenset([True])
_FALSE: Truths = frozenset([False])
_ANY: Truths = frozenset([True, False, None])


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
    fields: Sequence[Ref],
    *,
    absent: Collection[int] = (),
    changed: Collection[int] = (),
) -> bool:
    """Say whether a row of a file may match.

    Args:
        predicate: The filter.
        file: The file's record.
        fields: The partition fields, in the order of the file's values.
        absent: Columns that the file's schema lacks: all null there.
        changed: Columns whose bounds in this file mean something else than the filter's literals.
    """
    return bool(file.rows) and True in _file_truths(predicate, file, fields, absent, changed)


def file_must_match(
    predicate: Predicate,
    file: DataFile,
    fields: Sequence[Ref],
    *,
    absent: Collection[int] = (),
    changed: Collection[int] = (),
) -> bool:
    """Say whether surely every row of a file matches; the arguments are those of `file_may_match`."""
    return bool(file.rows) and _file_truths(predicate, file, fields, absent, changed) == _TRUE


def _file_truths(
    predicate: Predicate,
    file: DataFile,
    fields: Sequence[Ref],
    absent: Collection[int],
    changed: Collection[int],
) -> Truths:
    partition = dict(zip(fields, file.partition, strict=True))

    def of_leaf(leaf: Leaf) -> Truths:
        column = leaf.column
        if column in absent:
            return leaf_truths(leaf, ALL_NULL)
        if column in changed:
            return leaf_truths(leaf, Bounds())
        if column in partition:
            return leaf_truths(leaf, _exactly(leaf, partition[column]))
        if isinstance(column, str) or column not in file.stats:
            return leaf_truths(leaf, Bounds())
        return leaf_truths(leaf, bounds_of(file.stats[column], file.rows))

    return truths(predicate, of_leaf)


def manifest_may_match(
    predicate: Predicate,
    ref: ManifestRef | Span,
    fields: Sequence[Ref],
    *,
    absent: Collection[int] = (),
    changed: Collection[int] = (),
) -> bool:
    """Say whether one of the files that a manifest lists, or of some others, may have a row that matches.

    Args:
        predicate: The filter.
        ref: What is known of the files at once.
        fields: The names of the partition fields, or the columns that they are of.
        absent: Columns that the files' schema lacks: all null there.
        changed: Columns whose bounds in these files mean something else than the filter's literals.
    """
    texts = dict(zip(fields, ref.partitions, strict=False)) if len(ref.partitions) == len(fields) else {}

    def of_leaf(leaf: Leaf) -> Truths:
        column = leaf.column
        if column in texts:
            return _text_truths(leaf, *texts[column])
        if isinstance(column, str):
            return _ANY
        if column in absent:
            return leaf_truths(leaf, ALL_NULL)
        if column in changed or column not in ref.stats:
            return _ANY
        return leaf_truths(leaf, bounds_of(ref.stats[column], ref.rows))

    return True in truths(predicate, of_leaf)


def bounds_of(stats: ColumnStats, rows: int) -> Bounds:
    """Return what a column's statistics tell of so many rows."""
    known = (
        stats.low is not None or stats.high is not None
    )  # then there is no NaN: see `data/writing/stats.py`
    has_values = stats.nulls is None or stats.nulls < rows
    return Bounds(
        stats.low, stats.high, nulls=stats.nulls != 0, values=has_values, nan=has_values and not known
    )


def _exactly(leaf: Leaf, value: Scalar) -> Bounds:
    """What is known of rows that all have this partition value, in the form of the leaf's literals."""
    if value is None:
        return ALL_NULL
    if isinstance(leaf.column, int):
        return _of_column(leaf, value)
    _require_same_kind(leaf, value)
    return Bounds(value, value, nulls=False, nan=False)


def _of_column(leaf: Leaf, value: Scalar) -> Bounds:
    """The same of a column, whose values in records are told in `model/partition.py`."""
    if isinstance(leaf, IsNan):
        return Bounds(nulls=False, nan=value == NAN)
    literals = _literals_of(leaf)
    one = _in_form_of(literals[0], value) if literals else value
    if value == NAN and one is None:
        return Bounds(nulls=False)
    if any(_kind(literal) != _kind(one) for literal in literals):
        return Bounds(nulls=False)  # the column had another type then
    return Bounds(one, one, nulls=False, nan=False)


def _in_form_of(literal: Literals, value: Scalar) -> Any:
    """A column's partition value as it compares with a literal; None for not-a-number."""
    if not isinstance(value, str) or isinstance(literal, str):
        return value
    match literal:
        case Decimal():
            return Decimal(value)
        case bytes():
            return bytes.fromhex(value)
        case _:
            return None if value == NAN else float(value)


def _literals_of(leaf: Leaf) -> tuple[Literals, ...]:
    return (leaf.value,) if isinstance(leaf, Compare) else leaf.values if isinstance(leaf, IsIn) else ()


def _require_same_kind(leaf: Leaf, value: Scalar) -> None:
    for literal in _literals_of(leaf):
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
    if isinstance(leaf.column, str):
        _require_same_kind(leaf, _value_of(high))
    nulls = low == ""
    if all(bound.startswith("str:") for bound in (low, high)) and all(
        isinstance(literal, str) for literal in _literals_of(leaf)
    ):
        return leaf_truths(leaf, Bounds(low[4:], high[4:], nulls=False, nan=isinstance(leaf, IsNan)))
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
    same: list[Scalar] = [column_scalar(value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        same += [float(value), *([int(value)] if value == int(value) else [])] if math.isfinite(value) else []
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
