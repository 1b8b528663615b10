"""Values are held exactly, or refused by the name of their column."""

import datetime as dt
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st

import atio_core as atio
from tests.support.servers import Database

D = decimal.Decimal
NOON = dt.datetime(2024, 2, 29, 12, 0, 0, 1)  # noqa: DTZ001 - a time without a zone
UID = uuid.UUID("12345678-1234-5678-1234-567812345678")

KEPT: dict[str, pa.Array] = {
    "int8": pa.array([-128, 127, None], pa.int8()),
    "int16": pa.array([-(2**15), 2**15 - 1], pa.int16()),
    "int32": pa.array([-(2**31), 2**31 - 1], pa.int32()),
    "int64": pa.array([-(2**63), 2**63 - 1, None, 2**53 + 1], pa.int64()),
    "uint8": pa.array([0, 255], pa.uint8()),
    "uint16": pa.array([0, 2**16 - 1], pa.uint16()),
    "uint32": pa.array([0, 2**32 - 1], pa.uint32()),
    "float64": pa.array([0.1, 1e308, 5e-324, -1.5, None, 1 / 3, 123456789.123456789]),
    "float32": pa.array([0.1, 3.4e38, None, 16777217.0], pa.float32()),
    "text": pa.array(
        ["", "a", None, "NULL", "\\N", "\\.", "é漢🐘", "a\tb\r\nc\n", 'q"q', "q'q", "%s %(a)s :x ?", " x "]
    ),
    "large_text": pa.array(["a", None], pa.large_string()),
    "view": pa.array(["a", None], pa.string_view()),
    "dictionary": pa.array(["a", None, "b", "a"]).dictionary_encode(),
    "bytes": pa.array([b"", b"\x00\xff\\x", None, b"'\n"]),
    "fixed": pa.array([b"ab", None], pa.binary(2)),
    "bool": pa.array([True, False, None]),
    "date": pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(2024, 2, 29), None]),
    "time": pa.array([dt.time(0), dt.time(23, 59, 59, 999_999), None]),
    "timestamp": pa.array([NOON, dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999), None]),  # noqa: DTZ001
    "timestamp_s": pa.array([0, 10**9], pa.timestamp("s")),
    "null": pa.nulls(3),
}
SOME: dict[str, tuple[pa.Array, set[str]]] = {
    "uint64": (pa.array([0, 2**64 - 1, None], pa.uint64()), {"postgresql", "duckdb", "mysql"}),
    "nan": (pa.array([float("nan"), 1.0, None]), {"postgresql", "duckdb"}),
    "infinite": (pa.array([float("inf"), float("-inf")]), {"postgresql", "duckdb", "sqlite"}),
    "decimal": (pa.array([D("1.10"), D("-0.05"), None]), {"postgresql", "duckdb", "mysql"}),
    "timestamptz": (pa.array([NOON, None], pa.timestamp("us", "UTC")), {"postgresql", "duckdb"}),
    "zone": (pa.array([NOON, None], pa.timestamp("us", "Asia/Seoul")), {"postgresql", "duckdb"}),
    "duration": (pa.array([dt.timedelta(1, 2, 3), dt.timedelta(-1), None]), {"postgresql", "duckdb"}),
    "list": (pa.array([[1, None, 2], None, []]), {"postgresql", "duckdb"}),
    "text_list": (pa.array([["a", 'b"\\,{}', None, "NULL", ""], None]), {"postgresql", "duckdb"}),
    "time_list": (pa.array([[NOON], None]), {"postgresql", "duckdb"}),
    "uuid": (pa.array([UID.bytes, None], pa.uuid()), {"postgresql", "duckdb", "sqlite", "mysql"}),
    "nul": (pa.array(["a\0b"]), {"duckdb", "sqlite", "mysql"}),
    "nanoseconds": (pa.array([1], pa.timestamp("ns")), {"duckdb"}),
    "whole_nanoseconds": (pa.array([1_000], pa.timestamp("ns")), {"postgresql", "duckdb", "sqlite", "mysql"}),
    "struct": (pa.array([{"a": 1}]), set()),
    "year_10000": (pa.array([253_402_300_800], pa.timestamp("s")), set()),
    "wide": (pa.array([2**100], pa.decimal128(38, 0)), {"postgresql", "duckdb", "mysql"}),
}


def put(db: Database, obj: Any, mode: str = "replace", **options: Any) -> atio.WriteResult:
    """Write to the table t."""
    return atio.write(obj, format="sql", name="t", con=db.url, if_exists=mode, **options)


