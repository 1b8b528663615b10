"""pandas frames that come back different from most stores. Each has to come back equal."""

# ruff: noqa: DTZ001, DTZ901, FBT003 # the values are what is tested: naive datetimes and booleans among them

# pyright: reportCallIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false
# ^ pandas' stubs know its usual arguments only

from __future__ import annotations

import datetime as dt
import uuid
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
OFFSET = dt.timezone(dt.timedelta(hours=-3, minutes=-30))
ODD_NAN = np.array([0x7FF8000000000001, 0xFFF8000000000000, 0x8000000000000000], dtype="u8").view("f8")


def _objects(*values: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(list(values), dtype=object)})


def _odd_attrs() -> pd.DataFrame:
    frame = pd.DataFrame({"x": [1]})
    frame.attrs = {
        "source": "a",
        "n": {"k": [1, 2.5, (None, b"b")]},
        3: dt.date(2020, 1, 1),
        "nan": float("nan"),
    }
    return frame


def _unique_labels() -> pd.DataFrame:
    return pd.DataFrame({"x": [1]}).set_flags(allows_duplicate_labels=False)


def _duplicates() -> pd.DataFrame:
    return pd.DataFrame([[1, "a", 2.5, None]], columns=["x", "x", "y", "x"])


def _labels(labels: Any) -> pd.DataFrame:
    return pd.DataFrame([list(range(len(labels)))] * 2, columns=labels)


