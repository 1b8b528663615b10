"""Definitions with an asset that is published after its checks, and one after its run, each step in a process.

ATIO_TEST_TABLES is the folder of the tables. With ATIO_TEST_KILL such as "before gated", the process that publishes
this table is killed before its entry is linked, or when it has been ("after"): once, of which a file `killed` tells.
"""

import os
import signal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from atio_dagster import AtioIOManager, AtioResource, with_publishing

TABLES = Path(os.environ["ATIO_TEST_TABLES"])
MOMENT, _, TABLE = os.environ.get("ATIO_TEST_KILL", "").partition(" ")
RETRY = dg.RetryPolicy(max_retries=1)
link = os.link


def deadly_link(source: Any, target: Any, **options: Any) -> None:
    """Link, or die at it."""
    dies = f"/{TABLE}/_atio/log/" in os.fspath(target) and not (TABLES / "killed").exists()
    if not dies or MOMENT == "after":
        link(source, target, **options)
    if dies:
        (TABLES / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)


if MOMENT:
    os.link = deadly_link


@dg.asset(metadata={"atio/publish": "after_checks"})
def gated() -> Any:
    """Three rows."""
    return pd.DataFrame({"n": [1, 2, 3]})


@dg.asset_check(asset=gated, blocking=True, retry_policy=RETRY)
def holds(gated: pd.DataFrame) -> dg.AssetCheckResult:
    """It holds."""
    return dg.AssetCheckResult(passed=len(gated) == 3)


@dg.asset_check(asset=gated, blocking=True, retry_policy=RETRY)
def holds_too(gated: pd.DataFrame) -> dg.AssetCheckResult:
    """It always holds."""
    return dg.AssetCheckResult(passed=len(gated) == 3)


@dg.asset(metadata={"atio/publish": "after_run"})
def late(gated: pd.DataFrame) -> Any:
    """What is released."""
    return gated * 2


@dg.asset_check(asset=late, blocking=True, retry_policy=RETRY)
def is_even(late: pd.DataFrame) -> dg.AssetCheckResult:
    """It holds, too."""
    return dg.AssetCheckResult(passed=late["n"].tolist() == [2, 4, 6])


atio = AtioResource(base_path=str(TABLES))
defs = with_publishing(
    dg.Definitions(
        assets=[gated, late],
        asset_checks=[holds, holds_too, is_even],
        jobs=[dg.define_asset_job("in_processes", "*", executor_def=dg.multiprocess_executor)],
        resources={"atio": atio, "io_manager": AtioIOManager(resource=atio)},
    )
)