def column(db: Database) -> list[Any]:
    """Return column x as Python values, in the order of column n."""
    return [plain(row[0]) for row in db.run("SELECT x FROM t ORDER BY n")]


def plain(value: Any) -> Any:
    """Return a value as every database and Arrow agree on it."""
    if isinstance(value, dt.datetime) and value.tzinfo:
        return value.astimezone(dt.UTC)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return "NaN" if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN


def expected(db: Database, values: pa.Array) -> list[Any]:
    """Return what should come back."""
    texts = (
        pa.types.is_temporal(values.type) and not pa.types.is_duration(values.type) and db.kind == "sqlite"
    )
    if texts:
        unit = pa.timestamp("us") if pa.types.is_timestamp(values.type) else values.type
        return values.cast(unit).cast(pa.string()).to_pylist()
    if pa.types.is_timestamp(values.type) and values.type.unit != "us":
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    if values.type == pa.float32() and db.kind == "postgresql":  # it says them with the digits of 32 bits
        return [None if v is None else float(str(np.float32(v))) for v in values.to_pylist()]
    made = [plain(value) for value in values.to_pylist()]
    if db.kind == "mysql" and pa.types.is_time(values.type):
        return values.cast(pa.int64()).cast(pa.duration("us")).to_pylist()
    return made


@pytest.mark.parametrize("name", KEPT)
def test_kept_everywhere(db: Database, name: str) -> None:
    """These come back equal from every database."""
    values = KEPT[name]
    put(db, pa.table({"n": range(len(values)), "x": values}))
    assert column(db) == expected(db, values)
    put(db, pa.table({"n": range(len(values)), "x": values}))
    assert column(db) == expected(db, values)


@pytest.mark.parametrize("name", SOME)
def test_kept_or_refused(db: Database, name: str) -> None:
    """These come back equal where the database has them; else they are refused, and nothing is made."""
    values, kinds = SOME[name]
    if db.kind in kinds:
        put(db, pa.table({"n": range(len(values)), "x": values}))
        assert column(db) == expected(db, values)
        return
    with pytest.raises(atio.NotPreservableError, match="'x'"):
        put(db, pa.table({"n": range(len(values)), "x": values}))
    put(db, pa.table({"n": [1]}), "fail")


