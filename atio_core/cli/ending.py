"""Run a command, and end with a code and one line that say what came of it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from atio_core.cli.exits import Exit, exit_of
from atio_core.cli.own_words import in_own_words
from atio_core.cli.plain import one_line


def guarded(run: Callable[[], int | None], *, debug: bool) -> int:
    """Run something; its errors become a line on stderr and a code."""
    try:
        try:
            code = run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # who read the output wants no more of it, as `head` does
        _forget(sys.stdout)
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a command line ends with a code
        if debug:
            traceback.print_exc()
        return _told(error)
    return code or 0


def _told(error: BaseException) -> int:
    code, text = exit_of(error), one_line(in_own_words(str(error)))
    if _is_misuse(error):
        code, text = Exit.USAGE, f"{text} See atio --help."
    elif code is Exit.INTERRUPTED:
        text = "interrupted"
    elif code is Exit.BUG:
        text = f"unexpected {type(error).__name__}: {text} (--debug shows where)"
    with suppress(OSError, ValueError):  # a closed stderr changes nothing
        sys.stderr.write(f"atio: {text}\n")
    return code


def _is_misuse(error: BaseException) -> bool:
    """Whether the library that reads command lines has raised it; which isn't loaded to find that out."""
    library = sys.modules.get("cyclopts")
    return library is not None and isinstance(error, library.CycloptsError)


def _forget(stream: TextIO) -> None:
    """Let the interpreter flush into nothing when it ends."""
    with suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
