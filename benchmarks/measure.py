"""How times are taken: ours and the baseline in turn, the ratio pair by pair, the median quoted."""

from __future__ import annotations

import ctypes
import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the printed table.

    Attributes:
        work: What is done.
        baseline: What it is compared with.
        ours: Median of our seconds.
        theirs: Median of the baseline's seconds; None if the goal is absolute.
        ratio: Median of ours / theirs, pair by pair; our own figure if the goal is absolute.
        spread: Lowest and highest of the ratios.
        goal: What the ratio (or figure) should not pass; None if it stands there for comparison.
        unit: Unit of an absolute figure; "x" for a ratio.
        peaks: By how many MiB memory rose in one call of each; None where it wasn't measured.
    """

    work: str
    baseline: str
    ours: float
    theirs: float | None
    ratio: float
    spread: tuple[float, float]
    goal: float | None
    unit: str = "x"
    peaks: tuple[float, float] | None = None

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.goal is None or self.ratio <= self.goal


def seconds(act: Callable[[], object]) -> float:
    """Return how long a call takes, in seconds, with the garbage of others collected before."""
    gc.collect()
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def in_turn(
    work: str,
    baseline: str,
    goal: float | None,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    pairs: int,
) -> Result:
    """Measure two calls in turn, the order changing each time, after one pair that shows the memory needed."""
    peaks = peak_above(ours), peak_above(theirs)
    found: list[tuple[float, float]] = []
    for number in range(pairs):
        if number % 2:
            second = seconds(theirs)
            first = seconds(ours)
        else:
            first = seconds(ours)
            second = seconds(theirs)
        found.append((first, second))
    return replace(of_pairs(work, baseline, goal, found), peaks=peaks)


def of_pairs(work: str, baseline: str, goal: float | None, pairs: list[tuple[float, float]]) -> Result:
    """Return the row of pairs of seconds: ours and the baseline's."""
    ratios = [first / second for first, second in pairs]
    ours = statistics.median(first for first, _ in pairs)
    theirs = statistics.median(second for _, second in pairs)
    return Result(work, baseline, ours, theirs, statistics.median(ratios), (min(ratios), max(ratios)), goal)


def absolute(work: str, goal: float | None, unit: str, figures: list[float]) -> Result:
    """Return the row of a figure that has no baseline."""
    middle = statistics.median(figures)
    return Result(work, "-", middle, None, middle, (min(figures), max(figures)), goal, unit)


def peak_above(act: Callable[[], object]) -> float:
    """Return by how many MiB this process's memory rose at most during a call (Linux only)."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    # What an earlier call left to the allocator would hide what this one needs.
    ctypes.CDLL(None).malloc_trim(0)
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
    act()
    return (_memory("VmHWM") - before) / 1024


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def sync_tree(folder: Path) -> None:
    """Sync all files and folders below one, and itself."""
    for path in (*folder.rglob("*"), folder):
        sync_path(path)


def sync_path(path: str | os.PathLike[str]) -> None:
    """Sync a file, or a folder's names."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
