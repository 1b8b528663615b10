"""Definitions that the tests run in processes of their own, with a kill in the middle of a commit if they ask for one.

ATIO_TEST_TABLES is the folder of the tables. ATIO_TEST_KILL="before:up" kills the process that commits to the table
`up`, before its entry is linked ("after": when it has been), once: a file `killed` in that folder tells of it.
ATIO_TEST_SIGNAL="SIGTERM" sends it another signal.
"""

import os
import signal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from atio_dagster import AtioIOManager, AtioResource, build_expiration_job, build_expiration_schedule

TABLES = Path(os.environ["ATIO_TEST_TABLES"])
MOMENT, _, VICTIM = os.environ.get("ATIO_TEST_KILL", "").partition(":")
link = os.link


def deadly_link(source: Any, target: Any, **options: Any) -> None:
    """Link, or die at it."""
    dies = f"/{VICTIM}/_atio/log/" in os.fspath(target) and not (TABLES / "killed").exists()
    if not dies or MOMENT == "after":
        link(source, target, **options)
    if dies:
        (TABLES / "killed").touch()
        os.kill(os.getpid(), signal.Signals[os.environ.get("ATIO_TEST_SIGNAL", "SIGKILL")])


if MOMENT:
    os.link = deadly_link


@dg.asset(code_version="3")
def up() -> Any:
    """Three rows."""
    return pd.DataFrame({"n": [1, 2, 3]})


@dg.asset
def down(up: pd.DataFrame) -> Any:
    """The same rows, and a column."""
    return up.assign(twice=up["n"] * 2)


@dg.asset(metadata={"atio/mode": "append"}, retry_policy=dg.RetryPolicy(max_retries=1))
def appended() -> Any:
    """One row each time."""
    return pd.DataFrame({"n": [1]})


@dg.asset(metadata={"atio/retention": {"keep_last": 2}})
def kept() -> Any:
    """Rows of which two versions are kept."""
    return pd.DataFrame({"n": [1]})


atio = AtioResource(base_path=str(TABLES), keep_last=1)
expire_tables = build_expiration_job()
defs = dg.Definitions(
    assets=[up, down, appended, kept],
    jobs=[
        dg.define_asset_job("both", ["up", "down"], executor_def=dg.in_process_executor),
        dg.define_asset_job("in_processes", ["appended"], executor_def=dg.multiprocess_executor),
        expire_tables,
    ],
    schedules=[build_expiration_schedule(expire_tables)],
    resources={"atio": atio, "io_manager": AtioIOManager(resource=atio)},
)
