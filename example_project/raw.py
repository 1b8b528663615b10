"""The source's tables as they came, but for their times: the assets `raw/flights`, `raw/weather` and so on."""

from typing import cast

import dagster as dg
import pandas as pd
import polars as pl

from example_project.source import Rows, deliver, read_source

days = dg.DailyPartitionsDefinition(start_date="2013-01-01", end_date="2014-01-01")

UNCHANGED = {"atio/if_unchanged": "skip"}
"""What is the same as the day before makes no version."""


class Delivery(dg.Config):
    """What the feed brings in a run."""

    rows: str = "all"
    """As for `deliver`: all, evening or late."""

    delays_in_seconds: bool = False
    """A mistake of the feed's: seconds, where minutes were agreed on."""


@dg.asset(
    key_prefix="raw",
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    metadata={
        "partition_expr": "date",  # the column that tells each row's day
        "atio/mode": "append",  # nothing that came is ever lost, and a run that is done again adds nothing twice
    },
    group_name="raw",
    code_version="2",
)
def flights(context: dg.AssetExecutionContext, config: Delivery) -> pd.DataFrame:
    """Every row that the feed has delivered so far, in the order of the deliveries; some flights come twice."""
    delivered = deliver(
        context.partition_keys, cast("Rows", config.rows), delays_in_seconds=config.delays_in_seconds
    )
    return delivered.assign(delivered_at=pd.Timestamp.now("UTC"))


@dg.asset(key_prefix="raw", metadata=UNCHANGED, group_name="raw", code_version="1")
def weather() -> pl.DataFrame:
    """The weather at the three airports, hour by hour. Kept as a polars frame: any library's frames will do."""
    found = pl.from_pandas(read_source("weather"))
    return found.with_columns(pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"))


@dg.asset(key_prefix="raw", metadata=UNCHANGED, group_name="raw", code_version="1")
def planes() -> pd.DataFrame:
    """The planes by their tail numbers."""
    return read_source("planes")


@dg.asset(key_prefix="raw", metadata=UNCHANGED, group_name="raw", code_version="1")
def airlines() -> pd.DataFrame:
    """The airlines by their codes."""
    return read_source("airlines")
