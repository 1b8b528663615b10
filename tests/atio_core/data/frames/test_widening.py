# pyright: reportCallIssue=false, reportArgumentType=false
# ^ pandas' stubs know its usual arguments only
from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.data.frames.frames import MisfitError, Piece, align, evolved_schema, to_output, to_piece
from atio_core.data.frames.misfit import type_text
from atio_core.data.frames.widening import grown
from atio_core.data.schema.conform import widen
from atio_core.data.schema.layout import layout_of
from atio_core.errors import InvalidInputError

DAY = dt.datetime(2020, 1, 31, 12, 30)  # noqa: DTZ001 # columns without a zone take it


def pandas(values: list[Any], dtype: Any) -> pd.DataFrame:
    """Return a frame with one column."""
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype)})


def category(*values: Any, ordered: bool = False) -> pd.DataFrame:
    """Return a frame with one column of these categories, one value of each."""
    return pd.DataFrame({"x": pd.Categorical(list(values), categories=list(values), ordered=ordered)})


def polars(values: list[Any], dtype: Any) -> pl.DataFrame:
    """Return a frame with one column."""
    return pl.DataFrame({"x": pl.Series(values, dtype=dtype)})


def arrow(values: list[Any], dtype: pa.DataType, *, nullable: bool = True) -> pa.Table:
    """Return a table with one column."""
    return pa.table([pa.array(values, dtype)], schema=pa.schema([pa.field("x", dtype, nullable)]))


_INTS = {
    "int8": [-128, 127],
    "int64": [-(2**63), 2**63 - 1],
    "uint8": [255],
    "uint32": [2**32 - 1],
    "uint64": [2**64 - 1],
}

PANDAS: dict[str, pd.DataFrame] = {
    **{name: pandas(values, name) for name, values in _INTS.items()},
    **{name: pandas([*_INTS[name.lower()], None], name) for name in ("Int8", "Int64", "UInt8", "UInt64")},
    "bool": pandas([True, False], "bool"),
    "boolean": pandas([True, None], "boolean"),
    **{name: pandas([0.1, float("inf")], name) for name in ("float16", "float32", "float64")},
    **{name: pandas([0.1, None], name) for name in ("Float32", "Float64")},
    "complex64": pandas([1 + 2j], "complex64"),
    "complex128": pandas([0.1 + 2j], "complex128"),
    **{f"datetime64[{unit}]": pandas([DAY, None], f"datetime64[{unit}]") for unit in ("s", "us", "ns")},
    "timedelta64[ms]": pandas([dt.timedelta(1)], "timedelta64[ms]"),
    "timedelta64[us]": pandas([dt.timedelta(1)], "timedelta64[us]"),
    "in UTC": pandas([DAY], "datetime64[us, UTC]"),
    "in Berlin": pandas([DAY], "datetime64[us, Europe/Berlin]"),
    "in Berlin, ns": pandas([DAY], "datetime64[ns, Europe/Berlin]"),
    "str": pandas(["a", None], "str"),
    "string": pandas(["a", None], "string"),
    "nothing": pandas([None], object),
    "objects of str": pandas(["a", None], object),
    "objects of int": pandas([1, None], object),
    "objects of all kinds": pandas([1, "a", [2]], object),
    "decimals of 1 place": pandas([Decimal("1.1")], object),
    "decimals of 2 places": pandas([Decimal("1.12")], object),
    "category of text": category("a", "b"),
    "category of more text": category("b", "c"),
    "category of the same text": category("b", "a"),
    "ordered category": category("a", "b", ordered=True),
    "longer ordered category": category("a", "b", "c", ordered=True),
    "turned ordered category": category("b", "a", ordered=True),
    "category of numbers": category(1, 2),
    "category of more numbers": category(3, 2),
    "category of bools": category(True, "a"),  # noqa: FBT003 # a category
    "category of more bools": category("b", False, True),  # noqa: FBT003
    "category that pandas can't tell apart": category("b", 1),
    "category of intervals": category(pd.Interval(0, 1), pd.Interval(1, 2)),
    "interval of int": pandas([pd.Interval(0, 1)], "interval[int64]"),
    "interval of float": pandas([pd.Interval(0.0, 1.0)], "interval[float64]"),
    "period": pandas([pd.Period("2020-01")], "period[M]"),
    "Arrow int32": pandas([1, None], pd.ArrowDtype(pa.int32())),
    "Arrow int64": pandas([1, None], pd.ArrowDtype(pa.int64())),
    "Arrow list": pandas([[1], None], pd.ArrowDtype(pa.list_(pa.int8()))),
    "longer Arrow list": pandas([[300], None], pd.ArrowDtype(pa.list_(pa.int64()))),
}  # fmt: skip

