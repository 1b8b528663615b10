"""Tables under many writers, of many files, and of more rows than memory should take at once."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import multiprocessing.connection
import multiprocessing.synchronize
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pyarrow as pa

import atio_core as atio
from benchmarks.files_by_million import run as files_by_million
from benchmarks.measure import Result, absolute, of_pairs, peak_above
from benchmarks.peers import installed
from benchmarks.scale import ten_rows
from benchmarks.tables import ByHand, large_table

_PROCESSES = 4
_APPENDS = 50
_WRITERS = 200
_PARTS = 7  # of 590 MB each
_TRIES = 100
_CONTEXT = multiprocessing.get_context("spawn")

_Append = Callable[[pa.Table, int], object]


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    yield from _four_processes(folder)
    yield from _many_writers(folder / "crowd")
    yield from files_by_million(folder / "million")
    yield _memory_of_stream(folder / "streamed")


def _ours(path: Path) -> _Append:
    table = atio.Table(path)
    return lambda rows, _: table.append(rows)


def _by_hand(path: Path) -> _Append:
    return ByHand(path).append


def _of_peer(name: str, path: Path) -> _Append:
    engine = next(peer for peer in installed() if peer.name == name).open(path)
    return lambda rows, _: engine.append(rows)


def _four_processes(folder: Path) -> Iterator[Result]:
    opened: dict[str, Callable[[Path], _Append]] = {"ours": _ours}
    opened |= {peer.name: functools.partial(_of_peer, peer.name) for peer in installed()}
    work, baseline = (
        f"{_PROCESSES} processes x {_APPENDS} appends",
        "the same by hand, each file synced and linked",
    )
    for name, open_table in opened.items():
        goal = 1.2 if name == "ours" else None
        pairs: list[tuple[float, float]] = []
        raised = 0
        for number in range(3):
            ends, failed = _together(_Work(open_table, folder / f"{name}-{number}", 1, _APPENDS), _PROCESSES)
            theirs, _ = _together(_Work(_by_hand, folder / f"by-{name}-{number}", 1, _APPENDS), _PROCESSES)
            pairs.append((max(ends), max(theirs)))
            raised += failed
        yield of_pairs(work if name == "ours" else f"  {name}: the same", baseline, goal, pairs)
        share = 100 * raised / (3 * _PROCESSES * _APPENDS)
        yield absolute(f"  {name}: appends of these that raised", 0.0 if goal else None, "%", [share])


def _many_writers(path: Path) -> Iterator[Result]:
    atio.Table(path).append(ten_rows())
    ends, raised = _together(_Work(_ours, path, _WRITERS // _PROCESSES, 1), _PROCESSES)
    if atio.Table(path).snapshot().rows != 10 * (_WRITERS - raised + 1):
        raise AssertionError("an append is missing, or there twice")
    yield absolute(f"{_WRITERS} writers at once, one append each: the last is done", 5.0, "s", [max(ends)])
    yield absolute(f"{_WRITERS} writers at once: raised", 0.0, "", [float(raised)])


@dataclass(frozen=True, slots=True)
class _Work:
    """What each of some processes does: so many threads, each of which appends so often."""

    open_table: Callable[[Path], _Append]
    path: Path
    threads: int
    appends: int


def _together(work: _Work, processes: int) -> tuple[list[float], int]:
    """Let many append at once; returns when each was done, in seconds from the start, and how many tries raised."""
    work.path.mkdir(parents=True, exist_ok=True)
    go = _CONTEXT.Event()
    pipes, children = list[multiprocessing.connection.Connection](), list[SpawnProcess]()
    for number in range(processes):
        ours, theirs = _CONTEXT.Pipe()
        pipes.append(ours)
        children.append(_CONTEXT.Process(target=_write, args=(theirs, go, work, number)))
        children[-1].start()
    for pipe in pipes:
        pipe.recv()
    start = time.time()
    go.set()
    found = [pipe.recv() for pipe in pipes]
    for child in children:
        child.join()
    return [end - start for ends, _ in found for end in ends], sum(raised for _, raised in found)


def _write(
    pipe: multiprocessing.connection.Connection,
    go: multiprocessing.synchronize.Event,
    work: _Work,
    process: int,
) -> None:
    """One process. What the first append loads is loaded before the start."""
    work.open_table(work.path.with_name(f"{work.path.name}-warm-{process}"))(ten_rows(), 0)
    ends: list[float] = []
    raised = itertools.count()

    def append_all(thread: int) -> None:
        append = work.open_table(work.path)
        first = (process * work.threads + thread) * work.appends
        go.wait()
        for number in range(first, first + work.appends):
            _until_done(append, number, raised)
        ends.append(time.time())

    threads = [threading.Thread(target=append_all, args=(number,)) for number in range(work.threads)]
    for thread in threads:
        thread.start()
    pipe.send(None)
    for thread in threads:
        thread.join()
    pipe.send((ends, next(raised)))


def _until_done(append: _Append, number: int, raised: Iterator[int]) -> None:
    """Append; a caller whose library raises has to try again."""
    for _ in range(_TRIES):
        try:
            append(ten_rows(), number)
        except Exception:  # noqa: BLE001 - each library has its own; they are counted
            next(raised)
        else:
            return
    raise AssertionError(f"an append raised {_TRIES} times")


def _memory_of_stream(path: Path) -> Result:
    """In a process of its own, so that nobody else's memory counts."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(target=_send_peak, args=(theirs, path))
    child.start()
    figure = ours.recv()
    child.join()
    return absolute("append of a stream of 4 GB: memory above the source's", 500.0, "MiB", [figure])


def _send_peak(pipe: multiprocessing.connection.Connection, path: Path) -> None:
    data = large_table()
    table = atio.Table(path)
    table.append(data.slice(0, 1_000))
    batches = (batch for _ in range(_PARTS) for batch in data.to_batches(max_chunksize=1 << 16))
    stream = pa.RecordBatchReader.from_batches(data.schema, batches)
    pipe.send(peak_above(lambda: table.append(stream)))
