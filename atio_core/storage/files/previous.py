"""Keep the file that is about to be replaced, under a second name. The target is there all the time.

1. The old file gets the second name, and the folder is synced: from here on it has two.
2. The caller puts the new file in its place, and syncs.
3. `finish` removes what is kept no longer.

Killed after 1, the target still has its old content, which lies under the second name too: the next write
sees that it is one file, and keeps it as it is. Numbers only grow, so no generation is ever moved or replaced.

Writers that keep the same target take turns, by a lock on its folder.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import stat
from collections.abc import Callable
from typing import Self

from atio_core.errors import UnsupportedStoreError
from atio_core.storage import durable, locks
from atio_core.storage.files import attributes, temporary
from atio_core.storage.files.publication import Keep
from atio_core.storage.files.target import look

_NOT_LINKED = {errno.EXDEV, errno.EACCES, errno.EPERM}  # mounts, and files of others (protected_hardlinks)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_PIECE_BYTES = 1 << 20
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Kept:
    """An old file that is being kept. Use it as a context manager: it holds the folder's lock.

    Args:
        file: What is about to be replaced.
        keep: How it is kept.

    Attributes:
        path: Its second name; None if there was no file.
    """

    _fd = -1  # of the folder, which is locked

    def __init__(self, file: str, keep: Keep) -> None:
        self.path: str | None = None
        self._file = file
        self._keep = keep
        self._ending = temporary.UNLOCKED
        self._durably = True
        self._undo: Callable[[], None] | None = None
        self._surplus: list[str] = []

    def __enter__(self) -> Self:
        """Wait until nobody else keeps a file in this folder."""
        folder = os.path.dirname(self._file)
        if locks.reach_everybody(folder):
            self._fd = os.open(folder, _FOLDER)
            if locks.wait(self._fd):
                self._ending = temporary.PREVIOUS
        return self

    def __exit__(self, *_: object) -> None:
        """Let others in."""
        self._let_others_in()

    def __del__(self) -> None:
        """Let others in, also if Ctrl-C came before `__exit__` did: they would wait as long as this process runs."""
        self._let_others_in()

    def begin(self, *, durably: bool) -> None:
        """Give the old file its second name.

        Args:
            durably: Wait until the disk holds it.

        Raises:
            OSError: The system refused. The target stands; what was kept before does, too.
        """
        self._durably = durably
        old = look(self._file)
        if old is None or not stat.S_ISREG(old.st_mode):
            return
        if durably:
            _sync_content(self._file)
        if self._keep.generations is None:
            self._keep_one(old)
        else:
            self._keep_numbered(old, self._keep.generations)
        if durably and self.path is not None:
            durable.sync_folder(os.path.dirname(self.path))

    def undo(self) -> None:
        """Take the second name away again, since the file wasn't replaced; what had it before is back.

        Raises:
            OSError: The system refused. The old file is kept, too.
        """
        if self._undo is not None:
            self._undo()

    def finish(self) -> None:
        """Remove what is kept no longer. The new file must be durable by now."""
        for path in self._surplus:
            with contextlib.suppress(OSError):  # it stays, and the next write tries again
                os.unlink(path)

    def _let_others_in(self) -> None:
        if self._fd < 0:
            return
        if self._ending == temporary.PREVIOUS:  # else there is no lock
            locks.release(self._fd)
        fd, self._fd = self._fd, -1
        os.close(fd)

    def _keep_one(self, old: os.stat_result) -> None:
        path = self._keep.file
        before = look(path)
        if before is not None and os.path.samestat(old, before):
            self.path = path
            return

        def put(second: str) -> None:
            self.path = path
            if before is None:
                self._undo = functools.partial(_remove, path)
            elif _is_equal(second, path):  # a copy made by a writer that was killed then
                return
            else:
                self._spare(path)
            durable.replace(second, path)

        self._give_second_name(put)

    def _spare(self, path: str) -> None:
        """Keep also what was kept before, until the new file is in its place."""
        spare = temporary.name_beside(self._file, self._ending)
        try:
            durable.add_name(path, spare)
        except OSError:
            return  # then it can't be put back, should the replacement fail
        self._surplus.append(spare)
        self._undo = lambda: durable.replace(spare, path)

    def _keep_numbered(self, old: os.stat_result, generations: int) -> None:
        numbers = self._numbers()
        newest = f"{self._keep.file}.{numbers[-1]}" if numbers else None
        found = look(newest) if newest else None

        def put(second: str) -> None:
            if newest and _is_equal(second, newest):  # a copy made by a writer that was killed then
                self.path = newest
                return
            number = numbers[-1] if numbers else 0
            while self.path is None:
                number += 1
                path = f"{self._keep.file}.{number}"
                if _take_free_name(second, path):
                    self.path = path
            self._undo = functools.partial(_remove, self.path)
            numbers.append(number)

        if found is not None and os.path.samestat(old, found):
            self.path = newest
        else:
            self._give_second_name(put)
        self._surplus = [f"{self._keep.file}.{number}" for number in numbers[:-generations]]

    def _numbers(self) -> list[int]:
        folder, start = os.path.split(self._keep.file)
        pattern = re.compile(re.escape(start) + r"\.([1-9][0-9]{0,17})")
        return sorted(int(found[1]) for name in os.listdir(folder) if (found := pattern.fullmatch(name)))

    def _give_second_name(self, put: Callable[[str], None]) -> None:
        """Make a hidden further name of the old file, or else a copy, and let it be put where it is to stay."""
        second = temporary.name_beside(self._file, self._ending)
        try:
            try:
                _link_or_copy(self._file, second, durably=self._durably)
            except FileNotFoundError:
                if look(self._file) is not None:
                    raise
                return  # it was removed meanwhile: there is nothing to keep
            put(second)
        finally:
            _remove(second)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _sync_content(file: str) -> None:
    """Wait until the disk holds what was kept so far without anybody's having synced it."""
    try:
        fd = os.open(file, _READ)
    except (FileNotFoundError, PermissionError):
        return  # gone, or not ours to read: it is as sure as it was
    try:
        durable.sync_file(fd)
    finally:
        os.close(fd)