_POINT, _FAR = [{"a": 1, "b": "x"}], [{"a": 2**40, "b": "y"}]

POLARS: dict[str, pl.DataFrame] = {
    **{str(t): polars([1, None], t) for t in (pl.Int8, pl.Int64, pl.Int128, pl.UInt8, pl.UInt64, pl.UInt128)},
    **{str(t): polars([0.1, None], t) for t in (pl.Float32, pl.Float64)},
    "Boolean": polars([True], pl.Boolean),
    "String": polars(["a", None], pl.String),
    "Binary": polars([b"a"], pl.Binary),
    "Null": polars([None], pl.Null),
    "Date": polars([dt.date(2020, 1, 31)], pl.Date),
    "Time": polars([dt.time(1, 2, 3)], pl.Time),
    **{f"Datetime {unit}": polars([DAY], pl.Datetime(unit)) for unit in ("ms", "us", "ns")},
    "Datetime in UTC": polars([DAY], pl.Datetime("us", "UTC")),
    **{f"Duration {unit}": polars([dt.timedelta(1)], pl.Duration(unit)) for unit in ("ms", "us")},
    "Decimal": polars([Decimal("1.1")], pl.Decimal(5, 1)),
    "larger Decimal": polars([Decimal("123456.123")], pl.Decimal(9, 3)),
    "largest Decimal": polars([Decimal("1.123")], pl.Decimal(38, 37)),
    "Enum": polars(["a"], pl.Enum(["a", "b"])),
    "larger Enum": polars(["c"], pl.Enum(["b", "c"])),
    "turned Enum": polars(["a"], pl.Enum(["b", "a"])),
    "Categorical": polars(["a"], pl.Categorical),
    "List": polars([[1], None], pl.List(pl.Int8)),
    "larger List": polars([[2**40]], pl.List(pl.Int64)),
    "Array": polars([[1, 2]], pl.Array(pl.Int8, 2)),
    "larger Array": polars([[2**40, 1]], pl.Array(pl.Int64, 2)),
    "longer Array": polars([[1, 2, 3]], pl.Array(pl.Int64, 3)),
    "Struct": polars(_POINT, pl.Struct({"a": pl.Int8, "b": pl.String})),
    "larger Struct": polars(_FAR, pl.Struct({"a": pl.Int64, "b": pl.String})),
    "other Struct": polars([{"a": 1}], pl.Struct({"a": pl.Int8})),
    "Struct of Enum": polars([{"a": "a"}], pl.Struct({"a": pl.Enum(["a"])})),
    "Struct of larger Enum": polars([{"a": "b"}], pl.Struct({"a": pl.Enum(["a", "b"])})),
}


def ordered(values: list[str], categories: list[str]) -> pa.Table:
    """Return a table with one ordered dictionary."""
    codes = pa.array([categories.index(value) for value in values], pa.int8())
    return pa.table({"x": pa.DictionaryArray.from_arrays(codes, pa.array(categories), ordered=True)})


