from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from example_project import checks, cleaned, features, raw, reports
from example_project.source import deliver, read_source

# Called directly, an asset returns what its function does; Dagster types that as an object.
every_flight_is_counted: Any = checks.every_flight_is_counted
no_flight_twice: Any = checks.no_flight_twice
delays_are_minutes: Any = checks.delays_are_minutes
cleaned_flights: Any = cleaned.flights
departures: Any = features.departures
airlines_report: Any = reports.airlines
visibility: Any = reports.visibility
raw_flights: Any = raw.flights

DELIVERIES = pd.DataFrame(
    {
        "date": pd.to_datetime(["2013-01-05", "2013-01-05", "2013-01-06", "2013-01-05"]),
        "time_hour": pd.to_datetime(["2013-01-05T10Z", "2013-01-05T10Z", "2013-01-06T10Z", "2013-01-05T10Z"]),
        "carrier": ["UA", "UA", "AA", "UA"],
        "flight": [1, 2, 3, 1],
        "tailnum": ["N1", None, "N3", "N1"],
        "origin": "EWR",
        "dest": "SFO",
        "distance": 100,
        "sched_dep_time": 900,
        "dep_time": [901.0, None, 940.0, 901.0],
        "dep_delay": [1.0, None, 40.0, 1.0],
        "arr_delay": [None, None, 15.0, -5.0],
        "delivered_at": pd.to_datetime(["2013-01-06", "2013-01-06", "2013-01-07", "2013-01-08"], utc=True),
    }
)
"""Three flights; the first comes twice: it was in the air at midnight."""


def known_flights() -> pd.DataFrame:
    """The three flights as they are known in the end."""
    return cleaned_flights(DELIVERIES)


def known_departures() -> pl.DataFrame:
    """The three flights with what was known when they were to leave."""
    flights = pl.from_pandas(known_flights()).lazy()
    hours = known_flights()["time_hour"].unique().tolist()
    weather = pl.LazyFrame(
        {"origin": "EWR", "time_hour": hours, "visib": [10.0, 2.0], "wind_speed": 1.0, "precip": 0.0}
    )
    planes = pl.LazyFrame({"tailnum": ["N1", "N3"], "seats": [100, 50], "year": [2003, None]})
    joined = departures(flights, weather.cast({"time_hour": flights.collect_schema()["time_hour"]}), planes)
    return joined.collect()


def test_the_newest_delivery_of_a_flight_counts() -> None:
    """A flight that comes late replaces what was known of it in the evening."""
    found = known_flights().set_index("flight").sort_index()
    assert found["cancelled"].tolist() == [False, True, False]
    assert found["on_time"].tolist() == [True, False, False]
    assert found.loc[1, "arr_delay"] == -5


def test_departures() -> None:
    """Each flight is there once, with its weather, its plane and the traffic of the hour."""
    found = known_departures().sort("origin", "carrier", "dest", "seats", nulls_last=True)
    assert found["carrier"].to_list() == ["AA", "UA", "UA"]
    assert found["seats"].to_list() == [50, 100, None]
    assert found["plane_age"].to_list() == [None, 10, None]
    assert found["departures_in_hour"].to_list() == [1, 2, 2]
    assert found["visib"].to_list() == [2.0, 10.0, 10.0]
    assert found["hour"].to_list() == [5, 5, 5]


def test_the_report_of_airlines() -> None:
    """The report counts flights, seats and cancellations of each airline, and only flights on time as such."""
    names = pd.DataFrame({"carrier": ["AA", "UA"], "name": ["American", "United"]})
    report = airlines_report(known_departures().to_pandas(), names).set_index("name")
    assert report.loc["United"].to_dict() == {
        "flights": 2,
        "seats": 100,
        "cancelled": 1,
        "on_time": 0.5,
        "arrival_delay": -5,
    }
    assert report.loc["American", "on_time"] == 0


def test_the_report_of_visibility() -> None:
    """The other report goes by the weather of the hour, and leaves cancelled flights out of the mean delay."""
    found = visibility(known_departures().lazy()).collect()
    assert found.rows() == [("EWR", 2.0, 1, 40.0, 0.0), ("EWR", 10.0, 2, 1.0, 0.5)]


def test_the_checks_find_something() -> None:
    """A flight that comes twice, one that a report doesn't count, and delays in seconds fail their checks."""
    flights = known_flights()
    assert no_flight_twice(flights).passed
    assert not no_flight_twice(pd.concat([flights, flights.iloc[:1]])).passed
    report = pd.DataFrame({"flights": [2, 1]})
    assert every_flight_is_counted(report, flights).passed
    assert not every_flight_is_counted(report.iloc[:1], flights).passed
    assert delays_are_minutes(flights).passed
    assert not delays_are_minutes(flights.assign(arr_delay=flights["arr_delay"] * 60)).passed


def test_no_day_of_the_source_looks_like_seconds() -> None:
    """All days as they were pass the check on delays, storms included; a usual day in seconds doesn't."""
    flights = read_source("flights")
    flights["date"] = pd.to_datetime(flights[["year", "month", "day"]])
    assert delays_are_minutes(flights).passed
    assert not delays_are_minutes(deliver(["2013-04-02"], delays_in_seconds=True)).passed


@pytest.mark.parametrize(("name", "rows"), [("airlines", 16), ("planes", 3322), ("weather", 26115)])
def test_the_source(name: str, rows: int) -> None:
    """The source has the tables that the pipeline begins with."""
    assert len(read_source(name)) == rows


def test_a_day_comes_in_two_deliveries() -> None:
    """The evening brings all flights of its day, without the arrivals after midnight; the late rows bring those."""
    every, evening, late = (deliver(["2013-04-01"], rows) for rows in ("all", "evening", "late"))
    assert len(every) == len(evening) == 970
    assert (every["arr_time"] < every["dep_time"]).sum() == len(late) == 32
    assert evening["arr_time"].isna().sum() == every["arr_time"].isna().sum() + len(late)


def test_the_feed_brings_the_days_of_the_run() -> None:
    """A run gets the flights of its days, with the time when they came."""
    with dg.build_asset_context(partition_key="2013-01-01") as context:
        flights = raw_flights(context, raw.Delivery())
    assert flights["date"].dt.strftime("%m-%d").unique().tolist() == ["01-01"]
    assert len(flights) == 842
    assert len(set(flights["delivered_at"])) == 1
