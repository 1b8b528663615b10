# pyright: reportCallIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false
# ^ pandas' stubs know its usual arguments only

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.frames.across_libraries import type_text
from atio_core.errors import InvalidInputError, NotPreservableError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import assert_frames_equal
from tests.support.frame_strategies import frames
from tests.support.frames import NASTY, library_of, round_trip
from tests.support.plain_values import columns_of, same_values

EVERYTHING = pd.DataFrame(
    {
        "i": np.array([1, 2], dtype="int16"),
        "f": [0.5, np.nan],
        "n": pd.array([2**60 + 1, None], dtype="Int64"),
        "m": pd.arrays.FloatingArray(np.array([np.nan, 0.0]), np.array([False, True])),
        "s": ["a", None],
        "t": pd.to_datetime(["2020-01-01", None]),
        "z": pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Berlin"),
        "d": np.array([1, "NaT"], dtype="timedelta64[s]"),
        "c": pd.Categorical(["b", None], ["a", "b"], ordered=True),
        "k": pd.Categorical([7, None]),
        "o": pd.Series([dt.date(2020, 1, 1), pd.NaT], dtype=object),
        "p": pd.Series([Decimal("1.10"), None], dtype=object),
        "u": pd.Series([uuid.UUID(int=1), None], dtype=object),
        "j": pd.Series([{"a": [1]}, None], dtype=object),
        "l": pd.array([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int8()))),
    }
)

DAY = dt.datetime(2020, 1, 1)  # noqa: DTZ001 # as it lies in a column without a zone
BERLIN_DAY = pl.Series([DAY]).dt.replace_time_zone("Europe/Berlin")[0]
AS_POLARS = pl.DataFrame(
    {
        "i": pl.Series([1, 2], dtype=pl.Int16),
        "f": [0.5, float("nan")],
        "n": [2**60 + 1, None],
        "m": [float("nan"), None],
        "s": ["a", None],
        "t": pl.Series([DAY, None], dtype=pl.Datetime("us")),
        "z": pl.Series([BERLIN_DAY, None], dtype=pl.Datetime("us", "Europe/Berlin")),
        "d": pl.Series([dt.timedelta(seconds=1), None], dtype=pl.Duration("ms")),
        "c": pl.Series(["b", None], dtype=pl.Enum(["a", "b"])),
        "k": [7, None],
        "o": [dt.date(2020, 1, 1), None],
        "p": pl.Series([Decimal("1.10"), None], dtype=pl.Decimal(38, 2)),
        "u": [uuid.UUID(int=1).bytes, None],
        "j": ['{"a":[1]}', None],
        "l": pl.Series([[1], None], dtype=pl.List(pl.Int8)),
    }
)


def test_pandas_as_polars() -> None:
    """Each pandas column comes out as the polars type with the same values."""
    assert_frames_equal(AS_POLARS, round_trip(EVERYTHING, "polars"))


def test_pandas_as_arrow() -> None:
    """Each pandas column comes out as the Arrow type with the same values."""
    table = round_trip(EVERYTHING, "arrow")
    assert [type_text(t) for t in table.schema.types] == [
        *("int16", "double", "int64", "double", "string", "timestamp[us]", "timestamp[us, tz=Europe/Berlin]"),
        *("duration[s]", "dictionary<values=string, indices=int8, ordered=1>", "int64", "date32[day]"),
        *("decimal128(38, 2)", "fixed_size_binary[16]", "string", "list(int8)"),
    ]
    assert table["c"].chunk(0).dictionary.to_pylist() == ["a", "b"]
    assert table.drop_columns(["f", "m", "z"]).to_pylist()[1] == dict.fromkeys("ntdckopujls", None) | {"i": 2}


def test_polars_as_pandas() -> None:
    """Numbers are NumPy's without nulls, nullable with them; other types are pandas' own where they hold the same."""
    frame = pl.DataFrame(
        {
            "i": [1, 2],
            "n": [2**60 + 1, None],
            "f": [0.5, float("nan")],
            "m": [float("nan"), None],
            "b": [True, None],
            "s": ["a", None],
            "t": pl.Series([DAY, None], dtype=pl.Datetime("us", "Europe/Berlin")),
            "e": pl.Series(["b", None], dtype=pl.Enum(["a", "b"])),
            "d": [dt.date(2020, 1, 1), None],
            "l": [[1], None],
        }
    )
    read = round_trip(frame, "pandas")
    assert read.dtypes.astype(str).tolist() == [
        *("int64", "Int64", "float64", "Float64", "boolean", "str"),
        *(
            "datetime64[us, Europe/Berlin]",
            "category",
            "date32[day][pyarrow]",
            "large_list<item: int64>[pyarrow]",
        ),
    ]
    assert read["n"][0] == 2**60 + 1
    assert repr(read["m"].tolist()) == "[nan, <NA>]"
    assert read["e"].cat.categories.tolist() == ["a", "b"]
    assert_frames_equal(read, round_trip(read))


