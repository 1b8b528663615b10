"""`cleaned/flights`: one row for each flight, as it is known by now."""

import dagster as dg
import pandas as pd

from example_project.raw import days

FLIGHT = ["date", "carrier", "flight", "origin", "sched_dep_time"]
"""What tells flights apart."""

ON_TIME_MINUTES = 15
"""A flight that arrives less than this late counts as on time, as the authorities count it."""


@dg.asset(
    key_prefix="cleaned",
    ins={"deliveries": dg.AssetIn(key=["raw", "flights"])},
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    metadata={
        "partition_expr": "date",
        "atio/mode": "upsert",  # late rows replace those that came in the evening; rows that are there stay untouched
        "atio/key": FLIGHT,
        "atio/publish": "after_checks",  # nobody reads it before the blocking checks in checks.py have passed
    },
    group_name="cleaned",
    code_version="2",
)
def flights(deliveries: pd.DataFrame) -> pd.DataFrame:
    """The flights of some days, with what became of each."""
    newest = deliveries.sort_values("delivered_at", kind="stable").drop_duplicates(FLIGHT, keep="last")
    cleaned = newest.reset_index(drop=True)
    cleaned["cancelled"] = cleaned["dep_time"].isna()
    cleaned["on_time"] = cleaned["arr_delay"] < ON_TIME_MINUTES
    return cleaned[
        [
            *FLIGHT,
            *("time_hour", "tailnum", "dest", "distance"),
            *("dep_delay", "arr_delay", "cancelled", "on_time"),
        ]
    ]
