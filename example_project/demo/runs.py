"""The demo's way to Dagster: a real instance, whose runs `make ui` shows."""

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from atio_core import Store
from atio_dagster.active_runs import RUNNING
from atio_dagster.publishing import PUBLISHED
from example_project.definitions import atio, defs
from example_project.settings import HOME, PROJECT

FLIGHTS = "raw/flights"
OURS, DOOMED = {"atio/demo": "tour"}, {"atio/demo": "killed"}
"""The tag of the demo's runs, and that of those among them that are killed."""
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def open_instance() -> dg.DagsterInstance:
    """Return the instance in the example's home, made if it isn't there; runs of a demo that was killed have failed."""
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT / "example_project" / "dagster.yaml", HOME / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(HOME)
    warnings.simplefilter("ignore")  # Dagster's own, about its own code
    instance = dg.DagsterInstance.get()
    for tags in (OURS, DOOMED):
        for record in instance.get_run_records(dg.RunsFilter(tags=tags, statuses=RUNNING)):
            _report_killed(instance, record.dagster_run)
    return instance


def _report_killed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Do what the daemon's run monitoring does where it is on: a killed process can't say that its run has failed.

    Else the run would be in progress for ever, and what it may read would never expire.
    """
    instance.report_run_failed(run, "The process was killed")


def store() -> Store:
    """Return the store that the definitions write to."""
    return atio.store


def pipeline() -> dg.JobDefinition:
    """Return the job that makes all assets for a day."""
    return defs.resolve_job_def("pipeline")


def run_history(instance: dg.DagsterInstance, first: str, last: str) -> dg.ExecuteInProcessResult:
    """Make all assets for the days from the first to the last, in one run."""
    job = defs.resolve_job_def("history")
    tags: dict[str, str] = OURS | dict(zip(_RANGE, (first, last), strict=True))
    return job.execute_in_process(instance=instance, run_config=_QUIET, tags=dict(job.run_tags) | tags)


def run_day(
    instance: dg.DagsterInstance,
    day: str,
    rows: str = "all",
    *,
    delays_in_seconds: bool = False,
    tags: Mapping[str, str] | None = None,
    again: str | None = None,
) -> dg.JobExecutionResult:
    """Make all assets for a day, of what the feed brings; as a re-execution of a run if its id is given."""
    delivery = {"rows": rows, "delays_in_seconds": delays_in_seconds}
    return dg.execute_job(
        dg.reconstructable(pipeline),
        instance,
        run_config=_QUIET | {"ops": {"raw__flights": {"config": delivery}}},
        tags={"dagster/partition": day, **OURS, **(tags or {})},
        reexecution_options=None if again is None else dg.ReexecutionOptions(parent_run_id=again),
    )


def kill_run(
    instance: dg.DagsterInstance, moment: str, day: str, again: str | None = None
) -> tuple[int, str]:
    """Run the pipeline for a day, killed "before" or "after" the commit to the raw flights.

    Returns:
        The number of the signal that ended it, and the run's id.
    """
    command = [sys.executable, "-m", "example_project.demo.killed", moment, day, *([again] if again else [])]
    child = subprocess.run(
        command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    [record] = instance.get_run_records(
        dg.RunsFilter(tags=DOOMED, statuses=[dg.DagsterRunStatus.STARTED]), limit=1
    )
    _report_killed(instance, record.dagster_run)
    return -child.returncode, record.dagster_run.run_id


def expire(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Run the expiration job; returns its report on each table where something was removed, as Dagster has recorded it.

    Without a grace period, which is there for writers that are still at work, it takes the leftovers of the killed runs
    along. Here, no one else is writing.
    """
    config: dict[str, Any] = _QUIET | {
        "resources": {"atio": {"config": atio.model_dump() | {"grace_minutes": 0}}}
    }
    job = defs.resolve_job_def("expire_tables")
    result = job.execute_in_process(instance=instance, run_config=config, tags=OURS)
    events = [event for event in result.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    found = [event.asset_observation_data.asset_observation for event in events]
    return {seen.asset_key.to_user_string(): seen.metadata["atio/expiry"].value for seen in found}


def checks_of(
    result: dg.ExecuteInProcessResult | dg.JobExecutionResult,
) -> Sequence[tuple[str, bool]]:
    """Return the asset checks of a run and whether they passed."""
    events = [event for event in result.all_events if event.event_type_value == "ASSET_CHECK_EVALUATION"]
    found = [event.asset_check_evaluation_data for event in events]
    told = [
        check for check in found if check.check_name != PUBLISHED
    ]  # which only says that a release was due
    return sorted((f"{check.asset_key.path[0]} {check.check_name}", check.passed) for check in told)
