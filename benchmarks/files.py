"""Writing single files, against the same library's writer, then fsync of the file and its folder."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import atio_core as atio
from benchmarks.measure import Result, in_turn, of_pairs, sync_path

_ROWS = 1_000_000
_SMALL_FILES = 10_000
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
    size = "1,000,000 x 10"
    yield _write(folder, f"{size}, parquet", "x.parquet", data, data.to_parquet, pairs=9)
    yield _write(
        folder,
        f"{size}, csv",
        "x.csv",
        data,
        lambda path: data.to_csv(path, index=False),
        pairs=3,
        index=False,
    )
    as_rows: dict[str, Any] = {"orient": "records", "date_format": "iso"}
    yield _write(
        folder,
        f"{size}, json",
        "x.json",
        data,
        lambda path: data.to_json(path, **as_rows),
        pairs=3,
        **as_rows,
    )
    yield _write(folder, f"{size}, feather", "x.feather", data, data.to_feather, pairs=9)
    yield _with_progress(folder, data)
    small = frame(50_000)
    yield _write(folder, "50,000 x 10, excel", "x.xlsx", small, small.to_excel, pairs=3)
    yield _small_files(folder)


def _write(
    folder: Path,
    what: str,
    name: str,
    data: pd.DataFrame,
    theirs: Callable[[Path], object],
    *,
    pairs: int,
    **options: Any,
) -> Result:
    ours_path, their_path = folder / f"ours-{name}", folder / f"theirs-{name}"

    def baseline() -> None:
        theirs(their_path)
        sync_path(their_path)
        sync_path(folder)

    def ours() -> None:
        atio.write(data, ours_path, **options)

    return in_turn(
        f"write {what}", "the same writer, then fsync of file and folder", _GOAL, ours, baseline, pairs=pairs
    )


def _with_progress(folder: Path, data: pd.DataFrame) -> Result:
    """Shown, against not shown."""
    path = folder / "progress.csv"

    def ours() -> None:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
            atio.write(data, path, index=False, show_progress=True)

    def baseline() -> None:
        atio.write(data, path, index=False)

    return in_turn(
        "write 1,000,000 x 10, csv, with show_progress", "the same without", 1.02, ours, baseline, pairs=5
    )


def _small_files(folder: Path) -> Result:
    """One after another, each beside one by hand."""
    content = bytes(1_000)
    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir()
    theirs.mkdir()
    pairs: list[tuple[float, float]] = []
    for number in range(_SMALL_FILES):
        acts = [(_by_atio, content, ours / f"{number}.bin"), (_by_hand, content, theirs / f"{number}.bin")]
        order = (0, 1) if number % 2 else (1, 0)  # who comes second finds a disk at work
        took = {which: _timed(*acts[which]) for which in order}
        pairs.append((took[0], took[1]))
    totals = [(sum(o for o, _ in part), sum(t for _, t in part)) for part in _parts(pairs, 20)]
    return of_pairs(
        f"write {_SMALL_FILES:,} files of 1 KB", "temporary file, sync, replace, sync", 1.15, totals
    )


def _timed(write: Callable[[bytes, Path], object], content: bytes, path: Path) -> float:
    """Without collecting garbage first, as `measure.seconds` does: that takes longer than a file."""
    start = time.perf_counter()
    write(content, path)
    return time.perf_counter() - start


def _by_atio(content: bytes, path: Path) -> None:
    atio.write(content, path, "bytes")


def _by_hand(content: bytes, path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_path(path.parent)


def _parts(pairs: list[tuple[float, float]], count: int) -> Iterator[list[tuple[float, float]]]:
    length = len(pairs) // count
    return (pairs[start : start + length] for start in range(0, length * count, length))
