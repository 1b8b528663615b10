"""Expiries: of 1,000 appended versions, beside another library's; and planned, of 10,000 versions, a million files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import atio_core as atio
from atio_core.format.names import DATA, TEMPORARY
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import make_intent
from atio_core.model.data_file import DataFile
from atio_core.model.ids import system_clock, uuid7
from atio_core.storage.local import LocalStore
from atio_core.testing import StoreWrapper
from benchmarks.files_by_million import Simulated, like
from benchmarks.measure import Result, absolute, of_pairs, peak_above, sync_tree
from benchmarks.peers import installed
from benchmarks.scale import ten_rows

_APPENDS = 1_000
_KEPT = 10
_PAIRS = 5
_VERSIONS = 10_000
_FILES_EACH = 100


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    yield from _beside_lance(folder)
    yield from _planned(folder / "planned")


def _beside_lance(folder: Path) -> Iterator[Result]:
    """Each expires a copy of its own table, in turn; copies are synced before."""
    work = f"expire all but {_KEPT} of {_APPENDS:,} appended versions"
    path = folder / "ours"
    table = atio.Table(path)
    for _ in range(_APPENDS):
        table.append(ten_rows())
    lance = next((peer for peer in installed() if peer.name.startswith("Lance")), None)
    if lance is None:
        seconds = [_timed(path, folder / "copy", _expire) for _ in range(_PAIRS)]
        yield absolute(f"{work} (Lance isn't installed)", None, "s", seconds)
        return
    theirs = folder / "lance"
    engine = lance.open(theirs)
    for _ in range(_APPENDS):
        engine.append(ten_rows())
    pairs = [
        (_timed(path, folder / "copy", _expire), _timed(theirs, folder / "copy", _expire_lance))
        for _ in range(_PAIRS)
    ]
    yield of_pairs(work, lance.name, 1.0, pairs)


def _timed(table: Path, copy: Path, expire: Callable[[Path], None]) -> float:
    shutil.copytree(table, copy)
    sync_tree(copy)
    start = time.perf_counter()
    expire(copy)
    seconds = time.perf_counter() - start
    shutil.rmtree(copy)
    return seconds


def _expire(path: Path) -> None:
    report = atio.Table(path).expire(keep_last=_KEPT)
    if len(report.removed) != _APPENDS - _KEPT:
        raise AssertionError(f"{len(report.removed)} versions went")


def _expire_lance(path: Path) -> None:
    import lance  # pyright: ignore[reportMissingImports] - it comes with the extra `bench`

    lance.dataset(str(path)).cleanup_old_versions(retain_versions=_KEPT)


class _OfSimulatedFiles(StoreWrapper):
    """A table's store, in which data files are listed that aren't there.

    Attributes:
        names: The names of the files, sorted.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(LocalStore(path, temporary=TEMPORARY))
        self.names: list[str] = []

    def list(self, prefix: str = "") -> Iterator[str]:
        """List what is there, or the data files."""
        return iter(self.names) if prefix == DATA else super().list(prefix)


def _planned(path: Path) -> Iterator[Result]:
    store = _OfSimulatedFiles(path)
    _append_simulated(store)
    table = atio.Table(store=store)
    work = f"plan an expiry of {_VERSIONS:,} versions and {_VERSIONS * _FILES_EACH:,} files (simulated)"

    def plan() -> None:
        report = table.expire(keep_last=_KEPT, dry_run=True)
        if len(report.removed) != _VERSIONS + 1 - _KEPT or len(report.waiting) != 0:
            raise AssertionError(report.headline)

    yield absolute(f"{work}: memory", 1024.0, "MiB", [peak_above(plan)])
    yield absolute(work, 10.0, "s", [_seconds(plan) for _ in range(3)])


def _append_simulated(store: _OfSimulatedFiles) -> None:
    """Each version adds files of ten ids each, in order."""
    (first,) = atio.Table(store=store).append(ten_rows()).data_files()
    store.names.append(first.path)
    log = CommitLog(store)
    for version in range(_VERSIONS):
        numbers = range(version * _FILES_EACH + 1, (version + 1) * _FILES_EACH + 1)
        files: tuple[DataFile, ...] = tuple(like(first, number, uuid7(system_clock)) for number in numbers)
        commit(log, Simulated(files), make_intent(system_clock))
        store.names += [file.path for file in files]
    store.names.sort()


def _seconds(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
