# ruff: noqa: DTZ001 # the values are what is tested: naive datetimes and booleans among them

# pyright: reportCallIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false
# pyright: reportIncompatibleMethodOverride=false, reportAssignmentType=false
# ^ pandas' stubs know its usual arguments only

import datetime as dt
import functools
import io
import struct
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.data.frames.frames import to_piece
from atio_core.errors import NotPreservableError
from tests.support.nasty_others import nested
from tests.support.nasty_pandas import BERLIN


class Subclass(pd.DataFrame):
    """A frame that is more than a frame, as GeoDataFrame is."""


class Unknown(pd.api.extensions.ExtensionDtype):
    """A dtype of another library."""

    name = "parsec"
    type = float

    @classmethod
    def construct_array_type(cls) -> Any:
        """Return the class of its arrays."""
        return UnknownArray


class UnknownArray(pd.api.extensions.ExtensionArray):
    """As little of an extension array as a frame needs."""

    dtype = Unknown()

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, item: Any) -> Any:
        found = self.values[item]
        return UnknownArray(found) if isinstance(found, np.ndarray) else found

    def copy(self) -> Any:
        """Return itself."""
        return self


def objects(*values: Any) -> pd.DataFrame:
    """Return a frame with one object column."""
    return pd.DataFrame({"x": pd.Series(list(values), dtype=object)})


def far_datetime() -> dt.datetime:
    """Return a datetime in a fold, whose zone doesn't have one then."""
    return dt.datetime(2020, 1, 1, fold=1, tzinfo=BERLIN)


def with_freq(freq: Any) -> pd.DataFrame:
    """Return a frame with an index of an odd frequency."""
    return pd.DataFrame({"x": [1, 2]}, index=pd.date_range("2020", periods=2, freq=freq))


