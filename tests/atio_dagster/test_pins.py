"""Pins of runs that are long over."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pandas as pd

from atio_dagster import AtioResource
from atio_dagster.pins import PINS_KEPT, remove_old_pins
from tests.support.dagster_runs import Materialize, versions_of


def test_old_pins_are_removed(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Pins of runs that can't be executed again with what they read go; those of runs in progress stay."""
    versions_of(store, "source", 1)
    kept: list[list[str]] = []
    later = datetime.now(UTC) + PINS_KEPT + timedelta(days=2)

    @dg.asset
    def down(context: dg.AssetExecutionContext, source: pd.DataFrame) -> None:
        kept.append(remove_old_pins(context.instance, store.store, now=later))

    first = materialize(dg.AssetSpec("source"), down).run_id
    second = materialize(dg.AssetSpec("source"), down).run_id
    assert kept == [[], [first]]
    assert list(store.store.pins()) == [second]
    assert remove_old_pins(instance, store.store) == []
    assert remove_old_pins(instance, store.store, now=later, dry_run=True) == [second]
    assert remove_old_pins(instance, store.store, now=later) == [second]
    assert store.store.pins() == {}
