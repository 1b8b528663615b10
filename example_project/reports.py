"""Two reports over all months that are there: one in pandas, one in polars."""

import dagster as dg
import pandas as pd
import polars as pl

ALL_MONTHS = dg.AssetIn(key="flights_by_month", metadata={"allow_missing_partitions": True})


@dg.asset(
    ins={
        "flights": ALL_MONTHS,
        "airlines": dg.AssetIn(key=["raw", "airlines"]),
        "planes": dg.AssetIn(key=["raw", "planes"], metadata={"atio/columns": ["tailnum", "seats"]}),
    },
    group_name="reports",
    code_version="1",
    metadata={"atio/retention": {"keep_last": 10}},  # small, and people ask what last week's report said
)
def airline_punctuality(flights: pd.DataFrame, airlines: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """How many flights and seats each airline offered, how many it cancelled, and how many were on time."""
    found = flights.merge(airlines, on="carrier", how="left").merge(planes, on="tailnum", how="left")
    report = found.groupby("name", as_index=False).agg(
        flights=("flight", "size"),
        seats=("seats", "sum"),
        cancelled=("cancelled", "sum"),
        on_time=("on_time", "mean"),
        arrival_delay=("arr_delay", "mean"),
    )
    return report.sort_values("flights", ascending=False, ignore_index=True)


@dg.asset(
    ins={"flights": ALL_MONTHS, "weather": dg.AssetIn(key=["raw", "weather"])},
    group_name="reports",
    code_version="1",
)
def delays_by_visibility(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    """How the visibility at departure goes with delays and cancellations, airport by airport."""
    return (
        flights.join(weather.select("origin", "time_hour", "visib"), on=["origin", "time_hour"], how="inner")
        .group_by("origin", pl.col("visib").round(0).alias("visibility_miles"))
        .agg(
            pl.len().alias("flights"),
            pl.col("dep_delay")
            .fill_nan(None)
            .mean()
            .alias("departure_delay"),  # pandas wrote cancelled ones as NaN
            pl.col("cancelled").mean().alias("cancelled"),
        )
        .sort("origin", "visibility_miles")
    )
