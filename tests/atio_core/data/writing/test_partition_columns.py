from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.data.frames.frames import to_piece
from atio_core.data.writing.partition_columns import (
    find_column,
    names_of,
    partition_column,
    python_value,
    scalars_of,
    wanted_scalar,
)
from atio_core.errors import InvalidInputError
from tests.support.data_files import with_ids

DAY, ZONE = dt.date(2013, 1, 1), dt.timezone(dt.timedelta(hours=2))

KINDS: dict[str, tuple[pa.DataType, list[tuple[Any, Any, Any]]]] = {
    "whole numbers": (pa.int64(), [(2**63 - 1, 2**63 - 1, 2**63 - 1), (-1, -1, -1)]),
    "unsigned numbers": (pa.uint64(), [(2**64 - 1, 2**64 - 1, 2**64 - 1)]),
    "booleans": (pa.bool_(), [(True, True, True), (False, False, False)]),
    "floats": (pa.float64(), [(0.1, 0.1, 0.1), (-0.0, 0.0, 0.0), (1e300, 1e300, 1e300)]),
    "what isn't finite": (pa.float64(), [(np.inf, "inf", "inf"), (-np.inf, "-inf", "-inf")]),
    "small floats": (pa.float32(), [(0.5, 0.5, 0.5)]),
    "texts": (
        pa.string(),
        [("", "", ""), ("..", "..", ".."), ("NaT", "NaT", "NaT"), ("é/\0", "é/\0", "é/\0")],
    ),
    "bytes": (pa.binary(), [(b"", "", ""), (b"\0/", "002f", "002f")]),
    "decimals": (
        pa.decimal128(20, 3),
        [(Decimal("1.500"), "1.5", "1.5"), (Decimal("-100.000"), "-100", "-100")],
    ),
    "long decimals": (pa.decimal256(70, 0), [(Decimal(10**60), "1" + "0" * 60, "1" + "0" * 60)]),
    "dates": (pa.date32(), [(DAY, 15706, "2013-01-01"), (dt.date.min, -719162, "0001-01-01")]),
    "far dates": (pa.date32(), [(np.datetime64(2**31 - 1, "D"), 2**31 - 1, 2**31 - 1)]),
    "dates by milliseconds": (pa.date64(), [(DAY, 15706, "2013-01-01")]),
    "times": (pa.time64("us"), [(dt.time(1, 2, 3, 4), 3_723_000_004, "01:02:03.000004")]),
    "fine times": (pa.time64("ns"), [(np.timedelta64(1, "ns"), 1, "00:00:00.000000001")]),
    "timestamps": (
        pa.timestamp("us"),
        [(pd.Timestamp(2013, 1, 1).to_pydatetime(), 15706 * 86_400_000_000, "2013-01-01 00:00:00.000000")],
    ),
    "fine timestamps": (pa.timestamp("ns"), [(np.datetime64(-1, "ns"), -1, "1969-12-31 23:59:59.999999999")]),
    "instants": (
        pa.timestamp("ms", "+02:00"),
        [(dt.datetime(1970, 1, 1, 2, tzinfo=ZONE), 0, "1970-01-01 00:00:00.000Z")],
    ),
    "far instants": (pa.timestamp("us", "UTC"), [(np.datetime64(-(2**62), "us"), -(2**62), -(2**62))]),
    "durations": (pa.duration("us"), [(dt.timedelta(days=-1), -86_400_000_000, -86_400_000_000)]),
    "fine durations": (pa.duration("ns"), [(np.timedelta64(1, "ns"), 1, 1)]),
}
VALUES = [(name, place) for name, (_, values) in KINDS.items() for place in range(len(values))]


@pytest.mark.parametrize(("kind", "place"), VALUES)
def test_a_value_goes_to_records_and_comes_back(kind: str, place: int) -> None:
    """Each value has one form in records, a name for folders, and the caller gets and names it as Python has it."""
    t, values = KINDS[kind]
    value, scalar, name = values[place]
    plain = (
        pa.array([value], t)
        if not isinstance(value, np.generic)
        else pa.array([scalar]).cast(_count(t)).view(t)
    )
    schema = with_ids(to_piece(pa.table({"c": pa.array([], t)})).table).schema
    stored = plain.cast(schema.field("c").type)
    assert scalars_of(stored) == [scalar]
    assert type(scalars_of(stored)[0]) is type(scalar)
    assert names_of(stored) == [name]
    assert python_value(schema, 1, scalar) == value
    assert type(python_value(schema, 1, scalar)) is type(value)
    assert wanted_scalar(schema, 1, value) == (scalar,)


def _count(t: Any) -> pa.DataType:
    return pa.int32() if t.bit_width == 32 else pa.int64()


@pytest.mark.parametrize(
    "missing", [None, pd.NA, pd.NaT, np.datetime64("NaT", "us")], ids=["None", "NA", "NaT", "numpy"]
)
def test_what_is_missing_is_null(missing: object) -> None:
    """Every library's null names the partition of nulls; in a column of floats not-a-number names its own."""
    schema = with_ids(pa.table({"day": pa.array([DAY], pa.date32()), "x": [1.5]})).schema
    assert wanted_scalar(schema, 1, missing) == (None,)
    assert python_value(schema, 1, None) is None
    assert wanted_scalar(schema, 2, float("nan")) == ("nan",)
    assert str(python_value(schema, 2, "nan")) == "nan"


def test_what_no_row_can_have_is_no_partition() -> None:
    """A number that a column can't hold is in none of its partitions; another kind of value is refused."""
    schema = with_ids(pa.table({"n": pa.array([1], pa.int8()), "u": pa.nulls(1)})).schema
    assert wanted_scalar(schema, 1, 300) is None
    assert wanted_scalar(schema, 1, 1.5) is None
    assert wanted_scalar(schema, 2, "x") is None
    with pytest.raises(InvalidInputError, match="column 'n' of type int8 can't be compared with 'x'"):
        wanted_scalar(schema, 1, "x")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1]]),
        pa.array([{"a": 1}]),
        pd.Series([1, "a"], dtype=object),
        pd.Series(pd.interval_range(0, 1)),
    ],
    ids=["list", "struct", "mixed", "interval"],
)
def test_what_has_no_plain_value_partitions_nothing(values: Any) -> None:
    """Nested and mixed values are refused."""
    frame = pd.DataFrame({"c": values}) if isinstance(values, pd.Series) else pa.table({"c": values})
    schema = with_ids(to_piece(frame).table).schema
    with pytest.raises(InvalidInputError, match=r"column 'c' of type .* can't partition a table"):
        partition_column(schema, "c")


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"c": pd.Categorical(["x"])}),
        pl.DataFrame({"c": ["x"]}, schema={"c": pl.Enum(["x"])}),
        pa.table({"c": pa.nulls(1)}),
        pd.DataFrame({"v": [1]}, index=pd.Index(["x"], name="c")),
    ],
    ids=["pandas category", "polars Enum", "nulls", "index"],
)
def test_a_column_may_be_a_category_or_of_the_index(frame: Any) -> None:
    """Categories of text, columns of nulls and levels of a pandas index do."""
    schema = with_ids(to_piece(frame).table).schema
    assert partition_column(schema, "c") == len(schema)
    assert partition_column(schema, "other") is None


def test_a_name_that_several_columns_have_is_refused() -> None:
    """Nobody could tell which one is meant."""
    frame = pd.DataFrame([[1, 2]], columns=["c", "c"])
    with pytest.raises(
        InvalidInputError, match="2 columns have the label 'c', so partition_by can't name one"
    ):
        find_column(with_ids(to_piece(frame).table).schema, "c", "partition_by")
