"""Versions of a table: what changed between two, against reading both; is all of it whole, against `sha256sum`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

import atio_core as atio
from benchmarks.measure import Result, in_turn
from benchmarks.tables import large_table

_FILES = 1_000
_ROWS = 10_000
_VERSIONS = 8
_LARGE_ROWS = 1_000_000


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    table = _table(folder / "table")

    def read_both() -> None:
        for version in (1, 2):
            table.read(version, "arrow")

    work = f"diff of two versions, 1 of {_FILES:,} files of {_ROWS:,} rows differing"
    yield in_turn(work, "reading both", 0.02, lambda: table.diff(1, 2), read_both, pairs=5)
    yield in_turn(
        "  the same by a key, with the rows that changed",
        "reading both",
        None,
        lambda: table.diff(1, 2, ["id"]).changed("arrow"),
        read_both,
        pairs=3,
    )
    yield _verify(folder / "whole")


def _verify(path: Path) -> Result:
    table = atio.Table(path)
    for part in range(_VERSIONS):
        table.append(large_table(_LARGE_ROWS).slice(part))
    files = [str(file) for file in path.rglob("*") if file.is_file()]
    size = sum(Path(file).stat().st_size for file in files)

    def digest_all() -> None:
        subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)  # our own files

    def verify() -> None:
        if not table.verify("all", deep=True).ok:
            raise AssertionError("the table isn't whole")

    return in_turn(
        f"verify all of {_VERSIONS} versions ({size / 1e6:.0f} MB)",
        "sha256sum of all files",
        1.0,
        verify,
        digest_all,
        pairs=5,
    )


def _table(path: Path) -> atio.Table:
    """A table of many files, one of which its second version has changed."""
    random = np.random.default_rng(11)
    table = atio.Table(path)
    parts = {
        f"{number:04}": pa.table(
            {
                "id": np.arange(number * _ROWS, (number + 1) * _ROWS),
                "amount": random.random(_ROWS),
                "score": random.random(_ROWS),
            }
        )
        for number in range(_FILES)
    }
    table.overwrite_partitions(parts)
    table.update([("id", "==", _FILES * _ROWS // 2)], {"amount": 2.0})
    return table