ARROW: dict[str, pa.Table] = {
    **{name: arrow(values, pa.type_for_alias(name)) for name, values in _INTS.items()},
    "int8 not null": arrow([1], pa.int8(), nullable=False),
    "half": arrow([np.float16(0.1)], pa.float16()),
    "float": arrow([0.1, None], pa.float32()),
    "double": arrow([0.1, None], pa.float64()),
    "bool": arrow([True], pa.bool_()),
    "null": arrow([None], pa.null()),
    "string": arrow(["a", None], pa.string()),
    "large_string": arrow(["a", None], pa.large_string()),
    "string_view": arrow(["a", None], pa.string_view()),
    "binary": arrow([b"a"], pa.binary()),
    "3 bytes": arrow([b"abc"], pa.binary(3)),
    "decimal32": arrow([Decimal("1.1")], pa.decimal32(5, 1)),
    "decimal128": arrow([Decimal("123456.123")], pa.decimal128(9, 3)),
    "full decimal128": arrow([Decimal(10**37)], pa.decimal128(38, 0)),
    "date32": arrow([dt.date(2020, 1, 31)], pa.date32()),
    "date64": arrow([dt.date(2020, 1, 31)], pa.date64()),
    "time32[s]": arrow([dt.time(1, 2, 3)], pa.time32("s")),
    "time64[us]": arrow([dt.time(1, 2, 3, 4)], pa.time64("us")),
    **{f"timestamp[{unit}]": arrow([DAY], pa.timestamp(unit)) for unit in ("s", "us", "ns")},
    "timestamp in UTC": arrow([DAY], pa.timestamp("us", "UTC")),
    **{f"duration[{unit}]": arrow([dt.timedelta(1)], pa.duration(unit)) for unit in ("s", "us")},
    "dictionary": pa.table({"x": pa.array(["a"]).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))}),
    "larger dictionary": pa.table({"x": pa.array(["b"]).dictionary_encode()}),
    "ordered dictionary": ordered(["a"], ["a", "b"]),
    "longer ordered dictionary": ordered(["c"], ["b", "c"]),
    "turned ordered dictionary": ordered(["a"], ["b", "a"]),
    "list": arrow([[1]], pa.list_(pa.int8())),
    "larger list": arrow([[2**40]], pa.list_(pa.int64())),
    "large_list": arrow([[1]], pa.large_list(pa.int8())),
    "struct": arrow(_POINT, pa.struct([("a", pa.int8()), ("b", pa.string())])),
    "larger struct": arrow(_FAR, pa.struct([("a", pa.int64()), ("b", pa.large_string())])),
    "map": arrow([[("k", 1)]], pa.map_(pa.string(), pa.int8())),
    "larger map": arrow([[("k", 2**40)]], pa.map_(pa.string(), pa.int64())),
    "uuid": arrow([b"0" * 16], pa.uuid()),
}  # fmt: skip

ALL = {"pandas": PANDAS, "polars": POLARS, "arrow": ARROW}


Named = tuple[str, str]
"""The library of a frame, and its name above."""

NAMES: list[Named] = [(library, name) for library, made in ALL.items() for name in made]


@cache
def piece_of(frame: Named) -> Piece:
    """Return one of the frames as a piece."""
    return to_piece(ALL[frame[0]][frame[1]])


def joined(first: Piece, second: Piece, mode: Any) -> tuple[pa.Schema, pa.Table, list[Piece]]:
    """Return the stored columns of a table that the first made once the second was written into it."""
    schema = evolved_schema(first.table.schema, second.table.schema, mode)
    aligned = align(second, schema)
    (field,) = schema
    old = widen(first.table.column(0), field, table="t", version=1)
    rows = pa.table(
        [pa.chunked_array([*old.chunks, *aligned.table.column(0).chunks], field.type)], schema=schema
    )
    return schema, rows, [first, aligned]


def together(first: Named, second: Named, output_as: Any) -> Any:
    """Return the frame of both, or None if the second is refused, by a sentence that says all."""
    base, new = piece_of(first), piece_of(second)
    try:
        schema, rows, pieces = joined(base, new, "widen")
    except MisfitError as misfit:
        own = type_in_table(base.table.schema)
        told = (
            f"column 'x' is {own}" in misfit.reason and misfit.advice.endswith("schema_mode='replace'"),
            misfit.reason.startswith("column 'x' holds a value that"),
            "has no nulls, but the data has" in misfit.reason,
        )
        return None if any(told) else pytest.fail(str(misfit))
    return to_output(rows, schema, [(piece.table.num_rows, piece.info) for piece in pieces], output_as)


@cache
def arrow_values(frame: Named) -> list[Any] | None:
    """Return the values of a frame as Arrow has them, None if it can't."""
    piece = piece_of(frame)
    try:
        rows = to_output(piece.table, piece.table.schema, [(piece.table.num_rows, {})], "arrow")
    except InvalidInputError:
        return None
    return values_of(rows)


def type_in_table(schema: pa.Schema) -> str:
    """Return how a user calls the type of the only column."""
    layout, (field,) = layout_of(schema), schema
    return type_text(layout.library, layout.columns[0].type, field.type)


def values_of(frame: Any) -> list[Any]:
    """Return a frame's values as Python's, each with its type."""
    column = frame["x"]
    if isinstance(column, pd.Series):
        column = column.astype(object)
        return [(type(v) if type(v) not in _NUMBERS else None, v) for v in column.where(column.notna(), None)]
    return [
        (type(v) if not isinstance(v, dt.datetime) else None, v)
        for v in (column.to_pylist() if isinstance(frame, pa.Table) else column.to_list())
    ]


_NUMBERS = (int, float, complex, np.complex64, np.complex128)