BAD: dict[str, tuple[str, Callable[[], pa.Array]]] = {
    "int_too_big": ("INTEGER", lambda: pa.array([2**31])),
    "float_into_int": ("INTEGER", lambda: pa.array([1.5])),
    "text_into_int": ("INTEGER", lambda: pa.array(["1"])),
    "inexact_float": ("DOUBLE PRECISION", lambda: pa.array([2**53 + 1])),
    "decimal_scale": ("DECIMAL(5, 1)", lambda: pa.array([D("1.25")])),
    "decimal_digits": ("DECIMAL(3, 1)", lambda: pa.array([D("123.5")])),
    "time_zone": ("TIMESTAMP", lambda: pa.array([NOON], pa.timestamp("us", "UTC"))),
    "int_into_text": ("VARCHAR(10)", lambda: pa.array([1])),
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_column_does_not_hold_is_refused(db: Database, name: str) -> None:
    """An append never rounds, cuts, wraps or converts a value."""
    if (db.kind, name) in {("sqlite", "int_too_big"), ("mysql", "time_zone")}:
        pytest.skip("there it fits")
    declared, make = BAD[name]
    db.run(f"CREATE TABLE t (x {declared})")
    with pytest.raises(atio.SchemaMismatchError, match="'x'"):
        put(db, pa.table({"x": make()}), "append")
    assert db.run("SELECT count(*) FROM t") == [(0,)]


def test_a_text_that_is_too_long_is_refused(pg: Database) -> None:
    """Neither is it cut, nor padded."""
    pg.run("CREATE TABLE t (x VARCHAR(3), y CHAR(2), z TIMESTAMP(3), r REAL, e INTEGER[])")
    for name, values in {
        "x": pa.array(["abcd"]),
        "y": pa.array(["a"]),
        "z": pa.array([NOON]),
        "r": pa.array([0.1]),
        "e": pa.array([[2**31]]),
    }.items():
        with pytest.raises(atio.SchemaMismatchError, match=f"'{name}'"):
            put(pg, pa.table({name: values}), "append")
    good = {"x": ["äöü"], "y": ["ab"], "z": [dt.datetime(2024, 1, 1)], "r": [0.5], "e": [[1]]}  # noqa: DTZ001
    put(pg, pa.table(good), "append")
    assert pg.run("SELECT x, y, r, e FROM t") == [("äöü", "ab", 0.5, [1])]


def test_values_decide_whether_a_type_stays(db: Database) -> None:
    """`replace` keeps a narrower type while every value fits, and widens it when one doesn't."""
    db.run("CREATE TABLE t (x INTEGER, y VARCHAR(5))")
    put(db, pa.table({"x": [1, 2], "y": ["a", "b"]}))
    before = types(db)
    assert "varchar(5)" in before["y"] or "varying(5)" in before["y"] or db.kind == "duckdb"
    put(db, pa.table({"x": [2**40], "y": ["long enough"]}))
    after = types(db)
    assert db.run("SELECT x, y FROM t") == [(2**40, "long enough")]
    assert before != after or db.kind == "sqlite"


def types(db: Database) -> dict[str, str]:
    """Return the declared types of the table t."""
    if db.kind == "sqlite":
        return {row[1]: row[2].lower() for row in db.run("PRAGMA table_info(t)")}
    if db.kind == "duckdb":
        return {row[0]: row[1].lower() for row in db.run("DESCRIBE t")}
    if db.kind == "mysql":
        return {row[0]: row[1].lower() for row in db.run("DESCRIBE t")}
    of = "attrelid = 't'::regclass AND attnum > 0"
    return dict(
        db.run(f"SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE {of}")
    )


def test_dtype_names_types(db: Database) -> None:
    """SQLAlchemy's types are taken, by column or for all."""
    table = pa.table({"a": [1], "b": [D("1.10")], "c": ["x"]})
    put(db, table, dtype={"a": sqlalchemy.SmallInteger(), "b": sqlalchemy.Text(), "c": sqlalchemy.String(9)})
    assert db.run("SELECT a, b, c FROM t") == [(1, "1.10", "x")]
    assert "smallint" in types(db)["a"]
    put(db, pa.table({"a": [1], "b": [2]}), dtype=sqlalchemy.Text)
    assert db.run("SELECT a, b FROM t") == [("1", "2")]
    for bad in ({"no": sqlalchemy.Text}, {"a": "TEXT"}, {"a": 7}):
        with pytest.raises(atio.InvalidInputError, match="dtype"):
            put(db, table, dtype=bad)


def test_nested_values_as_json(pg: Database) -> None:
    """Lists and structs go into a column of JSON that is asked for, or is there."""
    table = pa.table({"x": [{"a": 1, "b": ["ü"]}, None]})
    put(pg, table, dtype={"x": sqlalchemy.JSON})
    put(pg, table, "append")
    found = pg.run("SELECT x::text FROM t WHERE x IS NOT NULL")
    assert [json.loads(row[0]) for row in found] == [{"a": 1, "b": ["ü"]}] * 2


PANDAS: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "nan": (lambda: pd.Series([1.5, np.nan]), [1.5, None]),
    "Int64": (lambda: pd.array([2**60 + 1, None], dtype="Int64"), [2**60 + 1, None]),
    "boolean": (lambda: pd.array([True, None], dtype="boolean"), [True, None]),
    "str": (lambda: pd.Series(["a", None], dtype="str"), ["a", None]),
    "object": (lambda: pd.Series(["a", None, np.nan], dtype=object), ["a", None, None]),
    "category": (lambda: pd.Categorical(["a", None, "b"]), ["a", None, "b"]),
    "int_category": (lambda: pd.Categorical([3, None, 1]), [3, None, 1]),
    "arrow": (lambda: pd.array([1, None], dtype="int64[pyarrow]"), [1, None]),
    "big": (lambda: pd.Series([2**63, 1], dtype=object), [2**63, 1]),
    "python": (lambda: pd.Series([1, None], dtype=object), [1, None]),
    "float16": (lambda: np.array([1.5, 2.0], dtype="float16"), [1.5, 2.0]),
    "datetime": (lambda: pd.Series([pd.Timestamp(NOON), pd.NaT]), [NOON, None]),
    "numpy_ints": (lambda: pd.Series([np.int8(1), None], dtype=object), [1, None]),
}


@pytest.mark.parametrize("name", PANDAS)
def test_pandas_columns(pg: Database, name: str) -> None:
    """What pandas calls missing is NULL; all else is kept."""
    make, found = PANDAS[name]
    put(pg, pd.DataFrame({"n": range(len(found)), "x": make()}), index=False)
    assert column(pg) == found


