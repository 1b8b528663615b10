"""`python -m tests.support.database_kills URL MODE`: write to the table t, killed at each statement in turn.

Before the nth statement of a write that isn't a question the process that writes kills itself; then the
number is printed and a line awaited, so that whoever started this can look. After the first write that comes to its
end, "done" is printed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pyarrow as pa

import atio_core as atio
from atio_core.databases import connect
from atio_core.databases import write as _loaded  # noqa: F401 - before the fork, once for all


def main(url: str, mode: str) -> None:
    """Write, die, and let look."""
    number = 0
    while True:
        number += 1
        child = os.fork()
        if child == 0:
            _write(url, mode, number)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.stdout.write("done\n" if os.WEXITSTATUS(status) == 0 else "failed\n")
            return
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        sys.stdin.readline()


def _write(url: str, mode: str, number: int) -> None:
    whole = connect.Session.run
    left = number

    def run(self: connect.Session, sql: str, parameters: tuple[Any, ...] = ()) -> Any:
        nonlocal left
        left -= not sql.lstrip().startswith(("SELECT", "PRAGMA"))
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(self, sql, parameters)

    connect.Session.run = run
    rows = {"id": [99] * 3} | ({"note": ["new"] * 3} if mode == "reshape" else {})
    key = {"key": ["id"]} if mode == "upsert" else {}
    rows = {"id": [99], "v": [1]} if key else rows
    exists = "replace" if mode == "reshape" else mode
    atio.write(pa.table(rows), format="sql", name="t", con=url, if_exists=exists, **key)  # pyright: ignore[reportArgumentType] - options


if __name__ == "__main__":
    main(*sys.argv[1:])
