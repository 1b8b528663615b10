"""`features/departures`: what was known of each flight when it was to leave, and what became of it."""

import dagster as dg
import polars as pl

from example_project.raw import days

HOUR_AT_AIRPORT = ["origin", "time_hour"]


@dg.asset(
    key_prefix="features",
    ins={
        "flights": dg.AssetIn(key=["cleaned", "flights"]),
        "weather": dg.AssetIn(
            key=["raw", "weather"],
            metadata={"atio/columns": [*HOUR_AT_AIRPORT, "visib", "wind_speed", "precip"]},
        ),
        "planes": dg.AssetIn(key=["raw", "planes"], metadata={"atio/columns": ["tailnum", "seats", "year"]}),
    },
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    metadata={
        "partition_expr": "date",
        "atio/publish": "after_run",  # in one release with the reports that are made of it
    },
    group_name="features",
    code_version="1",
)
def departures(flights: pl.LazyFrame, weather: pl.LazyFrame, planes: pl.LazyFrame) -> pl.LazyFrame:
    """The flights of some days with weather, plane and traffic. A run replaces its days, all of them at once."""
    built = planes.rename({"year": "built"})
    return (
        flights.join(weather, on=HOUR_AT_AIRPORT, how="left")
        .join(built, on="tailnum", how="left")
        .with_columns(
            pl.len().over(HOUR_AT_AIRPORT).alias("departures_in_hour"),
            pl.col("time_hour").dt.convert_time_zone("America/New_York").dt.hour().alias("hour"),
            pl.col("date").dt.weekday().alias("weekday"),
            (pl.col("date").dt.year() - pl.col("built")).alias("plane_age"),
            pl.col("dep_delay", "arr_delay").fill_nan(None),  # pandas wrote those of cancelled flights as NaN
        )
        .select(
            *("date", "hour", "weekday", "origin", "dest", "carrier", "distance", "departures_in_hour"),
            *("seats", "plane_age", "visib", "wind_speed", "precip"),
            *("cancelled", "on_time", "dep_delay", "arr_delay"),
        )
    )
