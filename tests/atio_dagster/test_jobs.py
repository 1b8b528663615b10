import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pandas as pd
import pytest

from atio_core.amounts import readable_bytes
from atio_core.errors import InvalidInputError
from atio_core.model.ids import system_clock
from atio_core.retention import Retention
from atio_core.store import Store
from atio_dagster import (
    AtioResource,
    build_expiration_asset,
    build_expiration_job,
    build_expiration_schedule,
)
from tests.support.dagster_runs import Materialize, output_metadata, values_of

ROWS = pd.DataFrame({"n": range(100)})


_counted = itertools.count()


def asset(name: str, **options: Any) -> dg.AssetsDefinition:
    """An asset that returns other rows each time, as many."""

    @dg.asset(name=name, **options)
    def made() -> Any:
        return ROWS + next(_counted)

    return cast("dg.AssetsDefinition", made)


def run(
    store: AtioResource,
    instance: dg.DagsterInstance,
    job: dg.JobDefinition | None = None,
    *,
    dry_run: bool = False,
) -> dg.ExecuteInProcessResult:
    """Run an expiration job."""
    job = job or build_expiration_job()
    resolved = dg.Definitions(jobs=[job], resources={"atio": store}).resolve_job_def(job.name)
    config = {"ops": {"expire": {"config": {"dry_run": dry_run}}}}
    return resolved.execute_in_process(instance=instance, run_config=config, raise_on_error=False)


def versions(store: AtioResource, key: str) -> list[int]:
    """The versions that are left of an asset's table."""
    return [snapshot.version for snapshot in store.table(key).history()]


