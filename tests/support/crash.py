"""Kill a process at each of its system calls in turn, and look at what it left.

`kill_at_every_call` runs a function once to count its calls below a folder, then once per call with a SIGKILL there.
The runs are forks of one warm child that has imported everything, so that a kill takes some milliseconds.
`strace_at_every_call` does the same from outside, by strace, and so reaches the calls of C libraries too; it takes a
new interpreter per kill.

Example:
    def work(root: Path) -> None:  # at the top of a module: the child imports it
        LocalStore(root, temporary="tmp").put_if_absent("log/1", b"whole")

    def check(root: Path) -> None:
        store = LocalStore(root, temporary="tmp")
        assert [store.read(name) for name in store.list("log/")] in ([], [b"whole"])

    kill_at_every_call(work, setup=lambda: Path(tempfile.mkdtemp(dir=tmp_path)), check=check)
"""

from __future__ import annotations

import base64
import collections
import contextlib
import importlib
import itertools
import os
import pickle
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Self

from tests.support.os_calls import Call, watched

Work = Callable[[Path], object]
When = Literal["before", "half", "after"]
_PROJECT = Path(__file__).parents[2]
_HANGS_AFTER_SECONDS = 120
_STRACED = "mkdir,link,linkat,unlink,unlinkat,rename,renameat,renameat2,fsync,fdatasync,ftruncate"
_TRACE_LINE = re.compile(r"^(\d+ +)?([a-z]\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        killed: By the kill that was asked for.
        calls: What it called, where it ran to its end.
        error: What it raised, as text.
        modules: What it imported on the way.
    """

    killed: bool
    calls: tuple[str, ...] = ()
    error: str = ""
    modules: tuple[str, ...] = ()


def kill_at_every_call(
    work: Work,
    *,
    setup: Callable[[], Path],
    check: Callable[[Path], object],
    whens: tuple[When, ...] = ("before", "half"),
    at: Callable[[str], bool] = lambda _: True,
    stride: int = 1,
    child: WarmChild | None = None,
    threads: bool = False,
) -> int:
    """Kill `work` at each call that changes or syncs something below its folder.

    Args:
        work: Gets the folder. The child imports it, so it is a function of a module or a `functools.partial` of one.
        setup: Makes the folder, before each run.
        check: Gets the folder as the killed run left it, here in this process.
        whens: Before the call; after half of it (of a `write` half the bytes, other calls whole); after it.
        at: Says of a call, as text, whether a kill there is wanted.
        stride: Take every how manieth call.
        child: Where to run it, if one is there already.
        threads: `work` has several, which sync one folder once or twice, as it happens: a run that is over before its
            call is looked at all the same, and not counted.

    Returns:
        How many kills there were.

    Raises:
        AssertionError: `work` fails by itself, or doesn't make the same number of calls each time.
    """
    kills = 0
    with contextlib.nullcontext(child) if child else WarmChild() as child:  # noqa: PLR1704 - that one, or a new one
        whole = child.run(work, setup())
        assert not whole.error, whole.error
        assert whole.calls, "nothing was called below the folder"
        wanted = [n for n, call in enumerate(whole.calls, 1) if at(call)]
        for when, n in itertools.product(whens, wanted[::stride]):
            root = setup()
            outcome = child.run(work, root, kill_at=n, when=when)
            place = f"killed {when} call {n} of {len(whole.calls)}: {whole.calls[n - 1]}"
            over = threads and not outcome.error
            assert outcome.killed or over, f"not {place}: {outcome.error or 'it ended before'}"
            _checked(check, root, place)
            kills += outcome.killed
    return kills


def strace_at_every_call(
    work: Work,
    *,
    setup: Callable[[], Path],
    check: Callable[[Path], object],
    calls: str = _STRACED,
    stride: int = 1,
    threads: bool = False,
) -> int:
    """Kill `work` on entry to each of its system calls of some kinds, wherever they come from. Slow.

    Args:
        work: As for `kill_at_every_call`.
        setup: Makes the folder, before each run.
        check: Gets the folder as the killed run left it.
        calls: The kinds, with commas between.
        stride: Take every how manieth call of each kind.
        threads: As for `kill_at_every_call`.

    Returns:
        How many kills there were.
    """
    ended, trace = _strace(work, setup(), ["-e", f"trace={calls}"])
    assert ended.returncode == 0, ended.stderr
    counts: dict[str, int] = {}  # the most that one thread made: strace counts for each thread apart
    for (_, name), count in collections.Counter(_TRACE_LINE.findall(trace)).items():
        counts[name] = max(count, counts.get(name, 0))
    assert counts, "nothing was called"
    kills = 0
    for name, count in counts.items():
        for n in range(1, count + 1, stride):
            root = setup()
            inject = ["-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={n}"]
            ended, trace = _strace(work, root, inject)
            place = f"killed at {name} {n} of {count}"
            killed = ended.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
            assert killed or (threads and ended.returncode == 0), f"not {place}: {trace}"
            _checked(check, root, place)
            kills += killed
    return kills


def has_strace() -> bool:
    """Whether strace is here and may trace."""
    found = shutil.which("strace")
    if found is None or "TracerPid:\t0\n" not in Path("/proc/self/status").read_text():
        return False  # not here, or this is the traced child, which imports the tests as well
    tried = subprocess.run([found, "-qq", "true"], check=False, capture_output=True)
    return tried.returncode == 0


class WarmChild:
    """A process that has imported what the work's module and its first whole run import, and forks for each run.

    It never runs the work itself, so it has no thread pool at work when it forks.

    Example:
        with WarmChild() as child:
            assert child.run(work, root, kill_at=3).killed
    """

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=_PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def run(self, work: Work, root: Path, *, kill_at: int | None = None, when: When = "before") -> Outcome:
        """Run `work(root)` in a fork, and kill it at its nth call below `root`, counted from 1, if asked to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _send(self._process.stdin, (work, root, kill_at, when))
        outcome = _receive(self._process.stdout)
        assert outcome is not None, "the child process is gone"
        return outcome


class _Killer:
    """Counts calls, and kills its own process at the nth."""

    def __init__(self, kill_at: int | None, when: When) -> None:
        self.calls: list[str] = []
        self._kill_at = kill_at
        self._when = when
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Any:
        with self._lock:  # threads' calls come one by one, so that the nth is the nth
            self.calls.append(str(call))
            if len(self.calls) != self._kill_at:
                return call.run()
            try:
                if self._when == "half":
                    call.run_half()
                elif self._when == "after":
                    call.run()
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
            return None


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The warm child's loop: a fork per request."""
    while (request := _receive(requests)) is not None:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with os.fdopen(writer, "wb") as result:
                _send(result, _run(*request))
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as result:
            outcome = _receive(result)
        _, status = os.waitpid(child, 0)
        if outcome is None:
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            killed = number == signal.SIGKILL
            outcome = Outcome(
                killed, error="" if killed else f"it ended with status {status} (signal {number})"
            )
        _send(answers, outcome)
        for name in outcome.modules:  # what one run loads late, the next ones find here
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _run(work: Work, root: Path, kill_at: int | None, when: When) -> Outcome:
    signal.alarm(_HANGS_AFTER_SECONDS)
    killer = _Killer(kill_at, when)
    before = set(sys.modules)
    error = ""
    try:
        with watched(root, killer):
            work(root)
    except BaseException:  # noqa: BLE001 - it is told to the process that asked
        error = traceback.format_exc()
    modules = tuple(name for name in sys.modules if name not in before)
    return Outcome(killed=False, calls=tuple(killer.calls), error=error, modules=modules)


def _strace(work: Work, root: Path, options: list[str]) -> tuple[subprocess.CompletedProcess[str], str]:
    log = root.with_name(f"{root.name}.strace")
    packed = base64.b64encode(pickle.dumps((work, root))).decode()
    command = [
        "strace",
        "-f",
        "-qq",
        "-o",
        str(log),
        *options,
        sys.executable,
        "-B",
        "-m",
        __name__,
        packed,
    ]
    ended = subprocess.run(
        command, cwd=_PROJECT, check=False, capture_output=True, text=True, timeout=_HANGS_AFTER_SECONDS
    )
    trace = log.read_text()
    log.unlink()
    return ended, trace


def _checked(check: Callable[[Path], object], root: Path, place: str) -> None:
    try:
        check(root)
    except BaseException as error:
        error.add_note(place)
        raise


def _send(stream: IO[bytes], value: object) -> None:
    data = pickle.dumps(value)
    stream.write(struct.pack("<Q", len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(8)
    return pickle.loads(stream.read(struct.unpack("<Q", head)[0])) if len(head) == 8 else None


def main(arguments: list[str]) -> None:
    """Be the child: run what the arguments hold, or else serve."""
    if arguments:
        work, root = pickle.loads(base64.b64decode(arguments[0]))
        work(root)
        return
    # Python warns of forks beside threads; those that libraries start when they are imported are idle.
    warnings.simplefilter("ignore", DeprecationWarning)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the work prints must not get between the answers
    with requests, answers:
        _serve(requests, answers)


if __name__ == "__main__":
    # By its name, so that what is pickled here is of the same classes as there.
    importlib.import_module("tests.support.crash").main(sys.argv[1:])
