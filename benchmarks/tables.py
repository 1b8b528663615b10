"""Tables: overwrite, append, open and read, against Parquet files written and read by hand."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import atio_core as atio
from benchmarks.measure import Result, absolute, in_turn, of_pairs, peak_above, sync_path

_APPENDS = 1_000


def large_table(rows: int = 10_000_000) -> pa.Table:
    """Return 10,000,000 x 6: about 590 MB in memory."""
    random = np.random.default_rng(11)
    numbers = pa.array(random.integers(0, 50_000, rows))
    return pa.table(
        {
            "id": np.arange(rows),
            "user": random.integers(0, 1_000_000, rows),
            "amount": random.random(rows),
            "score": random.random(rows),
            "when": pa.array(random.integers(0, 1 << 50, rows), pa.timestamp("us")),
            "place": pc.binary_join_element_wise("the town ", numbers.cast(pa.string()), ""),
        }
    )


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    yield from _large(folder)
    yield _memory_of_overwrite(folder)
    yield from _appends(folder)


def _large(folder: Path) -> Iterator[Result]:
    data = large_table()
    table = atio.Table(folder / "large")
    by_hand = folder / "by_hand.parquet"

    def write_by_hand() -> None:
        pq.write_table(data, by_hand)
        sync_path(by_hand)
        sync_path(folder)

    size = f"{data.num_rows:,} x {data.num_columns} ({data.nbytes / 1e6:.0f} MB)"
    one_file = "one pyarrow.parquet.write_table, synced"
    yield in_turn(f"overwrite {size}", one_file, 0.9, lambda: _overwrite(table, data), write_by_hand, pairs=7)
    yield in_turn(
        f"read {data.num_rows:,} rows",
        "pyarrow.parquet.read_table",
        1.1,
        lambda: table.read(output_as="arrow"),
        lambda: pq.read_table(by_hand),
        pairs=9,
    )


def _overwrite(table: atio.Table, data: pa.Table) -> None:
    table.overwrite(data)


def _memory_of_overwrite(folder: Path) -> Result:
    """In a process of its own, so that nobody else's memory counts."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_send_peak, args=(theirs, os.fspath(folder / "peak")))
    child.start()
    figure = ours.recv()
    child.join()
    return absolute("overwrite of the same: memory above the input", 200.0, "MiB", [figure])


def _send_peak(pipe: multiprocessing.connection.Connection, path: str) -> None:
    data = large_table()
    table = atio.Table(path)
    table.overwrite(data.slice(0, 1_000))
    pipe.send(peak_above(lambda: table.overwrite(data)))


def _appends(folder: Path) -> Iterator[Result]:
    rows = pa.table({"id": list(range(10)), "x": [0.5] * 10, "name": ["abc"] * 10})
    table = atio.Table(folder / "appended")
    hand = _ByHand(folder / "hand")
    pairs: list[tuple[float, float]] = []
    for number in range(_APPENDS):
        start = time.perf_counter()
        table.append(rows)
        middle = time.perf_counter()
        hand.append(rows, number)
        pairs.append((middle - start, time.perf_counter() - middle))
    hundred = 100
    baseline = "a Parquet file and a log file by hand, each synced and linked"
    yield of_pairs("append of 10 rows, the last 100 of 1,000", baseline, 2.5, pairs[-hundred:])
    # A machine gets slower or faster while it works, by hand too: so each append counts as a multiple of that by hand.
    multiples = [ours / theirs for ours, theirs in pairs]
    first = statistics.median(multiples[:hundred])
    yield absolute(
        "append: the last 100 against the first 100, by the row above",
        1.2,
        "x",
        [multiple / first for multiple in multiples[-hundred:]],
    )
    path = folder / "appended"
    figures: list[float] = []
    for _ in range(21):
        start = time.perf_counter()
        count = atio.Table(path).snapshot().rows
        figures.append((time.perf_counter() - start) * 1_000)
        if count != 10 * _APPENDS:
            raise AssertionError(f"{count} rows counted")
    yield absolute(f"open the latest of {_APPENDS:,} versions and count", 5.0, "ms", figures)


class _ByHand:
    """What a careful person would write: no manifest, no statistics, no digest, no races considered."""

    def __init__(self, folder: Path) -> None:
        self._data, self._log = folder / "data", folder / "log"
        self._data.mkdir(parents=True)
        self._log.mkdir()

    def append(self, rows: pa.Table, number: int) -> None:
        path = self._data / f"{number}.parquet"
        temporary = path.with_suffix(".tmp")
        pq.write_table(rows, temporary)
        self._publish(temporary, path)
        entry = self._log / f"{number}.json"
        temporary = entry.with_suffix(".tmp")
        temporary.write_text(json.dumps({"version": number, "file": path.name, "rows": rows.num_rows}))
        self._publish(temporary, entry)

    @staticmethod
    def _publish(temporary: Path, final: Path) -> None:
        sync_path(temporary)
        os.link(temporary, final)
        temporary.unlink()
        sync_path(final.parent)
