# ruff: noqa: FBT003 # booleans are among the values
# pyright: reportCallIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false
# ^ pandas' stubs know its usual arguments only

import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.data.frames.fit import SchemaMode
from atio_core.data.frames.frames import MisfitError, align, evolved_schema, to_piece
from atio_core.testing import assert_frames_equal
from tests.support.frames import NASTY, read_pieces


def evolved(base: Any, new: Any, mode: Any = "exact") -> pa.Schema:
    """Return the schema of a table that a frame made once another is written into it."""
    return evolved_schema(to_piece(base).table.schema, to_piece(new).table.schema, mode)


def appended(base: Any, new: Any, output_as: str) -> Any:
    """Return the table after a frame was appended to what another made."""
    assert evolved(base, new) == to_piece(base).table.schema
    return read_pieces([to_piece(base), to_piece(new)], output_as)


def objects(*values: Any) -> pd.DataFrame:
    """Return a frame with one object column."""
    return pd.DataFrame({"x": pd.Series(list(values), dtype=object)})


@pytest.mark.parametrize("name", list(NASTY))
def test_a_frame_fits_its_own_table(name: str) -> None:
    """The same columns fit, however odd, and need no change."""
    piece = to_piece(NASTY[name]())
    schema = piece.table.schema
    for mode in ("exact", "add", "widen", "replace"):
        assert evolved_schema(schema, schema, mode) is schema
    aligned = align(piece, schema)
    assert_frames_equal(aligned.table, piece.table)
    assert aligned.info == piece.info


def category(*values: str, ordered: bool = False) -> pd.DataFrame:
    """Return a frame with one category column."""
    return pd.DataFrame({"x": pd.Categorical([values[0]], list(values), ordered=ordered)})


TWO = pd.DataFrame({"a": [1], "b": [2]})

DIFFERENT: dict[str, tuple[Any, Any, str]] = {
    "a column less": (TWO, TWO[["a"]], "column 'b' of the table is missing"),
    "a column more": (TWO, TWO.assign(c=3), "column 'c' of the data is none of the table's"),
    "a label twice": (
        TWO,
        TWO.set_axis(["a", "a"], axis=1).assign(b=1),
        "the label 'a' has 1 column of the table, but 2 columns of the data",
    ),
    "another width": (
        TWO,
        TWO.astype({"a": "int32"}),
        "column 'a' is int64 in the table, but int32 in the data",
    ),
    "floats": (
        TWO,
        TWO.astype({"a": "float64"}),
        "column 'a' is int64 in the table, but float64 in the data",
    ),
    "nullable": (TWO, TWO.astype({"a": "Int64"}), "column 'a' is int64 in the table, but Int64 in the data"),
    "an object column": (
        pd.DataFrame({"x": ["a"]}),
        objects("a"),
        r"'x' is str in the table, but object \(of str\)",
    ),
    "another string": (
        pd.DataFrame({"x": ["a"]}),
        pd.DataFrame({"x": ["a"]}, dtype="string"),
        "'x' is str .* string",
    ),
    "a label of another type": (TWO, TWO.set_axis(["a", 1], axis=1), "column 'b' of the table is missing"),
    "a name of the columns": (
        TWO,
        TWO.rename_axis(columns="k"),
        "the name None in the table, but 'k' in the data",
    ),
    "a stored index": (
        TWO,
        TWO.set_index(pd.Index([5])),
        r"a range as its index, but .*1 stored level;.*reset_index",
    ),
    "another name of the index": (
        TWO,
        TWO.rename_axis(index="k"),
        r"named \[None\] in the table, but \['k'\]",
    ),
    "another index": (
        TWO.set_index(pd.Index([5])),
        TWO.set_index(pd.Index(["a"])),
        "index level None is int64 in the table, but str in the data",
    ),
    "more levels": (
        TWO.set_index(["a"]),
        TWO.assign(c=1).set_index(["a", "c"]),
        "1 stored level, but .* 2 stored levels",
    ),
    "other categories": (
        category("a", "b"),
        category("a", "c"),
        "category of a, b in the table, but category of a, c",
    ),
    "categories in another order": (
        category("a", "b"),
        category("b", "a"),
        "category of a, b .* category of b, a",
    ),
    "ordered categories": (
        category("a"),
        category("a", ordered=True),
        "category of a .* ordered category of a",
    ),
    "another Enum": (
        pl.DataFrame({"x": pl.Series(["a"], dtype=pl.Enum(["a"]))}),
        pl.DataFrame({"x": pl.Series(["a"], dtype=pl.Enum(["a", "b"]))}),
        r"Enum\(categories=\['a'\]\) in the table",
    ),
    "another zone": (
        pd.DataFrame({"x": pd.date_range("2020", periods=1, tz="UTC")}),
        pd.DataFrame({"x": pd.date_range("2020", periods=1, tz="Europe/Berlin")}),
        "UTC.* in the table, but .*Europe/Berlin",
    ),
    "another scale": (
        objects(Decimal("1.1")),
        objects(Decimal("1.12")),
        r"decimal, 1\) in the table, but .*decimal, 2",
    ),
    "integers from polars into floats": (
        pd.DataFrame({"x": [0.5]}),
        pl.DataFrame({"x": [1]}),
        "'x' is float64 .* Int64",
    ),
    "an Enum into a category": (
        category("a"),
        pl.DataFrame({"x": pl.Series(["a"], dtype=pl.Enum(["a"]))}),
        "category of a in the table, but Enum",
    ),
    "seconds from polars' milliseconds": (
        pd.DataFrame({"x": np.array([1], dtype="datetime64[s]")}),
        pl.DataFrame({"x": pl.Series([1]).cast(pl.Datetime("ms"))}),
        r"datetime64\[s\] in the table",
    ),
    "bytes into UUIDs": (
        objects(uuid.UUID(int=1)),
        pa.table({"x": pa.array([b"0" * 16], pa.binary(16))}),
        "uuid.* fixed_size_binary",
    ),
    "an index into polars": (
        pl.DataFrame({"a": [1], "b": [2]}),
        TWO.set_index(pd.Index([5])),
        "no index, but .*1 stored",
    ),
}


