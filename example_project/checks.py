"""What must hold of the data; Dagster shows the outcomes on the assets' pages."""

import dagster as dg
import pandas as pd


@dg.asset_check(asset=["raw", "flights"], blocking=True)
def no_flight_twice(flights: pd.DataFrame) -> dg.AssetCheckResult:
    """A flight is known by its airline, number, airport and day; a feed delivered twice would show here."""
    twice = flights.duplicated(["carrier", "flight", "origin", "date", "sched_dep_time"]).sum()
    return dg.AssetCheckResult(passed=bool(twice == 0), metadata={"rows": len(flights), "twice": int(twice)})


@dg.asset_check(
    asset="airline_punctuality",
    additional_ins={
        "flights": dg.AssetIn(key="flights_by_month", metadata={"allow_missing_partitions": True})
    },
)
def every_flight_is_counted(airline_punctuality: pd.DataFrame, flights: pd.DataFrame) -> dg.AssetCheckResult:
    """No airline may drop out of the report, and no flight be counted twice by the joins."""
    counted = int(airline_punctuality["flights"].sum())
    return dg.AssetCheckResult(
        passed=counted == len(flights), metadata={"counted": counted, "flights": len(flights)}
    )
