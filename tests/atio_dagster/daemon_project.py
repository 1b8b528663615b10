"""Definitions that the tests give to Dagster's daemon: a sensor that is on, and an asset that many runs begin at once.

ATIO_TEST_TABLES is the folder of the tables; ATIO_TEST_TOGETHER says how many runs wait for one another before they
write.
"""

import os
import time
from pathlib import Path

import dagster as dg
import pandas as pd

from atio_dagster import AtioIOManager, AtioResource, AtioTable, build_snapshot_sensor

TABLES = Path(os.environ["ATIO_TEST_TABLES"])
TOGETHER = int(os.environ.get("ATIO_TEST_TOGETHER", "1"))
PARTS = [f"part {number}" for number in range(8)]
WAIT_SECONDS = 900

orders = AtioTable("orders", TABLES / "elsewhere")


@dg.asset(ins={"orders": dg.AssetIn("orders")}, metadata={"atio/mode": "append"})
def totals(orders: pd.DataFrame) -> pd.DataFrame:
    """A row for each run."""
    return pd.DataFrame({"total": [int(orders["n"].sum())]})


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(PARTS))
def parts(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """A partition, as soon as all that begin together are there."""
    ready = TABLES / "ready"
    ready.mkdir(parents=True, exist_ok=True)
    (ready / context.partition_key).touch()
    deadline = time.monotonic() + WAIT_SECONDS
    while len(list(ready.iterdir())) < TOGETHER and time.monotonic() < deadline:
        time.sleep(0.001)
    return pd.DataFrame({"key": [context.partition_key]})


atio = AtioResource(base_path=str(TABLES))
defs = dg.Definitions(
    assets=[orders.spec, totals, parts],
    jobs=[dg.define_asset_job("fill", [parts])],
    sensors=[
        build_snapshot_sensor(
            orders, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING
        )
    ],
    resources={"atio": atio, "io_manager": AtioIOManager(resource=atio)},
    executor=dg.in_process_executor,
)
