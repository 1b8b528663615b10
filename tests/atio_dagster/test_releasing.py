from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_core import Table
from atio_core.errors import ReleaseNotFoundError
from atio_dagster import AtioIOManager, AtioResource, with_publishing
from tests.support.dagster_runs import values_of

Run = Callable[..., dg.ExecuteInProcessResult]


class Pipeline:
    """Two assets that are released together, one behind a check, and one that isn't."""

    def __init__(self, store: AtioResource, instance: dg.DagsterInstance) -> None:
        self.store, self.instance, self.number, self.fails = store, instance, 1, False
        self.seen: list[int | None] = []

        @dg.asset(metadata={"atio/publish": "after_run"})
        def orders() -> Any:
            return pd.DataFrame({"n": [self.number]})

        @dg.asset(metadata={"atio/publish": "after_run"})
        def report(orders: pd.DataFrame) -> Any:
            assert orders["n"].tolist() == [self.number]
            self.seen.append(self.latest("orders"))
            if self.fails:
                raise RuntimeError("no report")
            return pd.DataFrame({"n": [self.number * 10]})

        @dg.asset
        def other(report: pd.DataFrame) -> Any:
            return report

        @dg.asset_check(asset=report, blocking=True, retry_policy=dg.RetryPolicy(max_retries=1))
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
        self.last = self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(key) for key in only] or None,
        )
        return self.last

    def latest(self, name: str) -> int | None:
        """What readers of a table see."""
        table = self.store.table(name)
        return int(table.read()["n"][0]) if table.exists() else None

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
    """If an asset of the run isn't made, or doesn't pass its check, all readers see the run before: nothing appears."""
    pipeline.run(1)
    assert not pipeline.run(10 if how == "check" else 2, fails=how == "step").success
    assert pipeline.released() == [1, 10]
    assert (pipeline.latest("orders"), pipeline.latest("report")) == (1, 10)
    [staged] = pipeline.store.table("orders").staged()
    assert staged.read()["n"].tolist() == [10 if how == "check" else 2]
    assert pipeline.run(3).success
    assert pipeline.released() == [3, 30]


def test_a_run_appears_as_a_whole(pipeline: Pipeline) -> None:
    """What one step of a run has made is read by the next one, and by nobody else until all of it is there."""
    pipeline.run(1)
    pipeline.run(2)
    assert pipeline.seen == [None, 1]
    assert (pipeline.latest("orders"), pipeline.latest("report"), pipeline.latest("other")) == (2, 20, 20)
    published = pipeline.store.table("orders").snapshot()
    [read] = pipeline.last.asset_materializations_for_node("report")
    assert (read.tags or {})["dagster/input_data_version/orders"] == published.content


def test_a_publication_that_fails_half_way(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails with one asset published goes on from there when it is retried: one release, told once."""
    publish, tries = Table.publish, []

    def failing(table: Table, *args: Any, **options: Any) -> Any:
        tries.append(table.path.rpartition("/")[2])
        if tries == ["orders", "report"]:
            raise OSError("no")
        return publish(table, *args, **options)

    monkeypatch.setattr(Table, "publish", failing)
    result = pipeline.run(1)
    assert result.success
    assert tries == ["orders", "report", "orders", "report"]
    assert pipeline.released() == [1, 10]
    told = [event for event in result.all_events if event.is_step_materialization]
    materializations = [event.step_materialization_data.materialization for event in told]
    assert [one.asset_key.to_user_string() for one in materializations if "atio/version" in one.metadata] == [
        "orders",
        "report",
        "other",
    ]


def test_some_of_the_assets(pipeline: Pipeline) -> None:
    """A run of some assets releases these: it waits for none that it doesn't make."""
    assert pipeline.run(5, "orders").success
    assert pipeline.released() == [5]
    pipeline.number = 5
    assert pipeline.run(5, "report").success
    assert pipeline.released() == [50]


def test_no_release_without_an_asset_of_it(pipeline: Pipeline) -> None:
    """A run that makes none of these assets makes no release."""
    pipeline.run(1)
    assert pipeline.run(2, "other").success
    assert pipeline.released() == [1, 10]
    with pytest.raises(ReleaseNotFoundError):
        pipeline.store.store.at("2")


def mixed(store: AtioResource, given: dict[str, int]) -> dg.Definitions:
    """Assets that are published behind their checks, and such as are released, above and below each other."""

    def made(name: str, publish: str, *above: str) -> Any:
        @dg.asset(name=name, metadata={"atio/publish": publish}, ins={one: dg.AssetIn(one) for one in above})
        def one(**inputs: pd.DataFrame) -> Any:
            return pd.DataFrame({"n": [given[name], *(n for frame in inputs.values() for n in frame["n"])]})

        return one

    def checked(name: str) -> Any:
        @dg.asset_check(asset=name, blocking=True, name="positive", additional_ins={})
        def positive(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=given[name] > 0)

        return positive

    assets = [
        made("first", "after_checks"),
        made("left", "after_run", "first"),
        made("right", "after_run", "left"),
        made("last", "after_checks", "right"),
    ]
    return with_publishing(
        dg.Definitions(
            assets=assets,
            asset_checks=[checked("first"), checked("left"), checked("last")],
            resources={"atio": store, "io_manager": AtioIOManager(resource=store)},
        )
    )


@pytest.mark.parametrize(
    ("failing", "published", "released"),
    [
        ("", {"first", "left", "right", "last"}, 2),
        ("first", set(), 1),
        ("left", {"first"}, 1),
        ("last", {"first", "left", "right"}, 2),
    ],
)
def test_both_in_one_run(
    failing: str, published: set[str], released: int, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """In one run, assets behind their checks appear one by one, and a release as a whole, each by its own rule."""
    names: tuple[str, ...] = ("first", "left", "right", "last")
    given: dict[str, int] = dict.fromkeys(names, 1)
    job = mixed(store, given).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance).success
    given |= dict.fromkeys(names, 2) | ({failing: -2} if failing else {})
    assert job.execute_in_process(instance=instance, raise_on_error=False).success == (not failing)
    assert {name for name in names if store.table(name).read()["n"][0] != 1} == published
    assert len(store.store.releases()) == released
    assert set(store.store.releases()[0].tables) == {"left", "right"}
    assert store.store.at("latest").read("right")["n"].tolist() == ([2, 2, 2] if released == 2 else [1, 1, 1])
