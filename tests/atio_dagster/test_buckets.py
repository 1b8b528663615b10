"""Tables of assets in a bucket."""

from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import (
    AtioIOManager,
    AtioResource,
    AtioTable,
    build_diff_check,
    build_snapshot_sensor,
    with_publishing,
)
from tests.atio_dagster import bucket_jobs
from tests.support.bucket_servers import KEY_ID, SECRET, BucketServer


@pytest.fixture
def store(moto: BucketServer, monkeypatch: pytest.MonkeyPatch) -> AtioResource:
    """A store in a bucket, which the job's processes find by their environment."""
    told = {"PLACE": moto.place(), "ENDPOINT": moto.endpoint, "KEY": KEY_ID, "SECRET": SECRET}
    for name, value in told.items():
        monkeypatch.setenv(f"ATIO_TEST_{name}", value)
    return AtioResource(base_path=told["PLACE"], storage_options=dict(moto.storage_options))


def test_steps_in_processes_share_a_bucket(store: AtioResource, real_instance: dg.DagsterInstance) -> None:
    """What a step stores there the next one reads, in its own process; nothing that Dagster keeps holds the secret."""
    with dg.execute_job(dg.reconstructable(bucket_jobs.in_processes), real_instance) as run:
        assert run.success
    assert store.table("down").read()["twice"].tolist() == [2, 4, 6]
    assert store.store.tables() == ["down", "up"]
    records = real_instance.all_logs(run.run_id)
    assert records
    assert SECRET not in "".join(map(repr, records))
    assert SECRET not in repr(real_instance.get_run_by_id(run.run_id))


def test_options_belong_to_a_path(store: AtioResource) -> None:
    """A manager's own options open its own path; a resource has its own; neither shows them."""
    manager = AtioIOManager(base_path=store.base_path, storage_options=store.storage_options)
    assert SECRET not in repr(manager) + repr(store)
    with pytest.raises(ValueError, match="belong to base_path"):
        AtioIOManager(resource=store, storage_options=store.storage_options)


@dg.asset(metadata={"atio/publish": "after_checks"})
def gated() -> pd.DataFrame:
    """Rows that a check lets pass."""
    return pd.DataFrame({"n": [1]})


@dg.asset_check(asset=gated, blocking=True)
def there(gated: pd.DataFrame) -> dg.AssetCheckResult:
    """There are rows."""
    return dg.AssetCheckResult(passed=len(gated) > 0)


@dg.asset(metadata={"atio/publish": "after_run"})
def released(gated: pd.DataFrame) -> pd.DataFrame:
    """The same rows."""
    return gated


def test_options_of_the_manager_publish_and_release(
    store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """What is staged and released is opened by the manager's options, which nothing that Dagster keeps shows."""
    resources = {"io_manager": AtioIOManager(resource=store), "atio": store}
    diff = build_diff_check(gated, max_removed=0, blocking=False)
    defs = dg.Definitions(assets=[gated, released], asset_checks=[there, diff], resources=resources)
    job = with_publishing(defs).resolve_implicit_global_asset_job_def()
    run = job.execute_in_process(instance=instance)
    assert run.success
    assert store.store.at("latest").release.name == run.run_id
    assert store.store.at("latest").read("released")["n"].tolist() == [1]
    assert SECRET not in "".join(map(repr, instance.all_logs(run.run_id)))


def test_options_of_a_resource_open_tables_of_others(
    store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """A table elsewhere in a bucket is observed and watched by the options of the resource that it names."""
    path = f"{store.base_path}/elsewhere/orders"
    table = AtioTable("orders", path, resource_key="atio")
    table.table(store).overwrite(pd.DataFrame({"n": [1]}))
    assert dg.materialize([table.observed()], instance=instance, resources={"atio": store}).success
    sensor = build_snapshot_sensor(table, target="*")
    with dg.build_sensor_context(instance=instance, resources={"atio": store}) as context:
        found: Any = sensor(context)
    assert len(found.run_requests) == 1
    assert SECRET not in repr(found) + repr(table.spec)
