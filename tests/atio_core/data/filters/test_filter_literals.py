from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.filters.filters import read_filter
from atio_core.data.frames.frames import to_piece
from atio_core.errors import InvalidInputError
from atio_core.model.predicate import Compare, IsIn, Not
from tests.support.data_files import with_ids
from tests.support.row_filters import OPERATORS

NEVER, ALWAYS = IsIn(1, ()), Not(IsIn(1, ()))


def read(frame: Any, name: str, value: Any) -> Any:
    """A comparison of the column "c" with a value, as a predicate."""
    schema = with_ids(to_piece(frame).table).schema
    (found,) = read_filter([("c", name, value)], schema, []).predicate.terms  # pyright: ignore[reportAttributeAccessIssue] - a list makes an And
    return found


def arrow(kind: pa.DataType) -> pa.Table:
    """A column of a type."""
    return pa.table({"c": pa.array([], kind)})


@pytest.mark.parametrize(
    ("kind", "name", "value", "predicate"),
    [
        (pa.int8(), ">", 2.5, Compare(1, ">", 2)),
        (pa.int8(), ">=", 2.5, Compare(1, ">", 2)),
        (pa.int8(), "<", 2.5, Compare(1, "<=", 2)),
        (pa.int8(), "<=", -2.5, Compare(1, "<=", -3)),
        (pa.int8(), "==", 2.5, NEVER),
        (pa.int8(), "!=", 2.5, ALWAYS),
        (pa.int8(), "==", Decimal("2.0"), Compare(1, "==", 2)),
        (pa.int8(), "==", np.int64(2), Compare(1, "==", 2)),
        (pa.int8(), "<", 128, ALWAYS),
        (pa.int8(), ">=", 128, NEVER),
        (pa.int8(), ">", -129, ALWAYS),
        (pa.int8(), "<", float("inf"), ALWAYS),
        (pa.int8(), "==", float("-inf"), NEVER),
        (pa.uint64(), "==", 2**64 - 1, Compare(1, "==", 2**64 - 1)),
        (pa.uint64(), "!=", -1, ALWAYS),
        (pa.float64(), "==", 2**53 + 1, NEVER),
        (pa.float64(), ">", 2**53 + 1, Compare(1, ">", 2.0**53)),
        (pa.float64(), "<=", 10**400, Compare(1, "<", float("inf"))),
        (pa.float64(), ">", np.float32(0.5), Compare(1, ">", 0.5)),
        (pa.decimal128(4, 1), ">", Decimal("1.25"), Compare(1, ">", Decimal("1.2"))),
        (pa.decimal128(4, 1), "==", 3, Compare(1, "==", Decimal("3.0"))),
        (pa.decimal128(4, 1), "<", 1000, ALWAYS),
        (pa.bool_(), "==", np.True_, Compare(1, "==", value=True)),
        (pa.string(), "==", np.str_("x"), Compare(1, "==", "x")),
        (pa.binary(), "==", bytearray(b"x"), Compare(1, "==", b"x")),
        (pa.date32(), ">", dt.date(1970, 1, 2), Compare(1, ">", 1)),
        (pa.date64(), ">", np.datetime64("1970-01-02"), Compare(1, ">", 1)),
        (pa.time32("s"), "==", dt.time(0, 0, 1), Compare(1, "==", 1000)),
        (pa.timestamp("s"), ">", pd.Timestamp("1970-01-01 00:00:00.000000001"), Compare(1, ">", 0)),
        (pa.timestamp("ns"), ">", pd.Timestamp("1970-01-01 00:00:00.000000001"), Compare(1, ">", 1)),
        (pa.timestamp("us"), "==", np.datetime64("1970-01-01T01"), Compare(1, "==", 3_600_000_000)),
        (
            pa.timestamp("ms", "UTC"),
            "<",
            pd.Timestamp("1970-01-01 09:00", tz="Asia/Seoul"),
            Compare(1, "<", 0),
        ),
        (pa.timestamp("ns"), "<", dt.datetime(9999, 1, 1), ALWAYS),  # noqa: DTZ001 - no zone, like the column
        (pa.duration("ms"), "==", pd.Timedelta(1, "ns"), NEVER),
        (pa.duration("s"), "<", np.timedelta64(2, "s"), Compare(1, "<", 2)),
    ],
    ids=str,
)
def test_a_literal_is_told_in_the_units_of_its_column(
    kind: pa.DataType, name: str, value: Any, predicate: Any
) -> None:
    """Nothing is rounded and nothing overflows: what a column can't hold is told by what it means."""
    assert read(arrow(kind), name, value) == predicate


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (pa.int64(), "1", "give a number"),
        (pa.int64(), True, "give a number"),
        (pa.int64(), dt.date(2020, 1, 1), "give a number"),
        (pa.float64(), Decimal("0.1"), "floats are binary"),
        (pa.decimal128(4, 1), 0.1, "floats are binary"),
        (pa.bool_(), 1, "give True or False"),
        (pa.string(), 1, "give text"),
        (pa.string(), b"x", "give text"),
        (pa.string(), "\ud800", "give text"),
        (pa.binary(), "x", "give bytes"),
        (pa.date32(), "2020-01-01", "give a datetime.date"),
        (pa.date32(), pd.Timestamp("2020-01-01"), "give a datetime.date"),
        (pa.timestamp("us"), "2020-01-01", "give a datetime"),
        (pa.timestamp("us"), dt.date(2020, 1, 1), "give a datetime"),
        (pa.timestamp("us"), dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "one has a time zone, the other none"),
        (pa.timestamp("us", "UTC"), np.datetime64("2020-01-01T00"), "give a datetime"),
        (pa.timestamp("us"), np.datetime64("2020", "Y"), "give a datetime"),
        (pa.time64("us"), dt.timedelta(1), "give a datetime.time"),
        (pa.duration("us"), 1, "give a timedelta"),
        (pa.list_(pa.int64()), [1], "filters only ask such a column whether it is null"),
        (pa.struct([("a", pa.int64())]), 1, "filters only ask such a column whether it is null"),
        (pa.null(), 1, "filters only ask such a column whether it is null"),
        (pa.uuid(), b"x" * 16, "filters only ask such a column whether it is null"),
        (pa.timestamp("us"), pd.NaT, "nothing equals null"),
        (pa.timestamp("us"), np.datetime64("NaT", "us"), "nothing equals null"),
        (pa.int64(), pd.NA, "nothing equals null"),
        (pa.float64(), np.float64("nan"), "not a number equals nothing"),
    ],
    ids=[str(number) for number in range(27)],
)
def test_what_does_not_compare_is_refused(kind: pa.DataType, value: Any, told: str) -> None:
    """The message names the column, its type and the value, and says what would do."""
    with pytest.raises(InvalidInputError, match=rf"column 'c'.* can't be compared with .*{told}"):
        read(arrow(kind), "==", value)