@pytest.mark.parametrize("base", NAMES, ids=map("-".join, NAMES))
def test_no_type_changes_a_value(base: Named) -> None:
    """Whatever two columns of a library are put together: all values come back the same, or the second is refused."""
    library = base[0]
    for new in (name for name in NAMES if name[0] == library):
        found = together(base, new, library)
        if found is not None:
            own = [values_of(ALL[library][name]) for _, name in (base, new)]
            assert values_of(found) == own[0] + own[1]


@pytest.mark.parametrize("base", NAMES, ids=map("-".join, NAMES))
def test_no_type_of_another_library_changes_a_value(base: Named) -> None:
    """The same across libraries, as far as the column can be read as Arrow has it."""
    own = arrow_values(base)
    for new in (name for name in NAMES if name[0] != base[0]):
        found = together(base, new, "arrow" if own is not None else base[0])
        if found is not None and own is not None:
            values = [*own, *(arrow_values(new) or ())]
            # A number may be a Decimal now, and a datetime a Timestamp; but no bool becomes a number.
            assert [v for _, v in values_of(found)] == [v for _, v in values]
            assert [t is bool for t, _ in values_of(found)] == [t is bool for t, _ in values]


WIDER: list[tuple[str, str, str, str]] = [
    ("pandas", "int8", "int64", "int64"),
    ("pandas", "int64", "int8", "int64"),
    ("pandas", "uint8", "int8", "int16"),
    ("pandas", "uint32", "int8", "int64"),
    ("pandas", "int8", "Int64", "Int64"),
    ("pandas", "Int8", "uint8", "Int16"),
    ("pandas", "bool", "boolean", "boolean"),
    ("pandas", "float32", "float64", "float64"),
    ("pandas", "float64", "Float32", "Float64"),
    ("pandas", "complex64", "complex128", "complex128"),
    ("pandas", "datetime64[us]", "datetime64[s]", "datetime64[us]"),
    ("pandas", "timedelta64[us]", "timedelta64[ms]", "timedelta64[us]"),
    ("pandas", "in Berlin, ns", "in Berlin", "datetime64[ns, Europe/Berlin]"),
    ("pandas", "datetime64[us]", "datetime64[ns]", "datetime64[ns]"),
    ("pandas", "datetime64[s]", "datetime64[us]", "datetime64[us]"),
    ("pandas", "timedelta64[ms]", "timedelta64[us]", "timedelta64[us]"),
    ("pandas", "in Berlin", "in Berlin, ns", "datetime64[ns, Europe/Berlin]"),
    ("pandas", "nothing", "str", "str"),
    ("pandas", "Int64", "nothing", "Int64"),
    ("pandas", "nothing", "objects of int", "object (of int)"),
    ("pandas", "category of text", "category of more text", "category of a, b, c"),
    ("pandas", "category of text", "category of the same text", "category of a, b"),
    ("pandas", "ordered category", "longer ordered category", "ordered category of a, b, c"),
    ("pandas", "category of numbers", "category of more numbers", "category of 1, 2, 3"),
    ("pandas", "category of bools", "category of more bools", "category of True, a, b, False"),
    ("pandas", "Arrow int32", "Arrow int64", "int64[pyarrow]"),
    ("pandas", "Arrow list", "longer Arrow list", "list<item: int64>[pyarrow]"),
    ("polars", "Int8", "Int64", "Int64"),
    ("polars", "UInt64", "Int64", "Int128"),
    ("polars", "Int64", "Int128", "Int128"),
    ("polars", "Float32", "Float64", "Float64"),
    ("polars", "Null", "String", "String"),
    ("polars", "Datetime us", "Datetime ms", "Datetime(time_unit='us', time_zone=None)"),
    ("polars", "Datetime ms", "Datetime ns", "Datetime(time_unit='ns', time_zone=None)"),
    ("polars", "Duration ms", "Duration us", "Duration(time_unit='us')"),
    ("polars", "Decimal", "larger Decimal", "Decimal(precision=9, scale=3)"),
    ("polars", "Enum", "larger Enum", "Enum(categories=['a', 'b', 'c'])"),
    ("polars", "List", "larger List", "List(Int64)"),
    ("polars", "Array", "larger Array", "Array(Int64, shape=(2,))"),
    ("polars", "Struct", "larger Struct", "Struct({'a': Int64, 'b': String})"),
    ("arrow", "int8", "int64", "int64"),
    ("arrow", "uint8", "int8", "int16"),
    ("arrow", "uint32", "int8", "int64"),
    ("arrow", "int8 not null", "int64", "int64 not null"),
    ("arrow", "half", "double", "double"),
    ("arrow", "null", "struct", "struct<a: int8, b: string>"),
    ("arrow", "list", "null", "list<item: int8>"),
    ("arrow", "string", "string_view", "string"),
    ("arrow", "decimal32", "decimal128", "decimal128(9, 3)"),
    ("arrow", "decimal32", "full decimal128", "decimal256(39, 1)"),
    ("arrow", "date32", "date64", "date32[day]"),
    ("arrow", "time32[s]", "time64[us]", "time64[us]"),
    ("arrow", "timestamp[ns]", "timestamp[us]", "timestamp[ns]"),
    ("arrow", "timestamp[us]", "timestamp[ns]", "timestamp[ns]"),
    ("arrow", "duration[s]", "duration[us]", "duration[us]"),
    ("arrow", "dictionary", "larger dictionary", "dictionary<values=string, indices=int32, ordered=0>"),
    ("arrow", "list", "larger list", "list<item: int64>"),
    ("arrow", "struct", "larger struct", "struct<a: int64, b: string>"),
    ("arrow", "map", "larger map", "map<string, int64>"),
]


