"""A run that kills itself with SIGKILL in the middle of a commit: the demo starts it as a child process.

    python -m example_project.demo.killed before 2013-04-03
    python -m example_project.demo.killed after 2013-04-03 <id of the run that is executed again>

A commit creates one small file, the log entry, by linking it to its name. The process dies just before that link, when
all rows are written, or just after it, when the commit is done and nobody has been told.
"""

import os
import signal
import sys
from typing import Any

import dagster as dg

from example_project.demo.runs import DOOMED, FLIGHTS, run_day
from example_project.settings import TABLES


def die_at_commit(moment: str, table: str) -> None:
    """Have this process killed at its next commit to a table, "before" or "after" the entry is linked."""
    entries = str(TABLES / table / "_atio" / "log")
    link = os.link

    def deadly_link(source: Any, target: Any, **options: Any) -> None:
        is_commit = os.fspath(target).startswith(entries)
        if not is_commit or moment == "after":
            link(source, target, **options)
        if is_commit:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows knows no SIGKILL

    os.link = deadly_link


if __name__ == "__main__":
    _, moment, day, *again = sys.argv
    die_at_commit(moment, FLIGHTS)
    run_day(dg.DagsterInstance.get(), day, tags=DOOMED, again=again[0] if again else None)
    sys.exit(f"the commit to {FLIGHTS} was to be the end of this process, and wasn't")
