"""The demo's way to Dagster: a real instance, whose runs `make ui` shows."""

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import dagster as dg

from atio_dagster import AtioResource
from example_project.definitions import atio, defs
from example_project.settings import HOME, PROJECT

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
DOOMED = {"atio/demo": "killed"}
"""The tag of the runs that are killed."""
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def open_instance() -> dg.DagsterInstance:
    """Return the instance in the example's home, made if it isn't there."""
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT / "example_project" / "dagster.yaml", HOME / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(HOME)
    warnings.simplefilter("ignore")  # Dagster's own, about its own code
    return dg.DagsterInstance.get()


def store() -> AtioResource:
    """Return the resource that the definitions use."""
    return atio


def pipeline() -> dg.JobDefinition:
    """Return the job that makes all assets."""
    return defs.resolve_job_def("pipeline")


def run_pipeline(
    instance: dg.DagsterInstance, until: str, months: tuple[str, str]
) -> dg.ExecuteInProcessResult:
    """Materialise all assets: the feed up to a day, and the months from the first to the last."""
    config: dict[str, Any] = QUIET | {"ops": {"raw__flights": {"config": {"until": until}}}}
    tags: dict[str, str] = dict(zip(_RANGE, months, strict=True))
    return pipeline().execute_in_process(instance=instance, run_config=config, tags=tags)


def kill_runs(instance: dg.DagsterInstance, moments: dict[str, str]) -> list[int]:
    """Run the pipeline for each of some tables, all at once, killed "before" or "after" the commit.

    Returns:
        The number of the signal that ended each of them.
    """
    commands = [
        [sys.executable, "-m", "example_project.demo.killed", moment, table]
        for table, moment in moments.items()
    ]
    children = [_start(command) for command in commands]
    signals = [-child.wait() for child in children]
    # What the daemon's run monitoring does where it is on: a killed process can't say that its run has failed.
    for record in instance.get_run_records(
        dg.RunsFilter(tags=DOOMED, statuses=[dg.DagsterRunStatus.STARTED])
    ):
        instance.report_run_failed(record.dagster_run, "The process was killed")
    return signals


def expire(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Run the expiration job; returns its report on each table where something was removed, as Dagster has recorded it.

    Without a grace period, which is there for writers that are still at work, it takes the leftovers of the killed runs
    along. Here, no one else is writing.
    """
    config: dict[str, Any] = QUIET | {
        "resources": {"atio": {"config": atio.model_dump() | {"grace_minutes": 0}}}
    }
    result = defs.resolve_job_def("expire_tables").execute_in_process(instance=instance, run_config=config)
    events = [event for event in result.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    found = [event.asset_observation_data.asset_observation for event in events]
    return {seen.asset_key.to_user_string(): seen.metadata["atio/expiry"].value for seen in found}


def checks_of(result: dg.ExecuteInProcessResult) -> Sequence[tuple[str, bool]]:
    """Return the asset checks of a run and whether they passed."""
    return [(check.check_name, check.passed) for check in result.get_asset_check_evaluations()]


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
