"""Delta Lake, Iceberg and Lance under the same work, where they are installed: pip install 'atio[bench]'.

Each is called as its own documentation does, with its defaults. What each waits for the disk with was seen by strace.
"""
# pyright: reportMissingImports=false
# They come with the extra `bench`, which the type checker has to do without.

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa


class Engine(Protocol):
    """One table of a peer's. Each call opens it anew where its documentation does."""

    def overwrite(self, data: pa.Table) -> None:
        """Replace all rows."""
        ...

    def append(self, rows: pa.Table) -> None:
        """Add rows."""
        ...

    def count(self) -> int:
        """Open the latest version and count its rows."""
        ...

    def read(self) -> int:
        """Read all rows into memory; returns how many."""
        ...

    def read_range(self, columns: list[str], low: int, high: int) -> int:
        """Read columns of the rows whose id lies between two numbers; returns how many."""
        ...

    def metadata_bytes(self) -> int:
        """Return the size of all that is no row."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A library that keeps tables.

    Attributes:
        name: Its name and version.
        syncs: What a commit of it waits for the disk with.
        open: Makes a table of it, or opens the one that is there.
        appends: How many appends it is measured with: some get slower with each.
    """

    name: str
    syncs: str
    open: Callable[[Path], Engine]
    appends: int = 1_000

    @property
    def folder(self) -> str:
        """Name of its folder: without spaces, which polars can't read a Delta table from."""
        return self.name.replace(" ", "-")


def installed() -> Iterator[Peer]:
    """Yield the peers that are installed."""
    for package, module, title, syncs, made, appends in (
        ("deltalake", "deltalake", "Delta Lake", "nothing", Delta, 1_000),
        ("pyiceberg", "pyiceberg", "Iceberg", "its catalog (SQLite) alone", Iceberg, 100),
        ("pylance", "lance", "Lance", "nothing", Lance, 1_000),
    ):
        if importlib.util.find_spec(module) is not None:
            yield Peer(f"{title} {version(package)}", syncs, made, appends)


def missing() -> list[str]:
    """Return the names of the peers that are not installed."""
    names = {"deltalake": "Delta Lake", "pyiceberg": "Iceberg", "lance": "Lance"}
    return [name for module, name in names.items() if importlib.util.find_spec(module) is None]


class Delta:
    """A table of Delta Lake's."""

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)

    def overwrite(self, data: pa.Table) -> None:
        """Replace all rows."""
        self._write(data, "overwrite")

    def append(self, rows: pa.Table) -> None:
        """Add rows."""
        self._write(rows, "append")

    def count(self) -> int:
        """Open the latest version and count its rows, by its metadata."""
        from deltalake import DeltaTable

        return DeltaTable(self._path).count()

    def read(self) -> int:
        """Read all rows by polars, which is the fastest way."""
        return pl.read_delta(self._path).height

    def read_range(self, columns: list[str], low: int, high: int) -> int:
        """Read by polars."""
        wanted = pl.scan_delta(self._path).filter(pl.col("id").is_between(low, high - 1))
        return wanted.select(columns).collect().height

    def metadata_bytes(self) -> int:
        """Return the size of its log."""
        return tree_bytes(Path(self._path, "_delta_log"))

    def upsert(self, rows: pa.Table, key: str) -> None:
        """Replace the rows that have one of the keys, and add the others."""
        from deltalake import DeltaTable

        merge = DeltaTable(self._path).merge(rows, f"t.{key} = s.{key}", source_alias="s", target_alias="t")
        merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def _write(self, data: pa.Table, mode: Any) -> None:
        from deltalake import write_deltalake

        write_deltalake(self._path, data, mode=mode)


class Iceberg:
    """A table of Iceberg's, in a catalog in SQLite."""

    _NAME = "n.t"

    def __init__(self, path: Path) -> None:
        from pyiceberg.catalog.sql import SqlCatalog

        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._catalog: Any = SqlCatalog("c", uri=f"sqlite:///{path}/catalog.db", warehouse=f"file://{path}")
        self._catalog.create_namespace_if_not_exists("n")

    def overwrite(self, data: pa.Table) -> None:
        """Replace all rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "delete operation did not match any records"
            self._catalog.create_table_if_not_exists(self._NAME, data.schema).overwrite(data)

    def append(self, rows: pa.Table) -> None:
        """Add rows."""
        self._catalog.create_table_if_not_exists(self._NAME, rows.schema).append(rows)

    def count(self) -> int:
        """Open the latest version and count its rows, by its metadata."""
        return self._catalog.load_table(self._NAME).scan().count()

    def read(self) -> int:
        """Read all rows into Arrow."""
        return self._catalog.load_table(self._NAME).scan().to_arrow().num_rows

    def read_range(self, columns: list[str], low: int, high: int) -> int:
        """Read by its own filter."""
        wanted = self._catalog.load_table(self._NAME).scan(
            row_filter=f"id >= {low} and id < {high}", selected_fields=tuple(columns)
        )
        return wanted.to_arrow().num_rows

    def metadata_bytes(self) -> int:
        """Return the size of its metadata and of the catalog."""
        return tree_bytes(self._path) - sum(file.stat().st_size for file in self._path.rglob("*.parquet"))


class Lance:
    """A dataset of Lance's."""

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)

    def overwrite(self, data: pa.Table) -> None:
        """Replace all rows."""
        self._write(data, "overwrite")

    def append(self, rows: pa.Table) -> None:
        """Add rows."""
        self._write(rows, "append" if Path(self._path).exists() else "create")

    def count(self) -> int:
        """Open the latest version and count its rows."""
        return self._open().count_rows()

    def read(self) -> int:
        """Read all rows into Arrow."""
        return self._open().to_table().num_rows

    def read_range(self, columns: list[str], low: int, high: int) -> int:
        """Read by its own filter."""
        return self._open().to_table(columns=columns, filter=f"id >= {low} AND id < {high}").num_rows

    def metadata_bytes(self) -> int:
        """Return the size of all but its data."""
        return tree_bytes(Path(self._path)) - tree_bytes(Path(self._path, "data"))

    def _open(self) -> Any:
        import lance

        return lance.dataset(self._path)

    def _write(self, data: pa.Table, mode: str) -> None:
        import lance

        lance.write_dataset(data, self._path, mode=mode)


def tree_bytes(folder: Path) -> int:
    """Return the size of all files in a folder and below."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
