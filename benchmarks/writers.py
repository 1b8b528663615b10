"""Many writers of one table in a bucket, on moto's server: commits a second, and requests a commit.

`python -m benchmarks.writers` draws them into `docs/scale/writers.svg`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import atio_core as atio
from benchmarks.drawing import Line, chart
from benchmarks.measure import Result, absolute
from benchmarks.scale import ten_rows
from tests.support.bucket_servers import BucketServer, moto_server

_WRITERS = (1, 2, 4, 8, 16, 32, 64)
_APPENDS = 10  # of each


@dataclass(frozen=True, slots=True)
class _Crowd:
    """What so many writers came to."""

    writers: int
    commits_per_second: float
    requests_per_commit: float
    most_tries: int


def run(folder: Path) -> Iterator[Result]:  # noqa: ARG001 - the server has a folder of its own
    """Measure what many writers come to."""
    for crowd in _crowds():
        work = f"{crowd.writers} writers of a table in a bucket, {_APPENDS} appends each"
        yield absolute(work, None, "commits/s", [crowd.commits_per_second])
        yield absolute("  requests a commit", None, "", [crowd.requests_per_commit])
        yield absolute("  tries of a commit at most", None, "", [float(crowd.most_tries)])


def _crowds() -> Iterator[_Crowd]:
    with moto_server() as server:
        for writers in _WRITERS:
            yield _crowd(server, writers)


def _crowd(server: BucketServer, writers: int) -> _Crowd:
    place, options = server.place(), server.storage_options
    atio.Table(place, storage_options=options).append(ten_rows())

    def work(_: int) -> tuple[int, int]:
        table = atio.Table(place, storage_options=options)
        tries = 0
        for _ in range(_APPENDS):
            before = table.io_stats()
            table.append(ten_rows())
            tries = max(tries, (table.io_stats() - before).creates)
        return tries, table.io_stats().requests

    began = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        tries, requests = zip(*pool.map(work, range(writers)), strict=True)
    seconds = time.perf_counter() - began
    found = atio.Table(place, storage_options=options).snapshot()
    appends = writers * _APPENDS
    if found.version != 1 + appends:
        raise AssertionError(f"{appends} appends made {found.version - 1} versions")
    return _Crowd(writers, appends / seconds, sum(requests) / appends, max(tries))


def draw(crowds: Sequence[_Crowd]) -> str:
    """Return the plot as SVG."""
    lines = [
        Line("commits", [(one.writers, one.commits_per_second) for one in crowds]),
        Line("requests each", [(one.writers, one.requests_per_commit) for one in crowds]),
    ]
    return chart(
        "Many writers: commits a second, and requests of each", "writers", "a second; requests", lines
    )


if __name__ == "__main__":
    found: list[_Crowd] = []
    for one in _crowds():
        print(one, flush=True)
        found.append(one)
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/scale/writers.svg").write_text(
        draw(found), encoding="utf-8"
    )
