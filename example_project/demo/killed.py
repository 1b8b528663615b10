"""A run that kills itself with SIGKILL in the middle of a commit: the demo starts it as a child process.

    python -m example_project.demo.killed before raw/flights
    python -m example_project.demo.killed after raw/weather

A commit creates one small file, the log entry, by linking it to its name. The process dies just before that link, when
all rows are written, or just after it, when the commit is done and nobody has been told.
"""

import os
import signal
import sys
from typing import Any

import dagster as dg

from example_project.demo.runs import DOOMED, QUIET, pipeline
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
    die_at_commit(sys.argv[1], sys.argv[2])
    key = dg.AssetKey.from_user_string(sys.argv[2])
    instance = dg.DagsterInstance.get()
    config: dict[str, Any] = dict(QUIET)
    if (
        sys.argv[2] == "raw/flights"
    ):  # a feed of other rows: those that are there already wouldn't be written anew
        config["ops"] = {"raw__flights": {"config": {"until": "2013-12-30"}}}
    pipeline().execute_in_process(instance=instance, run_config=config, tags=DOOMED, asset_selection=[key])
    sys.exit(f"the commit to {sys.argv[2]} was to be the end of this process, and wasn't")
