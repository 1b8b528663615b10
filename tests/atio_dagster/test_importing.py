from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from atio_dagster import AtioResource, import_from
from tests.support.dagster_runs import Materialize

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-05")
BOTH = dg.MultiPartitionsDefinition({"day": DAYS, "letter": dg.StaticPartitionsDefinition(["x", "y"])})
NAMES = dg.DynamicPartitionsDefinition(name="names")


class Odd:
    """What nothing but a pickle keeps."""


@dg.asset
def frame() -> Any:
    """A frame."""
    return pd.DataFrame({"n": [1, 2]})


@dg.asset(key_prefix="deep")
def settings() -> Any:
    """No frame."""
    return {"rate": [1, None]}


@dg.asset(partitions_def=DAYS)
def daily(context: dg.AssetExecutionContext) -> Any:
    """A frame for each day."""
    return pl.DataFrame({"day": [context.partition_key]})


@dg.asset(partitions_def=BOTH)
def multi(context: dg.AssetExecutionContext) -> Any:
    """A frame for each day and letter."""
    return pd.DataFrame({"key": [str(context.partition_key)]})


@dg.asset(partitions_def=NAMES)
def named(context: dg.AssetExecutionContext) -> Any:
    """A frame for each name."""
    return pd.DataFrame({"key": [context.partition_key]})


@dg.asset
def odd() -> Any:
    """An object that only a pickle keeps."""
    return Odd


@pytest.fixture
def old(tmp_path: Path) -> dg.FilesystemIOManager:
    """Dagster's own manager."""
    return dg.FilesystemIOManager(base_dir=str(tmp_path / "old"))


@pytest.fixture
def run(old: dg.FilesystemIOManager, instance: dg.DagsterInstance) -> Any:
    """Materialise an asset by Dagster's own manager."""

    def made(asset: Any, partition: str | None = None) -> None:
        resources = {"io_manager": old}
        assert dg.materialize(
            [asset], resources=resources, instance=instance, partition_key=partition
        ).success

    return made


def test_outputs_become_first_versions(
    run: Any, old: Any, store: AtioResource, materialize: Materialize
) -> None:
    """Pickled outputs are read as they were, and the asset goes on from there; its owner is known."""
    run(frame)
    run(settings)
    report = import_from(old, [frame, settings], store)
    assert report.imported == {frame.key: 1, settings.key: 1}
    assert store.table("frame").read()["n"].tolist() == [1, 2]
    assert store.table("deep/settings").read() == {"rate": [1, None]}
    assert materialize(frame).success
    assert [snapshot.version for snapshot in store.table("frame").history()] == [2, 1]


def test_partitions_become_one_version(
    run: Any, old: Any, store: AtioResource, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    """The partitions that are stored become one version of a partitioned table, whatever defines them."""
    instance.add_dynamic_partitions("names", ["a/b", "c"])
    for day in ("2024-01-01", "2024-01-03"):
        run(daily, day)
    run(multi, dg.MultiPartitionKey({"day": "2024-01-02", "letter": "y"}))
    run(named, "c")
    report = import_from(old, [daily, multi, named], store, instance=instance)
    assert report.imported == {daily.key: 2, multi.key: 1, named.key: 1}
    assert len(store.table("daily").history()) == 1
    assert store.table("daily").snapshot().partitions() == [("2024-01-01",), ("2024-01-03",)]
    assert store.table("multi").snapshot().partitions() == [("2024-01-02", "y")]
    assert store.table("named").snapshot().partitions() == [("c",)]
    assert materialize(daily, partition="2024-01-02").success
    assert store.table("daily").snapshot().rows == 3


def test_what_has_a_table_stands(run: Any, old: Any, store: AtioResource) -> None:
    """An asset that has a table is left alone: a second call takes over what is missing, and no more."""
    run(frame)
    import_from(old, [frame], store)
    store.table("frame").overwrite(pd.DataFrame({"n": [9]}))
    run(settings)
    report = import_from(old, [frame, settings], store)
    assert (report.present, list(report.imported)) == ([frame.key], [settings.key])
    assert store.table("frame").read()["n"].tolist() == [9]
    assert "frame: has a table already" in str(report)


def test_what_is_not_stored_is_told(old: Any, store: AtioResource) -> None:
    """An asset of which nothing is stored gets no table."""
    report = import_from(old, [frame, daily], store)
    assert report.absent == [frame.key, daily.key]
    assert not store.table("frame").exists()


def test_pickles_only_if_allowed(run: Any, old: Any, store: AtioResource) -> None:
    """What nothing but a pickle keeps is refused, and the others go on; it is taken over where pickles are allowed."""
    run(odd)
    run(frame)
    report = import_from(old, [odd, frame], store)
    assert list(report.failures) == [odd.key]
    assert list(report.imported) == [frame.key]
    assert "odd: " in str(report)
    assert list(import_from(old, [odd], store, pickles=True).imported) == [odd.key]
