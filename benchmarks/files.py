"""Writing single files, against the same library's writer, then fsync of the file and its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import atio_core as atio
from benchmarks.measure import Result, in_turn, sync_path

_ROWS = 1_000_000
_SHEET_ROWS = 50_000
_GOAL = 1.03


def frame(rows: int = _ROWS) -> pd.DataFrame:
    """Return a frame of ten columns: integers, floats, texts, a time."""
    random = np.random.default_rng(7)
    words = np.array(["north", "south", "east", "west", "up", "down"])
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "group": random.integers(0, 1_000, rows),
            "count": random.integers(0, 1 << 40, rows),
            "small": random.integers(0, 100, rows).astype("int32"),
            "x": random.random(rows),
            "y": random.random(rows),
            "z": random.random(rows).astype("float32"),
            "where": words[random.integers(0, len(words), rows)],
            "name": np.char.add("n", random.integers(0, 50_000, rows).astype(str)),
            "when": pd.Timestamp("2013-01-01")
            + pd.to_timedelta(random.integers(0, 31_536_000, rows), unit="s"),
        }
    )


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    data = frame()
    yield _write(folder, "parquet", data.to_parquet, data, pairs=9)
    yield _write(folder, "csv", lambda path: data.to_csv(path, index=False), data, pairs=3, index=False)
    as_rows: dict[str, Any] = {"orient": "records", "date_format": "iso"}
    yield _write(folder, "json", lambda path: data.to_json(path, **as_rows), data, pairs=3, **as_rows)
    yield _write(folder, "feather", data.to_feather, data, pairs=9)
    sheet = data.head(_SHEET_ROWS)
    yield _write(folder, "xlsx", lambda path: sheet.to_excel(path, index=False), sheet, pairs=3, index=False)


def _write(
    folder: Path,
    name: str,
    theirs: Callable[[Path], object],
    data: pd.DataFrame,
    *,
    pairs: int,
    **options: Any,
) -> Result:
    ours_path, their_path = folder / f"ours.{name}", folder / f"theirs.{name}"

    def baseline() -> None:
        theirs(their_path)
        sync_path(their_path)
        sync_path(folder)

    return in_turn(
        f"write {len(data):,} x 10, {name}",
        f"pandas to_{name.replace('xlsx', 'excel')}, synced",
        _GOAL,
        lambda: atio.write(data, ours_path, **options),
        baseline,
        pairs=pairs,
    )
