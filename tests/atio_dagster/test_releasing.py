from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_core.errors import ReleaseNotFoundError
from atio_dagster import AtioIOManager, AtioResource, with_publishing
from tests.support.dagster_runs import values_of

Run = Callable[..., dg.ExecuteInProcessResult]


class Pipeline:
    """Two assets that are released together, one behind a check, and one that isn't."""

    def __init__(self, store: AtioResource, instance: dg.DagsterInstance) -> None:
        self.store, self.instance, self.number, self.fails = store, instance, 1, False

        @dg.asset(metadata={"atio/publish": "after_run"})
        def orders() -> Any:
            return pd.DataFrame({"n": [self.number]})

        @dg.asset(metadata={"atio/publish": "after_run"})
        def report(orders: pd.DataFrame) -> Any:
            if self.fails:
                raise RuntimeError("no report")
            return pd.DataFrame({"n": [self.number * 10]})

        @dg.asset
        def other(report: pd.DataFrame) -> Any:
            return report

        @dg.asset_check(asset=report, blocking=True)
        def small(report: pd.DataFrame) -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=bool((report["n"] < 100).all()))

        self.defs = with_publishing(
            dg.Definitions(
                assets=[orders, report, other],
                asset_checks=[small],
                resources={"atio": store, "io_manager": AtioIOManager(resource=store)},
            )
        )

    def run(self, number: int, *only: str, fails: bool = False) -> dg.ExecuteInProcessResult:
        """Make all of them, or some, from a number."""
        self.number, self.fails = number, fails
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(key) for key in only] or None,
        )

    def released(self) -> list[int]:
        """What the latest release holds of both."""
        latest = self.store.store.at("latest")
        return [int(latest.read(name)["n"][0]) for name in latest.tables()]


@pytest.fixture
def pipeline(store: AtioResource, instance: dg.DagsterInstance) -> Pipeline:
    """The assets in a store."""
    return Pipeline(store, instance)


def test_a_run_is_released_as_a_whole(pipeline: Pipeline) -> None:
    """The assets of a run that ask for it become one release, named after the run; others aren't in it."""
    for number in (1, 2):
        result = pipeline.run(number)
        assert result.success
        assert pipeline.released() == [number, number * 10]
    [second, _] = pipeline.store.store.releases()
    latest = {name: next(iter(pipeline.store.table(name).history())).version for name in ("orders", "report")}
    assert (second.name, dict(second.tables)) == (result.run_id, latest)
    seen = [event for event in result.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    told = [event.asset_observation_data.asset_observation for event in seen]
    assert [one.asset_key.to_user_string() for one in told] == ["orders", "report"]
    assert {values_of(one.metadata)["atio/release"] for one in told} == {result.run_id}


@pytest.mark.parametrize("how", ["check", "step"])
def test_a_run_that_fails_releases_nothing(how: str, pipeline: Pipeline) -> None:
    """If an asset of the run isn't made, or doesn't pass its check, readers of releases see the run before."""
    pipeline.run(1)
    assert not pipeline.run(10 if how == "check" else 2, fails=how == "step").success
    assert pipeline.released() == [1, 10]
    assert pipeline.run(3).success
    assert pipeline.released() == [3, 30]


def test_some_of_the_assets(pipeline: Pipeline) -> None:
    """A run of some assets releases these: it waits for none that it doesn't make."""
    assert pipeline.run(5, "orders").success
    assert pipeline.released() == [5]
    assert pipeline.run(6, "report").success
    assert pipeline.released() == [60]


def test_no_release_without_an_asset_of_it(pipeline: Pipeline) -> None:
    """A run that makes none of these assets makes no release."""
    pipeline.run(1)
    assert pipeline.run(2, "other").success
    assert pipeline.released() == [1, 10]
    with pytest.raises(ReleaseNotFoundError):
        pipeline.store.store.at("2")
