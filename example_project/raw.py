"""The source's tables as they came, but for their times: the assets `raw/flights`, `raw/weather` and so on."""

import dagster as dg
import pandas as pd
import polars as pl

from example_project.source import read_source

FIRST_YEAR, LAST_DAY = 2013, "2013-12-31"


class Feed(dg.Config):
    """What the source has delivered by the time of a run."""

    until: str = LAST_DAY
    """The day of the last flight."""


@dg.asset(key_prefix="raw", group_name="raw", code_version="1")
def flights(config: Feed) -> pd.DataFrame:
    """Every flight that left New York City so far, one row each; `dep_time` is missing if it was cancelled."""
    found = read_source("flights")
    found["date"] = pd.to_datetime(found[["year", "month", "day"]])
    found["time_hour"] = pd.to_datetime(found["time_hour"])
    return found[found["date"] <= config.until].drop(columns=["year", "month", "day"]).reset_index(drop=True)


@dg.asset(key_prefix="raw", group_name="raw", code_version="1")
def weather() -> pl.DataFrame:
    """The weather at the three airports, hour by hour. Kept as a polars frame: any library's frames will do."""
    found = pl.from_pandas(read_source("weather"))
    return found.with_columns(pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"))


@dg.asset(key_prefix="raw", group_name="raw", code_version="1")
def planes() -> pd.DataFrame:
    """The planes by their tail numbers."""
    return read_source("planes")


@dg.asset(key_prefix="raw", group_name="raw", code_version="1")
def airlines() -> pd.DataFrame:
    """The airlines by their codes."""
    return read_source("airlines")
