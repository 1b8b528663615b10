from __future__ import annotations

import math
import operator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from atio_core.model.data_file import DataFile
from atio_core.model.manifest import ManifestRef, bound_text
from atio_core.model.partition import column_scalar
from atio_core.model.predicate import OPERATORS, Compare, IsIn, IsNan, IsNull, Not, Predicate
from atio_core.model.pruning import file_may_match, file_must_match, manifest_may_match

FUNCTIONS = dict(
    zip(
        OPERATORS, (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge), strict=True
    )
)


def truth(predicate: Predicate, value: Any) -> bool | None:
    """What a leaf, or its opposite, is for a value."""
    match predicate:
        case Not(term):
            inner = truth(term, value)
            return None if inner is None else not inner
        case IsNull():
            return value is None
        case IsIn(_, values):
            return None if value is None else value in values
        case Compare(_, name, literal):
            return None if value is None else bool(FUNCTIONS[name](value, literal))
    raise AssertionError(predicate)


COLUMN_VALUES: list[list[Any]] = [
    [1, 10, 9, -1],
    [0.5, 1.0, math.inf, -math.inf],
    ["", "a", "b/"],
    [b"", b"a", b"\x00"],
    [Decimal("1.50"), Decimal("-2.00"), Decimal(10)],
    [True, False],
]


@given(st.sampled_from(COLUMN_VALUES), st.data())
def test_columns_that_partition_are_passed_over_only_without_a_match(
    values: list[Any], data: st.DataObject
) -> None:
    """A column's one value in a file, and the bounds in a manifest, count as exactly as they are."""
    several = data.draw(st.lists(st.sampled_from([*values, None]), min_size=1, max_size=3))
    literals = st.sampled_from(values)
    leaf = data.draw(
        st.builds(Compare, st.just(7), st.sampled_from(OPERATORS), literals)
        | st.builds(IsIn, st.just(7), st.lists(literals, max_size=2).map(tuple))
        | st.just(IsNull(7))
    )
    predicate = data.draw(st.sampled_from([leaf, Not(leaf)]))
    scalars = [None if value is None else column_scalar(value) for value in several]
    texts = sorted(bound_text(scalar) for scalar in scalars)
    ref = ManifestRef("m", "d", 1, len(values), 1, 1, 0, ((texts[0], texts[-1]),))
    matching = [value for value in several if truth(predicate, value) is True]
    assert manifest_may_match(predicate, ref, (7,)) or not matching
    for value, scalar in zip(several, scalars, strict=True):
        record = DataFile("p", "parquet", 1, 1, "d", 1, "d", 1, partition=(scalar,))
        assert file_may_match(predicate, record, (7,)) == (truth(predicate, value) is True)
        assert file_must_match(predicate, record, (7,)) == (truth(predicate, value) is True)


def test_not_a_number_has_a_partition_of_its_own() -> None:
    """It is found by its test, and no comparison passes it over that it may match."""

    def may(predicate: Predicate, scalar: Any) -> bool:
        return file_may_match(
            predicate, DataFile("p", "parquet", 1, 1, "d", 1, "d", 1, partition=(scalar,)), (7,)
        )

    assert (may(IsNan(7), "nan"), may(IsNan(7), 1.5)) == (True, False)
    assert may(Compare(7, "!=", 1.5), "nan")
    assert not may(Compare(7, ">", 1.5), "-inf")
    bounds = ((bound_text(1.5), bound_text("nan")),)
    assert manifest_may_match(IsNan(7), ManifestRef("m", "d", 1, 2, 2, 1, 0, bounds), (7,))


def test_a_value_of_the_type_that_a_column_had_before_hides_nothing() -> None:
    """Where a record's value doesn't compare with the literal, the file is looked into."""
    record = DataFile("p", "parquet", 1, 1, "d", 1, "d", 1, partition=("x",))
    assert file_may_match(Compare(7, "==", "x"), replace(record, partition=(3,)), (7,))
    assert file_may_match(Compare(7, "==", 1), replace(record, partition=(True,)), (7,))
    assert file_may_match(Compare(7, "==", 5), record, (7,), changed={7})
