"""Assets outside of runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest

import atio_core as atio
from atio_dagster import AtioIOManager, AtioResource, open_asset
from tests.support.dagster_runs import Materialize


@pytest.fixture
def orders(materialize: Materialize) -> dg.AssetsDefinition:
    """An asset of two parts, materialised twice."""
    number: list[int] = []

    @dg.asset(key=["raw", "a_b"])
    def orders() -> pd.DataFrame:
        number.append(1)
        return pd.DataFrame({"n": [len(number)], "s": ["x"]})

    for _ in range(2):
        materialize(orders)
    return orders


def test_a_version_of_an_asset(orders: dg.AssetsDefinition, store: AtioResource) -> None:
    """A notebook opens the latest version of an asset, or another by number, tag or time."""
    assert open_asset(orders.key, store).read()["n"].item() == 2
    store.table(orders.key).tag("good", 1)
    first = store.table(orders.key).snapshot(1).time
    named: list[dict[str, Any]] = [
        {"version": 1},
        {"version": -2},
        {"version": "good"},
        {"tag": "good"},
        {"as_of": first},
    ]
    for said in named:
        assert open_asset(["raw", "a_b"], Path(store.base_path), **said).version == 1
    with pytest.raises(atio.InvalidInputError, match="give one of them"):
        open_asset(orders.key, store, version=1, as_of=datetime.now(UTC))
    with pytest.raises(atio.TableNotFoundError):
        open_asset("raw/none", store)


def test_load_asset_value(
    orders: dg.AssetsDefinition, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Dagster's own loader gives the type asked for, at the version and with the columns that metadata name."""
    defs = dg.Definitions(assets=[orders], resources={"io_manager": AtioIOManager(base_path=store.base_path)})
    with defs.get_asset_value_loader(instance) as opened:
        loader: Any = opened
        assert loader.load_asset_value(orders.key, python_type=pl.DataFrame).to_dicts() == [
            {"n": 2, "s": "x"}
        ]
        said = {"atio/version": 1, "atio/columns": ["n"]}
        old = loader.load_asset_value(orders.key, python_type=pd.DataFrame, input_definition_metadata=said)
        assert old.to_dict("list") == {"n": [1]}
    assert store.store.pins() == {}


def test_load_asset_value_of_partitions(
    store: AtioResource, materialize: Materialize, instance: dg.DagsterInstance
) -> None:
    """A partition, a range of them, or all."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]))
    def parts(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame({"k": [context.partition_key]})

    for key in "abc":
        materialize(parts, partition=key)
    defs = dg.Definitions(assets=[parts], resources={"io_manager": AtioIOManager(base_path=store.base_path)})
    with defs.get_asset_value_loader(instance) as opened:
        loader: Any = opened
        one = loader.load_asset_value("parts", python_type=pd.DataFrame, partition_key="b")
        some = loader.load_asset_value(
            "parts", python_type=dict[str, pl.DataFrame], partition_key_range=dg.PartitionKeyRange("a", "b")
        )
        whole = loader.load_asset_value("parts", python_type=pd.DataFrame)
        by_key = loader.load_asset_value("parts", python_type=dict[str, pd.DataFrame])
    assert one["k"].tolist() == ["b"]
    assert {key: frame["k"].to_list() for key, frame in some.items()} == {"a": ["a"], "b": ["b"]}
    assert {key: frame["k"].tolist() for key, frame in by_key.items()} == {key: [key] for key in "abc"}
    assert whole["k"].tolist() == ["a", "b", "c"]
