from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from example_project import checks, cleaned, raw, reports
from example_project.source import read_source

# Called directly, an asset returns what its function does; Dagster types that as an object.
every_flight_is_counted: Any = checks.every_flight_is_counted
no_flight_twice: Any = checks.no_flight_twice
flights_by_month: Any = cleaned.flights_by_month
airline_punctuality: Any = reports.airline_punctuality
delays_by_visibility: Any = reports.delays_by_visibility
raw_flights: Any = raw.flights

FLIGHTS = pd.DataFrame(
    {
        "date": pd.to_datetime(["2013-01-05", "2013-01-06", "2013-02-01"]),
        "time_hour": pd.to_datetime(["2013-01-05T10Z", "2013-01-06T10Z", "2013-02-01T10Z"]),
        "carrier": ["UA", "UA", "AA"],
        "flight": [1, 2, 3],
        "tailnum": ["N1", None, "N3"],
        "origin": "EWR",
        "dest": "SFO",
        "distance": 100,
        "sched_dep_time": 900,
        "dep_time": [901.0, None, 940.0],
        "dep_delay": [1.0, None, 40.0],
        "arr_delay": [-5.0, None, 15.0],
    }
)


def cleaned_flights() -> pd.DataFrame:
    """All three flights, as the reports get them."""
    return pd.concat([flights_by_month(_of(month), FLIGHTS) for month in ("2013-01", "2013-02")])


def test_a_month_has_its_own_flights() -> None:
    """The flights of a partition are those of its month, with what became of them."""
    january = flights_by_month(_of("2013-01"), FLIGHTS)
    assert january["flight"].tolist() == [1, 2]
    assert january["cancelled"].tolist() == [False, True]
    assert january["on_time"].tolist() == [True, False]


def test_punctuality() -> None:
    """The report counts flights, seats and cancellations of each airline, and only flights on time as such."""
    airlines = pd.DataFrame({"carrier": ["AA", "UA"], "name": ["American", "United"]})
    planes = pd.DataFrame({"tailnum": ["N1", "N3"], "seats": [100, 50]})
    report = airline_punctuality(cleaned_flights(), airlines, planes).set_index("name")
    assert report.loc["United"].to_dict() == {
        "flights": 2,
        "seats": 100,
        "cancelled": 1,
        "on_time": 0.5,
        "arrival_delay": -5,
    }
    assert report.loc["American", "on_time"] == 0


def test_delays_by_visibility() -> None:
    """The other report joins the weather of the hour, and leaves cancelled flights out of the mean delay."""
    weather = pl.LazyFrame(
        {"origin": "EWR", "time_hour": FLIGHTS["time_hour"].tolist(), "visib": [10.0, 10.0, 2.0]}
    )
    flights = pl.from_pandas(cleaned_flights()).lazy()
    found = delays_by_visibility(flights, weather.with_columns(pl.col("time_hour").dt.cast_time_unit("us")))
    assert found.collect().rows() == [("EWR", 2.0, 1, 40.0, 0.0), ("EWR", 10.0, 2, 1.0, 0.5)]


def test_the_checks_find_something() -> None:
    """A flight that comes twice, and one that a report doesn't count, fail their checks."""
    assert no_flight_twice(FLIGHTS).passed
    assert not no_flight_twice(pd.concat([FLIGHTS, FLIGHTS.iloc[:1]])).passed
    report = pd.DataFrame({"flights": [2, 1]})
    assert every_flight_is_counted(report, FLIGHTS).passed
    assert not every_flight_is_counted(report.iloc[:1], FLIGHTS).passed


@pytest.mark.parametrize(("name", "rows"), [("airlines", 16), ("planes", 3322), ("weather", 26115)])
def test_the_source(name: str, rows: int) -> None:
    """The source has the tables that the pipeline begins with."""
    assert len(read_source(name)) == rows


def test_the_feed_ends_where_it_is_told() -> None:
    """The feed has the flights up to the day that a run asks for."""
    flights = raw_flights(raw.Feed(until="2013-01-02"))
    assert sorted(flights["date"].dt.strftime("%m-%d").unique()) == ["01-01", "01-02"]
    assert len(flights) == 1785


def _of(month: str) -> dg.AssetExecutionContext:
    return dg.build_asset_context(partition_key=month)
