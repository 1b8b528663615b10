"""`python -m benchmarks.on_paper [folder]`: what a table of a terabyte costs, measured on its metadata alone, drawn.

The data files are records of files that were never written: 1 MB each, so that 1,000,000 of them are a terabyte. The
store is in memory and counts its requests; times are those of the processor, which other programs disturb least.
"""

from __future__ import annotations

import bisect
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import atio_core as atio
from atio_core.data.filters.filters import read_filter
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import files_of
from atio_core.log.intent import make_intent
from atio_core.log.limits import DEFAULT_LIMITS
from atio_core.model.ids import system_clock, uuid7
from atio_core.storage.base import Listed
from atio_core.storage.memory import MemoryStore
from atio_core.testing import StoreWrapper
from benchmarks.drawing import Line, chart
from benchmarks.files_by_million import Simulated, like
from benchmarks.scale import ten_rows

FILES = (1_000, 10_000, 100_000, 1_000_000)
VERSIONS = (100, 1_000, 10_000, 100_000)
_STEP = 10_000
_TIMES = 7
_ENOUGH_MS = 500  # of one kind of work at one size
_FILE_BYTES = 1_000_000
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took: at a size, by the processor, in requests, and in bytes that were written."""

    work: str
    size: int
    milliseconds: float
    requests: float
    written: float


class Sorted(MemoryStore):
    """A store in memory that keeps its names in order, as buckets do: a listing doesn't go through all."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []

    def put(self, name: str, data: bytes) -> None:
        """Store an object."""
        super().put(name, data)
        bisect.insort(self._names, name)

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """Create an object."""
        super().put_if_absent(name, data, after=after)
        bisect.insort(self._names, name)

    def delete(self, names: Iterable[str]) -> list[str]:
        """Delete objects."""
        for name in names:
            if self._marks.get(name) is not None:
                del self._names[bisect.bisect_left(self._names, name)]
            super().delete([name])
        return []

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Yield what begins with a prefix."""
        self.io.add("lists")
        start, stop = self._range(prefix)
        return (Listed(name, self._marks[name]) for name in itertools.islice(self._names, start, stop))

    def look(self, folder: str) -> list[str]:
        """Return what lies directly in a folder."""
        self.io.add("lists")
        below = (name[len(folder) :].partition("/") for name in self._names[slice(*self._range(folder))])
        return sorted({folder + first + slash for first, slash, _ in below})

    def _range(self, prefix: str) -> tuple[int, int]:
        return bisect.bisect_left(self._names, prefix), bisect.bisect_left(self._names, f"{prefix}\U0010ffff")


class Counting(StoreWrapper):
    """A store that counts requests, and the bytes that are put."""

    requests = 0
    written = 0

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:  # noqa: ARG002 - all count alike
        """Count a call."""
        self.requests += 1
        return call()

    def put(self, name: str, data: bytes) -> None:
        """Count what is put."""
        self.written += len(data)
        super().put(name, data)

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """Count what is put."""
        self.written += len(data)
        super().put_if_absent(name, data, after=after)


def by_files(sizes: Sequence[int]) -> Iterator[Cost]:
    """Tables of more and more files."""
    store = Counting(Sorted())
    log, first = _begun(store)
    done = 1
    for size in sizes:
        while done < size:
            numbers = range(done, min(done + _STEP, size))
            files = tuple(
                replace(like(first, number, uuid7(system_clock)), size=_FILE_BYTES) for number in numbers
            )
            commit(log, Simulated(files), make_intent(system_clock))
            done = numbers.stop
        yield from _each(store, size)


def by_versions(sizes: Sequence[int]) -> Iterator[Cost]:
    """Tables of more and more versions, of a file each."""
    store = Counting(Sorted())
    log, first = _begun(store)
    done = 1
    for size in sizes:
        for number in range(done, size):
            file = replace(like(first, number, uuid7(system_clock)), size=_FILE_BYTES)
            commit(log, Simulated((file,)), make_intent(system_clock))
        done = size
        yield from _each(store, size)


def _begun(store: Counting) -> tuple[CommitLog, Any]:
    (first,) = atio.Table(store=store).append(ten_rows()).data_files()
    return CommitLog(store, DEFAULT_LIMITS), first


def _each(store: Counting, size: int) -> Iterator[Cost]:
    """Each kind of work at a size: it leaves the table with a few versions more."""
    table = atio.Table(store=store)
    numbers = itertools.count(size)

    def one_commit() -> None:
        table.append(ten_rows(), idempotency_key=f"{size} {next(numbers)}")

    yield _cost("open", size, store, lambda: atio.Table(store=store).snapshot())
    yield _cost("commit", size, store, one_commit)
    yield _cost("plan", size, store, lambda: _plan(store, size))
    yield _cost(
        "expiry, dry",
        size,
        store,
        lambda: table.expire(keep_last=size + 100, grace=timedelta(0), dry_run=True),
    )


def _plan(store: Counting, size: int) -> None:
    """What a read does before it opens a file: find one of them, in the middle."""
    snapshot = atio.Table(store=store).snapshot()
    wanted = read_filter([("id", "==", size // 2 * 10)], snapshot.schema, [])
    known = {snapshot.entry.schema: snapshot.schema}

    def may_match(one: Any) -> bool:
        return wanted.manifest_may_match(one, known)

    listed = files_of(store, snapshot.entry, may_match, may_match)
    if not any(wanted.file_may_match(file, snapshot.schema) for file in listed):
        raise AssertionError("the file wasn't found")


def _cost(work: str, size: int, store: Counting, act: Callable[[], object]) -> Cost:
    act()
    spent: list[float] = []
    requests, written = store.requests, store.written
    while len(spent) < _TIMES and sum(spent) < _ENOUGH_MS:
        start = time.process_time()
        act()
        spent.append((time.process_time() - start) * 1_000)
    times = len(spent)
    return Cost(
        work,
        size,
        statistics.median(spent),
        (store.requests - requests) / times,
        (store.written - written) / times,
    )


def main(folder: Path, files: Sequence[int] = FILES, versions: Sequence[int] = VERSIONS) -> None:
    """Measure, print the figures, and draw them into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for unit, found in (("files", by_files(files)), ("versions", by_versions(versions))):
        costs: list[Cost] = []
        for cost in found:
            costs.append(cost)
            print(
                f"{cost.size:>9,} {unit}: {cost.work:<12} {cost.milliseconds:8.2f} ms"
                f" {cost.requests:8.1f} requests {cost.written / 1_000:6.1f} kB",
                flush=True,
            )
        draw(folder / f"{unit}.svg", unit, costs)


def draw(path: Path, unit: str, costs: Sequence[Cost]) -> None:
    """Draw what each kind of work takes by the size of the table.

    Of versions that is requests: they are what grows, and what a bucket or a disk takes its time by.
    """
    counted = unit == "versions"
    lines = [
        Line(
            work,
            [(one.size, one.requests if counted else one.milliseconds) for one in costs if one.work == work],
        )
        for work in dict.fromkeys(cost.work for cost in costs)
    ]
    what, by = ("Requests", "requests") if counted else ("Processor time", "milliseconds")
    path.write_text(chart(f"{what} by the number of {unit}", unit, by, lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/scale"))
