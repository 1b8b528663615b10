"""`python -m benchmarks [files] [databases] …`: print each figure beside its goal; exit 1 if one is missed."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    buckets,
    dagster,
    dagster_peers,
    daily,
    databases,
    expiry,
    files,
    many,
    peers,
    scale,
    starting,
    tables,
    versions,
    writers,
)
from benchmarks.measure import Result

_PARTS = {
    "starting": starting.run,
    "files": files.run,
    "databases": databases.run,
    "tables": tables.run,
    "scale": scale.run,
    "many": many.run,
    "versions": versions.run,
    "daily": daily.run,
    "expiry": expiry.run,
    "dagster": dagster.run,
    "dagster_peers": dagster_peers.run,
    "buckets": buckets.run,
    "writers": writers.run,
}


def main() -> int:
    """Run the parts named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*_PARTS, []], help="what to measure; everything if left out"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".benchmarks"), help="where to write (a real disk)"
    )
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, folder {arguments.folder.resolve()}")
    print("Times are medians; ratios are ours / baseline, pair by pair; everything is synced to the disk.")
    print("Peak memory: by how much it rose above what was there before, ours / baseline.")
    for peer in peers.installed():
        print(
            f"{peer.name}: a small commit syncs {peer.syncs}; figures `until on disk` sync its files after the call."
        )
    if absent := peers.missing():
        print(f"Not installed, and left out: {', '.join(absent)} (pip install 'atio[bench]').")
    print()
    _row("work", "baseline", "ours", "baseline", "peak MiB", "figure", "spread", "goal")
    missed = 0
    for name in arguments.parts or _PARTS:
        folder = Path(tempfile.mkdtemp(dir=arguments.folder))
        try:
            for result in _PARTS[name](folder):
                _print(result)
                missed += not result.met
        finally:
            shutil.rmtree(folder)
    print(f"\n{missed} of the goals missed" if missed else "\nall goals met")
    return 1 if missed else 0


def _print(result: Result) -> None:
    theirs = "" if result.theirs is None else f"{result.theirs * 1_000:,.1f} ms"
    ours = "" if result.theirs is None else f"{result.ours * 1_000:,.1f} ms"
    low, high = result.spread
    verdict = "" if result.met else "  MISSED"
    _row(
        result.work,
        result.baseline,
        ours,
        theirs,
        "" if result.peaks is None else "{:.0f} / {:.0f}".format(*result.peaks),
        f"{result.ratio:.2f} {result.unit}",
        f"{low:.2f}-{high:.2f}",
        "" if result.goal is None else f"<= {result.goal:g} {result.unit}{verdict}",
    )


def _row(*cells: str) -> None:
    widths = (48, 58, 12, 12, 11, 11, 13, 0)
    print(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip(), flush=True
    )


if __name__ == "__main__":
    sys.exit(main())
