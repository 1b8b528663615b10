from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from atio_core.data.filters.filters import read_filter
from atio_core.data.frames.frames import to_piece
from atio_core.errors import InvalidInputError
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.model.predicate import And, Compare, Constant, IsIn, IsNan, IsNull, Not, Or
from tests.support.data_files import with_ids

FRAME = pa.table({"a": [1, None, 3], "s": ["x", None, "z"], "f": [0.5, None, 1.0], "al": [1, 2, 3]})


def stored(frame: Any) -> pa.Table:
    """A frame as a table's columns, with ids from 1."""
    return with_ids(to_piece(frame).table)


def chosen(given: Any, frame: Any = FRAME) -> list[bool | None]:
    """What a filter is for each row."""
    table = stored(frame)
    return read_filter(given, table.schema, []).truth(table, ()).to_pylist()


@pytest.mark.parametrize(
    ("given", "predicate"),
    [
        ([], And(())),
        ([("a", ">", 3)], And((Compare(1, ">", 3),))),
        ([("a", "=", 3), ("s", "<>", "x")], And((Compare(1, "==", 3), Compare(2, "!=", "x")))),
        (
            [[("a", "<", 3)], [("s", "==", "x")]],
            Or((And((Compare(1, "<", 3),)), And((Compare(2, "==", "x"),)))),
        ),
        ([("a", "IN", (1, 2))], And((IsIn(1, (1, 2)),))),
        ([("a", "in", range(2))], And((IsIn(1, (0, 1)),))),
        ([("a", "not  in", {5})], And((Not(IsIn(1, (5,))),))),
        ([("a", "is null"), ("a", "Is Not Null")], And((IsNull(1), Not(IsNull(1))))),
        ([("f", "is nan"), ("f", "is not nan")], And((IsNan(3), Not(IsNan(3))))),
        ((term for term in [("a", ">", 3)]), And((Compare(1, ">", 3),))),
        ([("day", "==", "x")], And((Compare("day", "==", "x"),))),
    ],
    ids=map(str, range(11)),
)
def test_lists_are_read(given: Any, predicate: Any) -> None:
    """A list means all of its lines, a list of lists any of these."""
    assert read_filter(given, stored(FRAME).schema, ["day"]).predicate == predicate


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("a > 3", "filter must be a list of"),
        (5, "filter must be a list of"),
        (("a", ">", 3), "which all must hold"),
        ({"a": 3}, "which all must hold"),
        (lambda row: row["a"] > 3, "which all must hold"),
        ([["a", ">", 3]], "which all must hold"),
        ([("a", ">", 3), [("a", ">", 3)]], "which all must hold"),
        ([("a",)], "must be .column, operator, value. with one of"),
        ([()], "must be .column, operator, value. with one of"),
        ([("a", ">")], "must be .column, operator, value. with one of"),
        ([("a", "is null", None)], "with one of is null"),
        ([("a", "~", 3)], "with one of ==, !=, <"),
        ([("a", 3, ">")], "with one of ==, !=, <"),
        ([("b", ">", 3)], "there is no column 'b'; there are 'a', 's', 'f', 'al'"),
        ([(["a"], ">", 3)], "there is no column"),
        ([("a", "in", 3)], "the values of 'a' in filter must be a list of values, not 3"),
        ([("a", "in", iter([1]))], "the values of 'a' in filter must be a list of values"),
        ([("s", "in", "xz")], "the values of 's' in filter must be a list of values, not 'xz'"),
        (
            [("a", "in", [1, None])],
            "column 'a' can't be compared with None: nothing equals null; use .'a', 'is null'.",
        ),
        ([("f", "==", float("nan"))], "use .'f', 'is nan'. in filter"),
        ([("a", "is nan")], "column 'a' holds no floats"),
        (pl.DataFrame({"a": [1]}), "which all must hold"),
        (pl.Series([True]), "which all must hold"),
    ],
    ids=map(str, range(23)),
)
def test_what_is_no_filter_is_refused(given: Any, told: str) -> None:
    """A wrong filter is told from an empty result: the message says what is wrong with it, and what to give."""
    with pytest.raises(InvalidInputError, match=told):
        read_filter(given, stored(FRAME).schema, [])


