from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest
from pyiceberg.table import StaticTable

from atio_core.errors import InvalidInputError
from atio_dagster import AtioIOManager, AtioResource, build_mirror_job
from tests.support.dagster_runs import output_metadata


def run(store: AtioResource, instance: dg.DagsterInstance, **options: Any) -> dg.ExecuteInProcessResult:
    """Run a job that mirrors."""
    job = build_mirror_job(**options)
    resolved = dg.Definitions(jobs=[job], resources={"atio": store}).resolve_job_def(job.name)
    return resolved.execute_in_process(instance=instance, raise_on_error=False)


def test_tables_are_shown_to_others_and_brought_up_to_date(
    store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Each table of rows is read by Delta's readers, as it was when the job ran last; objects are passed over."""
    for name in "ab":
        store.table(name).append(pd.DataFrame({"n": [1]}))
    store.table("settings").overwrite({"rate": 1})
    assert output_metadata(run(store, instance))["tables_changed"] == 2
    store.table("a").append(pd.DataFrame({"n": [2]}))
    report = output_metadata(run(store, instance))
    assert (report["tables_mirrored"], report["tables_changed"]) == (2, 1)
    assert pl.scan_delta(store.table("a").path).collect().height == 2
    report = output_metadata(run(store, instance, to="iceberg", history=True))
    assert report["tables_mirrored"] == 2
    [location] = Path(store.table("a").path).rglob("*.metadata.json")
    assert str(location) in report["mirrors"]
    assert len(StaticTable.from_metadata(str(location)).metadata.snapshots) == 2


def test_some_assets_and_a_column_that_cannot_be_carried(
    store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Only the tables of the assets that are named; one that fails is named, and the others are done."""

    @dg.asset
    def good() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    @dg.asset
    def odd() -> pd.DataFrame:
        return pd.DataFrame({"n": pd.to_timedelta([1])})

    assets = [good, odd]
    dg.materialize(
        assets, instance=instance, resources={"io_manager": AtioIOManager(base_path=store.base_path)}
    )
    store.table("other").append(pd.DataFrame({"n": [1]}))
    result = run(store, instance, assets=assets)
    failure = result.failure_data_for_node("mirror")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == "odd could not be mirrored; all else was done"
    assert pl.scan_delta(store.table("good").path).collect().height == 1
    assert store.table("other").tags() == {}
    assert output_metadata(run(store, instance, assets=[good]))["tables_mirrored"] == 1


def test_what_makes_no_sense_is_refused() -> None:
    """A job is for readers that there are."""
    with pytest.raises(InvalidInputError, match="delta, iceberg"):
        build_mirror_job(to="lance")  # pyright: ignore[reportArgumentType] - that is the point
