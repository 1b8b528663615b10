"""Two reports over all days that are there, one in pandas, one in polars: released with what they are made of."""

import dagster as dg
import pandas as pd
import polars as pl

ALL_DAYS = dg.AssetIn(key=["features", "departures"], metadata={"allow_missing_partitions": True})


@dg.asset(
    key_prefix="reports",
    ins={"departures": ALL_DAYS, "names": dg.AssetIn(key=["raw", "airlines"])},
    group_name="reports",
    code_version="1",
    metadata={
        "atio/publish": "after_run",  # readers of the latest release see what one run has made, and never half of it
        "atio/retention": {"keep_last": 10},  # small, and people ask what last week's report said
    },
)
def airlines(departures: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """How many flights and seats each airline offered, how many it cancelled, and how many were on time."""
    report = (
        departures.merge(names, on="carrier", how="left")
        .groupby("name", as_index=False)
        .agg(
            flights=("carrier", "size"),
            seats=("seats", "sum"),
            cancelled=("cancelled", "sum"),
            on_time=("on_time", "mean"),
            arrival_delay=("arr_delay", "mean"),
        )
    )
    return report.sort_values(["flights", "name"], ascending=[False, True], ignore_index=True)


@dg.asset(
    key_prefix="reports",
    ins={"departures": ALL_DAYS},
    group_name="reports",
    code_version="1",
    metadata={"atio/publish": "after_run"},
)
def visibility(departures: pl.LazyFrame) -> pl.LazyFrame:
    """How the visibility at departure goes with delays and cancellations, airport by airport."""
    return (
        departures.drop_nulls("visib")
        .group_by("origin", pl.col("visib").round(0).alias("visibility_miles"))
        .agg(
            pl.len().alias("flights"),
            pl.col("dep_delay").mean().alias("departure_delay"),
            pl.col("cancelled").mean().alias("cancelled"),
        )
        .sort("origin", "visibility_miles")
    )
