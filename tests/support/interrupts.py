"""Ctrl-C at each line of some modules in turn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType
from typing import Any


def interrupted_anywhere(
    act: Callable[[], Callable[[], object]], *modules: ModuleType, step: int = 1
) -> Iterator[int]:
    """Do something again and again, each time with an interrupt at a later line of the modules; yield after each.

    Args:
        act: Makes everything anew, and returns what is to be interrupted.
        modules: Where the interrupts come.
        step: How many lines later each time.

    Yields:
        The number of the line, counted as they run.
    """
    files = {module.__file__ for module in modules}
    at = 1
    while _interrupted(act(), files, at):
        yield at
        at += step


def _interrupted(run: Callable[[], object], files: set[str | None], at: int) -> bool:
    """Whether an interrupt came, before it had ended."""
    left = at

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files or left <= 0 or _reaches_nobody(frame):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def _reaches_nobody(frame: FrameType | None) -> bool:
    """Whether what is raised here is told, but not raised any further."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None
