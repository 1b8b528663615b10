import itertools
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from atio_dagster import AtioResource
from atio_dagster.metadata import markdown_table
from tests.support.dagster_runs import Materialize, materialized


def test_what_dagster_shows(materialize: Materialize, store: AtioResource) -> None:
    """A materialisation tells rows, bytes, files, columns, the version and where its table lies."""
    numbers = itertools.count()

    @dg.asset(key=["raw", "made"])
    def made() -> Any:
        return pl.DataFrame({"n": [1, next(numbers)], "s": ["x", None]})

    materialize(made)
    told, _ = materialized(materialize(made), "raw__made")
    snapshot = store.table("raw/made").snapshot()
    assert {name: value for name, value in told.items() if name != "dagster/column_schema"} == {
        "atio/version": 2,
        "atio/table": snapshot.table,
        "atio/bytes": snapshot.bytes,
        "atio/files": 1,
        "atio/rows_added": 2,
        "atio/rows_removed": 2,
        "atio/content": snapshot.content,
        "dagster/row_count": 2,
        "dagster/uri": f"file://{snapshot.table}",
        "dagster/storage_kind": "atio",
        "dagster/table_name": "raw.made",
    }
    columns = told["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns] == [("n", "int64"), ("s", "large_string")]


def test_columns_of_pandas(materialize: Materialize) -> None:
    """The columns go by their labels, also those that are no text; an index shows as what it is."""

    @dg.asset
    def made() -> Any:
        return pd.DataFrame([[1, 2.5, 3]], columns=["a", 1, ("b", 2)], index=pd.Index(["x"], name="key"))

    told, _ = materialized(materialize(made), "made")
    columns = told["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns] == [
        ("key", "large_string"),
        ("a", "int64"),
        ("1", "double"),
        ("('b', 2)", "int64"),
    ]
    assert columns[0].description == "level of the index"


def test_rows_of_a_partition(materialize: Materialize) -> None:
    """A run of one partition tells its rows beside those of the table."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def made(context: dg.AssetExecutionContext) -> Any:
        return pd.DataFrame({"n": range(2 if context.partition_key == "a" else 3)})

    materialize(made, partition="a")
    told, _ = materialized(materialize(made, partition="b"), "made")
    assert (told["dagster/partition_row_count"], told["dagster/row_count"]) == (3, 5)


def test_data_versions_follow_the_content(materialize: Materialize, instance: dg.DagsterInstance) -> None:
    """Equal content has an equal data version, whatever was there before; other content has another."""
    numbers = iter([1, 2, 1, 3, 3])

    @dg.asset
    def made() -> Any:
        return pd.DataFrame({"n": [next(numbers)]})

    versions = [materialized(materialize(made), "made")[1]["dagster/data_version"] for _ in range(5)]
    assert versions[0] == versions[2]
    assert versions[3] == versions[4]
    assert len(set(versions)) == 3


def test_data_versions_of_partitions(materialize: Materialize) -> None:
    """A partition's data version is its own content's, whatever the other partitions hold."""
    numbers = iter([1, 2, 1])

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def made() -> Any:
        return pd.DataFrame({"n": [next(numbers)]})

    runs = [materialize(made, partition=key) for key in "aba"]
    versions = [materialized(run, "made")[1]["dagster/data_version"] for run in runs]
    assert versions[0] == versions[2]
    assert versions[0] != versions[1]


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_a_data_version_of_ones_own(materialize: Materialize) -> None:
    """A data version that the asset gives itself wins."""

    @dg.asset
    def made() -> dg.Output[pd.DataFrame]:
        return dg.Output(pd.DataFrame({"n": [1]}), data_version=dg.DataVersion("mine"))

    assert materialized(materialize(made), "made")[1]["dagster/data_version"] == "mine"


def test_markdown_escapes_bars() -> None:
    """A bar in a cell doesn't break the table."""
    assert markdown_table(["a"], [["x|y"]]) == "| a |\n| :-- |\n| x\\|y |"
