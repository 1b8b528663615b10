from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import AtioIOManager, AtioResource, with_publishing
from atio_dagster.automation import once_published
from tests.support.dagster_runs import values_of

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # of Dagster's own evaluation

CONDITIONS: dict[str, Callable[[], dg.AutomationCondition]] = {
    "eager": dg.AutomationCondition.eager,
    "data version": lambda: dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.data_version_changed()
    ),
}


class Watched:
    """An asset behind its check, and one below that starts by itself, which the daemon looks at as the check runs."""

    def __init__(self, condition: dg.AutomationCondition, store: AtioResource) -> None:
        self.number, self.cursor, self.while_checking = 0, None, 0
        self.instance: Any = None

        @dg.asset(metadata={"atio/publish": "after_checks"})
        def gated() -> Any:
            return pd.DataFrame({"n": [self.number]})

        @dg.asset(automation_condition=condition)
        def below(gated: pd.DataFrame) -> Any:
            return gated

        @dg.asset_check(asset=gated, blocking=True)
        def positive(gated: pd.DataFrame) -> dg.AssetCheckResult:
            self.while_checking += self.tick()
            return dg.AssetCheckResult(passed=bool((gated["n"] > 0).all()))

        self.defs = with_publishing(
            dg.Definitions(
                assets=[gated, below],
                asset_checks=[positive],
                resources={"io_manager": AtioIOManager(resource=store)},
            )
        )

    def tick(self) -> int:
        """What the daemon asks for when it looks."""
        result = dg.evaluate_automation_conditions(defs=self.defs, instance=self.instance, cursor=self.cursor)
        self.cursor: Any = result.cursor
        return result.total_requested

    def run(self, number: int, key: str = "gated") -> dg.ExecuteInProcessResult:
        """Make one of them."""
        self.number = number
        job = self.defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance, raise_on_error=False, asset_selection=[dg.AssetKey(key)]
        )


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_starts_by_itself(condition: str, store: AtioResource, instance: dg.DagsterInstance) -> None:
    """What is downstream of a staged asset starts once, when that is published; not before, and not if it never is."""
    watched = Watched(CONDITIONS[condition](), store)
    watched.instance = instance
    started = [watched.tick()]
    for number in (1, -2, 3):
        watched.run(number)
        started.append(watched.tick())
        if started[-1]:
            watched.run(number, "below")
        started.append(watched.tick())
    assert watched.while_checking == 0
    assert started == [0, 1, 0, 0, 0, 1, 0]
    assert store.table("below").read()["n"].tolist() == [3]


def test_a_version_put_back_starts_it_too(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """An event that has no checks, such as that of a restored version, isn't held up by a check that failed before."""
    watched = Watched(dg.AutomationCondition.eager(), store)
    watched.instance = instance
    watched.tick()
    watched.run(-1)
    assert watched.tick() == 0
    instance.report_runless_asset_event(dg.AssetMaterialization("gated"))
    assert watched.tick() == 1


def test_nothing_is_passed_before_it_is_published(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """Dagster is told of the publication before it is told that the last check has passed."""
    watched = Watched(dg.AutomationCondition.eager(), store)
    watched.instance = instance
    result = watched.run(1)
    told = [
        values_of(event.step_materialization_data.materialization.metadata)["atio/publication"]
        if event.is_step_materialization
        else event.asset_check_evaluation_data.passed
        for event in result.all_events
        if event.is_step_materialization or event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert told == ["staged", "published", True]


def test_an_asset_made_of_itself_is_not_held_up() -> None:
    """An asset that takes its own partitions before isn't held up by its own check that failed."""
    days = dg.DailyPartitionsDefinition("2024-01-01")
    before = dg.AssetDep(
        "running", partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    )
    spec = dg.AssetSpec(
        "running", deps=[before], partitions_def=days, automation_condition=dg.AutomationCondition.eager()
    )
    assert once_published(spec, [spec.key]) is spec