@pytest.mark.parametrize("name", list(DIFFERENT))
def test_what_does_not_fit_is_named(name: str) -> None:
    """Columns that differ in label, order or type don't fit; the sentence names the column and both types."""
    base, new, words = DIFFERENT[name]
    with pytest.raises(MisfitError, match=words):
        evolved(base, new)


def test_polars_fits_what_pandas_made() -> None:
    """A polars frame of the same types goes into a table of pandas, and reads back as pandas."""
    base = pd.DataFrame({"i": [1], "f": [0.5], "s": ["a"], "t": pd.to_datetime(["2020"]), "b": [True]})
    new = pl.DataFrame(
        {"i": [2], "f": [float("nan")], "s": [None], "t": [None], "b": [False]},
        schema_overrides={"s": pl.String, "t": pl.Datetime("us")},
    )
    expected = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [0.5, np.nan],
            "s": ["a", None],
            "t": pd.to_datetime(["2020", None]),
            "b": [True, False],
        }
    )
    assert_frames_equal(expected, appended(base, new, "pandas"))


def test_pandas_fits_what_polars_made() -> None:
    """A pandas frame of the same types goes into a table of polars, and reads back as polars."""
    base = pl.DataFrame({"i": [None, 1], "s": ["a", None], "d": [Decimal("1.10"), None]})
    new = pd.DataFrame({"i": [2], "s": ["b"], "d": pd.Series([Decimal("2.00")], dtype=object)})
    expected = pl.DataFrame(
        {"i": [None, 1, 2], "s": ["a", None, "b"], "d": [Decimal("1.10"), None, Decimal("2.00")]}
    )
    assert_frames_equal(expected, appended(base, new, "polars"))


