"""What was written to a database comes back as it was."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.databases.read import read_rows
from tests.support.servers import Database

COLUMNS: dict[str, Any] = {
    "tiny": pa.array([1, None, -128], pa.int8()),
    "small": pa.array([1, None, -(1 << 15)], pa.int16()),
    "whole": pa.array([1, None, -(1 << 31)], pa.int32()),
    "big": pa.array([1, None, (1 << 63) - 1], pa.int64()),
    "half": pa.array([0.5, None, 1e-300], pa.float64()),
    "yes": pa.array([True, None, False]),
    "text": pa.array(["ä %s", None, ""]),
    "raw": pa.array([b"\x00\xff", None, b""], pa.binary()),
    "day": pa.array([dt.date(2024, 2, 29), None, dt.date(1, 1, 1)]),
    "clock": pa.array([dt.time(23, 59, 59, 999_999), None, dt.time(0)], pa.time64("us")),
    "at": pa.array([0, None, 1_700_000_000_000_001], pa.timestamp("us")),
    "instant": pa.array([0, None, 1_700_000_000_000_001], pa.timestamp("us", "UTC")),
    "span": pa.array([0, None, -90_000_000_001], pa.duration("us")),
    "money": pa.array([Decimal("1.10"), None, Decimal("-99.99")], pa.decimal128(10, 2)),
    "list": pa.array([[1, 2], None, []], pa.list_(pa.int64())),
}
LACKING = {
    "postgresql": set(),
    "duckdb": set(),
    "mysql": {"instant", "span", "list"},
    "sqlite": {"instant", "span", "list", "money"},
}
WIDER = {  # the type that comes back, where the database has none as narrow
    ("postgresql", "tiny"): pa.int16(),
    ("sqlite", "tiny"): pa.int64(),
    ("sqlite", "small"): pa.int64(),
    ("sqlite", "whole"): pa.int64(),
}


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_column_of_each_type_comes_back(db: Database, name: str) -> None:
    """Values are equal, nulls are nulls, and the type is the same, or the next wider that the database has."""
    if name in LACKING[db.kind]:
        pytest.skip("this database has no such type")
    values = COLUMNS[name]
    atio.write(pa.table({name: values}), format="sql", name="t", con=db.url)
    found = read_rows(db.url, "t")
    assert found.schema.types == [WIDER.get((db.kind, name), values.type)]
    assert found.column(0).to_pylist() == values.to_pylist()


@pytest.mark.parametrize("name", list(COLUMNS))
def test_an_empty_table_has_its_types(db: Database, name: str) -> None:
    """Without rows the columns have their types all the same."""
    if name in LACKING[db.kind]:
        pytest.skip("this database has no such type")
    values = COLUMNS[name]
    atio.write(pa.table({name: values}).slice(0, 0), format="sql", name="t", con=db.url)
    assert read_rows(db.url, "t").schema.types == [WIDER.get((db.kind, name), values.type)]


def test_columns_and_rows_can_be_chosen(db: Database) -> None:
    """Just the columns asked for, in that order, of the rows that match."""
    frame = pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"], "100%": [4, 5, 6]})
    atio.write(frame, format="sql", name="t", con=db.url)
    found = read_rows(db.url, "t", columns=["100%", "a"], where=[("b", "in", ["x", "z"])])
    assert sorted(found.to_pylist(), key=repr) == [{"100%": 4, "a": 1}, {"100%": 6, "a": 3}]
    assert found.column_names == ["100%", "a"]


def test_many_rows(db: Database) -> None:
    """More rows than are fetched at a time."""
    frame = pa.table({"n": range(70_000)})
    atio.write(frame, format="sql", name="t", con=db.url)
    assert sorted(read_rows(db.url, "t").column(0).to_pylist()) == list(range(70_000))


def test_what_is_not_there(db: Database) -> None:
    """A table or a column that isn't there is named."""
    with pytest.raises(atio.TableNotFoundError, match="no table t in this"):
        read_rows(db.url, "t")
    atio.write(pa.table({"n": [1]}), format="sql", name="t", con=db.url)
    with pytest.raises(atio.InvalidInputError, match="no column 'm', only 'n'"):
        read_rows(db.url, "t", columns=["m"])


def test_a_value_that_is_not_of_its_type(lite: Database) -> None:
    """SQLite holds anything in any column: a value that its type doesn't allow is refused, not guessed."""
    lite.run("CREATE TABLE t (day DATE, n INTEGER)", "INSERT INTO t VALUES ('soon', 1)")
    with pytest.raises(atio.InvalidInputError, match="'day' of t holds a value that isn't a DATE"):
        read_rows(lite.url, "t")


def test_types_without_a_counterpart(pg: Database) -> None:
    """What has no other form is read as text."""
    pg.run(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TABLE t (m mood, j jsonb, u uuid, n numeric)",
        "INSERT INTO t VALUES ('ok', '{\"a\": 1}', '00000000-0000-0000-0000-000000000001', 1.5)",
    )
    assert read_rows(pg.url, "t").to_pylist() == [
        {"m": "ok", "j": '{"a": 1}', "u": "00000000-0000-0000-0000-000000000001", "n": Decimal("1.5")}
    ]


def test_a_failure_hides_the_password() -> None:
    """A database that can't be reached is told of without its password."""
    with pytest.raises(atio.StorageError) as failed:
        read_rows("postgresql://user:sesame@127.0.0.1:1/x", "t")
    assert "sesame" not in str(failed.value)