def _take_free_name(second: str, path: str) -> bool:
    """Whether the name was free; else somebody else has it, who holds no lock."""
    try:
        durable.publish_new(second, path)
    except FileExistsError:
        return False
    except UnsupportedStoreError:
        if os.path.lexists(path):
            return False
        durable.replace(second, path)  # only another process that keeps the same file could come between
    return True


def _link_or_copy(file: str, second: str, *, durably: bool) -> None:
    try:
        durable.add_name(file, second)
    except OSError as error:
        if error.errno not in _NOT_LINKED and not isinstance(error, UnsupportedStoreError):
            raise
        _copy(file, second, durably=durably)


def _copy(file: str, second: str, *, durably: bool) -> None:
    """Copy content, rights and times."""
    source = os.open(file, _READ)
    try:
        copy = os.open(second, temporary.OPEN_NEW, 0o600)
        try:
            while piece := os.read(source, _PIECE_BYTES):
                _write_all(copy, piece)
            old = os.fstat(source)
            attributes.keep(file, old, copy)
            if os.utime in os.supports_fd:
                os.utime(copy, ns=(old.st_atime_ns, old.st_mtime_ns))
            if durably:
                durable.sync_file(copy)
        finally:
            os.close(copy)
    finally:
        os.close(source)


def _write_all(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]


def _is_equal(second: str, kept: str) -> bool:
    """Whether a copy has the content of what is kept already. Another name of the old file hasn't: it was looked at."""
    one, other = os.stat(second), look(kept)
    if one.st_nlink > 1 or other is None or one.st_size != other.st_size:
        return False
    with open(second, "rb", buffering=0) as first, open(kept, "rb", buffering=0) as last:
        while piece := first.read(_PIECE_BYTES):
            if piece != last.read(len(piece)):
                return False
    return True
