"""A disk that forgets what was not synced: every state in which POSIX lets a power cut leave a folder.

After each system call that changes the folder or syncs something, the recorder compares the folder with what it knew,
so that it misses no change, whoever made it (C libraries and file objects too). What is sure after a power cut:

- the bytes that a file had when it was last synced, and
- the names that a folder had when it was last synced, if its own name is sure.

Of later changes any part may have survived: of a file nothing, half or all, of the names any subset. Tried are: no
name, all, each one alone, all but each one, and all of one folder alone; each with the three contents.

Example:
    with PowerRecorder(tmp_path / "disk") as recorder:
        store.put("a", b"1")
        recorder.mark("a")
    for state in recorder.states():
        state.restore(tmp_path / "after")
        if "a" in state.marks:  # the call had returned before the power went
            assert (tmp_path / "after" / "a").read_bytes() == b"1", state
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.os_calls import Call, watched

_ROOT = 0  # the id of the recorded folder; files and folders are numbered as they are first seen
_SYNCS = ("fsync", "fdatasync")


@dataclass(frozen=True, slots=True)
class _Named:
    """A name in a folder was given to a file or folder, or taken away (None)."""

    folder: int
    name: str
    target: int | None


@dataclass(frozen=True, slots=True)
class _Filled:
    """A file has other bytes."""

    file: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Synced:
    """A file's bytes or a folder's names are on the disk."""

    target: int


@dataclass(frozen=True, slots=True)
class _Marked:
    label: str


_Event = _Named | _Filled | _Synced | _Marked


@dataclass(frozen=True, slots=True)
class PowerState:
    """What a power cut may leave.

    Attributes:
        files: Path (relative to the recorded folder) to bytes; None for a folder.
        marks: What had been marked before the cut.
        after: The last call before the cut.
        survived: Which of the unsynced changes are there.
    """

    files: dict[str, bytes | None] = field(repr=False)
    marks: frozenset[str]
    after: str
    survived: str

    def restore(self, into: Path) -> None:
        """Make a folder equal to this state, whatever it held."""
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        for path, data in self.files.items():  # folders come before what is in them
            if data is None:
                (into / path).mkdir()
            else:
                (into / path).write_bytes(data)


class PowerRecorder:
    """Records what happens in a folder that exists; what it holds at the start counts as synced.

    Args:
        root: The folder. Start above the table, so that the table's own name can get lost.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._events: list[tuple[_Event, str]] = []
        self._folders: dict[int, dict[str, int]] = {}
        self._contents: dict[int, bytes] = {}
        self._signatures: dict[int, tuple[int, int]] = {}
        self._ids: dict[tuple[int, int], int] = {}
        self._next = _ROOT
        self._lock = threading.RLock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start recording."""
        self._observe("start")
        self._events += [(_Synced(target), "start") for target in [*self._folders, *self._contents]]
        self._start = len(self._events)
        self._stack.enter_context(watched(self._root, self._around))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop recording."""
        self._stack.close()

    def mark(self, label: str) -> None:
        """Note that from here on, an effect is promised."""
        with self._lock:
            self._events.append((_Marked(label), f"mark {label}"))

    def states(self) -> Iterator[PowerState]:
        """Yield every distinct state after a cut behind each call, in the order of time."""
        disk = _Disk()
        seen: set[Any] = set()
        for event, _ in self._events[: self._start]:
            disk.apply(event)
        for event, call in [(_Marked(""), "start"), *self._events[self._start :]]:
            disk.apply(event)
            for state in disk.states(call):
                key = (state.marks, frozenset(state.files.items()))
                if key not in seen:
                    seen.add(key)
                    yield state

    def _around(self, call: Call) -> Any:
        with self._lock:
            if call.name in _SYNCS:
                return self._sync(call)
            try:
                return call.run()
            finally:
                self._observe(str(call))

    def _sync(self, call: Call) -> Any:
        self._observe(f"before {call}")
        found = os.fstat(call.args[0])
        result = call.run()
        target = self._ids.get((found.st_dev, found.st_ino))
        if target is not None:  # else no name leads to it any more
            self._events.append((_Synced(target), str(call)))
        return result

    def _observe(self, call: str) -> None:
        """Compare the folder with what is known of it, and note the differences."""
        known, self._folders = self._folders, {}
        alive = self._look_into(str(self._root), self._root.stat(), call)
        for folder in {**known, **self._folders}:
            before, now = known.get(folder, {}), self._folders.get(folder, {})
            for name in sorted({*before, *now}):
                if before.get(name) != now.get(name):
                    self._events.append((_Named(folder, name, now.get(name)), call))
        self._ids = {key: number for key, number in self._ids.items() if number in alive}

    def _look_into(self, path: str, found: os.stat_result, call: str) -> set[int]:
        number = self._number(found)
        alive = {number}
        names: dict[str, int] = {}
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                status = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    alive |= self._look_into(entry.path, status, call)
                else:
                    alive.add(self._look_at(entry.path, status, call))
                names[entry.name] = self._number(status)
        self._folders[number] = names
        return alive

    def _look_at(self, path: str, found: os.stat_result, call: str) -> int:
        number = self._number(found)
        signature = (found.st_size, found.st_mtime_ns)
        if self._signatures.get(number) != signature:
            self._signatures[number] = signature
            data = Path(path).read_bytes()
            if self._contents.get(number) != data:
                self._contents[number] = data
                self._events.append((_Filled(number, data), call))
        return number

    def _number(self, found: os.stat_result) -> int:
        key = (found.st_dev, found.st_ino)
        if key not in self._ids:
            self._ids[key] = self._next
            self._next += 1
        return self._ids[key]


