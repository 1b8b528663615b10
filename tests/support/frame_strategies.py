"""Strategies that look for frames which come back different."""

# pyright: reportCallIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false
# ^ pandas' stubs know its usual arguments only

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from tests.support.nasty_pandas import BERLIN, OFFSET
from tests.support.releases import READS_FIXED_NULLS, WRITES_LIST_VIEWS

ZONES = [None, "UTC", "Europe/Berlin", "Asia/Kolkata", OFFSET]
UNITS = ["s", "ms", "us", "ns"]
TEXT = st.text(max_size=4)
NAMES = st.one_of(st.none(), TEXT, st.integers(-3, 3), st.tuples(TEXT, st.integers(0, 2)))

# ---------------------------------------------------------------- values of pandas columns and indexes


def _bits(dtype: str, n: int) -> st.SearchStrategy[Any]:
    """Any bits at all, so each NaN, each zero, each extreme."""
    width = np.dtype(dtype).itemsize
    special = st.lists(
        st.sampled_from([0, 1, 2**31, 2**63, 0x7FF8 << 48, 0xFFF8 << 48, 0x7E01, 0x8000, 0x7FC00001]),
        min_size=n,
        max_size=n,
    )
    raw = special.map(
        lambda values: np.array(values, dtype="u8").astype(f"u{min(width, 8)}").astype(f"u{min(width, 8)}")
    )
    if width == 16:
        return st.tuples(raw, raw).map(
            lambda two: np.stack([two[0], two[1]], axis=1).view("complex128").ravel()
        )
    return st.one_of(
        raw, st.binary(min_size=n * width, max_size=n * width).map(lambda b: np.frombuffer(b, f"u{width}"))
    ).map(lambda a: a.view(dtype))


NUMBERS = [
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
MASKED = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64"]


@st.composite
def numpy_arrays(draw: st.DrawFn, n: int, *, index: bool = False) -> Any:
    """NumPy arrays of numbers, booleans and times."""
    kinds = ["bool", *[name for name in NUMBERS if not (index and name == "float16")]]
    kind = draw(st.sampled_from([*kinds, "datetime64", "timedelta64"]))
    if kind == "bool":
        return np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    if kind in ("datetime64", "timedelta64"):
        return draw(_bits("int64", n)).view(f"{kind}[{draw(st.sampled_from(UNITS))}]")
    return draw(_bits(kind, n))


@st.composite
def masked_arrays(draw: st.DrawFn, n: int) -> Any:
    """Nullable numbers; anything lies under the NAs, and NaNs beside them."""
    kind = draw(st.sampled_from([*MASKED, "boolean"]))
    mask = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    if kind == "boolean":
        return pd.arrays.BooleanArray(
            np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool), mask
        )
    made = pd.arrays.FloatingArray if kind.startswith("F") else pd.arrays.IntegerArray
    return made(draw(_bits(kind.lower(), n)).copy(), mask)


@st.composite
def text_arrays(draw: st.DrawFn, n: int) -> Any:
    """Text of each pandas dtype."""
    dtype = draw(st.sampled_from(["str", "string[python]", "string[pyarrow]", "python-nan"]))
    values = draw(st.lists(st.one_of(st.none(), TEXT), min_size=n, max_size=n))
    return pd.array(
        values, dtype=pd.StringDtype("python", na_value=np.nan) if dtype == "python-nan" else dtype
    )


@st.composite
def zoned_arrays(draw: st.DrawFn, n: int) -> Any:
    """Times in a zone, but for those near the ends, whose local time overflows."""
    unit, zone = draw(st.sampled_from(UNITS)), draw(st.sampled_from(ZONES[1:]))
    counts = st.one_of(st.integers(-(10**9), 10**9), st.just(-(2**63)))
    values = np.array(draw(st.lists(counts, min_size=n, max_size=n)), dtype="int64").view(
        f"datetime64[{unit}]"
    )
    return pd.Series(values).dt.tz_localize("UTC").dt.tz_convert(zone).array


