"""Temporary files beside a target: hidden, for us alone, and removed by others once their writer is dead.

- `.<start of the target's name>.<16 hex digits>.atio-tmp`: new content. Its writer holds a lock on it, from its
  making until it is published or gone. Whoever gets that lock knows that the writer is dead.
- `….atio-previous`: a second name of what is about to be replaced. It is there only while its writer holds a lock on
  the folder.
- `….atio-unlocked`: either of them where locks prove nothing (`locks.py`). Nobody removes it but its writer.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
import time

from atio_core.storage import locks

CONTENT = ".atio-tmp"
PREVIOUS = ".atio-previous"
UNLOCKED = ".atio-unlocked"
_REMOVABLE = re.compile(r"\..*\.[0-9a-f]{16}(\.atio-tmp|\.atio-previous)", re.DOTALL)
_OURS = re.compile(_REMOVABLE.pattern + r"|\..*\.[0-9a-f]{16}\.atio-unlocked", re.DOTALL)

_OPEN_AGAIN = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
OPEN_NEW = _OPEN_AGAIN | os.O_CREAT | os.O_EXCL
_LOOK = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)  # others may have put FIFOs there
_ALWAYS_BYTES = 64  # a name may have so many on every file system
_TRIES = 5
_REST = 200  # so many times as long as the last look into a folder took us, it isn't looked into again
_MOST_FOLDERS = 10_000  # remembered

_LOG = logging.getLogger("atio")
_looked: dict[str, tuple[float, bool]] = {}  # until when a folder isn't looked into, and what was found
_told: set[int] = set()  # devices on which locks prove nothing, and the user knows


def name_beside(file: str, ending: str) -> str:
    """Return a name in a file's folder that nobody has.

    It is no longer than the file's own, where that is long: so a file system that takes the one takes the other.

    Args:
        file: The file that it is for.
        ending: `CONTENT`, `PREVIOUS` or `UNLOCKED`.

    Example:
        >>> name_beside("/data/prices.csv", CONTENT)  # doctest: +ELLIPSIS
        '/data/.prices.csv....atio-tmp'
    """
    folder, name = os.path.split(file)
    ending = f".{os.urandom(8).hex()}{ending}"
    if name.isascii():
        start = name[: max(len(name), _ALWAYS_BYTES) - len(ending) - 1]
    else:
        own = os.fsencode(name)
        start = own[: max(len(own), _ALWAYS_BYTES) - len(ending) - 1].decode("utf-8", "ignore")
    return os.path.join(folder, f".{start}{ending}")


def is_ours(name: str) -> bool:
    """Whether a name has the form of those of temporary files.

    Args:
        name: The last part of a path.

    Example:
        >>> is_ours(".prices.csv.0123456789abcdef.atio-tmp")
        True
    """
    return name.startswith(".") and _OURS.fullmatch(name) is not None


class Temporary:
    """One temporary file. It is made by `open`, and whatever happens then, `take_away` removes it.

    Args:
        file: The file that it is for.

    Attributes:
        path: Where it is.
    """

    __slots__ = ("_file", "_locked", "_made", "path")

    def __init__(self, file: str) -> None:
        self._file = file
        self._locked = False
        self._made: os.stat_result | None = None
        self.path = ""

    def open(self, bits: int, *, locks_prove: bool) -> int:
        """Make the file.

        Args:
            bits: Its permission bits, less the umask.
            locks_prove: What `clean` has said of its folder.

        Returns:
            Its descriptor.

        Raises:
            OSError: The system refused.
        """
        for _ in range(_TRIES if locks_prove else 0):
            self.path = name_beside(self._file, CONTENT)
            fd = os.open(self.path, OPEN_NEW, bits)
            try:
                self._locked = locks.take(fd) and self._note(fd).st_nlink > 0
            finally:
                if not self._locked:
                    os.close(fd)
            if self._locked:
                return fd
            self.take_away()  # somebody who cleans came between: it is gone, or about to go
        self.path = name_beside(self._file, UNLOCKED)
        fd = os.open(self.path, OPEN_NEW, bits)
        try:
            self._note(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _note(self, fd: int) -> os.stat_result:
        self._made = os.fstat(fd)
        return self._made

    def is_at(self, there: os.stat_result) -> bool:
        """Whether the file that `open` made is the one that the system speaks of."""
        return self._made is not None and os.path.samestat(self._made, there)

    def open_again(self) -> int:
        """Open the file that has the name now.

        Returns:
            Its descriptor.

        Raises:
            OSError: The system refused.
        """
        fd = os.open(self.path, _OPEN_AGAIN)
        self._made = os.fstat(fd)
        self._locked = self._locked and locks.take(fd)
        return fd

    def unlock(self, fd: int) -> None:
        """Let go of the lock, before the descriptor is closed: a child process may have inherited it.

        Args:
            fd: What `open` returned.
        """
        if self._locked:
            self._locked = False
            locks.release(fd)

    def take_away(self) -> None:
        """Remove the file if it is there.

        Raises:
            OSError: It is there, and can't be removed.
        """
        if self.path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


def clean(folder: str) -> bool:
    """Remove the temporary files of dead processes from a folder, unless that was done a short while ago.

    Args:
        folder: The folder. Looking into it takes half a percent of the time at most, however many files it has.

    Returns:
        Whether locks on its files prove that a process is alive.

    Raises:
        OSError: The folder can't be listed. What can't be removed stays.
    """
    until, locks_prove = _looked.get(folder, (0.0, False))
    if time.monotonic() < until:
        return locks_prove
    start = time.thread_time()
    locks_prove = locks.reach_everybody(folder)
    if locks_prove:
        for name in os.listdir(folder):
            if name.startswith(".") and (found := _REMOVABLE.fullmatch(name)):
                _remove_if_dead(folder, name, found[1])
    else:
        _tell_that_litter_stays(folder)
    if len(_looked) >= _MOST_FOLDERS:
        _looked.clear()
    _looked[folder] = time.monotonic() + _REST * (time.thread_time() - start), locks_prove
    return locks_prove


def _remove_if_dead(folder: str, name: str, ending: str) -> None:
    """Remove a file if the lock that its writer would hold can be taken, and while it is held."""
    path = os.path.join(folder, name)
    try:
        there = os.lstat(path)
        if not stat.S_ISREG(there.st_mode):
            return
        fd = os.open(folder if ending == PREVIOUS else path, _LOOK)
        try:
            # Under the lock, the name must still lead to the same file: others clean too.
            if locks.take(fd) and (ending == PREVIOUS or os.path.samestat(os.lstat(path), os.fstat(fd))):
                os.unlink(path)
        finally:
            os.close(fd)
    except OSError:
        return  # another user's, or published or removed meanwhile: not for us to take away


def _tell_that_litter_stays(folder: str) -> None:
    device = os.stat(folder).st_dev
    if device in _told or os.name == "nt":
        return
    _told.add(device)
    _LOG.warning(
        "The file system of %s may be shared with other machines, where locks aren't seen: temporary files of "
        "killed programs (.*.atio-unlocked) stay there. Remove them when no write is under way.",
        folder,
    )