@pytest.mark.parametrize(("library", "base", "new", "expected"), WIDER)
def test_a_type_that_holds_both_is_found(library: str, base: str, new: str, expected: str) -> None:
    """Under "widen" the column becomes what holds both; without it, the refusal names that mode and the type."""
    first, second = piece_of((library, base)), piece_of((library, new))
    schema, _, _ = joined(first, second, "widen")
    assert type_in_table(schema) == expected
    own = first.table.schema
    with pytest.raises(MisfitError, match="write with schema_mode='widen'") as caught:
        evolved_schema(own, second.table.schema, "add")
    same = layout_of(schema) == layout_of(own)
    assert caught.value.advice.endswith("takes it" if same else f"makes it {expected}")


REFUSED = [
    ("pandas", "int64", "float64"),
    ("pandas", "float64", "int8"),
    ("pandas", "uint64", "int8"),
    ("pandas", "int64", "nothing"),
    ("pandas", "bool", "int8"),
    ("pandas", "str", "objects of str"),
    ("pandas", "decimals of 1 place", "decimals of 2 places"),
    ("pandas", "in UTC", "in Berlin"),
    ("pandas", "ordered category", "turned ordered category"),
    ("pandas", "ordered category", "category of text"),
    ("pandas", "category of bools", "category that pandas can't tell apart"),
    ("pandas", "category of text", "category of numbers"),
    ("pandas", "interval of int", "interval of float"),
    ("polars", "UInt128", "Int8"),
    ("polars", "Int64", "Float64"),
    ("polars", "Datetime us", "Datetime in UTC"),
    ("polars", "Decimal", "largest Decimal"),
    ("polars", "Enum", "turned Enum"),
    ("polars", "Enum", "String"),
    ("polars", "Array", "longer Array"),
    ("polars", "Struct", "other Struct"),
    ("arrow", "int64", "uint64"),
    ("arrow", "int64", "double"),
    ("arrow", "binary", "3 bytes"),
    ("arrow", "ordered dictionary", "turned ordered dictionary"),
    ("arrow", "list", "large_list"),
]


@pytest.mark.parametrize(("library", "base", "new"), REFUSED)
def test_any_other_type_is_refused(library: str, base: str, new: str) -> None:
    """No value is turned into one of another kind, rounded, or put where it may not fit."""
    with pytest.raises(MisfitError, match=r"column 'x' is .* in the table, but .* in the data"):
        joined(piece_of((library, base)), piece_of((library, new)), "widen")


def test_a_value_too_large_for_the_table_s_unit_is_refused() -> None:
    """A time in a coarser unit goes into a finer one only if it has a place there."""
    far = pandas(["3000-01-01"], "datetime64[us]")
    with pytest.raises(MisfitError, match="column 'x' holds a value that its type in the table can't"):
        joined(piece_of(("pandas", "datetime64[ns]")), to_piece(far), "widen")


@pytest.mark.parametrize(
    ("a", "b"), list(itertools.permutations([["a", "b"], ["b", "c", "a"], [], ["d"]], 2))
)
def test_categories_grow_behind_those_that_are_there(a: list[str], b: list[str]) -> None:
    """Old categories keep their places, so that codes in older files mean the same."""
    found = grown(a, b, ordered=False)
    assert found is not None
    assert found[: len(a)] == a
    assert set(found) == {*a, *b}
    assert len(found) == len(set(found))
