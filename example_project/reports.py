"""Two reports over all days that are there, one in pandas, one in polars, and the release that names them."""

import dagster as dg
import pandas as pd
import polars as pl

from atio_core import AlreadyExistsError
from atio_dagster import AtioResource

ALL_DAYS = dg.AssetIn(key=["features", "departures"], metadata={"allow_missing_partitions": True})
RELEASED = ("cleaned/flights", "features/departures", "reports/airlines", "reports/visibility")
"""The tables that a release names a version of."""

KEPT_RELEASES = 3
"""What a release names doesn't expire: so older releases are dropped."""


@dg.asset(
    key_prefix="reports",
    ins={"departures": ALL_DAYS, "names": dg.AssetIn(key=["raw", "airlines"])},
    group_name="reports",
    code_version="1",
    metadata={"atio/retention": {"keep_last": 10}},  # small, and people ask what last week's report said
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


@dg.asset(key_prefix="reports", ins={"departures": ALL_DAYS}, group_name="reports", code_version="1")
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


@dg.asset(
    key_prefix="reports",
    deps=[["cleaned", "flights"], ["features", "departures"], airlines, visibility],
    group_name="reports",
    code_version="1",
)
def release(context: dg.AssetExecutionContext, atio: AtioResource) -> dg.MaterializeResult:
    """A name for the versions that belong together: readers of a release see all of its tables change at one moment."""
    name = f"run {context.run_id[:8]}"
    try:
        made = atio.store.create_release(name, RELEASED)
    except AlreadyExistsError:  # this step was done before, and its process killed before it could say so
        made = atio.store.at(name).release
    for old in atio.store.releases()[KEPT_RELEASES:]:
        atio.store.drop_release(old.number)
    return dg.MaterializeResult(metadata={"release": made.number, "name": made.name, **made.tables})