def test_arrow_as_polars() -> None:
    """Each Arrow column comes out as the polars type with the same values."""
    table = pa.table(
        {
            "v": pa.array(["a", None], pa.string_view()),
            "t": pa.array([1, None], pa.time32("s")),
            "d": pa.array([dt.date(2020, 1, 1), None], pa.date64()),
            "s": pa.array([DAY, None], pa.timestamp("s")),
            "k": pa.array(["x", None]).dictionary_encode(),
            "n": pa.array([7, None]).dictionary_encode(),
            "r": pa.RunEndEncodedArray.from_arrays([1, 2], pa.array([1, None])),
            "l": pa.array([[dt.date(2020, 1, 1)], None], pa.list_(pa.date64())),
        }
    )
    expected = pl.DataFrame(
        {
            "v": ["a", None],
            "t": [dt.time(0, 0, 1), None],
            "d": [dt.date(2020, 1, 1), None],
            "s": pl.Series([DAY, None], dtype=pl.Datetime("ms")),
            "k": pl.Series(["x", None], dtype=pl.Categorical),
            "n": [7, None],
            "r": [1, None],
            "l": [[dt.date(2020, 1, 1)], None],
        }
    )
    assert_frames_equal(expected, round_trip(table, "polars"))


INDEXES: dict[str, tuple[Any, list[str]]] = {
    "a plain range": (pd.RangeIndex(2), []),
    "a range with bounds": (pd.RangeIndex(5, 7), ["index"]),
    "a named range with bounds": (pd.RangeIndex(5, 7, name="n"), ["n"]),
    "an unnamed index": (pd.Index(["a", "b"]), ["index"]),
    "a named index": (pd.Index(["a", "b"], name="k"), ["k"]),
    "levels": (pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None]), ["k", "level_1"]),
}


@pytest.mark.parametrize("name", list(INDEXES))
def test_the_index_comes_out_as_columns(name: str) -> None:
    """A pandas index is the first columns in other libraries, named as reset_index does it, if it says anything."""
    index, names = INDEXES[name]
    frame = pd.DataFrame({"x": [1, 2]}, index=index)
    assert round_trip(frame, "polars").columns == [*names, "x"]
    assert round_trip(frame, "arrow").column_names == [*names, "x"]
    assert round_trip(frame, "arrow", ["x"]).column_names == ["x"]
    if names:
        assert round_trip(frame, "arrow")[names[0]].to_pylist() == frame.reset_index().iloc[:, 0].tolist()


def test_a_column_called_index_keeps_its_name() -> None:
    """An unnamed index gives way."""
    assert round_trip(pd.DataFrame({"index": [1]}, index=["a"]), "arrow").column_names == ["level_0", "index"]


def test_labels_become_text() -> None:
    """Labels of other libraries are text."""
    assert round_trip(pd.DataFrame([[1, 2]], columns=[1, ("a", 2)]), "polars").columns == ["1", "('a', 2)"]