def with_attrs(value: object) -> pd.DataFrame:
    """Return a frame with attrs."""
    frame = pd.DataFrame({"x": [1]})
    frame.attrs["k"] = value
    return frame


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    # whose frame
    "a subclass of a pandas frame": (lambda: Subclass({"x": [1]}), "Subclass.*pandas.DataFrame"),
    "an extension dtype of another library": (
        lambda: pd.DataFrame({"x": pd.Series(UnknownArray([1.0]))}),
        "'x'.*parsec",
    ),
    "sparse": (lambda: pd.DataFrame({"x": pd.arrays.SparseArray([0, 1])}), "'x'.*Sparse"),
    "longdouble": (lambda: pd.DataFrame({"x": np.array([1], dtype="longdouble")}), "'x'"),
    "another byte order": (lambda: pd.DataFrame({"x": np.array([1], dtype=">i8")}), "'x'.*>i8"),
    # values
    "None beside NA": (lambda: objects(None, pd.NA, "a"), "'x' holds NA and None together as missing"),
    "NaN beside NA": (lambda: objects(np.nan, pd.NA, dt.date(2020, 1, 1)), "'x' holds NA and NaN together"),
    "dates and datetimes": (
        lambda: objects(dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)),
        "'x'.*date and .*datetime",
    ),
    "dates and text": (lambda: objects(dt.date(2020, 1, 1), "a"), r"'x'.*datetime.date and str.*df\['x'\]"),
    "NumPy numbers as objects": (lambda: objects(np.int64(1)), "'x'.*numpy.int64"),
    "a subclass of str": (lambda: objects(np.str_("a")), "'x'.*numpy.str_"),
    "a subclass of str in str": (
        lambda: pd.DataFrame({"x": pd.array([np.str_("a")], dtype="string[python]")}),
        "'x'.*str_",
    ),
    "tuples": (lambda: objects((1, 2)), "'x'.*tuple"),
    "sets": (lambda: objects({1}), "'x'.*set"),
    "tuples inside": (lambda: objects([(1, 2)]), "'x'.*tuple inside"),
    "dicts with numbers as keys": (lambda: objects({1: 2}), "'x'.*keys of type int"),
    "a list that holds itself": (lambda: objects(_endless()), "'x'.*JSON"),
    "an object of no known type": (lambda: objects(object()), "'x'.*object"),
    "Timestamps": (lambda: objects(pd.Timestamp("2020"), 1), "'x'.*Timestamp"),
    "complex numbers as objects": (lambda: objects(1j), "'x'.*complex"),
    "datetimes of two zones": (
        lambda: objects(dt.datetime(2020, 1, 1, tzinfo=BERLIN), dt.datetime(2020, 1, 1)),
        "'x'.*Europe/Berlin and no zone.*to_datetime",
    ),
    "datetimes with a fold": (lambda: objects(far_datetime()), "'x'.*fold"),
    "datetimes in a zone without a name": (
        lambda: objects(dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1), "X"))),
        "'x'.*zone",
    ),
    "times with a zone": (lambda: objects(dt.time(1, tzinfo=dt.UTC)), "'x'.*times with a zone"),
    "a timedelta that is too long": (lambda: objects(dt.timedelta.max), "'x'"),
    "Decimals of several scales": (lambda: objects(Decimal("1.1"), Decimal("1.25")), "'x'.*quantize"),
    "a Decimal that is no number": (lambda: objects(Decimal("Infinity")), "'x'.*Decimal"),
    "the Decimal -0": (lambda: objects(Decimal("-0.0")), "'x'.*-0"),
    "a Decimal that is too long": (lambda: objects(Decimal(10**38)), "'x'"),
    "arrays of two dtypes": (lambda: objects(np.array([1]), np.array([1.0])), "'x'.*arrays"),
    "arrays of two dimensions": (lambda: objects(np.array([[1]]), np.array([[1]])), "'x'.*arrays"),
    "arrays of text": (lambda: objects(np.array(["a"]), np.array(["b"])), "'x'.*arrays"),
    "a lone surrogate": (lambda: objects("\ud800"), "'x'"),
    "text that isn't UTF-8": (
        lambda: pd.DataFrame({"x": pd.Series(pd.arrays.ArrowExtensionArray(_no_text(pa.string())))}),
        "'x'.*UTF8",
    ),
    "text that isn't UTF-8 in str": (
        lambda: pd.DataFrame({"x": pd.Series(pd.arrays.ArrowStringArray(_no_text(pa.large_string())))}),
        "'x'.*UTF8",
    ),
    "a lone surrogate in JSON": (lambda: objects(["\ud800"]), "'x'"),
    "an integer of thousands of digits": (lambda: objects(10**5000), "'x'"),
    "seconds beyond what milliseconds reach": (
        lambda: pd.DataFrame({"x": np.array([2**62], dtype="datetime64[s]")}),
        "'x'.*out of bounds",
    ),
    # labels and index
    "a label of no known type": (lambda: pd.DataFrame({("a", 1j): [1]}), "the index of the columns.*complex"),
    "a name of no known type": (
        lambda: pd.DataFrame({"x": [1]}, index=pd.Index([1], name=1j)),
        "the index.*complex",
    ),
    "an object index of no known type": (
        lambda: pd.DataFrame({"x": [1]}, index=pd.Index([object()])),
        "the index.*object",
    ),
    "a frequency that its text doesn't tell": (
        lambda: with_freq(pd.offsets.CustomBusinessDay(holidays=["2020-01-02"])),
        r"the index has a frequency.*df.index.freq = None",
    ),
    "a frequency without a text": (
        lambda: with_freq(pd.DateOffset(days=1, hours=1)),
        "the index has a frequency",
    ),
    "attrs of no known type": (lambda: with_attrs(object()), "df.attrs"),
    "a lone surrogate in attrs": (lambda: with_attrs({"\ud800": 1}), "df.attrs.*surrogate"),
    "attrs of thousands of digits": (lambda: with_attrs([10**5000]), "df.attrs.*bits"),
    "attrs that hold themselves": (lambda: with_attrs(_endless()), "df.attrs.*holds itself"),
    "a zone without a name": (
        lambda: pd.DataFrame({"x": pd.date_range("2020", periods=1, tz="dateutil/Europe/Berlin")}),
        "'x'.*zone",
    ),
    # Arrow
    "bytes that are no text": (lambda: pa.table({"x": _no_text(pa.string())}), "'x'.*UTF8"),
    "such bytes in lists": (
        lambda: pa.table({"x": pa.ListArray.from_arrays([0, 3], _no_text(pa.string()).chunk(0))}),
        "'x'.*UTF8",
    ),
    "an index beyond a dictionary": (
        lambda: pa.table({"x": pa.DictionaryArray.from_arrays(pa.array([1]), pa.array(["a"]), safe=False)}),
        "'x'.*out of bounds",
    ),
    "a union": (
        lambda: pa.table({"x": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])}),
        "'x'.*union",
    ),
    "an interval": (
        lambda: pa.table({"x": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}),
        "'x'.*interval",
    ),
    "a struct without fields": (lambda: pa.table({"x": pa.array([{}], pa.struct([]))}), "'x'.*struct<>"),
    "lists of no element": (
        lambda: pa.table({"x": pa.array([[]], pa.list_(pa.int8(), 0))}),
        "'x'.*fixed_size_list",
    ),
    "a decimal of negative scale": (
        lambda: pa.table({"x": pa.array([Decimal("1E2")], pa.decimal128(5, -2))}),
        "'x'.*decimal",
    ),
    "date64 that is no day": (
        lambda: pa.table({"x": pa.array([1], pa.int64()).view(pa.date64())}),
        "'x'.*lose data",
    ),
    "nulls where none may be": (
        lambda: pa.table(
            [pa.array([None, 1])], schema=pa.schema([pa.field("x", pa.int64(), nullable=False)])
        ),
        "'x'.*not nullable",
    ),
    "a null in a dictionary": (
        lambda: pa.table({"x": pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([None, "a"]))}),
        "'x'.*null among its dictionary",
    ),
    "an ordered dictionary of floats": (
        lambda: pa.table({"x": pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([0.5]), ordered=True)}),
        "'x'.*ordered dictionary of double",
    ),
    "ordered dictionaries that differ": (
        lambda: pa.table({"x": pa.chunked_array([_ordered("a", "b"), _ordered("b", "a")])}),
        "'x'.*unify_dictionaries",
    ),
    "a dictionary of lists": (
        lambda: pa.table({"x": pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([[1]]))}),
        "'x'.*dictionary",
    ),
    "an extension of another library": (
        lambda: pa.table(
            {"x": pa.ExtensionArray.from_storage(pa.opaque(pa.int8(), "a", "b"), pa.array([1], pa.int8()))}
        ),
        "'x'.*opaque",
    ),
    "a time zone of no name": (
        lambda: pa.table({"x": pa.array([0], pa.timestamp("s", "Not/AZone"))}),
        "'x'.*no time zone 'Not/AZone'",
    ),
    "a time zone inside": (
        lambda: pa.table({"x": pa.array([[0]], pa.list_(pa.timestamp("s", "+0530")))}),
        r"'x'.*no time zone '\+0530'",
    ),
    "lists deeper than Parquet goes": (lambda: pa.table({"x": nested(50)}), "'x'.*99"),
    "lists of any depth": (lambda: pa.table({"x": nested(700)}), "'x'.*99"),
    "intervals of a level with gaps": (
        lambda: pd.DataFrame(
            {"x": [1, 2]}, index=pd.MultiIndex([pd.interval_range(0, 1), [1]], [[0, -1], [0, 0]])
        ),
        r"interval\[int64, right\], and interval\[float64, right\] where labels are missing.*reset_index",
    ),
    "labels in levels of numbers with gaps": (
        lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex([[1], ["a"]], [[0, -1], [0, 0]])),
        "labels.*MultiIndex",
    ),
    # polars
    "polars objects": (
        lambda: pl.DataFrame({"x": pl.Series([object()], dtype=pl.Object)}),
        "'x'.*Object.*cast",
    ),
    "polars integers beyond 38 digits": (
        lambda: pl.DataFrame({"x": pl.Series([10**38], dtype=pl.Int128)}),
        "'x'.*decimal",
    ),
    "polars arrays of no element": (
        lambda: pl.DataFrame({"x": pl.Series([[]], dtype=pl.Array(pl.Int8, 0))}),
        "'x'.*Array",
    ),
    "polars lists deeper than Parquet goes": (
        lambda: pl.DataFrame(
            {
                "x": pl.Series(
                    [], dtype=functools.reduce(lambda inner, _: pl.List(inner), range(50), pl.Int8())
                )
            }
        ),
        "'x'.*99",
    ),
    "polars structs of any depth": (
        lambda: pl.DataFrame({"x": [functools.reduce(lambda inner, _: {"k": inner}, range(180), 1)]}),
        "'x'.*99",
    ),
    "NUL in a name inside polars structs": (lambda: pl.DataFrame({"x": [{"k\0": 1}]}), "'x'.*Struct"),
    "polars structs without fields": (
        lambda: pl.DataFrame({"x": pl.Series([{}], dtype=pl.Struct([]))}),
        "'x'.*Struct",
    ),
}
"""Frames that can't be kept, with what the message has to say."""


def _no_text(t: Any) -> pa.ChunkedArray:
    """Return a text that isn't UTF-8 between two that are, so that no bound is wrong."""
    return pa.chunked_array([pa.array([b"a", b"b\xff", b"c"], pa.binary()).cast(t, safe=False)])


def _endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _ordered(*values: str) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(values), ordered=True)


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_kept_is_refused(name: str) -> None:
    """A frame that couldn't come back equal is refused; the message names the column, what it holds and what to do."""
    make, words = REFUSED[name]
    with pytest.raises(NotPreservableError, match=words) as refusal:
        to_piece(make())
    assert str(refusal.value).endswith("Nothing was written")


def test_a_zone_read_from_a_file_has_no_name() -> None:
    """A time zone that can't be found again by its name is refused."""
    header = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(header + bytes(6) + b"UTC\0"))
    with pytest.raises(NotPreservableError, match=r"'x'.*zone"):
        to_piece(objects(dt.datetime(2020, 1, 1, tzinfo=zone)))
