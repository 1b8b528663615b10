"""How far a write is, and how long its phases took. Threads count, and others may look."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator, Iterable
from typing import Literal

Phase = Literal["prepare", "serialise", "sync", "commit"]


class Meter:
    """What a write has come to.

    Attributes:
        done: Rows in files so far; bytes, if an object is written.
    """

    def __init__(self) -> None:
        self.done = 0
        self._spent: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Count what was written just now."""
        with self._lock:
            self.done += count

    @contextlib.contextmanager
    def timed(self, phase: Phase) -> Generator[None]:
        """Take the time of a block, as part of a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._spend(phase, time.perf_counter() - start)

    def synced(self, encoded: Iterable[float]) -> None:
        """Take the time that was spent waiting for the disk within "serialise", and for nothing else.

        Args:
            encoded: When the last byte of each file was handed over, by `time.perf_counter`.
        """
        now = time.perf_counter()
        waited = now - max(encoded, default=now)
        self._spend("sync", waited)
        self._spend("serialise", -waited)

    def seconds(self, started: float) -> dict[str, float]:
        """Return how long each phase took; "prepare" is what is left of the time since the start.

        Args:
            started: When that was, by `time.perf_counter`.
        """
        others = time.perf_counter() - started - sum(self._spent.values())
        found = {"prepare": max(0.0, others)}
        order: tuple[Phase, ...] = ("serialise", "sync", "commit")
        return found | {phase: max(0.0, self._spent[phase]) for phase in order if phase in self._spent}

    def _spend(self, phase: Phase, seconds: float) -> None:
        self._spent[phase] = self._spent.get(phase, 0.0) + seconds
