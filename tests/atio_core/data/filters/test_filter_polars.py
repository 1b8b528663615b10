from __future__ import annotations

import datetime as dt
import functools
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from atio_core.data.filters.filters import read_filter
from atio_core.data.frames.frames import to_piece
from atio_core.errors import InvalidInputError
from atio_core.model.predicate import And, Compare, Constant, IsIn, IsNan, IsNull, Not, Or
from tests.support.data_files import with_ids

FRAME = pl.DataFrame(
    {
        "a": [1],
        "f": [1.0],
        "g": pl.Series([1.0], dtype=pl.Float32),
        "s": ["x"],
        "b": [True],
        "d": [dt.date(2020, 1, 1)],
        "t": pl.Series([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)], dtype=pl.Datetime("ms", "UTC")),
        "w": [dt.time(1)],
        "l": [dt.timedelta(1)],
        "n": [Decimal("1.10")],
        "y": [b"x"],
        "e": pl.Series(["x"], dtype=pl.Enum(["y", "x"])),
    }
)
NUMBERS = {name: position + 1 for position, name in enumerate(FRAME.columns)}
col = pl.col


@functools.cache
def schema() -> Any:
    """The frame's columns, as a table has them."""
    return with_ids(to_piece(FRAME).table).schema


@pytest.mark.parametrize(
    ("given", "predicate"),
    [
        (col("a") > 3, Compare(1, ">", 3)),
        (pl.lit(3) < col("a"), Compare(1, ">", 3)),
        (col("a") == 2.5, IsIn(1, ())),
        (col("f") > 3, Or((Compare(2, ">", 3.0), IsNan(2)))),
        (col("f") <= 3, Compare(2, "<=", 3.0)),
        (col("g") == 0.1, Compare(3, "==", 0.10000000149011612)),
        (col("g") == pl.lit(0.1, pl.Float32), Compare(3, "==", 0.10000000149011612)),
        (col("s") == "x", Compare(4, "==", "x")),
        (col("b"), Compare(5, "==", value=True)),
        (~col("b"), Not(Compare(5, "==", value=True))),
        (col("d") >= dt.date(2020, 1, 2), Compare(6, ">=", 18263)),
        (
            col("t") < dt.datetime(2020, 1, 1, microsecond=1500, tzinfo=dt.UTC),
            Compare(7, "<=", 1577836800001),
        ),
        (col("w") == dt.time(0, 0, 1), Compare(8, "==", 10**9)),
        (col("l") != dt.timedelta(seconds=1), Compare(9, "!=", 10**6)),
        (col("n") == Decimal("1.1"), Compare(10, "==", Decimal("1.10"))),
        (col("y") == b"ab", Compare(11, "==", b"ab")),
        (col("e") == "x", Compare(12, "==", "x")),
        (col("a").is_in([1, 2]), IsIn(1, (1, 2))),
        (col("a").is_in([1, None]), IsIn(1, (1,))),
        (col("a").is_null(), IsNull(1)),
        (col("a").is_not_null(), Not(IsNull(1))),
        (col("f").is_nan(), IsNan(2)),
        (col("f").is_not_nan(), Not(IsNan(2))),
        (col("a").is_between(1, 3, closed="left"), And((Compare(1, ">=", 1), Compare(1, "<", 3)))),
        ((col("a") > 3) | col("b"), Or((Compare(1, ">", 3), Compare(5, "==", value=True)))),
        (pl.all_horizontal(col("b"), col("a") > 3), And((Compare(5, "==", value=True), Compare(1, ">", 3)))),
        (col("a") == pl.lit(None), Constant(None)),
        (pl.lit(True), Constant(truth=True)),  # noqa: FBT003 - the value
    ],
    ids=str,
)
def test_what_a_predicate_can_say_is_read(given: pl.Expr, predicate: Any) -> None:
    """Comparisons with literals, joined by and, or and not, are read as what they mean in polars."""
    assert read_filter(given, schema(), []).predicate == predicate


@pytest.mark.parametrize(
    "given",
    [
        col("a") > col("f"),
        col("a") > col("a").mean(),
        col("a").cum_sum() > 3,
        (col("a") + 1) > 3,
        col("s").str.starts_with("x"),
        col("a").eq_missing(3),
        (col("a") > 1) ^ col("b"),
        col("a", "f") > 3,
        col("a").is_in([1, None], nulls_equal=True),
        col("f") > float("inf"),
        col("f").eq(float("nan")),
        col("a").is_nan(),
        col("a").is_between(1, None),
        col("a").is_in([2**70]),
        col("a").map_elements(bool, return_dtype=pl.Boolean),
        pl.len() > 1,
        pl.lit("x"),
    ],
    ids=[str(number) for number in range(17)],
)
def test_what_it_can_not_say_is_refused(given: pl.Expr) -> None:
    """An expression that says more, or looks at other rows, is never read as something else."""
    with pytest.raises(InvalidInputError, match=r"can't be used as filter: .* filter them with polars"):
        read_filter(given, schema(), [])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (col("zz") > 1, "there is no column 'zz'"),
        (col("a") == "x", "column 'a' of type int64 can't be compared with 'x'; give a number"),
        (col("a"), "column 'a' of type int64 can't be compared with True"),
        (col("e") > "x", "column 'e' is a category"),
        (col("n") > 1.5, "floats are binary, so hardly one equals a decimal"),
    ],
    ids=["unknown", "text", "no truth", "order", "decimal"],
)
def test_what_does_not_compare_is_refused(given: pl.Expr, told: str) -> None:
    """The same as of lists: the column is named."""
    with pytest.raises(InvalidInputError, match=told):
        read_filter(given, schema(), [])
