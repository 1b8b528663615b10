"""A table of 1,000,000 files, of which there is nothing but the metadata: open it, prune to 10 files, append."""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import atio_core as atio
from atio_core.data.filters.filters import read_filter
from atio_core.format.names import TEMPORARY
from atio_core.log.change import Rebased
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import files_of, with_added
from atio_core.log.intent import make_intent
from atio_core.log.limits import DEFAULT_LIMITS
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.model.entry import LogEntry, Totals
from atio_core.model.ids import system_clock, uuid7
from atio_core.storage.local import LocalStore
from benchmarks.measure import Result, absolute
from benchmarks.scale import ten_rows

_FILES = 1_000_000
_STEP = 10_000
_WANTED = 10


@dataclass(frozen=True, slots=True)
class Simulated:
    """An append of files that aren't there."""

    adds: tuple[DataFile, ...]
    operation: str = "append"
    changes_rows: bool = True

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Add the files."""
        return Rebased(with_added(base, self.adds, scratch, DEFAULT_LIMITS), Totals.of(self.adds))


def run(path: Path) -> Iterator[Result]:
    """Measure it in a folder."""
    _make(path)
    table = atio.Table(path)
    what = f"{_FILES:,} files"
    yield _best(f"open a table of {what} and count", 50.0, lambda: atio.Table(path).snapshot().rows)
    store, snapshot = _store(path), table.snapshot()
    yield _best(f"prune {what} to 10", 100.0, lambda: _plan(store, snapshot))
    yield _best(f"append to {what}", 20.0, lambda: table.append(ten_rows()))


def _store(path: Path) -> LocalStore:
    return LocalStore(path, temporary=TEMPORARY)


def _plan(store: LocalStore, snapshot: atio.Snapshot) -> None:
    """What a read does before it opens a file."""
    low = _FILES * 10 // 2
    wanted = read_filter([("id", ">=", low), ("id", "<", low + 10 * _WANTED)], snapshot.schema, [])
    known = {snapshot.entry.schema: snapshot.schema}
    may_match = functools.partial(wanted.manifest_may_match, known=known)
    listed = files_of(store, snapshot.entry, may_match, may_match)
    found = [file for file in listed if wanted.file_may_match(file, snapshot.schema)]
    if len(found) != _WANTED:
        raise AssertionError(f"{len(found)} files")


def _best(work: str, goal: float, act: Callable[[], object]) -> Result:
    figures: list[float] = []
    for _ in range(11):
        start = time.perf_counter()
        act()
        figures.append((time.perf_counter() - start) * 1_000)
    return absolute(work, goal, "ms", figures)


def _make(path: Path) -> None:
    """Each file holds ten ids, in order."""
    (first,) = atio.Table(path).append(ten_rows()).data_files()
    log = CommitLog(_store(path), DEFAULT_LIMITS)
    for start in range(1, _FILES, _STEP):
        numbers = range(start, min(start + _STEP, _FILES))
        files = tuple(like(first, number, uuid7(system_clock)) for number in numbers)
        commit(log, Simulated(files), make_intent(system_clock))


def like(file: DataFile, number: int, name: uuid.UUID) -> DataFile:
    """Return the record of a file like another, whose ten ids follow those of so many."""
    (column, of_first), *others = file.stats.items()
    stats = {column: ColumnStats(0, number * 10, number * 10 + 9)} | dict(others)
    if not isinstance(of_first.low, int):
        raise TypeError("the first column is that of the ids")
    return replace(file, path=f"data/{name}.parquet", stats=stats)