def _indexed(index: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": range(len(index))}, index=index)


def _named_columns() -> pd.DataFrame:
    frame = _labels(["a", "b"])
    frame.columns.name = "metric"
    return frame


PANDAS: dict[str, Callable[[], pd.DataFrame]] = {
    # rows and columns
    "no rows": lambda: pd.DataFrame({"a": pd.Series([], dtype="int64"), "b": pd.Series([], dtype="str")}),
    "no rows, no types": lambda: pd.DataFrame(columns=["a", "b"]),
    "nothing": pd.DataFrame,
    "rows without columns": lambda: pd.DataFrame(index=range(5)),
    "index without columns": lambda: pd.DataFrame(index=["a", "b"]),
    "no rows, index of text": lambda: pd.DataFrame({"a": []}, index=pd.Index([], dtype="str", name="k")),
    # numbers
    **{
        f"NumPy {name}": lambda name=name: pd.DataFrame({"x": np.array([0, 1, 2], dtype=name)})
        for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
    "largest integers": lambda: pd.DataFrame(
        {"i": np.array([-(2**63), 2**63 - 1]), "u": np.array([0, 2**64 - 1], dtype="uint64")}
    ),
    **{
        f"NumPy {name}": lambda name=name: pd.DataFrame(
            {"x": np.array([-0.0, np.nan, np.inf, 0.1], dtype=name)}
        )
        for name in ("float16", "float32", "float64", "complex64", "complex128")
    },
    "complex numbers apart": lambda: pd.DataFrame({"x": np.array([1, 2j, 3], dtype="complex64")}).iloc[::2],
    "NaNs of other bits": lambda: pd.DataFrame({"x": ODD_NAN}),
    **{
        f"nullable {name}": lambda name=name: pd.DataFrame({"x": pd.array([1, None, 0], dtype=name)})
        for name in ("boolean", "Int8", "Int64", "UInt8", "UInt64", "Float32", "Float64")
    },
    "nullable integers over 2^53": lambda: pd.DataFrame({"x": pd.array([2**60 + 1, None], dtype="Int64")}),
    "NaN beside NA in Float64": lambda: pd.DataFrame(
        {
            "x": pd.arrays.FloatingArray(
                np.array([1.0, np.nan, -0.0, 0.0]), np.array([False, False, False, True])
            )
        }
    ),
    # text
    "str": lambda: pd.DataFrame({"x": pd.Series(["", "NA", None, "ä\r\n\0", "007"], dtype="str")}),
    "str in Python": lambda: pd.DataFrame(
        {"x": pd.Series(["a", None], dtype=pd.StringDtype("python", na_value=np.nan))}
    ),
    "string": lambda: pd.DataFrame({"x": pd.Series(["a", None], dtype="string")}),
    "string[python]": lambda: pd.DataFrame({"x": pd.Series(["a", None], dtype="string[python]")}),
    # times
    **{
        f"datetime64[{unit}]": lambda unit=unit: pd.DataFrame(
            {"x": np.array(["1700-01-01T00:00:01", "NaT", "2200-12-31"], dtype=f"datetime64[{unit}]")}
        )
        for unit in ("s", "ms", "us", "ns")
    },
    "datetime64[s] far away": lambda: pd.DataFrame(
        {"x": np.array(["-20000-01-01", "25000-01-01"], dtype="datetime64[s]")}
    ),
    **{
        f"datetime64[{unit}, {zone}]": lambda unit=unit, zone=zone: pd.DataFrame(
            {
                "x": pd.Series(pd.to_datetime(["2020-10-25 00:30", None, "2020-10-25 01:30"]))
                .dt.as_unit(unit)
                .dt.tz_localize("UTC")
                .dt.tz_convert(zone)
            }
        )
        for unit, zone in (("s", "Europe/Berlin"), ("us", "UTC"), ("ns", OFFSET), ("ms", "Asia/Kolkata"))
    },
    **{
        f"timedelta64[{unit}]": lambda unit=unit: pd.DataFrame(
            {"x": np.array([-1, "NaT", 10**6], dtype=f"timedelta64[{unit}]")}
        )
        for unit in ("s", "ms", "us", "ns")
    },
    "periods": lambda: pd.DataFrame(
        {
            "x": pd.PeriodIndex(["2020-01", None, "2021-12"], freq="M"),
            "y": pd.period_range("2020", periods=3, freq="W-TUE"),
        }
    ),
    # intervals and categories
    "intervals": lambda: pd.DataFrame(
        {
            "x": pd.arrays.IntervalArray.from_tuples([(0, 1.5), None, (2, np.inf)], closed="both"),
            "y": pd.interval_range(pd.Timestamp("2020"), periods=3, freq="D", closed="left"),
            "z": pd.interval_range(0, 3),
        }
    ),
    "category of text": lambda: pd.DataFrame(
        {"x": pd.Categorical(["b", None, "a"], categories=["z", "b", "a"])}
    ),
    "ordered category": lambda: pd.DataFrame(
        {"x": pd.Categorical(["lo", "hi"], ["lo", "mid", "hi"], ordered=True)}
    ),
    "category of object text": lambda: pd.DataFrame(
        {"x": pd.Categorical(["b", None], pd.Index(["a", "b"], dtype=object))}
    ),
    "category of int": lambda: pd.DataFrame({"x": pd.Categorical([3, None, 1], categories=[3, 2, 1])}),
    "category of a range": lambda: pd.DataFrame(
        {"x": pd.Categorical([1, None], categories=pd.RangeIndex(3))}
    ),
    "category of float": lambda: pd.DataFrame({"x": pd.Categorical([0.5, None, -0.0])}),
    "category of bool": lambda: pd.DataFrame({"x": pd.Categorical([True, None, False])}),
    "category of days": lambda: pd.DataFrame(
        {"x": pd.Categorical(pd.to_datetime(["2020-01-02", None, "2020-01-01"]))}
    ),
    "category of days in a zone": lambda: pd.DataFrame(
        {"x": pd.Categorical(pd.date_range("2020", periods=2, tz="Europe/Berlin"))}
    ),
    "category of seconds": lambda: pd.DataFrame(
        {"x": pd.Categorical(np.array([1, 2], dtype="datetime64[s]"))}
    ),
    "category of intervals": lambda: pd.DataFrame({"x": pd.cut([1, 5, 9], 3)}),
    "category of periods": lambda: pd.DataFrame(
        {"x": pd.Categorical(pd.period_range("2020", periods=2, freq="M"))}
    ),
    "category of mixed": lambda: pd.DataFrame(
        {"x": pd.Categorical([1, "a", None, 2.5], categories=["a", 1, 2.5])}
    ),
    "category of nothing": lambda: pd.DataFrame({"x": pd.Categorical([None, None])}),
    "category of Int64": lambda: pd.DataFrame({"x": pd.Categorical(pd.array([1, None, 3], dtype="Int64"))}),
    "category of string[python]": lambda: pd.DataFrame(
        {"x": pd.Categorical(pd.array(["b", None, "a"], dtype="string[python]"))}
    ),
    "category of Arrow text": lambda: pd.DataFrame(
        {"x": pd.Categorical(pd.array(["b", None], dtype=pd.ArrowDtype(pa.string())))}
    ),
    "many categories": lambda: pd.DataFrame({"x": pd.Categorical([f"c{i}" for i in range(300)])}),
    # Arrow dtypes
    **{
        f"Arrow {t}": lambda t=t, v=v: pd.DataFrame({"x": pd.array([v, None], dtype=pd.ArrowDtype(t))})
        for t, v in (
            (pa.int8(), 1),
            (pa.float64(), float("nan")),
            (pa.string(), "a"),
            (pa.large_string(), "a"),
            (pa.bool_(), True),
            (pa.binary(), b"\xff"),
            (pa.date32(), dt.date(2020, 1, 1)),
            (pa.time32("s"), dt.time(1, 2, 3)),
            (pa.time64("ns"), dt.time(1, 2, 3)),
            (pa.timestamp("s"), dt.datetime(2020, 1, 1)),
            (pa.timestamp("ns", "Asia/Tokyo"), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
            (pa.duration("s"), dt.timedelta(1)),
            (pa.decimal128(10, 3), Decimal("1.100")),
            (pa.list_(pa.int8()), [1, None]),
            (pa.struct([("a", pa.int8()), ("b", pa.string())]), {"a": 1, "b": None}),
            (pa.map_(pa.string(), pa.int8()), [("a", 1)]),
        )
    },
    # objects
    "text and None": lambda: _objects("a", None, ""),
    "text and NaN": lambda: _objects("a", np.nan),
    "text and NA": lambda: _objects("a", pd.NA),
    "text, None and NaN": lambda: _objects("a", None, np.nan),
    "integers": lambda: _objects(1, 2),
    "integers and None": lambda: _objects(1, None, 2**53 + 1),
    "integers and NaN": lambda: _objects(1, np.nan),
    "integers and NaT": lambda: _objects(1, pd.NaT),
    "big integers": lambda: _objects(2**64, -(2**100), None),
    "integers over int64": lambda: _objects(2**63, 1),
    "booleans and None": lambda: _objects(True, None, False),
    "booleans and integers": lambda: _objects(True, 1, 0, False),
    "floats as objects": lambda: _objects(0.5, np.nan, -0.0),
    "floats, None and NaN": lambda: _objects(0.5, None, np.nan),
    "floats and integers": lambda: _objects(0.5, 1, np.nan),
    "only None": lambda: _objects(None, None),
    "only NaN": lambda: _objects(np.nan, np.nan),
    "only NaT": lambda: _objects(pd.NaT),
    "None and NaN alone": lambda: _objects(None, np.nan),
    "NaNs of other bits as objects": lambda: _objects(*map(float, ODD_NAN)),
    "mixed": lambda: _objects(1, "a", 2.5, True, None, [1], {"k": None}),
    "bytes": lambda: _objects(b"a\xff", None, b""),
    "dates": lambda: _objects(dt.date(2020, 1, 1), None, dt.date.max),
    "dates and NaT": lambda: _objects(dt.date(2020, 1, 1), pd.NaT),
    "datetimes": lambda: _objects(dt.datetime(2020, 1, 1, 1, 2, 3, 4), None, dt.datetime.min),
    "datetimes in a zone": lambda: _objects(
        dt.datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN),
        dt.datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
    ),
    "datetimes in UTC": lambda: _objects(dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None),
    "datetimes at an offset": lambda: _objects(dt.datetime(2020, 1, 1, tzinfo=OFFSET)),
    "times": lambda: _objects(dt.time(1, 2, 3, 4), None),
    "timedeltas": lambda: _objects(dt.timedelta(-1, 2, 3), None),
    "Decimals": lambda: _objects(Decimal("1.10"), None, Decimal("-0.05")),
    "whole Decimals": lambda: _objects(Decimal(1), Decimal(12345678901234567890123456789012345678)),
    "UUIDs": lambda: _objects(uuid.UUID(int=1), None),
    "lists": lambda: _objects([1, 2.5, "a", None], [], None, [[1], {}]),
    "lists of one length": lambda: _objects([1, 2], [3, 4]),
    "dicts": lambda: _objects({"a": 1}, {"b": [True]}, {}, None),
    "arrays": lambda: _objects(np.array([1.5, np.nan], dtype="float32"), None, np.array([], dtype="float32")),
    "arrays of one length": lambda: _objects(np.array([1, 2]), np.array([3, 4])),
    "arrays of bool": lambda: _objects(np.array([True, False])),
    "text as objects with a long one": lambda: _objects("x" * 100_000, "ä" * 10),
    # labels
    "labels of int": lambda: _labels(pd.Index([3, 1, 2])),
    "labels of a range": lambda: _labels(pd.RangeIndex(3)),
    "labels of another range": lambda: _labels(pd.RangeIndex(5, -1, -2)),
    "labels of float": lambda: _labels(pd.Index([0.1, np.nan, -0.0])),
    "labels of bool": lambda: _labels(pd.Index([True, False])),
    "labels of object text": lambda: _labels(pd.Index(["a", "b"], dtype=object)),
    "labels of string": lambda: _labels(pd.Index(["a", "b"], dtype="string")),
    "mixed labels": lambda: _labels(
        pd.Index([1, "a", None, (1, "b"), 1.5, True, dt.date(2020, 1, 1), b"x"], dtype=object)
    ),
    "labels of NaN and None": lambda: _labels(pd.Index(["a", None, np.nan, pd.NA], dtype=object)),
    "labels of days": lambda: _labels(pd.date_range("2020", periods=3, freq="D", name="day")),
    "labels of days in a zone": lambda: _labels(
        pd.DatetimeIndex(["2020-01-05", "2020-01-01"], tz="Europe/Berlin")
    ),
    "labels of seconds": lambda: _labels(pd.Index(np.array([1, 2], dtype="datetime64[s]"))),
    "labels of timedelta": lambda: _labels(pd.to_timedelta([1, 2], unit="s")),
    "labels of periods": lambda: _labels(pd.period_range("2020", periods=2, freq="Q")),
    "labels of intervals": lambda: _labels(pd.interval_range(0, 2)),
    "labels of categories": lambda: _labels(
        pd.CategoricalIndex(["b", "a"], categories=["c", "b", "a"], ordered=True)
    ),
    "labels in levels": lambda: _labels(
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["k", None])
    ),
    "labels in levels with gaps": lambda: _labels(pd.MultiIndex.from_tuples([("a", np.nan), (None, "x")])),
    "labels in levels of days": lambda: _labels(
        pd.MultiIndex.from_product([["a"], pd.date_range("2020", periods=2)])
    ),
    "labels with a name": _named_columns,
    "labels that look like ours": lambda: _labels(["c1", 1, "c0", "c3", 0]),
    "empty and odd labels": lambda: _labels(
        pd.Index(["", " ", "a.b", "a", "ä", "a\0b", "\ud800", "rows"], dtype=object)
    ),
    "duplicate labels": _duplicates,
    "labels that differ in case": lambda: _labels(["a", "A"]),
    # index
    "range with bounds": lambda: _indexed(pd.RangeIndex(5, 20, 5)),
    "range with a loose bound": lambda: _indexed(pd.RangeIndex(0, 10, 3)),
    "falling range": lambda: _indexed(pd.RangeIndex(3, 0, -1)),
    "empty range with bounds": lambda: _indexed(pd.RangeIndex(5, 5)),
    "named range": lambda: _indexed(pd.RangeIndex(3, name="n")),
    "index of int": lambda: _indexed(pd.Index([3, 1, 1])),
    "index of float": lambda: _indexed(pd.Index([0.5, np.nan])),
    "index of text": lambda: _indexed(pd.Index(["a", None, "a"], name="k")),
    "index of object text": lambda: _indexed(pd.Index(["a", None], dtype=object)),
    "index of objects": lambda: _indexed(pd.Index([1, "a"], dtype=object)),
    "index of days": lambda: _indexed(pd.date_range("2020", periods=3, freq="D")),
    "index of business days": lambda: _indexed(
        pd.bdate_range("2020", periods=3, tz="Europe/Berlin", name="day")
    ),
    "index of days without freq": lambda: _indexed(pd.DatetimeIndex(["2020-01-05", None, "2020-01-01"])),
    "index of seconds": lambda: _indexed(pd.Index(np.array([1, 5], dtype="datetime64[s]"))),
    "index of hours": lambda: _indexed(pd.timedelta_range("1h", periods=3, freq="2h")),
    "index of months": lambda: _indexed(pd.period_range("2020", periods=3, freq="M")),
    "index of intervals": lambda: _indexed(pd.interval_range(0.0, 3.0, closed="both", name="bin")),
    "index of categories": lambda: _indexed(
        pd.CategoricalIndex(["b", "a", "b"], ["a", "b", "c"], ordered=True)
    ),
    "index of Int64": lambda: _indexed(pd.Index(pd.array([1, None], dtype="Int64"))),
    "index of Arrow decimals": lambda: _indexed(
        pd.Index(pd.array([Decimal("1.5"), None], dtype=pd.ArrowDtype(pa.decimal128(5, 1))))
    ),
    "index with a label's name": lambda: _indexed(pd.Index([1, 2], name="x")),
    "index with a name that is no text": lambda: _indexed(pd.Index([1, 2], name=("a", 1))),
    "index in levels": lambda: _indexed(pd.MultiIndex.from_product([["a", "b"], [2, 1]], names=["k", "n"])),
    "index in levels, without names": lambda: _indexed(pd.MultiIndex.from_tuples([(1, np.nan), (1, "x")])),
    "index in levels of numbers with gaps": lambda: _indexed(
        pd.MultiIndex([[2**53 + 1, 5], np.array([7], "uint8"), [True]], [[0, -1], [-1, 0], [-1, 0]])
    ),
    "index in levels of one name": lambda: _indexed(
        pd.MultiIndex.from_tuples([(1, 2), (1, 3)], names=["k", "k"])
    ),
    "index in levels of days": lambda: _indexed(
        pd.MultiIndex.from_product([pd.date_range("2020", periods=2, tz="UTC"), pd.Categorical(["a"])])
    ),
    "index in levels named by numbers": lambda: _indexed(
        pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=[1, 0])
    ),
    "labels in levels named by numbers": lambda: _labels(
        pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=[1, 0])
    ),
    "index in one level": lambda: _indexed(pd.MultiIndex.from_arrays([["a", "b"]], names=["k"])),
    "index in levels, empty": lambda: _indexed(pd.MultiIndex.from_arrays([[], []], names=["k", "n"])),
    # the frame
    "attrs": _odd_attrs,
    "no duplicate labels allowed": _unique_labels,
}
"""Each has to come back equal from pandas."""
