"""What must hold of the data; Dagster shows the outcomes on the assets' pages.

The blocking ones are the gate of `cleaned/flights`: they read what a run has staged, and only when all have passed does
it become the latest version.
"""

import dagster as dg
import pandas as pd

from atio_dagster import build_integrity_checks
from example_project import features, raw
from example_project.cleaned import FLIGHT

LONGEST_MEAN_DELAY = 180
"""Minutes. The worst day of the year, with storms in the evening, comes to 97."""


@dg.asset_check(asset=["cleaned", "flights"], blocking=True)
def no_flight_twice(flights: pd.DataFrame) -> dg.AssetCheckResult:
    """A flight is known by its airline, number, airport and time; a feed that is joined wrongly would show here."""
    twice = flights.duplicated(FLIGHT).sum()
    return dg.AssetCheckResult(passed=bool(twice == 0), metadata={"rows": len(flights), "twice": int(twice)})


@dg.asset_check(asset=["cleaned", "flights"], blocking=True)
def delays_are_minutes(flights: pd.DataFrame) -> dg.AssetCheckResult:
    """No day's flights may be hours late, or early, in the mean: then the feed counts in something else."""
    delays = flights["arr_delay"].abs().groupby(flights["date"]).mean()
    wrong = delays[delays > LONGEST_MEAN_DELAY]
    days = ", ".join(f"{day:%Y-%m-%d}" for day in wrong.index)
    return dg.AssetCheckResult(
        passed=wrong.empty, metadata={"days": days or "none", "longest_mean_delay": float(delays.max())}
    )


@dg.asset_check(
    asset=["reports", "airlines"],
    additional_ins={
        "departures": dg.AssetIn(
            key=["features", "departures"],
            metadata={"allow_missing_partitions": True, "atio/columns": ["carrier"]},
        )
    },
)
def every_flight_is_counted(airlines: pd.DataFrame, departures: pd.DataFrame) -> dg.AssetCheckResult:
    """No airline may drop out of the report, and no flight be counted twice by the joins."""
    counted = int(airlines["flights"].sum())
    return dg.AssetCheckResult(
        passed=counted == len(departures), metadata={"counted": counted, "flights": len(departures)}
    )


integrity = build_integrity_checks([raw.flights, features.departures])
