"""polars frames and Arrow tables that come back different from most stores. Each has to come back equal."""

# ruff: noqa: DTZ001 # the values are what is tested: naive datetimes and booleans among them

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tests.support.nasty_pandas import ODD_NAN
from tests.support.releases import READS_FIXED_NULLS, WRITES_LIST_VIEWS

NULL: list[None] = [None] if READS_FIXED_NULLS else []
"""Of a list of a fixed size, where it can be kept."""


def _series(values: Any, dtype: Any) -> pl.DataFrame:
    return pl.DataFrame({"x": pl.Series(values, dtype=dtype)})


POLARS: dict[str, Callable[[], pl.DataFrame]] = {
    "nothing": pl.DataFrame,
    "rows without columns": lambda: pl.DataFrame(height=3),
    "no rows": lambda: pl.DataFrame(
        schema={"a": pl.Int64, "b": pl.String, "e": pl.Enum(["x"]), "c": pl.Categorical}
    ),
    "NUL in a name": lambda: pl.DataFrame({"\0": [1], "a\0b": ["x"]}),
    "no name": lambda: pl.DataFrame({"": [1], "a.b": [2], "a": [3], "rows": [4]}),
    "NaNs and nulls": lambda: pl.DataFrame({"x": [*map(float, ODD_NAN), None, float("nan")]}),
    **{
        str(dtype): lambda dtype=dtype, values=values: _series(values, dtype)
        for dtype, values in (
            (pl.Boolean(), [True, None]),
            (pl.Int8(), [-128, None]),
            (pl.UInt64(), [2**64 - 1, None]),
            (pl.Int128(), [10**37, None, -(10**37)]),
            (pl.UInt128(), [10**37, None]),
            (pl.Float16(), [0.5, None]),
            (pl.Float32(), [0.1, None, float("nan")]),
            (pl.String(), ["", None, "ä\0\r"]),
            (pl.Binary(), [b"\xff", None, b""]),
            (pl.Date(), [dt.date(2020, 1, 1), None]),
            (pl.Time(), [dt.time(23, 59, 59, 999999), None]),
            (pl.Datetime("ms"), [dt.datetime(2020, 1, 1), None]),
            (pl.Datetime("ns", "Europe/Berlin"), [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None]),
            (pl.Duration("us"), [dt.timedelta(-1), None]),
            (pl.Decimal(20, 3), [Decimal("1.100"), None]),
            (pl.Null(), [None, None]),
            (pl.Categorical(), ["b", None, "a", "b"]),
            (pl.Categorical(pl.Categories("colours", "shop", pl.UInt8)), ["red", None]),
            (pl.Enum(["z", "b", "a"]), ["b", None, "a"]),
            (pl.Enum([]), [None]),
            (pl.List(pl.Int64()), [[1, None], None, []]),
            (pl.List(pl.List(pl.String())), [[["a"], None], None]),
            (pl.List(pl.Enum(["a"])), [["a", None], None]),
            (pl.List(pl.Categorical()), [["a", None], None]),
            (pl.List(pl.Int128()), [[10**37, None], None]),
            (pl.List(pl.Null()), [[None], None, []]),
            (pl.Array(pl.Int8(), 2), [[1, None], *NULL]),
            (pl.Array(pl.Float32(), (2, 2)), [[[1, 2], [3, 4]], *NULL]),
            (
                pl.Struct({"a": pl.Int8(), "": pl.List(pl.String())}),
                [{"a": 1, "": ["x"]}, None, {"a": None, "": None}],
            ),
            (
                pl.List(pl.Struct({"d": pl.Datetime("us", "UTC"), "e": pl.Enum(["q"])})),
                [[{"d": None, "e": "q"}], None],
            ),
        )
    },
}
"""Each has to come back equal from polars."""


def _column(values: Any, t: pa.DataType) -> pa.Table:
    return pa.table({"x": pa.array(values, t)})


def _arrow_with_metadata() -> pa.Table:
    field = pa.field("x", pa.int8(), nullable=False, metadata={b"unit": b"\xff"})
    return pa.table([pa.array([1], pa.int8())], schema=pa.schema([field], metadata={b"owner": b"me"}))


def nested(depth: int) -> pa.Array:
    """Return lists in lists, as many."""
    made: pa.Array = pa.array([1, None])
    for _ in range(depth):
        made = pa.ListArray.from_arrays(pa.array([0, len(made)], pa.int32()), made)
    return made


def _dictionary(values: list[Any], *, ordered: bool = False, index: pa.DataType | None = None) -> pa.Table:
    indices = pa.array([1, None, 0, 1], index or pa.int8())
    return pa.table({"x": pa.DictionaryArray.from_arrays(indices, pa.array(values), ordered=ordered)})


def _by_int8(values: Iterable[str]) -> pa.Array:
    return pa.array(list(values)).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))


