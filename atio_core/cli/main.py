"""Where the script `atio` begins."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

from atio_core.cli.ending import guarded
from atio_core.cli.fast_log import PlainLog, plain_log

_MISSING = "atio: the command line needs libraries that are not installed: pip install 'atio[cli]'\n"


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        tokens: The arguments; those of the process if None.

    Returns:
        The exit code: see `atio_core/cli/exits.py`.
    """
    # A process of our own: what it loads stays, and to look for garbage meanwhile takes time.
    if tokens is None:
        gc.set_threshold(100_000, 20, 50)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that a terminal's encoding lacks is spelled
            stream.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if tokens is None else tokens)
    if (plain := plain_log(given)) is not None:
        return guarded(lambda: _log(plain), debug=False)
    try:
        from atio_core.cli.app import run
    except ModuleNotFoundError as error:
        if error.name != "cyclopts":
            raise
        sys.stderr.write(_MISSING)
        return 2
    return run(given)


def _log(asked: PlainLog) -> None:
    from atio_core.cli.listing import list_history

    list_history(asked.table, limit=asked.limit, json=asked.json)
