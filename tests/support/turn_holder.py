"""A process that has the turn of a folder, stopped in the middle of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_HOLD = """
import os, signal, sys
from atio_core.storage.turns import Turns

turns = Turns(sys.argv[1])
print(turns.take(), flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextmanager
def turn_held_elsewhere(folder: Path) -> Generator[bool]:
    """Within the block another process has the turn; it is stopped, and killed at the end. Yields whether it got it.

    Example:
        with turn_held_elsewhere(folder):
            assert not Turns(str(folder)).take()
    """
    command = [sys.executable, "-c", _HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            yield holder.stdout.readline() == "True\n"
        finally:
            holder.send_signal(signal.SIGKILL)
