import dagster as dg
import pandas as pd
import polars as pl
import pytest

from atio_dagster import AtioResource
from atio_dagster.metadata import markdown_table, readable_bytes


def test_what_dagster_shows(materialize, store: AtioResource) -> None:
    """A materialisation tells rows, bytes, files, columns, the version and where its table lies."""

    @dg.asset(key=["raw", "made"])
    def made():
        return pl.DataFrame({"n": [1, 2], "s": ["x", None]})

    materialize(made)
    result = materialize(made)
    told = result.asset_materializations_for_node("raw__made")[0].metadata
    snapshot = store.table("raw/made").snapshot()
    assert {name: value.value for name, value in told.items() if name != "dagster/column_schema"} == {
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
    columns = told["dagster/column_schema"].value.columns
    assert [(column.name, column.type) for column in columns] == [("n", "int64"), ("s", "large_string")]


def test_columns_of_pandas(materialize) -> None:
    """The columns go by their labels, also those that are no text; an index shows as what it is."""

    @dg.asset
    def made():
        return pd.DataFrame([[1, 2.5, 3]], columns=["a", 1, ("b", 2)], index=pd.Index(["x"], name="key"))

    columns = materialize(made).asset_materializations_for_node("made")[0].metadata["dagster/column_schema"].value.columns
    assert [(column.name, column.type) for column in columns] == [
        ("key", "large_string"),
        ("a", "int64"),
        ("1", "double"),
        ("('b', 2)", "int64"),
    ]
    assert columns[0].description == "level of the index"


def test_rows_of_a_partition(materialize) -> None:
    """A run of one partition tells its rows beside those of the table."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def made(context: dg.AssetExecutionContext):
        return pd.DataFrame({"n": range(2 if context.partition_key == "a" else 3)})

    materialize(made, partition="a")
    told = materialize(made, partition="b").asset_materializations_for_node("made")[0].metadata
    assert (told["dagster/partition_row_count"].value, told["dagster/row_count"].value) == (3, 5)


def test_data_versions_follow_the_content(materialize, instance: dg.DagsterInstance) -> None:
    """Equal content has an equal data version, whatever was there before; other content has another."""
    numbers = iter([1, 2, 1, 3, 3])

    @dg.asset
    def made():
        return pd.DataFrame({"n": [next(numbers)]})

    versions = [
        materialize(made).asset_materializations_for_node("made")[0].tags["dagster/data_version"] for _ in range(5)
    ]
    assert versions[0] == versions[2]
    assert versions[3] == versions[4]
    assert len(set(versions)) == 3


def test_data_versions_of_partitions(materialize) -> None:
    """A partition's data version is its own content's, whatever the other partitions hold."""
    numbers = iter([1, 2, 1])

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def made():
        return pd.DataFrame({"n": [next(numbers)]})

    events = [materialize(made, partition=key).asset_materializations_for_node("made")[0] for key in "aba"]
    versions = [event.tags["dagster/data_version"] for event in events]
    assert versions[0] == versions[2]
    assert versions[0] != versions[1]


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_a_data_version_of_ones_own(materialize) -> None:
    """A data version that the asset gives itself wins."""

    @dg.asset
    def made():
        return dg.Output(pd.DataFrame({"n": [1]}), data_version=dg.DataVersion("mine"))

    assert materialize(made).asset_materializations_for_node("made")[0].tags["dagster/data_version"] == "mine"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2_340_000_000, "2.3 GB"), (10**16, "10000.0 TB")],
)
def test_readable_bytes(size: int, text: str) -> None:
    """Sizes are told in the unit that suits them."""
    assert readable_bytes(size) == text


def test_markdown_escapes_bars() -> None:
    """A bar in a cell doesn't break the table."""
    assert markdown_table(["a"], [["x|y"]]) == "| a |\n| :-- |\n| x\\|y |"
