from __future__ import annotations

import itertools
import math
import operator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import InvalidInputError
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.model.manifest import ManifestRef, bound_text, span_of
from atio_core.model.predicate import (
    OPERATORS,
    And,
    Bounds,
    Compare,
    Constant,
    IsIn,
    IsNan,
    IsNull,
    Leaf,
    Not,
    Or,
    Predicate,
    columns_of,
    leaf_truths,
    truths,
)
from atio_core.model.pruning import file_may_match, file_must_match, manifest_may_match, with_partition

FUNCTIONS = dict(
    zip(
        OPERATORS, (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge), strict=True
    )
)
VALUES = st.none() | st.sampled_from([-2, -1, 0, 1, 2, -0.0, 0.5, math.nan])
LITERALS = st.sampled_from([-2, -1, 0, 0.5, 1, 2])
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.builds(Compare, st.just(1), st.sampled_from(OPERATORS), LITERALS),
    st.builds(IsIn, st.just(1), st.lists(LITERALS, max_size=3).map(tuple)),
    st.just(IsNull(1)),
    st.just(IsNan(1)),
)
PREDICATES: st.SearchStrategy[Any] = st.recursive(
    LEAVES | st.sampled_from([True, False, None]).map(Constant),
    lambda inner: (
        st.builds(And, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=5,
)


def truth(predicate: Predicate, value: Any) -> bool | None:
    """What a predicate is for one value of its column: SQL's rules, by the book."""
    match predicate:
        case And(terms):
            found = [truth(term, value) for term in terms]
            return False if False in found else None if None in found else True
        case Or(terms):
            found = [truth(term, value) for term in terms]
            return True if True in found else None if None in found else False
        case Not(term):
            inner = truth(term, value)
            return None if inner is None else not inner
        case Constant(known):
            return known
        case IsNull():
            return value is None
        case _ if value is None:
            return None
        case IsNan():
            return math.isnan(value)
        case IsIn(_, values):
            return value in values
        case Compare(_, name, literal):
            return bool(FUNCTIONS[name](value, literal))


def file(values: list[Any], *, wider: float = 0, unknown: bool = False) -> DataFile:
    """A file's record, with bounds as `data/writing/stats.py` writes them, or wider ones."""
    present = [value for value in values if value is not None]
    nulls = None if unknown else len(values) - len(present)
    if not present or unknown or any(math.isnan(value) for value in present):
        stats = ColumnStats(nulls)
    else:
        stats = ColumnStats(nulls, min(present) - wider, max(present) + wider)
    return DataFile("data/x.parquet", "parquet", 1, len(values), "d", 1, "d", 1, stats={1: stats})


@given(PREDICATES, st.lists(VALUES, max_size=5), st.sampled_from([0, 0.5, 3]), st.booleans())
def test_no_file_with_a_row_that_matches_is_passed_over(
    predicate: Predicate,
    values: list[Any],
    wider: float,
    unknown: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever the bounds leave open, and however wide they are, a row that matches is never lost."""
    if any(truth(predicate, value) is True for value in values):
        assert file_may_match(predicate, file(values, wider=wider, unknown=unknown), ())


@given(PREDICATES, st.lists(VALUES, max_size=5), st.sampled_from([0, 0.5, 3]), st.booleans())
def test_no_file_with_a_row_that_does_not_match_is_taken_whole(
    predicate: Predicate,
    values: list[Any],
    wider: float,
    unknown: bool,  # noqa: FBT001 - drawn
) -> None:
    """A file is said to match wholly only if every row does: one that is false or unknown is never taken along."""
    if file_must_match(predicate, file(values, wider=wider, unknown=unknown), ()):
        assert values
        assert all(truth(predicate, value) is True for value in values)


def test_a_file_that_matches_wholly_is_known_by_its_bounds() -> None:
    """Exact bounds without nulls decide; a null among the values leaves it open."""
    above = Compare(1, ">", 2)
    assert file_must_match(above, file([3, 4]), ())
    assert not file_must_match(above, file([2, 4]), ())
    assert not file_must_match(above, file([3, None]), ())
    assert not file_must_match(above, file([]), ())


@given(
    PREDICATES,
    st.lists(st.tuples(st.lists(VALUES, max_size=3), st.booleans(), st.booleans()), min_size=1, max_size=4),
)
def test_files_are_passed_over_together_only_if_each_would_be(
    predicate: Predicate, contents: list[tuple[list[Any], bool, bool]]
) -> None:
    """What is known of several files at once never hides one that may match."""
    records = [file(values, wider=wider, unknown=unknown) for values, wider, unknown in contents]
    alone = any(file_may_match(predicate, record, ()) for record in records)
    assert manifest_may_match(predicate, span_of(records), ()) or not alone


def test_bounds_over_several_files() -> None:
    """They are as tight as those of the files; a file without them, or of another schema, leaves none."""
    span = span_of([file([1, 9]), file([None]), file([]), file([20])])
    assert (span.rows, span.stats) == (4, {1: ColumnStats(1, 1, 20)})
    assert not manifest_may_match(Compare(1, ">", 20), span, ())
    assert not manifest_may_match(Compare(1, "==", 2), span, (), absent={1})
    assert manifest_may_match(Compare(1, ">", 20), span, (), changed={1})
    for other in (file([1], unknown=True), replace(file([1]), schema=2), replace(file([1]), stats={})):
        assert span_of([file([1, 9]), other]).stats == {}


@given(LEAVES, st.lists(st.sampled_from([0, 1]) | st.none(), min_size=1, max_size=3))
def test_a_leaf_is_decided_where_the_bounds_decide_it(leaf: Leaf, values: list[Any]) -> None:
    """With exact bounds of neighbours, nothing is thought possible that isn't, but for the set of several values."""
    present = [value for value in values if value is not None]
    low, high = (min(present), max(present)) if present else (None, None)
    bounds = Bounds(low, high, nulls=None in values, values=bool(present), nan=False)
    possible = {truth(leaf, value) for value in values}
    assert possible <= leaf_truths(leaf, bounds)
    if low == high:
        assert leaf_truths(leaf, bounds) == possible


@pytest.mark.parametrize(
    ("predicate", "may"),
    [
        (Compare(1, ">", 5), True),
        (Compare(1, ">", 9), False),
        (Not(Compare(1, "<=", 9)), False),
        (And((Compare(1, ">", 5), Compare(1, "<", 2))), True),  # each may hold, if not for the same row
        (And((Compare(1, ">", 5), Compare(1, "<", 1))), False),
        (Or((Compare(1, ">", 9), IsNull(1))), False),
        (IsIn(1, (0, 10)), False),
        (IsIn(1, ()), False),
        (Not(IsIn(1, ())), True),
        (IsNan(1), False),
        (Compare(2, "==", 1), True),
        (And(()), True),
        (Or(()), False),
        (Constant(None), False),
    ],
)
def test_what_bounds_rule_out(predicate: Predicate, may: bool) -> None:  # noqa: FBT001 - a case
    """A file of values from 1 to 9 is passed over by what can't be true of these."""
    assert file_may_match(predicate, file([1, 9]), ()) is may


def test_an_empty_file_is_passed_over() -> None:
    """No row matches in a file without rows, whatever its bounds say."""
    assert not file_may_match(And(()), file([]), ())


def test_columns_that_a_file_has_not_or_has_otherwise() -> None:
    """A column that the file lacks is null; bounds in another unit than the filter's rule nothing out."""
    record = file([1, 9])
    assert not file_may_match(Compare(1, "<", 5), record, (), absent={1})
    assert file_may_match(IsNull(1), record, (), absent={1})
    assert file_may_match(Compare(1, ">", 100), record, (), changed={1})


def test_decimals_compare_as_numbers() -> None:
    """The bounds of decimals are text, in which 9 would be above 10."""
    record = DataFile("p", "parquet", 1, 2, "d", 1, "d", 1, stats={1: ColumnStats(0, "9.00", "10.00")})
    assert file_may_match(Compare(1, "==", Decimal("9.50")), record, ())
    assert not file_may_match(Compare(1, ">", Decimal("10.00")), record, ())


def test_zeros_of_both_signs_are_equal() -> None:
    """A bound of 0.0 doesn't rule out -0.0, nor the other way round."""
    for one, other in itertools.permutations([0.0, -0.0]):
        assert file_may_match(Compare(1, "==", one), file([other]), ())
        assert not file_may_match(Compare(1, "<", one), file([other]), ())


PARTITIONS = st.lists(st.none() | st.integers(0, 30), min_size=1, max_size=4) | st.lists(
    st.none() | st.sampled_from(["", "a", "b", "é"]), min_size=1, max_size=4
)


@given(PARTITIONS, st.data())
def test_partitions_and_manifests_are_passed_over_only_without_a_match(
    values: list[Any], data: st.DataObject
) -> None:
    """The values of partitions, and the bounds of their texts, never hide one that matches."""
    literals = (
        st.integers(0, 30)
        if any(isinstance(value, int) for value in values)
        else st.sampled_from(["", "a", "c"])
    )
    leaf = data.draw(
        st.builds(Compare, st.just("p"), st.sampled_from(OPERATORS), literals)
        | st.builds(IsIn, st.just("p"), st.lists(literals, max_size=2).map(tuple))
        | st.just(IsNull("p"))
    )
    predicate = data.draw(st.sampled_from([leaf, Not(leaf)]))
    texts = sorted(bound_text(value) for value in values)
    ref = ManifestRef("m", "d", 1, len(values), 1, 1, 0, ((texts[0], texts[-1]),))
    matching = [value for value in values if truth(predicate, value) is True]
    assert manifest_may_match(predicate, ref, ("p",)) or not matching
    for value in values:
        record = DataFile("p", "parquet", 1, 1, "d", 1, "d", 1, partition=(value,))
        assert file_may_match(predicate, record, ("p",)) == (truth(predicate, value) is True)
        assert with_partition(predicate, {"p": value}) in (
            Constant(truth(predicate, value)),
            Not(Constant(truth(leaf, value))),
        )


def test_manifests_of_other_partitions_are_ruled_out() -> None:
    """Texts are ordered, so ranges of them count; of numbers only equality does, since 10 is before 9 as text."""

    def may(predicate: Predicate, *values: Any) -> bool:
        texts = sorted(bound_text(value) for value in values)
        return manifest_may_match(
            predicate, ManifestRef("m", "d", 1, 1, 1, 1, 0, ((texts[0], texts[-1]),)), ("p",)
        )

    assert not may(Compare("p", "<", "b"), "b", "d")
    assert not may(Compare("p", "==", 2), 10, 11)
    assert may(Compare("p", ">", 9), 10, 9)
    assert not may(IsNull("p"), 1, 2)
    assert may(Compare("p", "==", 1), 1.0)
    assert manifest_may_match(Compare("p", "==", 1), ManifestRef("m", "d", 1, 1, 1, 1, 0), ("p",))


def test_values_of_other_kinds_do_not_compare() -> None:
    """A number isn't sought among texts: nothing would be found, and nobody told why."""
    record = DataFile("p", "parquet", 1, 1, "d", 1, "d", 1, partition=("2020",))
    ref = ManifestRef("m", "d", 1, 1, 1, 1, 0, (("str:2020", "str:2021"),))
    with pytest.raises(
        InvalidInputError, match=r"'day' has the value '2020', which doesn't compare with 2020"
    ):
        file_may_match(Compare("day", "==", 2020), record, ("day",))
    with pytest.raises(InvalidInputError, match="'day' has the value '2021'"):
        manifest_may_match(IsIn("day", (2020,)), ref, ("day",))


def test_unknown_is_neither() -> None:
    """Not of unknown is unknown; false decides and, true decides or."""
    unknown, true, false = Constant(None), Constant(truth=True), Constant(truth=False)

    def only(predicate: Predicate) -> bool | None:
        (found,) = truths(predicate, lambda _: frozenset())
        return found

    assert [only(p) for p in (Not(unknown), And((unknown, false)), And((unknown, true)))] == [
        None,
        False,
        None,
    ]
    assert [only(p) for p in (Or((unknown, true)), Or((unknown, false)))] == [True, None]


def test_columns_of_a_predicate() -> None:
    """All columns that a filter looks at are found, however deep."""
    assert columns_of(And((Or((IsNan(1), Not(IsNull(2)))), Compare("p", "<", 1), Constant(None)))) == {
        1,
        2,
        "p",
    }