def test_floats_among_others_are_not_rounded() -> None:
    """A short float isn't the long one that it was rounded from, be it sought alone or among others."""
    table = with_ids(to_piece(pa.table({"c": pa.array([0.1, 0.5], pa.float32())})).table)
    for given_filter, truth in (
        ([("c", "==", 0.1)], [False, False]),
        ([("c", "in", [0.1, 0.5])], [False, True]),
        ([("c", "in", [float(np.float32(0.1))])], [True, False]),
    ):
        assert read_filter(given_filter, table.schema, []).truth(table, ()).to_pylist() == truth


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"c": pd.Categorical(["a"])}),
        pl.DataFrame({"c": pl.Series(["a"], dtype=pl.Categorical)}),
        pa.table({"c": pa.DictionaryArray.from_arrays([0], ["a"], ordered=True)}),
    ],
    ids=["pandas", "polars", "Arrow"],
)
def test_categories_are_equal_or_not(frame: Any) -> None:
    """Whose order they have isn't the order of their texts, so only equality is asked for."""
    assert read(frame, "==", "a") == Compare(1, "==", "a")
    with pytest.raises(InvalidInputError, match="'c' is a category"):
        read(frame, "<", "b")


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"c": pd.Categorical([1])}),
        pd.DataFrame({"c": pd.period_range("2020", periods=1)}),
        pd.DataFrame({"c": pd.interval_range(0, 1)}),
        pd.DataFrame({"c": [1j]}),
        pd.DataFrame({"c": [{"a": 1}]}),
    ],
    ids=["numbers as categories", "periods", "intervals", "complex", "JSON"],
)
def test_what_is_stored_as_something_else_is_not_compared_as_that(frame: pd.DataFrame) -> None:
    """A period isn't its ordinal, nor a category its code: such columns are only asked whether they are null."""
    for value in (1, "1"):
        with pytest.raises(InvalidInputError, match="only ask such a column whether it is null"):
            read(frame, "==", value)
    schema = with_ids(to_piece(frame).table).schema
    table = with_ids(to_piece(frame).table)
    assert read_filter([("c", "is null")], schema, []).truth(table, ()).to_pylist() == [False]


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4),
    st.sampled_from(sorted(OPERATORS)),
    st.integers(-(2**65), 2**65) | st.floats(allow_nan=False) | st.decimals(-(2**64), 2**64, places=3),
)
def test_whole_numbers_compare_exactly(values: list[int], name: str, literal: Any) -> None:
    """As in Python, whatever the size: no number goes through a float on its way."""
    table = with_ids(to_piece(pa.table({"c": pa.array(values, pa.int64())})).table)
    found = read_filter([("c", name, literal)], table.schema, []).truth(table, ()).to_pylist()
    assert found == [OPERATORS[name](value, literal) for value in values]


@given(
    st.lists(st.floats(), min_size=1, max_size=4),
    st.sampled_from(sorted(OPERATORS)),
    st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.sampled_from([10**400, -(10**400)]),
)
def test_floats_compare_exactly(values: list[float], name: str, literal: Any) -> None:
    """As in Python: also with a whole number that is no float, and with one beyond all of them."""
    table = with_ids(to_piece(pa.table({"c": pa.array(values, pa.float64())})).table)
    found = read_filter([("c", name, literal)], table.schema, []).truth(table, ()).to_pylist()
    assert found == [OPERATORS[name](value, literal) for value in values]
