from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from atio_core.data.filters.filter_rows import truth_of_rows
from atio_core.model.predicate import And, Compare, Constant, IsIn, IsNan, IsNull, Not, Or

TABLE = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int8()),
        "h": pa.array([1.0, None, math.nan], pa.float16()),
        "d": pa.array(["x", None, "y"]).dictionary_encode(),
        "t": pa.array([1, None, 3], pa.time32("ms")),
    }
)
NAMES = dict(enumerate(TABLE.column_names, 1))


@pytest.mark.parametrize(
    ("predicate", "truth"),
    [
        (Compare(1, ">", 1), [False, None, True]),
        (Not(Compare(1, ">", 1)), [True, None, False]),
        (IsIn(1, (3,)), [False, None, True]),
        (IsIn(1, ()), [False, None, False]),
        (IsNull(1), [False, True, False]),
        (IsNan(1), [False, None, False]),
        (IsNan(2), [False, None, True]),
        (Compare(2, "<=", 1.0), [True, None, False]),
        (Compare(2, "!=", 1.0), [False, None, True]),
        (Compare(3, "==", "x"), [True, None, False]),
        (IsIn(3, ("y", "z")), [False, None, True]),
        (Compare(4, ">=", 2), [False, None, True]),
        (And((Compare(1, ">", 1), Constant(None))), [False, None, None]),
        (Or((Compare(1, ">", 1), Constant(None))), [None, None, True]),
        (And((IsNull(1), Compare(1, ">", 1))), [False, None, False]),
        (Or((IsNull(1), Compare(1, ">", 1))), [False, True, True]),
        (And(()), [True, True, True]),
        (Or(()), [False, False, False]),
    ],
    ids=str,
)
def test_each_row_has_its_truth(predicate: Any, truth: list[bool | None]) -> None:
    """True, false, or unknown where a null is compared."""
    assert truth_of_rows(predicate, TABLE, NAMES).to_pylist() == truth
    assert truth_of_rows(predicate, TABLE.slice(0, 0), NAMES).to_pylist() == []
