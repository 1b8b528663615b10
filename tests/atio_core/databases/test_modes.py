"""What each mode does to a table, in every database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from tests.support.servers import Database

OLD = pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"]})
NEW = pa.table({"id": [3, 4], "name": ["C", "d"]})
BOTH = [(1, "a"), (2, "b"), (3, "C"), (3, "c"), (4, "d")]
Rows = list[tuple[object, ...]]


def put(db: Database, obj: object, mode: str, **options: Any) -> atio.WriteResult:
    """Write to the table t."""
    return atio.write(obj, format="sql", name="t", con=db.url, if_exists=mode, **options)


def rows(db: Database, table: str = "t", columns: str = "*") -> Rows:
    """Return what a table holds."""
    return sorted(db.run(f"SELECT {columns} FROM {table}"), key=repr)


@pytest.mark.parametrize("mode", ["fail", "append", "replace", "truncate"])
def test_every_mode_makes_a_table_that_is_missing(db: Database, mode: str) -> None:
    """A table that isn't there is made."""
    result = put(db, OLD, mode)
    assert rows(db) == [(1, "a"), (2, "b"), (3, "c")]
    assert (result.rows, result.columns, result.path, result.table) == (3, 2, None, "t")
    assert result.committed


def test_an_upsert_makes_a_table_with_the_key(db: Database) -> None:
    """A second upsert finds the key."""
    put(db, OLD, "upsert", key=["id"])
    put(db, NEW, "upsert", key=["id"])
    assert rows(db) == [(1, "a"), (2, "b"), (3, "C"), (4, "d")]


def test_fail_refuses_a_table_that_is_there(db: Database) -> None:
    """`fail` is the default, and changes nothing."""
    put(db, OLD, "fail")
    with pytest.raises(atio.AlreadyExistsError, match="if_exists"):
        atio.write(NEW, format="sql", name="t", con=db.url)
    assert len(rows(db)) == 3


def test_append_adds(db: Database) -> None:
    """The old rows stay, the new ones come."""
    put(db, OLD, "fail")
    put(db, NEW, "append")
    assert rows(db) == [(1, "a"), (2, "b"), (3, "C"), (3, "c"), (4, "d")]


@pytest.mark.parametrize("mode", ["replace", "truncate", "delete_rows"])
def test_the_old_rows_go(db: Database, mode: str) -> None:
    """The table holds the new rows alone."""
    put(db, OLD, "fail")
    put(db, NEW, mode)
    assert rows(db) == [(3, "C"), (4, "d")]


def test_columns_match_by_name(db: Database) -> None:
    """Their order doesn't matter."""
    put(db, OLD, "fail")
    put(db, NEW.select(["name", "id"]), "append")
    assert (4, "d") in rows(db, columns="id, name")


def test_replace_takes_other_columns(db: Database) -> None:
    """The table has the new columns, and no other."""
    put(db, OLD, "fail")
    put(db, pa.table({"name": ["x"], "price": [1.5]}), "replace")
    assert rows(db, columns="name, price") == [("x", 1.5)]
    assert len(rows(db)[0]) == 2


def test_replace_takes_other_types(db: Database) -> None:
    """A column whose type doesn't hold the new values gets another."""
    put(db, OLD, "fail")
    put(db, pa.table({"id": ["x", "y"], "name": ["p", "q"]}), "replace")
    assert rows(db) == [("x", "p"), ("y", "q")]


@pytest.mark.parametrize("mode", ["append", "truncate", "upsert"])
def test_other_modes_refuse_other_columns(db: Database, mode: str) -> None:
    """Only `replace` changes columns."""
    put(db, OLD, "upsert", key=["id"])
    options = {"key": ["id"]} if mode == "upsert" else {}
    with pytest.raises(atio.SchemaMismatchError, match="'price'"):
        put(db, pa.table({"id": [1], "price": [1]}), mode, **options)
    assert len(rows(db)) == 3


def test_columns_left_out_get_their_default(db: Database) -> None:
    """A column that the data doesn't have is filled by the database, or refused if it can't be."""
    db.run("CREATE TABLE t (id INTEGER NOT NULL, name VARCHAR(10) DEFAULT 'none', note VARCHAR(10))")
    put(db, pa.table({"id": [1]}), "append")
    assert rows(db) == [(1, "none", None)]
    with pytest.raises(atio.SchemaMismatchError, match="'id' needs a value"):
        put(db, pa.table({"name": ["x"]}), "append")


@pytest.mark.parametrize("mode", ["append", "truncate", "replace"])
@pytest.mark.parametrize("row", [0, 70_000, 140_000])
def test_a_row_that_fails_undoes_all(db: Database, mode: str, row: int) -> None:
    """Wherever the row is that the table refuses, the old rows stand."""
    db.run("CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(20) NOT NULL)")
    put(db, OLD, "append")
    names: list[str | None] = ["x"] * 140_001
    names[row] = None
    with pytest.raises(atio.InvalidInputError, match="stands as it was"):
        put(db, pa.table({"id": range(10, 140_011), "name": pa.array(names)}), mode)
    assert rows(db) == [(1, "a"), (2, "b"), (3, "c")]


