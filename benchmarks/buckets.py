"""Tables in a bucket of a SeaweedFS on this machine, against the same bytes put and got, and against its peers.

Client, server and disk share the processors here: a figure says what our work adds to the service's own.
"""
# pyright: reportMissingImports=false
# Peers come with the extra `bench`, which the type checker has to do without.

from __future__ import annotations

import functools
import importlib.util
import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
from obstore.store import S3Store

import atio_core as atio
from atio_core.storage.locate import locate
from benchmarks.measure import Result, absolute, in_turn, of_pairs, seconds
from benchmarks.scale import ten_rows
from benchmarks.tables import large_table
from tests.support.bucket_servers import BUCKET, BucketServer, seaweedfs_server

_APPENDS = 100
_PROCESSES = 8
_OF_EACH = 25
_Append = Callable[[pa.Table], object]
_Opened = Callable[[str, dict[str, str]], _Append]


def run(folder: Path) -> Iterator[Result]:  # noqa: ARG001 - the service keeps its files in a folder of its own
    """Measure all of it."""
    with seaweedfs_server() as server:
        yield from _large(server)
        yield from _appends(server)
        yield from _processes(server)


def _large(server: BucketServer) -> Iterator[Result]:
    data, options = large_table(), dict(server.storage_options)
    table = atio.Table(server.place(), storage_options=options)
    table.overwrite(data)
    store = locate(table.path, temporary="tmp", storage_options=options)
    blobs = [store.read(name) for name in store.list("data/")]
    config: Any = options | {"allow_http": "true"}
    client = S3Store(BUCKET, config=config)

    def put() -> None:
        for number, blob in enumerate(blobs):
            obstore.put(client, f"by-hand/{number}", blob)

    def get() -> None:
        for number in range(len(blobs)):
            obstore.get(client, f"by-hand/{number}").bytes()

    def overwrite() -> None:
        atio.Table(server.place(), storage_options=options).overwrite(data)

    size = f"{data.nbytes / 1e6:.0f} MB ({len(blobs)} files) in a bucket"
    yield in_turn(f"overwrite {size}", "obstore.put of the same bytes", 1.15, overwrite, put, pairs=5)
    read = functools.partial(table.read, output_as="arrow")
    yield in_turn(f"read {size}, checked", "obstore.get of the same bytes", 1.15, read, get, pairs=5)


def _appends(server: BucketServer) -> Iterator[Result]:
    options, rows = dict(server.storage_options), ten_rows()
    ours = _ours(server.place(), options)
    for name, opened in _peers():
        theirs = opened(server.place().replace(" ", "-"), options)
        for append in (ours, theirs):
            append(rows)
        pairs = [(seconds(lambda: ours(rows)), seconds(lambda: theirs(rows))) for _ in range(_APPENDS)]  # noqa: B023 - called at once
        yield of_pairs("append 10 rows in a bucket", f"{name}, the same", 0.5, pairs)


def _processes(server: BucketServer) -> Iterator[Result]:
    work = f"{_PROCESSES} processes x {_OF_EACH} appends in a bucket"
    ours, raised = _together(_ours, server)
    yield absolute("  ours: processes of these in which an append raised", 0.0, "", [raised])
    for name, opened in _peers():
        theirs, raised = _together(opened, server)
        yield of_pairs(work, f"{name}, as far as it came", 1.0, [(ours, theirs)])
        yield absolute(f"  {name}: processes of these in which an append raised", None, "", [raised])


def _together(opened: _Opened, server: BucketServer) -> tuple[float, int]:
    """Return how long processes take that append at once, and how many of them ended with an error."""
    place, options = server.place().replace(" ", "-"), dict(server.storage_options)
    opened(place, options)(ten_rows())
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(_PROCESSES + 1)
    arguments = (opened, place, options, ready)
    processes = [context.Process(target=_append, args=arguments) for _ in range(_PROCESSES)]
    for process in processes:
        process.start()
    ready.wait()
    start = time.perf_counter()
    for process in processes:
        process.join()
    return time.perf_counter() - start, sum(process.exitcode != 0 for process in processes)


def _append(opened: _Opened, place: str, options: dict[str, str], ready: Any) -> None:
    append, rows = opened(place, options), ten_rows()
    ready.wait()
    for _ in range(_OF_EACH):
        append(rows)


def _ours(place: str, options: dict[str, str]) -> _Append:
    return atio.Table(place, storage_options=options).append


def _delta(place: str, options: dict[str, str]) -> _Append:
    import deltalake

    said = {f"aws_{name}": value for name, value in options.items()} | {
        "aws_allow_http": "true",
        "aws_conditional_put": "etag",
    }
    return lambda rows: deltalake.write_deltalake(place, rows, mode="append", storage_options=said)


def _lance(place: str, options: dict[str, str]) -> _Append:
    import lance

    said = {f"aws_{name}": value for name, value in options.items()} | {"allow_http": "true"}
    return lambda rows: lance.write_dataset(rows, place, mode="append", storage_options=said)


def _peers() -> Iterator[tuple[str, _Opened]]:
    for module, name, opened in (("deltalake", "Delta Lake", _delta), ("lance", "Lance", _lance)):
        if importlib.util.find_spec(module) is not None:
            yield name, opened