@st.composite
def period_arrays(draw: st.DrawFn, n: int) -> Any:
    """Periods."""
    freq = draw(st.sampled_from(["D", "M", "W-TUE", "Q-JAN", "Y", "h", "2D"]))
    counts = st.one_of(st.integers(-9999, 9999), st.just(-(2**63)))
    return pd.arrays.PeriodArray(
        np.array(draw(st.lists(counts, min_size=n, max_size=n)), dtype="int64"), dtype=f"period[{freq}]"
    )


@st.composite
def interval_arrays(draw: st.DrawFn, n: int) -> Any:
    """Intervals of numbers and times."""
    closed = draw(st.sampled_from(["left", "right", "both", "neither"]))
    left = np.array(draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n)), dtype="int64")
    kind = draw(st.sampled_from(["int64", "float64", "datetime64[us]", "timedelta64[ns]"]))
    sides = [
        side.astype(kind) if kind != "float64" else np.where(left == 0, np.nan, side)
        for side in (left, left + 2)
    ]
    return pd.arrays.IntervalArray.from_arrays(*sides, closed=closed)


OBJECTS: list[st.SearchStrategy[Any]] = [
    TEXT,
    st.integers(-9, 9),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.binary(max_size=3),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([BERLIN, OFFSET, dt.UTC]), allow_imaginary=True),
    st.times(),
    st.timedeltas(),
    st.decimals(places=2, min_value=-99, max_value=99),
    st.decimals(),
    st.uuids(),
    st.recursive(
        st.one_of(st.none(), TEXT, st.integers(), st.floats(), st.booleans()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
        max_leaves=4,
    ).filter(lambda value: isinstance(value, (list, dict))),
    st.lists(st.floats(width=32), max_size=3).map(lambda values: np.array(values, dtype="float32")),
    st.sampled_from(
        [
            np.int64(1),
            np.float64(0.5),
            np.str_("a"),
            np.bool_(1),
            1j,
            (1, 2),
            {1: 2},
            frozenset(),
            dt.time(1, tzinfo=BERLIN),
        ]
    ),
    st.sampled_from(
        [
            pd.Timestamp("2020"),
            pd.Timedelta("1D"),
            pd.Period("2020", "M"),
            pd.Interval(0, 1),
            range(3),
        ]
    ),
]
MISSING = [None, np.nan, pd.NA, pd.NaT]


@st.composite
def object_arrays(draw: st.DrawFn, n: int) -> Any:
    """Objects of one, two or three types, some missing."""
    kinds = draw(
        st.lists(st.sampled_from(OBJECTS), min_size=1, max_size=draw(st.sampled_from([1, 1, 1, 2, 3])))
    )
    missing = draw(st.lists(st.sampled_from(MISSING), max_size=2))
    element = st.one_of(*kinds, *(st.just(value) for value in missing))
    return np.fromiter(draw(st.lists(element, min_size=n, max_size=n)), dtype=object, count=n)


ARROW_VALUES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.float16(), st.floats(width=16).map(np.float16)),
    *((t, TEXT) for t in (pa.string(), pa.large_string(), pa.string_view())),
    *((t, st.binary(max_size=20)) for t in (pa.binary(), pa.large_binary(), pa.binary_view())),
    (pa.binary(2), st.binary(min_size=2, max_size=2)),
    *((t, st.dates()) for t in (pa.date32(), pa.date64())),
    (pa.time32("s"), st.times().map(lambda t: t.replace(microsecond=0))),
    (pa.time64("us"), st.times()),
    *(
        (pa.timestamp(unit, zone), st.integers(-(10**9), 10**9))
        for unit in UNITS
        for zone in (None, "Europe/Berlin", "+02:00")
    ),
    (pa.timestamp("s"), st.integers(-(2**63), 2**63 - 1)),
    *((pa.duration(unit), st.integers(-(2**63), 2**63 - 1)) for unit in UNITS),
    (pa.decimal128(10, 2), st.decimals(places=2, min_value=-(10**7), max_value=10**7)),
    (pa.decimal256(50, 2), st.decimals(places=2, min_value=-(10**7), max_value=10**7)),
    (pa.null(), st.none()),
]