def test_a_pyarrow_expression_is_taken_as_it_is() -> None:
    """It sees the columns as Arrow has them, with its own rules; files can't be asked."""
    assert chosen(pc.field("a") > 1) == [False, None, True]
    assert chosen(pc.field("a").isin([1])) == [True, False, False]
    assert chosen((pc.field("a") + pc.field("al")) > 3) == [False, None, True]
    assert chosen(pc.scalar(True)) == [True, True, True]  # noqa: FBT003 - the value
    read = read_filter(pc.field("al") > 1, stored(FRAME).schema, [])
    assert (read.predicate, read.columns) == (Constant(truth=True), ("al",))


def test_a_pyarrow_expression_sees_the_types_that_were_written() -> None:
    """Also those that are stored as others, and categories; a column that Arrow has no type for does no harm."""
    frame = pd.DataFrame(
        {
            "t": pd.to_datetime(["2020-01-01", "2021-01-01"]).astype("datetime64[s]"),
            "c": pd.Categorical(["x", "y"]),
            "p": pd.period_range("2020", periods=2),
            1: [1, 2],
        }
    )
    assert chosen(pc.field("t") > pa.scalar(pd.Timestamp("2020-06-01")), frame) == [False, True]
    assert chosen(pc.field("c") == "x", frame) == [True, False]
    assert chosen(pc.field("1") > 1, frame) == [False, True]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (pc.field("zz") > 1, "can't be computed over none of the columns"),
        (pc.field(0) > 1, "counts columns; name them instead"),
        (pc.field("a") + 1, "gives int64, not true or false"),
        (pc.field("s") > 1, "can't be computed over 's'"),
    ],
    ids=str,
)
def test_a_pyarrow_expression_that_fails_is_refused(given: Any, told: str) -> None:
    """What can't be computed is told before any file is read."""
    with pytest.raises(InvalidInputError, match=told):
        read_filter(given, stored(FRAME).schema, [])


def test_two_filters_hold_together() -> None:
    """A filter and one that is pushed down are one: true where both are, and asked of files as both."""
    schema = stored(FRAME).schema
    one, other = read_filter([("a", ">", 1)], schema, []), read_filter([("s", "==", "z")], schema, [])
    both = one.and_also(other)
    assert both.columns == ("a", "s")
    assert both.truth(stored(FRAME), ()).to_pylist() == [False, None, True]


def test_an_index_level_is_hidden_by_a_column_of_its_name() -> None:
    """A name that a column and an index level share means the column."""
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index([2, 1], name="a"))
    assert chosen([("a", "==", 1)], frame) == [True, False]
    frame.columns = ["b"]
    assert chosen([("a", "==", 1)], frame) == [False, True]


def test_files_of_another_schema_are_asked_in_their_own_terms() -> None:
    """A column that a file lacks is null there; bounds in another unit than the filter's rule nothing out."""
    schema = stored(pa.table({"t": pa.array([], pa.timestamp("us"))})).schema
    later = read_filter([("t", ">", dt.datetime(1970, 1, 1, microsecond=1000))], schema, [])  # noqa: DTZ001 - no zone
    missing = read_filter([("t", "is null")], schema, [])
    record = DataFile("p", "parquet", 1, 1, "d", 1, "d", 1, stats={1: ColumnStats(0, 5, 5)})
    assert not later.file_may_match(record, schema)
    assert later.file_may_match(record, with_ids(pa.table({"t": pa.array([], pa.timestamp("ms"))})).schema)
    before = with_ids(pa.table({"t": pa.array([], pa.timestamp("us"))}), [7]).schema
    assert not later.file_may_match(record, before)
    assert missing.file_may_match(record, before)
