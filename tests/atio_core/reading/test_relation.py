from __future__ import annotations

import datetime as dt
import gc
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table


def written(frame: Any) -> Table:
    """A table of one version."""
    table = Table(store=MemoryStore())
    table.append(frame)
    return table


def test_a_relation_is_one_of_the_default_connection() -> None:
    """Relations and `duckdb.sql` of a program work together."""
    orders = written(pd.DataFrame({"id": [1, 2], "who": ["a", "b"]})).read(output_as="duckdb")
    lines = written(pl.DataFrame({"id": [1, 1, 2], "price": [1, 2, 4]})).read(output_as="duckdb")
    gc.collect()
    assert isinstance(orders, duckdb.DuckDBPyRelation)
    assert orders.columns == ["id", "who"]
    query = "select who, sum(price)::int from orders join lines using (id) group by who order by who"
    for _ in range(2):
        assert duckdb.execute(query).fetchall() == [("a", 3), ("b", 4)]
    assert orders.join(lines, "id").filter("price > 1").count("*").fetchall() == [(2,)]


def test_a_relation_has_the_rows_that_were_chosen() -> None:
    """Columns, filter and limit hold for all that is asked of it."""
    table = written(pa.table({"a": [1, 2, 3, 4], "b": ["x", "y", None, "z"]}))
    relation = table.read(output_as="duckdb", columns=["b"], filter=[("a", ">", 1)], limit=2)
    assert relation.fetchall() == [("y",), (None,)]
    assert relation.filter("b is null").fetchall() == [(None,)]


def test_values_are_those_that_were_written() -> None:
    """Types that DuckDB has come out exactly, NaN, zones and nested ones too; it filters by them by its own rules."""
    at = dt.datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
    rows = pa.table(
        {
            "f": [1.5, float("nan"), None],
            "d": pa.array([Decimal("1.10"), Decimal("-2.25"), None], pa.decimal128(38, 2)),
            "z": pa.array([at, None, at], pa.timestamp("us", "Asia/Seoul")),
            "n": pa.array([1, 2, None], pa.timestamp("ns")),
            "l": [[1, None], [], None],
            "u": pa.array([2**64 - 1, 0, None], pa.uint64()),
            "c": pa.array(["x", "y", None]).dictionary_encode(),
        }
    )
    relation = written(rows).read(output_as="duckdb")
    assert relation.filter("f > 1e300").project("u").fetchall() == [(0,)]
    assert relation.filter("f is not null and f < 2").project("u").fetchall() == [(2**64 - 1,)]
    assert relation.filter("c = 'x'").project("d").fetchall() == [(Decimal("1.10"),)]
    found = relation.to_arrow_table()
    assert repr(found.drop_columns(["z", "c"]).to_pylist()) == repr(rows.drop_columns(["z", "c"]).to_pylist())
    assert found["z"].cast(pa.timestamp("us", "UTC")).to_pylist() == [at, None, at]
    assert found["c"].to_pylist() == ["x", "y", None]


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pa.table({"x": pa.array([1], pa.duration("ns"))}), "column 'x' is duration.ns., of which"),
        (pa.table({"x": pa.array([[1]], pa.list_(pa.duration("ns")))}), "column 'x' is list"),
        (
            pa.table({"a": [1], "A": [2]}),
            "DuckDB would call the column 'A' 'A_1', as names that differ in case",
        ),
        (pa.table({"": [1]}), "DuckDB would call the column '' '.+', as it has no empty names"),
        (pa.table({"x": [{"": 1}]}), "column 'x' is struct.* has no empty names for fields"),
        (pa.table({"x": [[{"": 1}]]}), "column 'x' is list.* has no empty names for fields"),
        (
            pa.table(
                {"x": pa.ListArray.from_arrays([0, 1], pa.array([1], pa.float16()).dictionary_encode())}
            ),
            "column 'x' of type list.* no type for",
        ),
        (
            pa.table({"a": [1], "x": pa.array([1], pa.float16())}),
            "column 'x' of type halffloat .* no type for",
        ),
        (
            pa.table({"x": pa.array([1], pa.decimal256(50, 3))}),
            "column 'x' of type decimal256.50, 3. .* no type",
        ),
    ],
)
def test_what_duckdb_would_change_is_refused(frame: pa.Table, told: str) -> None:
    """What it would drop, rename or has no type for: the message names the column, and others can be read."""
    table = written(frame)
    with pytest.raises(InvalidInputError, match=told):
        table.read(output_as="duckdb")
    assert len(table.read(output_as="arrow").to_pylist()) == 1


def test_a_relation_of_no_columns_is_refused() -> None:
    """DuckDB has no tables without columns, and the message says what to read instead."""
    table = written(pa.table({"a": [1]}))
    with pytest.raises(InvalidInputError, match="no tables without columns: choose one"):
        table.read(output_as="duckdb", columns=[])
