import itertools
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from atio_dagster import AtioIOManager, AtioResource
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
    seconds, phases = told.pop("atio/seconds"), told.pop("atio/seconds_by_phase")
    assert {"serialise", "commit"} <= set(phases)
    assert seconds == pytest.approx(sum(phases.values()), abs=1e-5)
    assert {name: value for name, value in told.items() if name != "dagster/column_schema"} == {
        "atio/version": 2,
        "atio/version_before": 1,
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


def test_rows_of_each_partition_of_a_range(materialize: Materialize) -> None:
    """In a run of several partitions, each tells its own rows; what the asset says itself stays."""
    keys = dg.MultiPartitionsDefinition(
        {
            "day": dg.DailyPartitionsDefinition("2024-01-01"),
            "zone": dg.StaticPartitionsDefinition(["e/u", "us"]),
        }
    )

    @dg.asset(partitions_def=keys)
    def made(context: dg.AssetExecutionContext) -> Any:
        context.add_asset_metadata(
            {"dagster/partition_row_count": 7}, partition_key=context.partition_keys[0]
        )
        return {key: pd.DataFrame({"n": range(at + 1)}) for at, key in enumerate(context.partition_keys)}

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["c", "b", "a"]))
    def plain(context: dg.AssetExecutionContext) -> Any:
        return {key: pd.DataFrame({"n": range(ord(key) - ord("a"))}) for key in context.partition_keys}

    result = materialize(made, between=("2024-01-01|us", "2024-01-02|us"))
    events = result.asset_materializations_for_node("made")
    rows: list[Any] = [event.metadata["dagster/partition_row_count"].value for event in events]
    assert sorted(rows) == [2, 7]
    result = materialize(plain, between=("c", "a"))
    events = result.asset_materializations_for_node("plain")
    assert {event.partition: event.metadata["dagster/partition_row_count"].value for event in events} == {
        "c": 2,
        "b": 1,
        "a": 0,
    }


def test_what_changed(materialize: Materialize) -> None:
    """A materialisation tells the version before, rows that came and went, and columns that aren't the same."""
    frames = iter([{"n": [1, 2], "gone": ["x", "y"]}, {"n": [1.5], "new": [1]}, {"n": [1.5], "new": [1]}])

    @dg.asset(metadata={"atio/if_unchanged": "skip"})
    def made() -> Any:
        return pd.DataFrame(next(frames))

    first, second, third = (materialized(materialize(made), "made")[0] for _ in range(3))
    assert "atio/version_before" not in first
    names = (
        "version_before",
        "rows_added",
        "rows_removed",
        "columns_added",
        "columns_removed",
        "columns_retyped",
    )
    assert [second[f"atio/{name}"] for name in names] == [1, 1, 2, ["new"], ["gone"], ["n"]]
    assert [third.get(f"atio/{name}") for name in names] == [2, 0, 0, None, None, None]


def test_lineage_of_columns(materialize: Materialize) -> None:
    """What an asset's definition knows of where its columns come from is shown with each materialisation."""
    lineage = dg.TableColumnLineage({"n": [dg.TableColumnDep(asset_key=dg.AssetKey("up"), column_name="m")]})

    @dg.asset(metadata={"dagster/column_lineage": lineage})
    def made() -> Any:
        return pd.DataFrame({"n": [1]})

    assert materialized(materialize(made), "made")[0]["dagster/column_lineage"] == lineage


