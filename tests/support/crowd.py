"""Run several jobs at once, each in a process of its own, all forked from one that has imported what they need.

Example:
    def count(start: int) -> int:  # at the top of a module: the process imports it
        return start + 1

    assert run_together([partial(count, 1), partial(count, 2)]) == [2, 3]
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Job = Callable[[], Any]
Loop = Callable[[Callable[[], bool]], Any]
_PROJECT = Path(__file__).parents[2]
_LOADED_LATE = (
    "pandas",
    "atio_core.changes.append",
    "atio_core.data.scan.scan",
    "atio_core.maintenance.expiry",
)


def run_together(jobs: Sequence[Job], loops: Sequence[Loop] = (), *, seconds: int = 300) -> list[Any]:
    """Run jobs, all starting at the same moment, and return what they return.

    Args:
        jobs: Functions of modules, or partials of them.
        loops: What runs beside the jobs: each gets a function that says when all jobs have ended.
        seconds: Longer takes none.

    Raises:
        AssertionError: One of them raised, was killed, or took too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked = pickle.dumps((jobs, loops, folder, seconds))
        command = [sys.executable, "-m", __name__]
        subprocess.run(command, input=asked, check=True, cwd=_PROJECT, timeout=seconds + 60)
        answers = [path.read_bytes() for path in sorted(Path(folder).glob("*.answer"))]
    results: list[Any] = []
    for answer in answers:
        result, error = pickle.loads(answer)
        assert not error, error
        results.append(result)
    assert len(results) == len(jobs) + len(loops), "some processes ended without an answer"
    return results


def _main() -> None:
    for name in _LOADED_LATE:
        importlib.import_module(name)
    jobs, loops, name, seconds = pickle.load(sys.stdin.buffer)
    folder = Path(name)
    ended = folder / "ended"
    started, start = os.pipe()
    children: list[int] = []
    for number, job in enumerate([*jobs, *(lambda loop=loop: loop(ended.exists) for loop in loops)]):
        child = os.fork()
        if child == 0:
            os.close(start)
            os.read(started, 1)  # returns when the parent closes its end
            signal.alarm(seconds)
            (folder / f"{number:03}.answer").write_bytes(pickle.dumps(_answer(job)))
            os._exit(0)
        children.append(child)
    os.close(start)
    for at, child in enumerate(children):
        if at == len(jobs):
            ended.touch()
        os.waitpid(child, 0)


def _answer(job: Job) -> tuple[Any, str]:
    try:
        return job(), ""
    except BaseException:  # noqa: BLE001 - it is told to the process that asked
        return None, traceback.format_exc()


if __name__ == "__main__":
    _main()
