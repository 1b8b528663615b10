"""Tell a person what a long call does: its steps with their times, and how far it is.

- The steps go to the logger `atio`: as INFO if the caller wants to hear them, else as DEBUG. Where logging would drop
  what the caller wants to hear, they go to stderr.
- How far it is: a bar of tqdm's in a terminal or a notebook, plain lines elsewhere; and a line to the logger, as INFO,
  every some seconds, so that a long call can be watched from another process.

A thread of its own looks at a counter now and then: what is watched pays nothing for it.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

BAR_SECONDS = 0.1
LINE_SECONDS = 1.0
LOG_SECONDS = 5.0

_LOG = logging.getLogger("atio")

Unit = Literal["rows", "bytes"]


@dataclass(frozen=True, slots=True)
class Watched:
    """Something that grows.

    Attributes:
        name: Of what is written.
        unit: What is counted.
        count: Says how many there are by now.
        total: How many there will be; None if nobody knows.
        doing: What is done to it.
    """

    name: str
    unit: Unit
    count: Callable[[], int]
    total: int | None = None
    doing: str = "writing"


class Teller:
    """Tells about one call.

    Args:
        verbose: The caller wants to hear the steps.
        show_progress: The caller wants to see how far it is.
    """

    def __init__(self, *, verbose: bool, show_progress: bool) -> None:
        self._level = logging.INFO if verbose else logging.DEBUG
        self._logged = _LOG.isEnabledFor(self._level)
        self._unheard = verbose and not (self._logged and _LOG.hasHandlers())
        self._show_progress = show_progress

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens to the steps."""
        return self._logged or self._unheard

    def step(self, text: str, *facts: object) -> None:
        """Tell a step. `text` is formatted with the facts only if anybody listens."""
        if self._logged:
            _LOG.log(self._level, text, *facts)
        if self._unheard:
            _say(text % facts)

    def result(self, result: object) -> None:
        """Tell what came of it, in a line."""
        self.step("wrote %s", result)
        if self._show_progress and not self._unheard:
            _say(f"wrote {result}")

    def watch(self, watched: Watched) -> contextlib.AbstractContextManager[None]:
        """Tell how far it is while the block runs."""
        displays = self._displays(watched)
        return self._show(watched, displays) if displays else contextlib.nullcontext()

    @staticmethod
    @contextlib.contextmanager
    def _show(watched: Watched, displays: list[_Display]) -> Generator[None]:
        done = threading.Event()
        watcher = threading.Thread(
            target=_watch, args=(watched, displays, done), name="atio-progress", daemon=True
        )
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _displays(self, watched: Watched) -> list[_Display]:
        displays: list[_Display] = []
        if self._show_progress:
            displays.append(_Bar(watched) if _can_draw() else _Lines(watched, LINE_SECONDS, _say))
        if _LOG.isEnabledFor(logging.INFO):
            displays.append(_Lines(watched, LOG_SECONDS, _LOG.info))
        elif self._unheard and not self._show_progress:
            displays.append(_Lines(watched, LOG_SECONDS, _say))
        return displays


class _Display(Protocol):
    seconds: float

    def show(self, count: int, elapsed: float) -> None: ...

    def end(self, count: int) -> None: ...


class _Lines:
    def __init__(self, watched: Watched, seconds: float, say: Callable[[str], None]) -> None:
        self.seconds = seconds
        self._watched = watched
        self._say = say

    def show(self, count: int, elapsed: float) -> None:
        self._say(_line(self._watched, count, elapsed))

    def end(self, count: int) -> None:
        pass


class _Bar:
    """tqdm's bar. A closed stderr must neither undo a write nor call a done one failed."""

    seconds = BAR_SECONDS

    def __init__(self, watched: Watched) -> None:
        from tqdm.auto import tqdm

        # No thread of tqdm's own: ours looks often enough. And a lock for threads alone: tqdm's is for processes too,
        # and on some systems costs one.
        bar: Any = type("Bar", (tqdm,), {"monitor_interval": 0})
        bar.set_lock(threading.RLock())
        unit = "B" if watched.unit == "bytes" else f" {watched.unit}"
        self._bar = bar(
            desc=watched.name, total=watched.total, unit=unit, unit_scale=True, mininterval=0, miniters=0
        )

    def show(self, count: int, elapsed: float) -> None:  # noqa: ARG002 - tqdm has its own clock
        with contextlib.suppress(OSError, ValueError):
            self._bar.update(count - self._bar.n)

    def end(self, count: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._bar.update(count - self._bar.n)
            self._bar.close()


def _watch(watched: Watched, displays: list[_Display], done: threading.Event) -> None:
    start = time.perf_counter()
    due = [display.seconds for display in displays]
    while True:
        elapsed = time.perf_counter() - start
        if done.wait(max(0.0, min(due) - elapsed)):
            break
        count, elapsed = watched.count(), time.perf_counter() - start
        for number, display in enumerate(displays):
            if elapsed >= due[number]:
                display.show(count, elapsed)
                due[number] = elapsed + display.seconds
    for display in displays:
        display.end(watched.count())


def _line(watched: Watched, count: int, elapsed: float) -> str:
    """A line such as "writing prices.csv: 1,000 of 5,000 rows (20 %), 500 rows/s, 8 s left"."""
    rate = count / elapsed
    if watched.total is None:
        return f"{watched.doing} {watched.name}: {count:,} {watched.unit}, {rate:,.0f} {watched.unit}/s"
    share = f"{count:,} of {watched.total:,} {watched.unit} ({count / max(1, watched.total):.0%})"
    left = f", {(watched.total - count) / rate:,.0f} s left" if count else ""
    return f"{watched.doing} {watched.name}: {share}, {rate:,.0f} {watched.unit}/s{left}"


def _can_draw() -> bool:
    """Whether stderr is a terminal, or this is a notebook."""
    if "ipykernel.zmqshell" in sys.modules:  # as tqdm itself finds it out
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def _say(text: str) -> None:
    _Stderr().handle(logging.LogRecord("atio", logging.INFO, __file__, 0, f"atio: {text}", None, None))


class _Stderr(logging.StreamHandler[Any]):
    """A closed stderr must neither undo a write nor call a done one failed."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Go on."""
