"""Tables of many versions and files: appends, metadata, opening; beside other libraries' where they are installed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

import atio_core as atio
from benchmarks.measure import Result, absolute, in_turn, of_pairs
from benchmarks.peers import Engine, installed, tree_bytes
from benchmarks.tables import ByHand

_HUNDRED = 100
_APPENDS = 1_000
_MANY_APPENDS = 10_000
_BY_HAND = "a Parquet file and a log file by hand, each synced and linked"


def ten_rows() -> pa.Table:
    """Return what is appended: ten rows of three columns."""
    return pa.table({"id": list(range(10)), "x": [0.5] * 10, "name": ["abc"] * 10})


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    yield from _appends(folder)
    yield from _many_versions(folder)
    for peer in installed():
        yield from _peer(
            peer.name, peer.open(folder / peer.folder), peer.appends, ByHand(folder / f"by-{peer.name}")
        )


def _appends(folder: Path) -> Iterator[Result]:
    path = folder / "appended"
    table = atio.Table(path)
    yield _last_hundred("append of 10 rows", 2.0, table.append, ByHand(folder / "hand"), _APPENDS)
    yield _size(f"metadata after {_APPENDS:,} appends", 8.0, path / "_atio")
    files = sorted((path / "data").rglob("*.parquet"))
    yield in_turn(
        f"read {_APPENDS:,} appended files of 10 rows",
        "a pyarrow dataset of them",
        0.5,
        lambda: atio.Table(path).read(output_as="arrow"),
        lambda: ds.dataset([str(file) for file in files], format="parquet").to_table(),
        pairs=7,
    )
    table.expire(keep_last=1, grace=timedelta(0))
    yield _size("metadata after an expiry of all but the latest", 1.0, path / "_atio")


def _last_hundred(
    work: str, goal: float | None, append: Callable[[pa.Table], object], hand: ByHand, count: int
) -> Result:
    rows, pairs = ten_rows(), list[tuple[float, float]]()
    for number in range(count):
        start = time.perf_counter()
        append(rows)
        middle = time.perf_counter()
        hand.append(rows, number)
        pairs.append((middle - start, time.perf_counter() - middle))
    last = min(_HUNDRED, count // 2)
    return of_pairs(f"{work}, the last {last} of {count:,}", _BY_HAND, goal, pairs[-last:])


def _many_versions(folder: Path) -> Iterator[Result]:
    """Machines get slower or faster while they work, so that appends count in processor time here, without waiting."""
    path, rows = folder / "many", ten_rows()
    table = atio.Table(path)
    spent: list[float] = []
    for _ in range(_MANY_APPENDS):
        start = time.process_time()
        table.append(rows)
        spent.append(time.process_time() - start)
    first = statistics.median(spent[:_HUNDRED])
    yield absolute(
        f"append: the last 100 of {_MANY_APPENDS:,} against the first, processor time",
        1.1,
        "x",
        [statistics.median(spent[-_HUNDRED:]) / first],
    )
    yield _opening(lambda: atio.Table(path).snapshot().rows, f"{_MANY_APPENDS:,} versions", 2.0)


def _opening(count: Callable[[], int | None], what: str, goal: float | None) -> Result:
    figures: list[float] = []
    for _ in range(21):
        start = time.perf_counter()
        count()
        figures.append((time.perf_counter() - start) * 1_000)
    return absolute(f"open the latest of {what} and count", goal, "ms", figures)


def _size(work: str, goal: float | None, folder: Path) -> Result:
    return absolute(work, goal, "MB", [tree_bytes(folder) / 1e6])


def _peer(name: str, engine: Engine, appends: int, hand: ByHand) -> Iterator[Result]:
    yield _last_hundred(f"  {name}: append of 10 rows", None, engine.append, hand, appends)
    yield absolute(
        f"  {name}: metadata after {appends:,} appends", None, "MB", [engine.metadata_bytes() / 1e6]
    )
    yield _opening(engine.count, f"{appends:,} versions: {name}", None)
