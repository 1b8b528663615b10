"""What lies in a table's folder, read without the code under test: plain JSON, plain Arrow, plain file names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from atio_core.snapshot import Snapshot
from atio_core.table import Table

Contents = dict[int, list[Any]]


def contents(table: Table, column: str = "a") -> Contents:
    """Read every version that can be read: its number and the values of a column, in the order of the rows.

    Of an object, the files of a folder with their names, or the object alone. Nothing where a table was dropped.
    """
    return {snapshot.version: _held(table, snapshot, column) for snapshot in reversed(table.history())}


def _held(table: Table, snapshot: Snapshot, column: str) -> list[Any]:
    if not snapshot.entry.is_there:
        return []
    if snapshot.kind == "table":
        return table.read(snapshot.version, "arrow", columns=[column])[column].to_pylist()
    if snapshot.kind == "folder":
        return [(name, snapshot.open(name).read()) for name in snapshot.names]
    return [table.read(snapshot.version)]


def entries(folder: Path) -> dict[int, dict[str, Any]]:
    """The log entries that lie in a table's folder, by their numbers."""
    found = (folder / "_atio" / "log").glob("*/*.json")
    return {int(path.stem.split("-")[1]): json.loads(path.read_bytes()) for path in found}


def retained(folder: Path) -> list[int]:
    """The numbers that the newest entry retains."""
    log = entries(folder)
    return [number for low, high in log[max(log)]["retained"] for number in range(low, high + 1)]


def named_files(folder: Path) -> set[str]:
    """Every file that a retained version names, directly or by a manifest."""
    log = entries(folder)
    named: set[str] = set()
    for number in retained(folder):
        for path in _paths(log[number]):
            named.add(path)
            if path.startswith("_atio/manifests/"):
                table = pa.ipc.open_file((folder / path).read_bytes()).read_all()
                named.update(table.column("path").to_pylist())
    return named


def other_files(folder: Path) -> set[str]:
    """Every file in a table's folder that isn't a log entry."""
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return {path for path in paths if not path.startswith("_atio/log/")}


def _paths(value: Any) -> Iterator[str]:
    """Every text in a JSON value that is the name of a file."""
    if isinstance(value, str) and value.startswith(("data/", "_atio/")):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _paths(part)
