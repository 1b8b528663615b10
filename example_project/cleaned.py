"""`flights_by_month`: the flights made ready for the reports, a partition for each month."""

import dagster as dg
import pandas as pd

months = dg.MonthlyPartitionsDefinition(start_date="2013-01", end_date="2014-01", fmt="%Y-%m")

ON_TIME_MINUTES = 15
"""A flight that arrives less than this late counts as on time, as the authorities count it."""


@dg.asset(
    ins={"flights": dg.AssetIn(key=["raw", "flights"])},
    partitions_def=months,
    backfill_policy=dg.BackfillPolicy.single_run(),
    metadata={"partition_expr": "date"},  # the column that tells each row's month
    group_name="cleaned",
    code_version="1",
)
def flights_by_month(context: dg.AssetExecutionContext, flights: pd.DataFrame) -> pd.DataFrame:
    """The flights of some months, with what became of each.

    A run replaces the partitions that it was launched for, all at once, and leaves the other months as they are.
    """
    month = flights["date"].dt.strftime("%Y-%m")
    cleaned = flights[month.isin(context.partition_keys)].reset_index(drop=True)
    cleaned["cancelled"] = cleaned["dep_time"].isna()
    cleaned["on_time"] = cleaned["arr_delay"] < ON_TIME_MINUTES
    return cleaned[
        [
            *("date", "time_hour", "carrier", "flight", "tailnum", "origin", "dest", "distance"),
            *("dep_delay", "arr_delay", "cancelled", "on_time"),
        ]
    ]