@st.composite
def arrow_values(draw: st.DrawFn, depth: int = 2) -> tuple[pa.DataType, st.SearchStrategy[Any]]:
    """An Arrow type, and its values."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(ARROW_VALUES))
    t, values = draw(arrow_values(depth - 1))
    inner = st.one_of(st.none(), values)
    name, nullable = draw(st.sampled_from(["item", "element", "x"])), draw(st.booleans())
    field = pa.field(name, t, nullable=nullable or pa.types.is_null(t))
    element = inner if field.nullable else values
    kinds = ["list", "large_list", "struct", "map"]
    kinds += ["fixed"] * READS_FIXED_NULLS + ["list_view"] * WRITES_LIST_VIEWS
    match draw(st.sampled_from(kinds)):
        case "list":
            return pa.list_(field), st.lists(element, max_size=3)
        case "large_list":
            return pa.large_list(field), st.lists(element, max_size=3)
        case "list_view":
            return pa.list_view(field), st.lists(element, max_size=3)
        case "fixed":
            return pa.list_(field, 2), st.lists(element, min_size=2, max_size=2)
        case "map":
            return pa.map_(pa.string(), t), st.dictionaries(TEXT, inner, max_size=2).map(
                lambda d: list(d.items())
            )
        case _:
            other, others = draw(st.sampled_from(ARROW_VALUES))
            fields = [field, pa.field("other", other)]
            return pa.struct(fields), st.fixed_dictionaries(
                {name: element, "other": st.one_of(st.none(), others)}
            )


@st.composite
def arrow_arrays(draw: st.DrawFn, n: int, *, simple: bool = False) -> pa.ChunkedArray:
    """Arrow columns of any type, sliced and chunked, encoded or not."""
    t, values = draw(
        arrow_values(0 if simple else 2).filter(lambda found: not simple or "view" not in str(found[0]))
    )
    drawn = draw(st.lists(st.one_of(st.none(), values), min_size=n + 2, max_size=n + 2))
    array = pa.array(drawn, t)
    how = draw(st.sampled_from(["plain", "plain", "dictionary", "run-end"])) if not simple else "plain"
    if (
        not pa.types.is_nested(t)
        and not pa.types.is_null(t)
        and not pa.types.is_float16(t)
        and how != "plain"
    ):
        with contextlib.suppress(pa.ArrowNotImplementedError):
            array = array.dictionary_encode() if how == "dictionary" else pc.run_end_encode(array)
    array = array.slice(1, n)
    cut = draw(st.integers(0, n))
    return pa.chunked_array([array.slice(0, cut), array.slice(cut)])


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    """Arrow tables."""
    n = draw(st.integers(0, 5))
    columns = [draw(arrow_arrays(n)) for _ in range(draw(st.integers(0, 3)))]
    names = [draw(TEXT) for _ in columns]
    return pa.table(columns, names=names).replace_schema_metadata(
        draw(st.sampled_from([None, {b"k": b"\xff"}]))
    )


@st.composite
def pandas_arrays(draw: st.DrawFn, n: int, *, index: bool = False) -> Any:
    """Arrays of any dtype."""
    kinds = [
        numpy_arrays(n, index=index),
        masked_arrays(n),
        text_arrays(n),
        zoned_arrays(n),
        period_arrays(n),
        interval_arrays(n),
        object_arrays(n),
    ]
    # In an index pandas can compare only the simpler Arrow dtypes.
    kinds.append(arrow_arrays(n, simple=index).map(pd.arrays.ArrowExtensionArray))
    if not index:
        kinds.append(categoricals(n))
    return draw(st.one_of(*kinds))


@st.composite
def categoricals(draw: st.DrawFn, n: int) -> Any:
    """Categoricals whose categories are of any dtype, some of them without a row."""
    count = draw(st.integers(0, 4))
    values = draw(
        st.one_of(pandas_arrays(count, index=True), text_arrays(count), numpy_arrays(count, index=True))
    )
    try:
        categories = pd.Index(values, dtype=values.dtype, tupleize_cols=False)
        categories = categories[~categories.isna()].unique()
        dtype = pd.CategoricalDtype(categories, ordered=draw(st.booleans()))
        codes = draw(st.lists(st.integers(-1, len(categories) - 1), min_size=n, max_size=n))
        return pd.Categorical.from_codes(np.array(codes, dtype="int64"), dtype=dtype)
    except (
        TypeError,
        ValueError,
        NotImplementedError,
        pa.ArrowException,
        AttributeError,
    ):  # pandas takes not everything as a category
        return pd.Categorical([None] * n, categories=["a", "b"])


@st.composite
def indexes(draw: st.DrawFn, n: int) -> pd.Index:
    """Indexes of any kind, for rows or columns."""
    name = draw(NAMES)
    match draw(st.sampled_from(["range", "range", "any", "levels", "times"])):
        case "range":
            start, step = draw(st.integers(-3, 3)), draw(st.sampled_from([1, 2, -1]))
            return pd.RangeIndex(start, start + n * step, step, name=name)
        case "times":
            freq = draw(st.sampled_from(["D", "h", "ME", "W-SUN", "B", "2D"]))
            return pd.date_range(
                "2020-01-01", periods=n, freq=freq, tz=draw(st.sampled_from(ZONES)), name=name
            )
        case "levels":
            arrays = [
                draw(st.one_of(text_arrays(n), numpy_arrays(n, index=True), pandas_arrays(n)))
                for _ in range(draw(st.integers(1, 2)))
            ]
            try:
                levels = [pd.Index(array, dtype=array.dtype, tupleize_cols=False) for array in arrays]
                return pd.MultiIndex.from_arrays(levels, names=[draw(NAMES) for _ in levels])
            except (TypeError, ValueError, NotImplementedError, pa.ArrowException, AttributeError):
                return pd.RangeIndex(n)
        case _:
            array = draw(pandas_arrays(n, index=True))
            try:
                return pd.Index(array, dtype=array.dtype, name=name, tupleize_cols=False)
            except (TypeError, ValueError, NotImplementedError):
                return pd.RangeIndex(n)


@st.composite
def pandas_frames(draw: st.DrawFn) -> pd.DataFrame:
    """Frames of pandas, of any dtypes, labels and index; some are a part of another."""
    n = draw(st.integers(0, 5))
    arrays = [draw(pandas_arrays(n)) for _ in range(draw(st.integers(0, 3)))]
    columns = {i: pd.Series(array, dtype=array.dtype, copy=False) for i, array in enumerate(arrays)}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(n))
    frame.index = draw(indexes(n))
    frame.columns = draw(
        st.one_of(
            indexes(len(arrays)), st.lists(TEXT, min_size=len(arrays), max_size=len(arrays)).map(pd.Index)
        )
    )
    frame.attrs = draw(st.sampled_from([{}, {}, {"k": [1, (2.5,)]}]))
    part = draw(st.sampled_from([None, None, slice(1, None), slice(None, None, 2), slice(None, None, -1)]))
    try:
        return frame if part is None else frame.iloc[part]
    except pa.ArrowNotImplementedError:  # pandas can't cut every Arrow dtype
        return frame


def polars_frames() -> st.SearchStrategy[Any]:
    """Frames of polars, of any dtypes."""
    return dataframes(max_cols=4, max_size=6, allow_null=True)


frames: st.SearchStrategy[Any] = st.one_of(pandas_frames(), polars_frames(), arrow_tables())
"""Frames of any library."""
