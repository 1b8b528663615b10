"""Tables: overwrite, append, open and read, against Parquet files written and read by hand."""

from __future__ import annotations

import functools
import itertools
import json
import multiprocessing
import multiprocessing.connection
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import atio_core as atio
from benchmarks.measure import Result, absolute, in_turn, peak_above, sync_path, sync_tree
from benchmarks.peers import Delta, Engine, installed

_THREE = ["id", "amount", "place"]
_KEYS = 10_000


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
    yield in_turn(f"overwrite {size}", one_file, 0.8, lambda: _overwrite(table, data), write_by_hand, pairs=7)
    works = _reads(by_hand, data.num_rows)
    for work, baseline, goal, read, theirs in works:
        yield in_turn(work, baseline, goal, functools.partial(read, table), theirs, pairs=9)
    for peer in installed():
        engine = peer.open(folder / peer.folder)
        work = f"  {peer.name}: overwrite of the same, until on disk"
        write = functools.partial(_until_on_disk, engine, data, folder / peer.folder)
        yield in_turn(work, one_file, None, write, write_by_hand, pairs=3)
        read_table, read_range = works[0][-1], works[-1][-1]
        yield in_turn(f"  {peer.name}: read", works[0][1], None, engine.read, read_table, pairs=3)
        low, high = _one_percent(data.num_rows)
        part = functools.partial(engine.read_range, _THREE, low, high)
        yield in_turn(f"  {peer.name}: the same range", works[-1][1], None, part, read_range, pairs=3)
        if isinstance(engine, Delta):
            yield from _upserts(table, engine, data, peer.name)


def _reads(
    by_hand: Path, rows: int
) -> list[tuple[str, str, float, Callable[[atio.Table], object], Callable[[], object]]]:
    """The reads that are measured: what, against what, the goal, ours and theirs."""
    low, high = _one_percent(rows)
    within = [("id", ">=", low), ("id", "<", high)]
    return [
        (
            f"read {rows:,} rows, checked",
            "pyarrow.parquet.read_table",
            0.8,
            lambda table: table.read(output_as="arrow"),
            lambda: pq.read_table(by_hand),
        ),
        (
            "the same to polars, checked",
            "polars.read_parquet",
            1.3,
            lambda table: table.read(output_as="polars"),
            lambda: pl.read_parquet(by_hand),
        ),
        (
            "  the same with verify='never'",
            "pyarrow.parquet.read_table",
            0.6,
            lambda table: table.read(output_as="arrow", verify="never"),
            lambda: pq.read_table(by_hand),
        ),
        (
            "  the same to polars with verify='never'",
            "polars.read_parquet",
            1.0,
            lambda table: table.read(output_as="polars", verify="never"),
            lambda: pl.read_parquet(by_hand),
        ),
        (
            "three columns of 1 % of the rows by a range",
            "pyarrow.parquet.read_table with columns and filters",
            0.3,
            lambda table: table.read(output_as="arrow", columns=_THREE, filter=within),
            lambda: pq.read_table(by_hand, columns=_THREE, filters=within),
        ),
    ]


def _one_percent(rows: int) -> tuple[int, int]:
    return rows // 2, rows // 2 + rows // 100


def _upserts(table: atio.Table, delta: Delta, data: pa.Table, name: str) -> Iterator[Result]:
    """Other values for keys of rows that are there; Delta Lake doesn't wait for the disk."""
    for where, first, step in (
        ("all over", 0, data.num_rows // _KEYS),
        ("side by side", data.num_rows // 2, 1),
    ):
        rows = data.take(np.arange(first, first + _KEYS * step, step))
        amounts = itertools.count(2)

        def changed(rows: pa.Table = rows, amounts: Iterator[int] = amounts) -> pa.Table:
            return rows.set_column(2, "amount", pa.array([float(next(amounts))] * rows.num_rows))

        def ours(changed: Callable[[], pa.Table] = changed) -> None:
            table.upsert(changed(), key=["id"])

        def theirs(changed: Callable[[], pa.Table] = changed) -> None:
            delta.upsert(changed(), "id")

        work = f"upsert of {_KEYS:,} keys {where} into {data.num_rows:,} rows"
        yield in_turn(work, f"{name}: merge", 0.5, ours, theirs, pairs=3)


def _until_on_disk(engine: Engine, data: pa.Table, path: Path) -> None:
    engine.overwrite(data)
    sync_tree(path)


def _overwrite(table: atio.Table, data: pa.Table) -> None:
    table.overwrite(data.slice(0, 1))  # else the same rows would lie there, and their files be shared
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


class ByHand:
    """What a careful person would write: no manifest, no statistics, no digest, no races considered."""

    def __init__(self, folder: Path) -> None:
        self._data, self._log = folder / "data", folder / "log"
        self._data.mkdir(parents=True, exist_ok=True)
        self._log.mkdir(exist_ok=True)

    def append(self, rows: pa.Table, number: int) -> None:
        """Add rows under a number that nobody else uses."""
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
