"""Turns: writers of one folder on one system go one after the other, so that none does in vain what another undoes.

1. A turn is a lock on a folder, taken only where locks reach everybody (`locks.py`). It decides nothing: who doesn't
   get it goes without, and what is right by itself stays right. A killed holder's turn is free at once.
2. Nobody waits for a turn while nothing moves: if neither the turn comes nor a file comes or goes in the folder for a
   few times as long as a turn takes, the holder is stopped or slow. Then this process does without turns for a while,
   each time for longer. Nor does anybody wait for ever.
3. Threads of one process wait for each other first; only one of them asks the system.
4. Who is alone takes none: turns are wanted for some while after a race was lost, or somebody had to wait.
"""

from __future__ import annotations

import os
import random
import threading
import time
import weakref
from collections.abc import Callable

from atio_core.storage import locks

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_WANTED_FOR = 16  # turns in a row for which nobody had to wait
_LONGEST_WAIT_SECONDS = 1.0
_LEAST_PATIENCE_SECONDS = 0.03
_PATIENCE = 8  # times what a turn takes
_USUAL_SECONDS = 0.004
_LEARNED = 0.1  # how much the last turn says of what one takes
_STEPS = (0.0003, 0.005)  # seconds between two questions at least and at most
_SHUNNED_SECONDS = (0.5, 30.0)


class Turns:
    """The turns of one folder, as this process sees them. Any number of threads may use it.

    Args:
        folder: What is locked. It need not be there yet: then nobody waits.
    """

    __slots__ = (
        "__weakref__",
        "_began",
        "_fd",
        "_folder",
        "_holder",
        "_shunned",
        "_threads",
        "_usual",
        "_wanted",
    )

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._wanted = 0
        self._usual = _USUAL_SECONDS
        self._shunned = (0.0, _SHUNNED_SECONDS[0])  # until when; for how long the next time
        self._threads = threading.Lock()
        self._holder, self._fd, self._began = 0, -1, 0.0

    def __reduce__(self) -> tuple[Callable[[str], Turns], tuple[str]]:
        """Another process sees for itself."""
        return turns_in, (self._folder,)

    def forget(self) -> None:
        """Hold no turn: in a process that was forked, it is the parent's."""
        if self._fd >= 0:
            os.close(self._fd)  # else the turn would stay taken when the parent is killed
        self._threads = threading.Lock()
        self._holder, self._fd, self._began = 0, -1, 0.0

    @property
    def are_wanted(self) -> bool:
        """Whether others were seen at work lately."""
        return self._wanted > 0

    @property
    def is_mine(self) -> bool:
        """Whether this thread has the turn."""
        return self._holder == threading.get_ident()

    def want(self) -> None:
        """Tell that others were seen at work."""
        self._wanted = _WANTED_FOR

    def take(self) -> bool:
        """Wait for the turn; says whether it is this thread's now. It may be already."""
        if self.is_mine:
            return True
        if self._is_shunned() or not locks.reach_everybody(self._folder):
            return False
        try:
            fd = os.open(self._folder, _FOLDER)
        except OSError:
            return False
        got = False
        try:
            got = self._wait(fd)
        finally:
            if not got:
                os.close(fd)
        if got:
            self._fd, self._holder, self._began = fd, threading.get_ident(), time.monotonic()
        return got

    def pass_on(self) -> None:
        """Let the next one come, if the turn is this thread's."""
        if not self.is_mine:
            return
        self._usual += (time.monotonic() - self._began - self._usual) * _LEARNED
        fd, self._fd, self._holder = self._fd, -1, 0
        try:
            locks.release(fd)
        finally:
            os.close(fd)
            self._threads.release()

    def _wait(self, fd: int) -> bool:
        end = time.monotonic() + _LONGEST_WAIT_SECONDS
        if not (self._threads.acquire(blocking=False) or self._patiently(fd, end, self._after_threads)):
            return False
        got = False
        try:
            got = self._wait_for_processes(fd, end)
        finally:
            if not got:
                self._threads.release()
        return got

    def _wait_for_processes(self, fd: int, end: float) -> bool:
        if locks.take(fd):
            self._wanted = max(0, self._wanted - 1)
            return True
        self.want()
        if self._is_shunned() or not self._patiently(
            fd, end, lambda seconds: self._after_processes(fd, seconds)
        ):
            return False
        self._shunned = 0.0, _SHUNNED_SECONDS[0]
        return True

    def _is_shunned(self) -> bool:
        return time.monotonic() < self._shunned[0]

    def _patiently(self, fd: int, end: float, come: Callable[[float], bool]) -> bool:
        """Wait until something comes; not while nothing moves in the folder, nor beyond the end."""
        patience = max(_LEAST_PATIENCE_SECONDS, _PATIENCE * self._usual)
        while time.monotonic() < end:
            seen = os.fstat(fd).st_mtime_ns
            if come(patience):
                return True
            if os.fstat(fd).st_mtime_ns == seen:
                seconds = self._shunned[1]
                self._shunned = time.monotonic() + seconds, min(2 * seconds, _SHUNNED_SECONDS[1])
                break
        return False

    def _after_threads(self, seconds: float) -> bool:
        self.want()
        return self._threads.acquire(timeout=seconds)

    def _after_processes(self, fd: int, seconds: float) -> bool:
        least, most = _STEPS
        step, end = min(max(self._usual / 4, least), most), time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(random.uniform(step / 3, step))  # noqa: S311 - no secret
            if locks.take(fd):
                return True
        return False


_known: weakref.WeakValueDictionary[str, Turns] = weakref.WeakValueDictionary()


def turns_in(folder: str) -> Turns:
    """Return the turns of a folder, the same for all who ask in this process.

    Threads that ask at one moment may get different ones: then only the system keeps them apart, as it does processes.
    """
    found = _known.get(folder)
    return _known.setdefault(folder, Turns(folder)) if found is None else found


def _forget_all() -> None:
    for turns in list(_known.values()):
        turns.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