def test_arrow_and_polars_fit_each_other() -> None:
    """Where values lie in memory is no difference: string, large_string and string_view are text."""
    base = pa.table({"s": pa.array(["a"], pa.string_view()), "l": pa.array([["x"]], pa.list_(pa.string()))})
    new = pl.DataFrame({"s": ["b"], "l": [["y", None]]})
    assert_frames_equal(
        pa.table(
            {
                "s": pa.array(["a", "b"], pa.string_view()),
                "l": pa.array([["x"], ["y", None]], pa.list_(pa.string())),
            }
        ),
        appended(base, new, "arrow"),
    )
    assert_frames_equal(
        pl.DataFrame({"s": ["b", "a"], "l": [["y", None], ["x"]]}), appended(new, base, "polars")
    )


def test_nulls_do_not_fit_a_column_without() -> None:
    """Nulls that a NumPy column can't hold are refused by name when the values are known."""
    base, new = to_piece(pd.DataFrame({"i": [1]})), to_piece(pl.DataFrame({"i": [1, None, None]}))
    schema = base.table.schema
    assert evolved_schema(schema, new.table.schema) is schema
    with pytest.raises(
        MisfitError, match=r"'i' is int64 in the table, which has no nulls, but the data has 2"
    ):
        align(new, schema)


@pytest.mark.parametrize("mode", ["exact", "add", "widen"])
def test_an_arrow_field_that_is_not_nullable_stays_so(mode: SchemaMode) -> None:
    """What counts is whether there are nulls: not what the data declares, nor what the mode allows."""
    strict = pa.schema([pa.field("x", pa.int8(), nullable=False)])
    base = to_piece(pa.table([[1]], schema=strict)).table.schema
    loose = to_piece(pa.table({"x": pa.array([1], pa.int8())}))
    assert evolved_schema(base, loose.table.schema, mode) is base
    own = loose.table.schema
    assert evolved_schema(own, base, mode) is own
    assert align(loose, base).table.schema == base
    nulls = to_piece(pa.table({"x": pa.array([None], pa.int8())}))
    with pytest.raises(MisfitError, match="which has no nulls, but the data has 1"):
        align(nulls, evolved_schema(base, nulls.table.schema, mode))


def test_field_metadata_of_the_table_stays() -> None:
    """Aligned columns carry the ids that the table gave its columns."""
    piece = to_piece(pd.DataFrame({"i": [1]}))
    field = piece.table.schema.field("i").with_metadata({"PARQUET:field_id": "7"})
    base = pa.schema([field], metadata=piece.table.schema.metadata)
    assert evolved_schema(base, piece.table.schema) is base
    assert align(piece, base).table.schema.equals(base, check_metadata=True)


def test_only_missing_values_fit_any_object_column() -> None:
    """A piece in which an object column has no value yet can be appended."""
    expected = objects("a", None, None, np.nan)
    whole = read_pieces(
        [to_piece(objects("a", None)), to_piece(objects(None)), to_piece(objects(np.nan))], "pandas"
    )
    assert_frames_equal(expected, whole)


def test_a_column_of_json_takes_plain_values() -> None:
    """Text, numbers and booleans fit an object column that holds all kinds of JSON."""
    parts = [
        objects([1], 2.5, "a"),
        objects("b", None),
        objects(1, np.nan),
        objects(0.5, -0.0),
        objects(True),
    ]
    whole = read_pieces([to_piece(part) for part in parts], "pandas")
    assert_frames_equal(objects([1], 2.5, "a", "b", None, 1, np.nan, 0.5, -0.0, True), whole)


def test_categories_of_text_that_may_grow() -> None:
    """Categoricals of polars and dictionaries of Arrow take new texts."""
    one, two = (
        pl.DataFrame({"x": pl.Series(values, dtype=pl.Categorical)}) for values in (["a"], ["b", "a"])
    )
    assert_frames_equal(
        pl.DataFrame({"x": pl.Series(["a", "b", "a"], dtype=pl.Categorical)}), appended(one, two, "polars")
    )
    three, four = (pa.table({"x": pa.array(values).dictionary_encode()}) for values in (["a"], ["b", "a"]))
    assert appended(three, four, "arrow")["x"].to_pylist() == ["a", "b", "a"]


def test_rows_without_columns_fit_each_other() -> None:
    """A table of no columns can be appended to."""
    assert appended(pd.DataFrame(index=range(2)), pd.DataFrame(index=range(3)), "pandas").shape == (5, 0)
