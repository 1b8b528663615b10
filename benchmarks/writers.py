"""Many writers of one table in a bucket: commits a second over the number of writers, on moto's server.

`python -m benchmarks.writers docs/writers.svg` also draws the plot.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import atio_core as atio
from benchmarks.measure import Result, absolute
from benchmarks.scale import ten_rows
from tests.support.bucket_servers import BucketServer, moto_server

_WRITERS = (1, 2, 4, 8, 16)
_APPENDS = 10


def run(folder: Path) -> Iterator[Result]:  # noqa: ARG001 - the server has a folder of its own
    """Measure how many commits a second many writers come to."""
    for writers, rate in _rates():
        yield absolute(
            f"{writers} writers of a table in a bucket x {_APPENDS} appends", None, "commits/s", [rate]
        )


def _rates() -> Iterator[tuple[int, float]]:
    with moto_server() as server:
        for writers in _WRITERS:
            yield writers, writers * _APPENDS / _seconds(server, writers)


def _seconds(server: BucketServer, writers: int) -> float:
    place, options = server.place(), server.storage_options
    atio.Table(place, storage_options=options).append(ten_rows())

    def work(_: int) -> None:
        table = atio.Table(place, storage_options=options)
        for _ in range(_APPENDS):
            table.append(ten_rows())

    began = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))
    ended = time.perf_counter()
    found = atio.Table(place, storage_options=options).snapshot()
    if found.version != 1 + writers * _APPENDS:
        raise AssertionError(f"{writers * _APPENDS} appends made {found.version - 1} versions")
    return ended - began


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
        "<title>Commits a second over the number of writers of one table</title>",
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
        f'<text x="{width / 2:.0f}" y="{height - 8}" text-anchor="middle">writers (commits a second)</text>'
    )
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(list(_rates())))
