from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from atio_core.data.updates.rowwise_polars import is_rowwise

A = pl.col("a")
ROWWISE: list[Any] = [
    A + 1,
    -A,
    pl.lit(5),
    A.clip(0, 1),
    A.fill_null(0),
    pl.when(A > 1).then(5).otherwise(A),
    A.cast(pl.Int8),
    A.alias("b"),
    A.is_in([1, 2]) | A.is_null(),
    pl.concat_str("a", "b"),
    pl.col("b").str.to_uppercase(),
    pl.col("t").dt.year(),
]
OTHERS: list[Any] = [
    A.sum(),
    A - A.mean(),
    A.shift(1),
    A.sum().over("b"),
    A.cum_sum(),
    A.rank(),
    A.sort(),
    A.reverse(),
    A.fill_null(strategy="forward"),
    A.filter(A > 1),
    A.is_duplicated(),
    A + pl.lit(pl.Series([1, 2])),
    A.map_elements(lambda one: one, return_dtype=pl.Int64),
    pl.len(),
    pl.when(A.max() < A).then(1),
]


@pytest.mark.parametrize("expression", ROWWISE, ids=[str(number) for number in range(len(ROWWISE))])
def test_operators_and_functions_of_one_row_are_known(expression: pl.Expr) -> None:
    """What looks at one row at a time gives the same however rows lie in files."""
    assert is_rowwise(expression)


@pytest.mark.parametrize("expression", OTHERS, ids=[str(number) for number in range(len(OTHERS))])
def test_what_looks_at_other_rows_is_not_taken(expression: pl.Expr) -> None:
    """What sums, shifts, sorts or calls Python would give something else for each file."""
    assert not is_rowwise(expression)