ARROW: dict[str, Callable[[], pa.Table]] = {
    "nothing": lambda: pa.table({}),
    "rows without columns": lambda: pa.table({"": pa.nulls(3)}).select([]),
    "no rows": lambda: pa.schema([("a", pa.int8()), ("b", pa.list_(pa.string()))]).empty_table(),
    "duplicate names": lambda: pa.table(
        [pa.array([1]), pa.array(["a"]), pa.array([2])], names=["x", "x", ""]
    ),
    "metadata": _arrow_with_metadata,
    "as deep as Parquet goes": lambda: pa.table({"x": nested(49)}),
    "floats": lambda: pa.table({"x": pa.array([*ODD_NAN, None, np.nan], from_pandas=False)}),
    **{
        str(t): lambda t=t, values=values: _column(values, t)
        for t, values in (
            (pa.null(), [None]),
            (pa.bool_(), [True, None]),
            (pa.uint32(), [2**32 - 1, None]),
            (pa.float16(), [np.float16(0.5), None]),
            (pa.date32(), [dt.date(2020, 1, 1), None]),
            (pa.date64(), [dt.date(2020, 1, 1), None]),
            (pa.time32("s"), [dt.time(1), None]),
            (pa.time64("ns"), [dt.time(1), None]),
            (pa.timestamp("s"), [dt.datetime(2020, 1, 1), None]),
            (pa.timestamp("s", "+02:00"), [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None]),
            (pa.timestamp("ns", "Europe/Berlin"), [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None]),
            (pa.duration("s"), [dt.timedelta(1), None]),
            (pa.decimal32(5, 2), [Decimal("1.10"), None]),
            (pa.decimal64(12, 2), [Decimal("1.10"), None]),
            (pa.decimal128(38, 10), [Decimal("1.1"), None]),
            (pa.decimal256(76, 3), [Decimal("1.1"), None]),
            (pa.string(), ["a", None]),
            (pa.large_string(), ["a", None]),
            (pa.string_view(), ["a", None, "long enough to lie elsewhere"]),
            (pa.binary(), [b"a", None]),
            (pa.binary_view(), [b"a", None, b"long enough to lie elsewhere"]),
            (pa.binary(3), [b"abc", None]),
            (pa.list_(pa.int32()), [[1, None], None, []]),
            (pa.list_(pa.field("el", pa.int32(), nullable=False)), [[1], None, []]),
            (
                pa.list_(pa.field("el", pa.timestamp("s"), metadata={b"k": b"v"})),
                [[dt.datetime(2020, 1, 1)], None],
            ),
            (pa.large_list(pa.string_view()), [["a"], None]),
            *([(pa.list_view(pa.int32()), [[1, 2], None, []])] if WRITES_LIST_VIEWS else []),
            (pa.list_(pa.int32(), 2), [[1, None], *NULL]),
            (pa.list_(pa.list_(pa.time32("s")), 1), [[[dt.time(1)]], *NULL]),
            (
                pa.struct([pa.field("a", pa.int8(), nullable=False), pa.field("", pa.date64())]),
                [{"a": 1, "": None}],
            ),
            (pa.struct([("a", pa.null())]), [{"a": None}, None]),
            (pa.map_(pa.string(), pa.timestamp("s"), keys_sorted=True), [[("a", None)], None, []]),
            (pa.list_(pa.dictionary(pa.int32(), pa.string())), [["a", None], None]),
        )
    },
    "dictionary of text": lambda: _dictionary(["a", "b"]),
    "dictionaries of many texts by int8": lambda: pa.table(
        {"x": pa.chunked_array([_by_int8(f"{chunk}{i}" for i in range(100)) for chunk in "ab"])}
    ),
    "dictionary of text by int64": lambda: _dictionary(["a", "b"], index=pa.int64()),
    "dictionary of text, ordered": lambda: _dictionary(["b", "a", "z"], ordered=True),
    "dictionary of int": lambda: _dictionary([5, 6]),
    "dictionary of int, ordered": lambda: _dictionary([6, 5], ordered=True),
    "dictionary of bytes": lambda: _dictionary([b"a", b"b"]),
    "dictionary of float": lambda: _dictionary([0.5, np.nan]),
    "run-end-encoded": lambda: pa.table(
        {"x": pa.RunEndEncodedArray.from_arrays(pa.array([2, 4], pa.int16()), pa.array(["a", None]))}
    ),
    "uuid": lambda: pa.table(
        {"x": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16, None], pa.binary(16)))}
    ),
    "json": lambda: pa.table(
        {
            "x": pa.ExtensionArray.from_storage(
                pa.json_(pa.large_string()), pa.array(["{}", None], pa.large_string())
            )
        }
    ),
    "bool8": lambda: pa.table(
        {"x": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8()))}
    ),
    "tensor": lambda: pa.table(
        {
            "x": pa.ExtensionArray.from_storage(
                pa.fixed_shape_tensor(pa.int32(), [2, 2], ["a", "b"], [1, 0]),
                pa.array([[1, 2, 3, 4]], pa.list_(pa.int32(), 4)),
            )
        }
    ),
}
"""Each has to come back equal from Arrow."""