REFUSED: dict[str, tuple[Any, str, str]] = {
    "labels of the same text": (
        pd.DataFrame([[1, 2]], columns=[1, "1"]),
        "arrow",
        "'1' and 1 have the same text",
    ),
    "an index with a column's label": (
        pd.DataFrame({"x": [1]}, index=pd.Index(["a"], name="x")),
        "polars",
        "column 'x' stands there more than once",
    ),
    "duplicate labels": (
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        "polars",
        "'a' stands there more than once",
    ),
    "periods": (
        pd.DataFrame({"x": pd.period_range("2020", periods=1, freq="M")}),
        "polars",
        r"'x' .*period\[M\]",
    ),
    "intervals": (
        pd.DataFrame({"x": pd.interval_range(0, 1)}),
        "arrow",
        "'x' .*interval.*output_as='pandas'",
    ),
    "complex numbers": (pd.DataFrame({"x": [1j]}), "arrow", "'x' holds complex"),
    "categories of intervals": (
        pd.DataFrame({"x": pd.cut([1, 2], 2)}),
        "polars",
        "'x' is a category of interval",
    ),
    "a zone that is an offset": (
        pd.DataFrame({"x": pd.date_range("2020", periods=1, tz="+02:00")}),
        "polars",
        r"'x' .*\+02:00.*output_as='pandas'",
    ),
    "wide decimals": (
        pa.table({"x": pa.array([1], pa.decimal256(70, 1))}),
        "polars",
        "'x' .*decimal256.*output_as='arrow'",
    ),
    "fields of one name": (
        pa.table({"x": pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["k", "k"])}),
        "polars",
        "'x' .*several fields named 'k'.*output_as='arrow'",
    ),
    "maps": (pa.table({"x": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8()))}), "polars", "'x' .*map"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_another_library_cannot_hold_is_refused(name: str) -> None:
    """A column without an equal type is refused by name, with the library that can read it."""
    frame, output_as, words = REFUSED[name]
    with pytest.raises(InvalidInputError, match=words):
        round_trip(frame, output_as)


@pytest.mark.parametrize("name", list(NASTY))
@pytest.mark.parametrize("output_as", ["pandas", "polars", "arrow"])
def test_nasty_frames_are_read_or_refused(name: str, output_as: str) -> None:
    """Any frame can be read as any library's, with the same values, or the refusal names why not."""
    assert_read_or_refused(NASTY[name](), output_as)


@given(frames, st.sampled_from(["pandas", "polars", "arrow"]))
def test_any_frame_is_read_or_refused(frame: Any, output_as: str) -> None:
    """No frame that was written comes with other values as another library's, or fails in another way."""
    try:
        assert_read_or_refused(frame, output_as)
    except NotPreservableError:
        return


def assert_read_or_refused(frame: Any, output_as: str) -> None:
    """Demand the same values of each column of a frame as another library's, or a refusal that says who can read it."""
    try:
        read = round_trip(frame, output_as)
    except InvalidInputError as refusal:
        if library_of(frame) == output_as or "output_as=" not in str(refusal):
            raise
        return
    assert len(read) == len(frame)
    ours, theirs = columns_of(frame), columns_of(read)
    for own, other in zip(ours, theirs[len(theirs) - len(ours) :], strict=True):  # behind an index
        assert same_values(own, other), f"{own} became {other}"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pa.chunked_array([[0.0]]), pl.Series([-0.0])),
        (pa.chunked_array([[1]]), pl.Series([True])),
        (pl.Series([DAY]), pd.Series([DAY + dt.timedelta(microseconds=1)]).array),
        (pd.Categorical(["b", None], ["a", "b"]), pl.Series(["a", None])),
        (pd.Series([{"a": [1]}, None], dtype=object).array, pl.Series(['{"a":[2]}', None])),
        (pd.array([1.0, None], "Float64"), pl.Series([1.0, float("nan")])),
        (pl.Series([[None, 1]]), pa.chunked_array([[[1, None]]])),
    ],
)
def test_other_values_are_told_from_each_other(ours: Any, theirs: Any) -> None:
    """What the tests here compare with finds a difference."""
    assert same_values(ours, ours)
    assert not same_values(ours, theirs)


def test_a_polars_frame_has_no_column_twice() -> None:
    """Asking polars for a column twice is refused, since it would hand out one."""
    with pytest.raises(InvalidInputError, match="twice"):
        round_trip(pl.DataFrame({"a": [1]}), labels=["a", "a"])


def test_dictionaries_of_pandas_without_categories_of_their_own_become_categoricals() -> None:
    """Each write may bring other texts in them, so that they are no Enum: whole, empty and lazily read alike."""
    table, kind = Table(store=MemoryStore()), pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))
    for texts in (["a", "b"], ["c", None, "b"]):
        table.append(pd.DataFrame({"x": pd.Series(texts, dtype=kind)}))
    expected = pl.DataFrame({"x": pl.Series(["a", "b", "c", None, "b"], dtype=pl.Categorical)})
    assert_frames_equal(table.read(output_as="polars"), expected)
    assert_frames_equal(table.read(output_as="lazy").collect(), expected)
    assert table.read(output_as="polars", limit=0).schema == expected.schema