class _Disk:
    """What is sure, and what is not yet."""

    def __init__(self) -> None:
        self._sure_names: dict[int, dict[str, int]] = {_ROOT: {}}
        self._pending: list[_Named] = []
        self._sure: dict[int, bytes] = {}
        self._current: dict[int, bytes] = {}
        self._marks: frozenset[str] = frozenset()

    def apply(self, event: _Event) -> None:
        match event:
            case _Named():
                self._pending.append(event)
            case _Filled(file, data):
                self._current[file] = data
            case _Synced(target) if target in self._current:
                self._sure[target] = self._current[target]
            case _Synced(target):
                _rename(self._sure_names, [change for change in self._pending if change.folder == target])
                self._pending = [change for change in self._pending if change.folder != target]
            case _Marked(label):
                self._marks |= {label} - {""}

    def states(self, call: str) -> Iterator[PowerState]:
        for survived, changes in self._choices():
            names = {folder: dict(entries) for folder, entries in self._sure_names.items()}
            _rename(names, changes)
            for kept, content in _CONTENTS.items():
                files = dict(self._walk(names, _ROOT, "", content))
                yield PowerState(files, self._marks, call, f"{survived}, {kept} of the unsynced bytes")

    def _choices(self) -> Iterator[tuple[str, list[_Named]]]:
        pending = self._pending
        yield "no unsynced name", []
        yield "all names", pending
        for folder in {change.folder: None for change in pending}:
            yield "one folder's names", [change for change in pending if change.folder == folder]
        for at, change in enumerate(pending):
            yield f"only {change.name!r}", [change]
            yield f"all but {change.name!r}", pending[:at] + pending[at + 1 :]

    def _walk(
        self,
        names: dict[int, dict[str, int]],
        folder: int,
        path: str,
        content: Callable[[bytes, bytes], bytes],
    ) -> Generator[tuple[str, bytes | None]]:
        for name, target in names.get(folder, {}).items():
            if target in self._current:
                current = self._current[target]
                yield path + name, content(self._sure.get(target, b""), current)
            else:
                yield path + name, None
                yield from self._walk(names, target, f"{path}{name}/", content)


def _none(sure: bytes, current: bytes) -> bytes:
    return sure


def _half(sure: bytes, current: bytes) -> bytes:
    return current if sure == current else current[: len(current) // 2]


def _all(sure: bytes, current: bytes) -> bytes:
    return current


_CONTENTS = {"none": _none, "half": _half, "all": _all}


def _rename(names: dict[int, dict[str, int]], changes: list[_Named]) -> None:
    for change in changes:
        entries = names.setdefault(change.folder, {})
        if change.target is None:
            entries.pop(change.name, None)
        else:
            entries[change.name] = change.target
