"""IO managers of Dagster's and its integrations, each as its own documentation sets it up.

pip install dagster-polars dagster-deltalake-pandas dagster-duckdb-pandas dagster-iceberg
"""
# pyright: reportMissingImports=false
# They are installed by hand, if at all.

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl

from atio_dagster import AtioIOManager


@dataclass(frozen=True, slots=True)
class Manager:
    """An IO manager.

    Attributes:
        name: What it is called here.
        package: What installs it.
        make: Makes one that keeps its data in a folder, for `overwrite` or `append`, if it has to know.
        appends: The metadata of an asset whose rows are added; None if there is no such thing.
        frame: The class of frames that it takes.
    """

    name: str
    package: str
    make: Callable[[Path, str], Any]
    appends: Mapping[str, Any] | None = field(default_factory=dict[str, Any])
    frame: Any = pd.DataFrame

    @property
    def title(self) -> str:
        """Its name and release."""
        return f"{self.name} {version(self.package)}"


def _delta(folder: Path, mode: str) -> Any:
    from dagster_deltalake import LocalConfig, WriteMode
    from dagster_deltalake_pandas import DeltaLakePandasIOManager

    return DeltaLakePandasIOManager(root_uri=str(folder), storage_options=LocalConfig(), mode=WriteMode(mode))


def _duckdb(folder: Path, _: str) -> Any:
    from dagster_duckdb_pandas import DuckDBPandasIOManager

    return DuckDBPandasIOManager(database=str(folder / "data.duckdb"))


def _iceberg(folder: Path, _: str) -> Any:
    from dagster_iceberg.config import IcebergCatalogConfig
    from dagster_iceberg.io_manager.pandas import PandasIcebergIOManager
    from pyiceberg.catalog.sql import SqlCatalog

    place = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}"}
    SqlCatalog("local", **place).create_namespace_if_not_exists("public")
    config = IcebergCatalogConfig(properties={"type": "sql", **place})
    return PandasIcebergIOManager(name="local", config=config, namespace="public")


def _polars(kind: str) -> Callable[[Path, str], Any]:
    def make(folder: Path, _: str) -> Any:
        import dagster_polars

        return getattr(dagster_polars, kind)(base_dir=str(folder))

    return make


MANAGERS = (
    Manager("atio", "atio", lambda folder, _: AtioIOManager(base_path=str(folder)), {"atio/mode": "append"}),
    Manager(
        "Dagster's files", "dagster", lambda folder, _: dg.FilesystemIOManager(base_dir=str(folder)), None
    ),
    Manager("DuckDB", "dagster-duckdb-pandas", _duckdb, None),
    Manager("Delta", "dagster-deltalake-pandas", _delta),
    Manager("Iceberg", "dagster-iceberg", _iceberg, {"write_mode": "append"}),
    Manager("polars Parquet", "dagster-polars", _polars("PolarsParquetIOManager"), None, pl.DataFrame),
    Manager(
        "polars Delta", "dagster-polars", _polars("PolarsDeltaIOManager"), {"mode": "append"}, pl.DataFrame
    ),
)


def installed() -> Iterator[Manager]:
    """Yield those that can be used here."""
    for one in MANAGERS:
        if importlib.util.find_spec(
            one.package.replace("-", "_") if one.package != "atio" else "atio_dagster"
        ):
            yield one


def missing() -> list[str]:
    """Return the packages that aren't installed."""
    there = {one.package for one in installed()}
    return sorted({one.package for one in MANAGERS} - there)
