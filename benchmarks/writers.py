"""Many writers of one table in a bucket, on moto's server: commits a second, and requests a commit.

`python -m benchmarks.writers docs/scale/writers.svg` draws the requests, which hardly depend on the machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import atio_core as atio
from benchmarks.measure import Result, absolute
from benchmarks.scale import ten_rows
from tests.support.bucket_servers import BucketServer, moto_server

_WRITERS = (1, 2, 4, 8, 16, 32, 64)
_APPENDS = 192  # of all writers together


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
        work = f"{crowd.writers} writers of a table in a bucket, {_APPENDS} appends in all"
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
        for _ in range(_APPENDS // writers):
            before = table.io_stats()
            table.append(ten_rows())
            tries = max(tries, (table.io_stats() - before).creates)
        return tries, table.io_stats().requests

    began = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        tries, requests = zip(*pool.map(work, range(writers)), strict=True)
    seconds = time.perf_counter() - began
    found = atio.Table(place, storage_options=options).snapshot()
    if found.version != 1 + _APPENDS:
        raise AssertionError(f"{_APPENDS} appends made {found.version - 1} versions")
    return _Crowd(writers, _APPENDS / seconds, sum(requests) / _APPENDS, max(tries))


def draw(rates: list[tuple[int, float]]) -> str:
    """Return the plot as SVG: a point for each number of writers, both axes from 0, the writers by doublings."""
    width, height, left, top = 560, 280, 60, 20
    most = max(rate for _, rate in rates)
    across = (width - left - 20) / max(1, len(rates) - 1)

    def at(place: int, rate: float) -> tuple[float, float]:
        return left + across * place, top + (height - top - 50) * (1 - rate / most)

    points = [at(place, rate) for place, (_, rate) in enumerate(rates)]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    base = at(0, 0)[1]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        "<style>text { font: 12px sans-serif }</style>",
        "<title>Requests a commit over the number of writers of one table</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<path d="M{left},{top} V{base:.0f} H{width - 20}" fill="none" stroke="#888"/>',
        f'<polyline points="{line}" fill="none" stroke="#1f6feb" stroke-width="2"/>',
    ]
    for (x, y), (writers, rate) in zip(points, rates, strict=True):
        parts += [
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="#1f6feb"/>',
            f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="middle">{rate:.1f}</text>',
            f'<text x="{x:.0f}" y="{base + 18:.0f}" text-anchor="middle">{writers}</text>',
        ]
    parts.append(
        f'<text x="{width / 2:.0f}" y="{height - 8}" text-anchor="middle">writers (requests a commit)</text>'
    )
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    found = list(_crowds())
    for one in found:
        print(one)
    Path(sys.argv[1]).write_text(draw([(one.writers, one.requests_per_commit) for one in found]))