def observations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetObservation]:
    """What the run said on the assets' pages."""
    events = [event for event in result.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    found = [event.asset_observation_data.asset_observation for event in events]
    return {observation.asset_key.to_user_string(): observation for observation in found}


@pytest.fixture
def keeping_two(store: AtioResource) -> AtioResource:
    """The store, with a retention of two versions."""
    return AtioResource(base_path=store.base_path, keep_last=2)


def test_every_table_is_expired(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """The job expires each table below the root by the resource's retention, and tells what it did."""
    for _ in range(4):
        materialize(asset("one"), asset("two", key_prefix="deep"))
    keeping_two.table("by/hand").overwrite(ROWS)
    removed = {
        name: sum(keeping_two.table(name).snapshot(version).bytes for version in (1, 2))
        for name in ("one", "deep/two")
    }
    result = run(keeping_two, instance)
    assert result.success
    assert versions(keeping_two, "one") == versions(keeping_two, "deep/two") == [4, 3]
    report = output_metadata(result)
    assert {name: value for name, value in report.items() if name != "report"} == {
        "tables": 3,
        "versions_kept": 5,
        "versions_removed": 4,
        "files_removed": 4,
        "bytes_freed": sum(removed.values()),
        "releases_dropped": 0,
        "pins_removed": 0,
        "dry_run": False,
    }
    assert f"| one | 2 | 2 | 2 | {readable_bytes(removed['one'])} | 0 B |" in report["report"]
    assert f"| {keeping_two.table('by/hand').path} | 1 | 0 | 0 | 0 B | 0 B |" in report["report"]


@pytest.mark.parametrize("declared", [True, False])
def test_a_dropped_table_is_expired_too(
    materialize: Materialize,
    keeping_two: AtioResource,
    instance: dg.DagsterInstance,
    declared: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """What a dropped table held is let go by the same rules as any old version."""
    for _ in range(3):
        materialize(asset("one"))
    keeping_two.table("one").drop()
    job = build_expiration_job(assets=[asset("one")]) if declared else None
    result = run(keeping_two, instance, job)
    assert result.success
    assert versions(keeping_two, "one") == [4, 3]
    assert materialize(asset("one")).success
    assert keeping_two.table("one").snapshot().version == 6


def test_each_assets_page_tells_of_it(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """An asset whose versions were removed gets an observation that says which; others get none."""
    for _ in range(3):
        materialize(asset("one"))
    materialize(asset("two"))
    found = observations(run(keeping_two, instance))
    assert list(found) == ["one"]
    metadata = values_of(found["one"].metadata)
    assert metadata["atio/versions_removed"] == 1
    assert metadata["atio/bytes_freed"] == metadata["atio/expiry"]["bytes_removed"] > 0
    assert [line["version"] for line in metadata["atio/expiry"]["kept"]] == [2, 3]
    assert "removed 1 version and 1 file" in (found["one"].description or "")


def test_a_dry_run_removes_nothing(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """A dry run reports what a real run would do, says that it is one, and leaves everything."""
    for _ in range(3):
        materialize(asset("one"))
    result = run(keeping_two, instance, dry_run=True)
    report = output_metadata(result)
    assert (report["versions_removed"], report["dry_run"]) == (1, True)
    assert report["report"].startswith("Nothing was removed")
    assert versions(keeping_two, "one") == [3, 2, 1]
    assert observations(result) == {}


def test_an_asset_declares_its_own_retention(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """What an asset's metadata declared when it was last materialised goes before the resource's retention."""
    for keep in (9, 9, 9, 3):
        materialize(asset("own", metadata={"atio/retention": {"keep_last": keep}}), asset("other"))
    run(keeping_two, instance)
    assert versions(keeping_two, "own") == [4, 3, 2]
    assert versions(keeping_two, "other") == [4, 3]


def test_a_version_made_by_hand_belongs_to_the_asset(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """An asset whose latest version was restored by hand keeps its retention, and its page tells of the expiry."""
    kept = asset("one", metadata={"atio/retention": {"keep_last": 3}})
    for _ in range(4):
        materialize(kept)
    keeping_two.table("one").restore(2)
    job = build_expiration_job()
    defs = dg.Definitions(assets=[kept], jobs=[job], resources={"atio": keeping_two})
    result = defs.resolve_job_def(job.name).execute_in_process(instance=instance)
    assert versions(keeping_two, "one") == [5, 4, 3]
    assert list(observations(result)) == ["one"]


def test_a_table_has_a_policy_of_its_own(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """A table's own policy goes before the resource's, and what the asset declares before that."""
    for _ in range(4):
        materialize(asset("own"), asset("declared", metadata={"atio/retention": {"keep_hourly": 1}}))
    for key in ("own", "declared"):
        keeping_two.table(key).set_retention(Retention(keep_last=3))
    run(keeping_two, instance)
    assert versions(keeping_two, "own") == [4, 3, 2]
    assert versions(keeping_two, "declared") == [4]


def test_the_stores_policy_comes_last(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """The store's own policy counts where nobody else says anything, before the 7 days."""
    for _ in range(4):
        materialize(asset("one"))
    store.store.set_retention(Retention(keep_last=3))
    run(store, instance)
    assert versions(store, "one") == [4, 3, 2]
    run(AtioResource(base_path=store.base_path, keep_last=1), instance)
    assert versions(store, "one") == [4]


def test_retention_by_age(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Versions are kept by age too, and for 7 days if nothing at all is declared."""
    for _ in range(3):
        materialize(asset("hours", metadata={"atio/retention": {"keep_for_hours": 0.5}}))
        materialize(asset("none", metadata={"atio/retention": {"keep_for_hours": 0}}))
        materialize(asset("default"))
    run(store, instance)
    assert versions(store, "hours") == versions(store, "default") == [3, 2, 1]
    assert versions(store, "none") == [3]


def test_only_some_assets(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """A job for some assets leaves all others alone, and goes by what their definitions declare now."""
    for _ in range(3):
        materialize(asset("one"), asset("two"))
    one = asset("one", metadata={"atio/retention": {"keep_last": 1}})
    job = build_expiration_job("expire_one", assets=[one, dg.AssetSpec("never_made")])
    assert run(store, instance, job).success
    assert versions(store, "one") == [3]
    assert versions(store, "two") == [3, 2, 1]


def test_it_goes_on_after_a_failure(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """A table that can't be expired fails the step, by its name, when all others are done."""
    for _ in range(3):
        materialize(asset("a"), asset("b"), asset("c"))
    entry = min(Path(keeping_two.table("b").path).glob("_atio/log/*/*.json"))
    entry.write_bytes(entry.read_bytes()[:-1])
    result = run(keeping_two, instance)
    failure = result.failure_data_for_node("expire")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "1 of 3 tables could not be expired" in (failure.user_failure_data.description or "")
    assert keeping_two.table("b").path in (failure.user_failure_data.description or "")
    assert failure.user_failure_data.metadata["versions_removed"].value == 2
    assert versions(keeping_two, "a") == versions(keeping_two, "c") == [3, 2]


@pytest.mark.parametrize(
    "status",
    [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING],
    ids=lambda status: status.value,
)
def test_a_run_in_progress_keeps_what_it_may_read(
    materialize: Materialize,
    keeping_two: AtioResource,
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus,
) -> None:
    """What was the latest version at any time since the oldest run in progress began stays, whatever retention says."""
    made = asset("one")
    for _ in range(4):
        materialize(made)
    job = dg.Definitions(assets=[made]).resolve_implicit_global_asset_job_def()
    busy = instance.create_run_for_job(job, status=status)
    expired = run(keeping_two, instance)
    assert expired.success
    assert versions(keeping_two, "one") == [4, 3, 2, 1]
    told = " ".join(" ".join(entry.user_message for entry in instance.all_logs(expired.run_id)).split())
    assert f"read by run {busy.run_id[:8]} in progress" in told
    instance.report_run_failed(busy)
    assert run(keeping_two, instance).success
    assert versions(keeping_two, "one") == [4, 3]


def test_old_pins_are_removed(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """What runs have pinned is forgotten when they can't be executed again with it; young pins stay."""
    materialize(asset("one"))
    old = Store(keeping_two.base_path, clock=lambda: system_clock() - 32 * 86_400_000_000)
    old.pin("long ago", "one")
    keeping_two.store.pin("today", "one")
    assert output_metadata(run(keeping_two, instance, dry_run=True))["pins_removed"] == 1
    assert set(keeping_two.store.pins()) == {"long ago", "today"}
    assert output_metadata(run(keeping_two, instance))["pins_removed"] == 1
    assert set(keeping_two.store.pins()) == {"today"}


def test_a_pin_that_is_damaged(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Pins that can't be read fail the step when the tables have been expired."""
    for _ in range(3):
        materialize(asset("one"))
    keeping_two.store.pin("today", "one")
    [pin] = [path for path in (Path(keeping_two.base_path) / "_atio").rglob("*.json") if "today" in str(path)]
    pin.write_bytes(b"x")
    result = run(keeping_two, instance)
    assert not result.success
    failure = result.failure_data_for_node("expire")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "old pins of runs could not be removed" in (failure.user_failure_data.description or "")
    assert versions(keeping_two, "one") == [3, 2]


def test_expiry_as_an_asset(
    materialize: Materialize, keeping_two: AtioResource, instance: dg.DagsterInstance
) -> None:
    """An asset's materialisation expires tables and shows the report; a dry run of it removes nothing."""
    for _ in range(4):
        materialize(asset("one"))
    expired = build_expiration_asset(["upkeep", "expired"])
    assert isinstance(expired, dg.AssetsDefinition)

    def materialized(*, dry_run: bool) -> dict[str, Any]:
        config = {"ops": {"upkeep__expired": {"config": {"dry_run": dry_run}}}}
        done = dg.materialize(
            [expired], resources={"atio": keeping_two}, instance=instance, run_config=config
        )
        return values_of(done.asset_materializations_for_node("upkeep__expired")[0].metadata)

    report = materialized(dry_run=True)
    assert (report["versions_removed"], report["dry_run"], len(versions(keeping_two, "one"))) == (2, True, 4)
    report = materialized(dry_run=False)
    assert (report["versions_removed"], report["dry_run"]) == (2, False)
    assert "| one | 2 | 2 | 2 |" in report["report"]
    assert versions(keeping_two, "one") == [4, 3]


def test_another_resource_key(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """The resource may go by any name."""
    for _ in range(2):
        materialize(asset("one"))
    job = build_expiration_job(resource_key="lake")
    lake = AtioResource(base_path=store.base_path, keep_last=1)
    resolved = dg.Definitions(jobs=[job], resources={"lake": lake}).resolve_job_def("expire_tables")
    assert resolved.execute_in_process(instance=instance).success
    assert versions(store, "one") == [2]


def test_the_grace_period(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Files of dead writers wait for the grace period, which the resource can shorten; the report tells both."""
    materialize(asset("one"))
    orphan = Path(store.table("one").path) / "data" / "01234567-89ab-7def-8123-456789abcdef.parquet"
    old = datetime.now(UTC) - timedelta(minutes=30)
    orphan = orphan.with_name(_uuid7_of(old) + ".parquet")
    orphan.write_bytes(b"left behind")
    run(AtioResource(base_path=store.base_path), instance)
    assert orphan.exists()
    result = run(AtioResource(base_path=store.base_path, grace_minutes=10), instance)
    assert not orphan.exists()
    assert observations(result)["one"].metadata["atio/files_removed"].value == 1


def test_the_schedule(instance: dg.DagsterInstance, store: AtioResource) -> None:
    """A tick of the schedule requests one run of the job; it is off until someone turns it on."""
    schedule = build_expiration_schedule(cron_schedule="30 2 * * *", execution_timezone="Europe/Berlin")
    defs = dg.Definitions(schedules=[schedule], jobs=[schedule.job], resources={"atio": store})
    loaded = defs.get_repository_def().get_schedule_def("expire_tables_schedule")
    assert (loaded.cron_schedule, loaded.execution_timezone) == ("30 2 * * *", "Europe/Berlin")
    assert loaded.default_status == dg.DefaultScheduleStatus.STOPPED
    tick = loaded.evaluate_tick(
        dg.build_schedule_context(
            instance=instance, scheduled_execution_time=datetime(2026, 1, 2, tzinfo=UTC)
        )
    )
    assert tick.run_requests is not None
    assert len(tick.run_requests) == 1


def test_a_schedule_for_a_job_of_ones_own() -> None:
    """A schedule can be made for any expiration job."""
    schedule = build_expiration_schedule(build_expiration_job("mine"), name="nightly")
    assert (schedule.name, schedule.job_name) == ("nightly", "mine")


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"keep": 1},
        3,
        {"keep_last": 0},
        {"keep_last": "3"},
        {"keep_for_hours": -1},
        {"keep_for_hours": True},
        {"keep_for_hours": float("nan")},
        {"keep_for_hours": 1e300},
    ],
)
def test_wrong_retentions_are_refused_early(declared: Any) -> None:
    """A retention that makes no sense is refused when the job is built, not in the night."""
    with pytest.raises(InvalidInputError):
        build_expiration_job(assets=[asset("one", metadata={"atio/retention": declared})])


def _uuid7_of(time: datetime) -> str:
    digits = f"{int(time.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"
