"""Writes the parts of an object as data files, several side by side, and shares what the version before has already.

A part whose length is that of a file known to be there is digested first; if the digest is one too, and that file's
bytes still give it, the part is that file. Else it is written anew: so a damaged file is never handed on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from typing import Any

from atio_core.cores import CORES
from atio_core.data.meter import Meter
from atio_core.data.object_files.base import Out
from atio_core.data.object_files.read import StoredFile
from atio_core.data.undoing import undo
from atio_core.format.digest import digest, named, running_digest
from atio_core.model.data_file import DataFile
from atio_core.storage.base import ObjectStore, ObjectWriter

_WORKERS = max(4, min(8, CORES))  # they mostly wait for the disk


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an object.

    Attributes:
        dump: Writes its bytes; may be called again.
        piece: What its record says of it.
        size: Its length in bytes, if that is known beforehand.
    """

    dump: Callable[[Out], object]
    piece: dict[str, Any] = field(default_factory=dict[str, Any])
    size: int | None = None


@dataclass(frozen=True, slots=True)
class WrittenParts:
    """What became of an object's parts.

    Attributes:
        files: Their records, in the parts' order; several may name one file that was there.
        added: Those of new files.
    """

    files: tuple[DataFile, ...]
    added: tuple[DataFile, ...]


def write_parts(
    store: ObjectStore,
    parts: Sequence[Part],
    *,
    format_name: str,
    new_path: Callable[[], str],
    known: Iterable[DataFile],
    commit_id: str,
    time_us: int,
    finish: Callable[[], object] = lambda: None,
    meter: Meter | None = None,
) -> WrittenParts:
    """Write parts durably, but for those that a known file holds.

    If anything fails, an interrupt included, none of the new files is left, and the first error is raised.

    Args:
        store: Where to write.
        parts: What to write.
        format_name: Of the files.
        new_path: Gives a name that nobody else uses.
        known: Files that may be shared.
        commit_id: The commit that adds the files.
        time_us: When they are written, in microseconds since 1970.
        finish: Called when all are written; may refuse.
        meter: Is told how far it is.

    Raises:
        InvalidInputError: A part can't be written, or has changed meanwhile.
        StorageError: The store refused.
    """
    writing = _Writing(
        store, format_name, new_path, _Known(store, known), commit_id, time_us, meter or Meter()
    )
    try:
        files = [writing.write(*parts)] if len(parts) == 1 else writing.side_by_side(parts)
        finish()
    except BaseException as error:
        undo(lambda: store.delete(writing.paths), error)
        raise
    writing.meter.synced(writing.encoded)
    new = set(writing.paths)
    return WrittenParts(tuple(files), tuple(file for file in files if file.path in new))


class _StoppedError(Exception):
    """Another part of the same write has failed."""


class _Sink:
    """Digests bytes, and hands them on if there is somebody to take them."""

    def __init__(
        self, stop: threading.Event, out: ObjectWriter | None = None, meter: Meter | None = None
    ) -> None:
        self._stop = stop
        self._out = out
        self._meter = meter or Meter()
        self._running = running_digest()
        self.size = 0

    def write(self, data: Any) -> int:
        """Add bytes."""
        if self._stop.is_set():
            raise _StoppedError
        view = memoryview(data).cast("B")
        self._running.update(view)
        if self._out is not None:
            self._out.write(view)
        self._meter.add(len(view))
        self.size += len(view)
        return len(view)

    @property
    def digest(self) -> str:
        """Of all bytes so far."""
        return named(self._running)


class _Known:
    """Files that are there, by what they hold. Threads may ask at once."""

    def __init__(self, store: ObjectStore, files: Iterable[DataFile]) -> None:
        self._store = store
        self._files: dict[tuple[int, str], list[DataFile]] = {}
        for file in files:
            self._files.setdefault((file.size, file.digest), []).append(file)
        self._sizes = {size for size, _ in self._files}
        self._intact: dict[str, bool] = {}

    def may_hold(self, size: int | None) -> bool:
        """Say whether a file of this length is known; of any, if the length isn't."""
        return bool(self._sizes) if size is None else size in self._sizes

    def find(self, part: Part, size: int, found: str) -> DataFile | None:
        """Return an intact file with this content: that of the same part, if it has it."""
        files = sorted(self._files.get((size, found), ()), key=lambda file: file.piece != part.piece)
        return next((file for file in files if self._is_intact(file)), None)

    def _is_intact(self, file: DataFile) -> bool:
        if file.path not in self._intact:
            self._intact[file.path] = StoredFile(self._store, file).is_intact()
        return self._intact[file.path]


@dataclass(slots=True)
class _Writing:
    """One write of several parts."""

    store: ObjectStore
    format_name: str
    new_path: Callable[[], str]
    known: _Known
    commit_id: str
    time_us: int
    meter: Meter
    paths: list[str] = field(default_factory=list[str])
    encoded: list[float] = field(default_factory=list[float])
    stop: threading.Event = field(default_factory=threading.Event)

    def write(self, part: Part) -> DataFile:
        """Write a part, or find it."""
        if self.known.may_hold(part.size):
            dry = _Sink(self.stop)
            part.dump(dry)
            there = self.known.find(part, dry.size, dry.digest)
            if there is not None:
                return replace(there, format=self.format_name, piece=part.piece)
        return self._write_new(part)

    def side_by_side(self, parts: Sequence[Part]) -> list[DataFile]:
        """Write parts in threads. At the first failure the others are stopped; it is raised when all have ended."""
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="atio-write") as pool:
            try:
                futures = [pool.submit(self.write, part) for part in parts]
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def _write_new(self, part: Part) -> DataFile:
        path = self.new_path()
        self.paths.append(path)
        out = self.store.open_write(path)
        sink = _Sink(self.stop, out, self.meter)
        try:
            part.dump(sink)
            self.encoded.append(time.perf_counter())
            out.close()
        except BaseException as error:
            undo(out.abort, error)
            raise
        return DataFile(
            path=path,
            format=self.format_name,
            size=sink.size,
            rows=0,
            digest=sink.digest,
            footer_size=0,
            footer_digest=digest(b""),
            schema=0,
            commit_id=self.commit_id,
            time_us=self.time_us,
            piece=part.piece,
        )