def test_what_raises_while_it_is_read_undoes_all(db: Database) -> None:
    """A stream that breaks in the middle leaves the old rows."""
    put(db, OLD, "fail")

    def broken() -> object:
        yield NEW.to_batches()[0]
        raise RuntimeError("no more")

    reader = pa.RecordBatchReader.from_batches(NEW.schema, broken())
    with pytest.raises(RuntimeError, match="no more"):
        put(db, reader, "replace")
    assert rows(db) == [(1, "a"), (2, "b"), (3, "c")]


def test_duplicate_keys_are_refused(db: Database) -> None:
    """Two rows of one key can't both win."""
    put(db, OLD, "upsert", key=["id"])
    with pytest.raises(atio.InvalidInputError, match="id=7"):
        put(db, pa.table({"id": [7, 8, 7], "name": ["x", "y", "z"]}), "upsert", key=["id"])
    with pytest.raises(atio.InvalidInputError, match="id=7"):
        atio.write(pa.table({"id": [7, 7]}), format="sql", name="n", con=db.url, if_exists="upsert", key="id")
    assert rows(db) == [(1, "a"), (2, "b"), (3, "c")]


def test_missing_keys_are_refused(db: Database) -> None:
    """A row without its key has no place."""
    put(db, OLD, "upsert", key=["id"])
    with pytest.raises(atio.InvalidInputError, match=r"\(id\) is missing"):
        put(db, pa.table({"id": [None, 8], "name": ["x", "y"]}), "upsert", key=["id"])
    assert len(rows(db)) == 3


ODD: list[tuple[str, Any]] = [
    *(("key", key) for key in (5, True, [["id"]], [None], pl.LazyFrame({"a": [1]}))),
    *(("if_exists", mode) for mode in (np.array([1, 2]), pd.NA, 0, "", 10**5000)),
    *(("strict", strict) for strict in (np.array([1, 2]), pd.NA, "yes")),
    *((option, 10**5000) for option in ("name", "schema", "index", "dtype")),
    *(("index_label", label) for label in (str, "\ud800")),
    ("idempotency_key", "\ud800"),
]


@pytest.mark.parametrize(("option", "value"), ODD, ids=[f"{name}-{at}" for at, (name, _) in enumerate(ODD)])
def test_odd_options_are_refused(tmp_path: Path, option: str, value: Any) -> None:
    """What can't be meant is an `InvalidInputError`, whatever its type; nothing is written."""
    frame = pd.DataFrame({"id": [7]}, index=pd.Index([1]))
    with pytest.raises(atio.InvalidInputError):
        atio.write(frame, format="sql", con=f"sqlite:///{tmp_path}/a.db", **{"name": "t", option: value})
    assert Database("sqlite", f"sqlite:///{tmp_path}/a.db").run("SELECT name FROM sqlite_master") == []


def test_a_key_that_nothing_makes_unique_is_refused(db: Database) -> None:
    """The error says what to run."""
    put(db, OLD, "fail")
    with pytest.raises(atio.SchemaMismatchError, match="CREATE UNIQUE INDEX"):
        put(db, NEW, "upsert", key=["id"])
    with pytest.raises(atio.InvalidInputError, match="'no'"):
        put(db, NEW, "upsert", key=["no"])


def test_a_key_of_several_columns(db: Database) -> None:
    """Rows are the same if all of their key is; columns left out stay."""
    one = pa.table({"a": [1, 1], "b": ["x", "y"], "v": [1, 2], "w": [1, 2]})
    put(
        db,
        one.cast(pa.schema([("a", pa.int32()), ("b", pa.string()), ("v", pa.int64()), ("w", pa.int64())])),
        "upsert",
        key=["a", "b"],
    )
    put(db, pa.table({"b": ["y", "z"], "a": [1, 1], "v": [20, 30]}), "upsert", key=["b", "a"])
    assert rows(db) == [(1, "x", 1, 1), (1, "y", 20, 2), (1, "z", 30, None)]


@pytest.mark.parametrize("kind", ["polars", "lazy", "reader", "batch", "pandas"])
def test_every_kind_of_frame(db: Database, kind: str) -> None:
    """One implementation is under all of them."""
    make: Callable[[pa.Table], Any] = {
        "polars": pl.DataFrame,
        "lazy": lambda table: pl.DataFrame(table).lazy(),
        "reader": pa.Table.to_reader,
        "batch": lambda table: table.to_batches()[0],
        "pandas": pa.Table.to_pandas,
    }[kind]
    options = {"index": False} if kind == "pandas" else {}
    put(db, make(OLD), "replace", **options)
    put(db, make(NEW), "append", **options)
    assert rows(db) == BOTH


def test_a_pandas_index_is_a_column_as_in_to_sql(db: Database) -> None:
    """It is named and indexed as pandas does."""
    frame = pd.DataFrame({"v": [1, 2]}, index=pd.Index([10, 20], name="day"))
    put(db, frame, "fail")
    assert rows(db, columns="day, v") == [(10, 1), (20, 2)]
    put(db, frame.reset_index(drop=True), "replace")
    assert rows(db, columns="v") == [(1,), (2,)]
    assert rows(db, columns="`index`" if db.kind == "mysql" else '"index"') == [(0,), (1,)]


def test_polars_names_are_the_same(db: Database) -> None:
    """`format="database"` with polars' options is the same call."""
    atio.write(pl.DataFrame(OLD), format="database", table_name="t", connection_uri=db.url)
    atio.write(
        pl.DataFrame(NEW), format="database", table_name="t", connection=db.url, if_table_exists="append"
    )
    assert rows(db) == BOTH