class TestPreview:
    """The first rows among the metadata."""

    def test_none_unless_asked_for(self, materialize: Materialize) -> None:
        """Rows are shown only where somebody says so."""

        @dg.asset
        def made() -> Any:
            return pd.DataFrame({"n": [1]})

        assert "atio/preview" not in materialized(materialize(made), "made")[0]
        assert "atio/preview" in materialized(materialize(made, tags={"atio/preview": "1"}), "made")[0]

    def test_rows_as_a_table(self, materialize: Materialize) -> None:
        """They are a table in markdown, in which no value is taken for markup."""

        @dg.asset(metadata={"atio/preview": 2})
        def made() -> Any:
            return pl.DataFrame({"a_b": ["x|y\n<b>", None, "z"], "n": [1.5, 2, 3], "long": ["w" * 100] * 3})

        told = materialize(made).asset_materializations_for_node("made")[0].metadata["atio/preview"]
        assert isinstance(told, dg.MarkdownMetadataValue)
        long = "w" * 79 + "…"
        assert told.value.splitlines() == [
            r"| a\_b | n | long |",
            "| :-- | --: | --: |",
            rf"| x\|y \<b\> | 1.5 | {long} |",
            f"|  | 2.0 | {long} |",
        ]

    def test_of_the_runs_partitions(self, materialize: Materialize) -> None:
        """In a partitioned asset they are the run's own."""

        @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]), metadata={"atio/preview": 5})
        def made(context: dg.AssetExecutionContext) -> Any:
            return pd.DataFrame({"key": [context.partition_key]})

        for key in "ab":
            told, _ = materialized(materialize(made, partition=key), "made")
            assert told["atio/preview"].splitlines()[2:] == [f"| {key} |"]

    def test_wide_frames_and_objects(self, materialize: Materialize) -> None:
        """Of many columns the first are shown; of an object nothing."""
        given: list[Any] = [pd.DataFrame({str(n): [n] for n in range(40)}), {"a": 1}]

        @dg.asset(metadata={"atio/preview": 1})
        def made() -> Any:
            return given.pop(0)

        told, _ = materialized(materialize(made), "made")
        assert told["atio/preview"].splitlines()[0].endswith("| 29 | and 10 more |")
        assert "atio/preview" not in materialized(materialize(made), "made")[0]


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


@pytest.mark.parametrize("parted", [False, True], ids=["whole", "partitions"])
def test_data_versions_of_appends_and_upserts(parted: bool, materialize: Materialize) -> None:  # noqa: FBT001 - a case
    """Whatever adds or changes rows changes the data version; an upsert or append that says nothing new keeps it."""
    row, none = pd.DataFrame({"id": [1], "n": [1]}), pd.DataFrame({"id": [1], "n": [1]}).iloc[:0]
    other = pd.DataFrame({"id": [1], "n": [2]})
    steps: list[tuple[str, Any, bool]] = [
        ("append", row, True),
        ("append", row, True),
        ("append", none, parted),  # a partition has a piece more
        ("upsert", row, False),
        ("upsert", other, True),
        ("upsert", other, False),
    ]
    given = [frame for _, frame, _ in steps]

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]) if parted else None)
    def made() -> Any:
        return given.pop(0)

    seen: list[str] = []
    for mode, _, changes in steps:
        run = materialize(made, partition="a" if parted else None, tags={"atio/mode": mode, "atio/key": "id"})
        version = materialized(run, "made")[1]["dagster/data_version"]
        assert (version in seen) != changes, mode
        seen.append(version)


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
@pytest.mark.parametrize(("second", "requested"), [(1, 0), (2, 1)], ids=["equal", "other"])
def test_conditions_see_what_changed(
    second: int, requested: int, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """What depends on an asset is requested when that has other content, not when it was merely made again."""
    numbers = iter([1, second])

    @dg.asset
    def up() -> Any:
        return pd.DataFrame({"n": [next(numbers)]})

    changed = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())

    @dg.asset(automation_condition=changed)
    def down(up: pd.DataFrame) -> Any:
        return up

    resources = {"io_manager": AtioIOManager(base_path=store.base_path)}
    defs = dg.Definitions(assets=[up, down], resources=resources)
    dg.materialize([up, down], instance=instance, resources=resources)
    before = dg.evaluate_automation_conditions(defs=defs, instance=instance)
    dg.materialize([up], instance=instance, resources=resources)
    after = dg.evaluate_automation_conditions(defs=defs, instance=instance, cursor=before.cursor)
    assert after.total_requested == requested


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
