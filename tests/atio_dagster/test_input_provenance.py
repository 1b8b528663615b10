"""Provenance: what Dagster and a version's properties say was read is what was read."""

import json
from typing import Any

import dagster as dg
import pandas as pd

from atio_dagster import AtioResource
from tests.support.dagster_runs import Materialize


def made(instance: dg.DagsterInstance, key: str) -> list[dg.EventLogRecord]:
    """The materialisations of an asset, the first one first."""
    records = instance.fetch_materializations(dg.AssetKey(key), limit=100).records
    return sorted(records, key=lambda record: record.storage_id)


def tags(record: dg.EventLogRecord) -> dict[str, str]:
    """The tags of a materialisation."""
    event = record.asset_materialization
    assert event is not None
    return dict(event.tags or {})


def counted(number: list[int]) -> dg.AssetsDefinition:
    """An asset with the next number each time."""

    @dg.asset
    def up() -> pd.DataFrame:
        number.append(len(number))
        return pd.DataFrame({"n": [len(number)]})

    return up


def test_an_older_version(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Of an input that names an older version, the data version and the event are those of that version."""
    up = counted([])

    @dg.asset(ins={"up": dg.AssetIn(metadata={"atio/version": 1})})
    def down(up: pd.DataFrame) -> pd.DataFrame:
        return up

    for _ in range(2):
        materialize(up)
    materialize(up, down, only=[down])
    (event,) = made(instance, "down")
    first, second = made(instance, "up")
    assert tags(first)["dagster/data_version"] != tags(second)["dagster/data_version"]
    assert tags(event)["dagster/input_data_version/up"] == tags(first)["dagster/data_version"]
    assert tags(event)["dagster/input_event_pointer/up"] == str(first.storage_id)
    assert json.loads(store.table("down").snapshot().properties["dagster/inputs"]) == {"up": 1}


def test_a_version_that_came_while_the_run_was_at_it(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """A later step of a run tells the version that the run has pinned, not the one that another run has made since."""
    up = counted([])

    @dg.asset
    def early(up: pd.DataFrame) -> pd.DataFrame:
        return up

    @dg.asset(deps=["early"])
    def meanwhile() -> None:
        materialize(up)

    @dg.asset(deps=["meanwhile"])
    def late(up: pd.DataFrame) -> pd.DataFrame:
        return up

    materialize(up)
    materialize(up, early, meanwhile, late, only=[early, meanwhile, late])
    first, _ = made(instance, "up")
    for name in ("early", "late"):
        (event,) = made(instance, name)
        assert tags(event)["dagster/input_data_version/up"] == tags(first)["dagster/data_version"]
        assert tags(event)["dagster/input_event_pointer/up"] == str(first.storage_id)
        assert json.loads(store.table(name).snapshot().properties["dagster/inputs"]) == {"up": 1}


def test_a_version_that_no_run_made(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Rows that were written outside of Dagster have the digest of their content, and no event."""
    up = counted([])

    @dg.asset
    def down(up: pd.DataFrame) -> pd.DataFrame:
        return up

    materialize(up)
    content = store.table("up").overwrite(pd.DataFrame({"n": [9]})).content
    materialize(up, down, only=[down])
    (event,) = made(instance, "down")
    assert tags(event)["dagster/input_data_version/up"] == content
    assert tags(event)["dagster/input_event_pointer/up"] == "NULL"


def test_partitions(materialize: Materialize, instance: dg.DagsterInstance) -> None:
    """Of a partitioned input, other partitions of the version don't count; an older one of its own does."""
    days = dg.StaticPartitionsDefinition(["a", "b"])
    number: list[int] = []

    @dg.asset(partitions_def=days)
    def up() -> pd.DataFrame:
        number.append(1)
        return pd.DataFrame({"n": [len(number)]})

    def reader(name: str, version: int) -> Any:
        @dg.asset(name=name, partitions_def=days, ins={"up": dg.AssetIn(metadata={"atio/version": version})})
        def down(up: pd.DataFrame) -> pd.DataFrame:
            return up

        return down

    downs = [reader(f"v{version}", version) for version in (1, 2, 3)]
    for key in ("a", "b", "a"):
        materialize(up, partition=key)
    found: list[str] = []
    for down in downs:
        materialize(up, down, only=[down], partition="a")
        (event,) = made(instance, down.key.to_user_string())
        found.append(tags(event)["dagster/input_data_version/up"])
    assert found[0] == found[1] != found[2]
    materialize(up, downs[2], only=[downs[2]], partition="a")
    assert tags(made(instance, "v3")[-1])["dagster/input_data_version/up"] == found[2]
