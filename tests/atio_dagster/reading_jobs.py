"""Jobs that tests of reading run in processes of their own: named here, so that Dagster can make them again there.

ATIO_TEST_TABLES is the folder of the tables.
"""

import os
import signal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from atio_core import Store
from atio_dagster import AtioIOManager

SOURCE = dg.AssetSpec("source")


def store() -> Store:
    """Where the tables lie."""
    return Store(os.environ["ATIO_TEST_TABLES"])


def another_run_writes(number: int) -> None:
    """A run of its own makes the source anew, from first to last."""

    @dg.asset(name="source")
    def source() -> pd.DataFrame:
        return pd.DataFrame({"n": [number]})

    resources = {"io_manager": AtioIOManager(base_path=os.environ["ATIO_TEST_TABLES"])}
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([source], resources=resources, instance=instance).success


@dg.asset
def first(source: pd.DataFrame) -> pd.DataFrame:
    """What the run's first step reads."""
    return source


@dg.asset(deps=["first"])
def meanwhile() -> None:
    """Another run writes the source between two steps of this one."""
    another_run_writes(int(store().table("source").read()["n"].iloc[0]) + 1)


@dg.asset(deps=["meanwhile"])
def second(source: pd.DataFrame) -> pd.DataFrame:
    """What a later step reads."""
    return source


@dg.asset(deps=["meanwhile"], retry_policy=dg.RetryPolicy(max_retries=1))
def killed_once(source: pd.DataFrame) -> pd.DataFrame:
    """A step that is killed after it has read, and read again in another process."""
    marker = Path(store().path) / "killed"
    if not marker.exists():
        another_run_writes(100)
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return source


@dg.asset(deps=["meanwhile"])
def fails_once(source: pd.DataFrame) -> pd.DataFrame:
    """A step that fails in the first run, and reads in the second."""
    marker = Path(store().path) / "failed"
    if not marker.exists():
        marker.touch()
        raise ValueError("the first time")
    return source


@dg.asset(metadata={"atio/mode": "append"})
def events() -> pd.DataFrame:
    """One row for each run."""
    return pd.DataFrame({"n": [1]})


@dg.asset
def reads_events(events: pd.DataFrame) -> pd.DataFrame:
    """What the run has appended to."""
    return events


def _job(name: str, executor: dg.ExecutorDefinition, assets: list[Any], **options: Any) -> dg.JobDefinition:
    manager = AtioIOManager(base_path=dg.EnvVar("ATIO_TEST_TABLES"), **options)
    made = dg.Definitions(
        assets=[SOURCE, *assets],
        jobs=[dg.define_asset_job(name, [asset.key for asset in assets], executor_def=executor)],
        resources={"io_manager": manager},
    )
    return made.resolve_job_def(name)


def in_processes() -> dg.JobDefinition:
    """Each step in a process of its own."""
    return _job("in_processes", dg.multiprocess_executor, [first, meanwhile, second, killed_once])


def in_one() -> dg.JobDefinition:
    """All steps in one process."""
    return _job("in_one", dg.in_process_executor, [first, meanwhile, second])


def failing() -> dg.JobDefinition:
    """The last step fails the first time."""
    return _job("failing", dg.in_process_executor, [first, meanwhile, fails_once])


def failing_root() -> dg.JobDefinition:
    """The same; executed again, it reads what the first run read."""
    return _job("failing_root", dg.in_process_executor, [first, meanwhile, fails_once], reads="root_run")


def appending() -> dg.JobDefinition:
    """Rows are added once, and read."""
    return _job("appending", dg.in_process_executor, [events, reads_events])