def test_nan_and_null_are_told_apart(pg: Database) -> None:
    """Where a column has both, NaN stays NaN."""
    masked = pd.arrays.FloatingArray(np.array([1.0, 0.0, np.nan]), np.array([False, True, False]))
    for frame in (
        pl.DataFrame({"n": [0, 1, 2], "x": [1.0, None, float("nan")]}),
        pd.DataFrame({"n": [0, 1, 2], "x": masked}),
    ):
        put(pg, frame, index=False)
        assert column(pg) == [1.0, None, "NaN"]


REFUSED: dict[str, Callable[[], Any]] = {
    "period": lambda: pd.period_range("2024", periods=2, freq="M"),
    "interval": lambda: pd.interval_range(0, 2),
    "complex": lambda: np.array([1j, 2j]),
    "mixed": lambda: pd.Series(["a", 1], dtype=object),
    "dates_and_times": lambda: pd.Series([dt.date(2024, 1, 1), NOON], dtype=object),
    "zones_and_none": lambda: pd.Series([NOON, NOON.replace(tzinfo=dt.UTC)], dtype=object),
    "bytes_and_text": lambda: pd.Series([b"a", "a"], dtype=object),
    "bool_and_int": lambda: pd.Series([True, 1], dtype=object),
    "objects": lambda: pd.Series([object(), object()], dtype=object),
    "sparse": lambda: pd.arrays.SparseArray([1, 0]),
    "huge": lambda: pd.Series([10**80, 1], dtype=object),
}


@pytest.mark.parametrize("name", REFUSED)
def test_pandas_columns_that_no_database_has(lite: Database, name: str) -> None:
    """They are refused by name, with what to do."""
    with pytest.raises(atio.InvalidInputError, match="'x'"):
        put(lite, pd.DataFrame({"x": REFUSED[name]()}), index=False)


def test_polars_columns(pg: Database) -> None:
    """Categories, enums and integers of 128 bits are kept as values; Python objects are refused."""
    frame = pl.DataFrame(
        {
            "n": [0, 1],
            "c": pl.Series(["x", None], dtype=pl.Categorical),
            "e": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"])),
            "i": pl.Series([2**100, None], dtype=pl.Int128),
        }
    )
    for made in (frame, frame.lazy()):
        put(pg, made)
        assert pg.run("SELECT c, e, i FROM t ORDER BY n") == [("x", "x", 2**100), (None, "y", None)]
    with pytest.raises(atio.InvalidInputError, match="'o'"):
        put(pg, pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}))
    for made in (pl.DataFrame({"a\0b": [1]}), pl.LazyFrame({"a\0b": [1]})):
        with pytest.raises(atio.InvalidInputError, match="NUL in its name"):
            put(pg, made)


def test_the_sign_of_nothing(db: Database) -> None:
    """-0.0 keeps its sign where the database does; elsewhere it is 0.0, which equals it."""
    put(db, pa.table({"n": [1], "x": [-0.0]}))
    assert str(column(db)[0]) == ("-0.0" if db.kind in {"postgresql", "duckdb"} else "0.0")


def test_a_lost_zone_is_said(pg: Database) -> None:
    """The instants are kept, the zone's name isn't."""
    result = put(pg, pa.table({"x": pa.array([NOON], pa.timestamp("us", "Asia/Seoul"))}))
    assert "Asia/Seoul" in str(result.losses)
    with pytest.raises(atio.NotPreservableError, match="Asia/Seoul"):
        put(pg, pa.table({"x": pa.array([NOON], pa.timestamp("us", "Asia/Seoul"))}), strict=True)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.binary(max_size=8),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.booleans(),
            st.none() | st.datetimes(),
        ),
        max_size=8,
    )
)
@pytest.mark.parametrize("kind", ["postgresql", "sqlite", "duckdb", "mysql"])
def test_round_trip(database_of: Callable[[str], Database], kind: str, drawn: list[tuple[Any, ...]]) -> None:
    """Whatever the values, they come back."""
    db = database_of(kind)
    types_ = [pa.string(), pa.float64(), pa.binary(), pa.int64(), pa.bool_(), pa.timestamp("us")]
    names = ["s", "f", "b", "i", "o", "d"]
    columns = [pa.array([row[i] for row in drawn], t) for i, t in enumerate(types_)]
    put(db, pa.table([pa.array(range(len(drawn))), *columns], names=["n", *names]))
    found = db.run(f"SELECT {', '.join(names)} FROM t ORDER BY n")
    wanted = [expected(db, values) for values in columns]
    assert [list(values) for values in zip(*found, strict=True)] == (wanted if drawn else [])
