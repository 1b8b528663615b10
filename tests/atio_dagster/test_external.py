from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

import atio_core as atio
from atio_dagster import AtioIOManager, AtioResource, AtioTable
from tests.support.dagster_runs import Refusal, values_of

ORDERS = dg.AssetKey(["shop", "orders"])


@pytest.fixture
def elsewhere(tmp_path: Path) -> atio.Table:
    """A table of two versions that somebody else has written, outside of the store."""
    table = atio.Table(tmp_path / "elsewhere" / "orders.v2")
    for number in (1, 2):
        table.overwrite(pd.DataFrame({"n": [number]}))
    return table


def observe(asset: Any, store: AtioResource, instance: dg.DagsterInstance) -> None:
    """Observe an asset by a job of its own."""
    job = dg.define_asset_job("looking", selection=[ORDERS])
    defs = dg.Definitions(assets=[asset], jobs=[job], resources={"atio": store})
    assert defs.resolve_job_def("looking").execute_in_process(instance=instance).success


@pytest.mark.parametrize("kind", ["spec", "observed"])
def test_an_input(
    kind: str, elsewhere: atio.Table, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """A table that lies anywhere is an input, at the version that the run's first reader has pinned."""
    table = AtioTable("shop/orders", elsewhere.path)
    seen: list[int] = []

    @dg.asset(ins={"orders": dg.AssetIn(ORDERS)})
    def early(orders: pd.DataFrame) -> None:
        seen.extend(orders["n"])
        elsewhere.overwrite(pd.DataFrame({"n": [3]}))

    @dg.asset(ins={"orders": dg.AssetIn(ORDERS)}, deps=[early])
    def late(orders: pd.DataFrame) -> None:
        seen.extend(orders["n"])

    source: Any = table.spec if kind == "spec" else table.observed()
    defs = dg.Definitions(
        assets=[source, early, late], resources={"atio": store, "io_manager": AtioIOManager(resource=store)}
    )
    for _ in range(2):
        assert defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance).success
    assert seen == [2, 2, 3, 3]
    assert not (Path(elsewhere.path).parent / "_atio").exists()


def test_a_table_of_the_store(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """Without a path it lies where its key says."""
    store.table("shop/orders").overwrite(pd.DataFrame({"n": [1, 2]}))
    observe(AtioTable("shop/orders").observed(), store, instance)
    record = instance.get_latest_data_version_record(ORDERS)
    assert record is not None
    assert (record.event_log_entry.tags or {})["dagster/data_version"] == store.table(
        "shop/orders"
    ).snapshot().content


def test_an_observation(elsewhere: atio.Table, store: AtioResource, instance: dg.DagsterInstance) -> None:
    """Observed, Dagster knows its data version, which stays as long as the content does, its rows and its columns."""
    table = AtioTable("shop/orders", elsewhere.path)
    versions: list[str] = []
    for change in (lambda: None, elsewhere.compact, lambda: elsewhere.append(pd.DataFrame({"n": [5]}))):
        change()
        observe(table.observed(), store, instance)
        record = instance.get_latest_data_version_record(ORDERS)
        assert record is not None
        versions.append((record.event_log_entry.tags or {})["dagster/data_version"])
    assert versions[0] == versions[1] != versions[2]
    assert record is not None
    assert record.event_log_entry.asset_observation is not None
    told = values_of(record.event_log_entry.asset_observation.metadata)
    assert (told["dagster/row_count"], told["atio/version"], told["atio/table"]) == (2, 3, elsewhere.path)
    assert [column.name for column in told["dagster/column_schema"].columns] == ["n"]


def test_partitions(tmp_path: Path, store: AtioResource, instance: dg.DagsterInstance) -> None:
    """The partitions of such a table are observed and loaded one by one; those that Dagster doesn't know are left."""
    elsewhere = atio.Table(tmp_path / "elsewhere")
    days = [pd.Timestamp(day).date() for day in ("2024-01-01", "2024-01-02", "1999-01-01")]
    elsewhere.overwrite(pd.DataFrame({"day": days, "n": [1, 2, 3]}), partition_by=["day"])
    daily = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-05")
    table = AtioTable("shop/orders", elsewhere.path, partitions_def=daily)
    observe(table.observed(), store, instance)
    events = instance.fetch_observations(ORDERS, limit=10).records
    told = {
        record.partition_key: values_of(record.asset_observation.metadata)["dagster/partition_row_count"]
        for record in events
        if record.asset_observation and record.partition_key
    }
    assert told == {"2024-01-01": 1, "2024-01-02": 1}
    seen: list[int] = []

    @dg.asset(partitions_def=daily, ins={"orders": dg.AssetIn(ORDERS)})
    def one_day(orders: pd.DataFrame) -> None:
        seen.extend(orders["n"])

    defs = dg.Definitions(
        assets=[table.spec, one_day], resources={"io_manager": AtioIOManager(resource=store)}
    )
    job = defs.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance, partition_key="2024-01-02").success
    assert seen == [2]


def test_it_is_not_written(elsewhere: atio.Table, refusal: Refusal) -> None:
    """An asset that would be written elsewhere than its inputs look for it is refused."""

    @dg.asset(metadata={"atio/path": elsewhere.path})
    def orders() -> Any:
        return pd.DataFrame({"n": [9]})

    error = refusal(orders)
    assert "written outside of" in error.message
    assert elsewhere.snapshot().version == 2
