import fcntl
import io
import logging
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from atio_core import progress
from atio_core.progress import Teller, Watched
from tests.support.logs import atio_logs_at
from tests.support.releases import SHOWS_WIDGETS

PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look very often, so that nothing has to take long."""
    for name in ("BAR_SECONDS", "LINE_SECONDS", "LOG_SECONDS"):
        monkeypatch.setattr(progress, name, 0.001)


class Counter:
    """Counts up by one hundred each time that somebody looks; the block may end once it was looked at three times."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.now = 0
        self.looked_at = threading.Event()

    def __call__(self) -> int:
        """Look."""
        self.now = min(self.now + 100, 500)
        if self.now >= 300:
            self.looked_at.set()
        return self.now


def watched(total: int | None = 500, unit: progress.Unit = "rows") -> tuple[Watched, Counter]:
    """Return something to be watched, and its counter."""
    counter = Counter()
    return Watched("prices.csv", unit, counter, total), counter


def watch(teller: Teller, what: Watched, counter: Counter) -> None:
    """Watch until it was looked at often enough."""
    with teller.watch(what):
        assert counter.looked_at.wait(60)


def test_lines_tell_share_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, plain lines tell how far it is, how fast it goes and how long it will take."""
    watch(Teller(verbose=False, show_progress=True), *watched())
    first = capsys.readouterr().err.splitlines()[0]
    assert re.fullmatch(
        r"atio: writing prices\.csv: 100 of 500 rows \(20%\), [\d,]+ rows/s, [\d,]+ s left", first
    )


def test_lines_tell_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody knows how much there will be, lines tell how much there is."""
    watch(Teller(verbose=False, show_progress=True), *watched(None, "bytes"))
    first = capsys.readouterr().err.splitlines()[0]
    assert re.fullmatch(r"atio: writing prices\.csv: 100 bytes, [\d,]+ bytes/s", first)


def test_a_log_can_be_watched(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever lets INFO through sees in the log how far a long call is, from wherever the log can be read."""
    with atio_logs_at(logging.INFO):
        watch(Teller(verbose=False, show_progress=False), *watched())
    assert (caplog.records[0].name, caplog.records[0].levelname) == ("atio", "INFO")
    assert "100 of 500 rows (20%)" in caplog.messages[0]
    assert capsys.readouterr() == ("", "")


def test_nobody_pays_for_what_nobody_sees() -> None:
    """If nobody wants to know, no thread is started."""
    with Teller(verbose=False, show_progress=False).watch(watched()[0]):
        assert "atio-progress" not in {thread.name for thread in threading.enumerate()}


def test_the_watch_ends_with_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """An error in what is watched ends the watching, and goes through."""
    teller = Teller(verbose=False, show_progress=True)
    with pytest.raises(KeyError), teller.watch(watched()[0]):
        raise KeyError
    assert "atio-progress" not in {thread.name for thread in threading.enumerate()}


SHOW = """
import sys, threading
from atio_core import progress
from atio_core.progress import Teller, Watched
progress.BAR_SECONDS = 0.001
looked_at = threading.Event()
counts = iter([100, 200, 300])
def count():
    found = next(counts, 500)
    if found == 500:
        looked_at.set()
    return found
with Teller(verbose=False, show_progress=True).watch(Watched("prices.csv", "rows", count, 500)):
    assert looked_at.wait(60)
assert not {"TMonitor", "atio-progress"} & {one for t in threading.enumerate() for one in (type(t).__name__, t.name)}
"""


def test_a_terminal_shows_a_bar() -> None:
    """In a terminal there is a bar with rate and time left, which is full in the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    child = subprocess.Popen([sys.executable, "-c", SHOW], cwd=PROJECT, stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    with child:
        assert child.wait() == 0, shown
    frames = shown.decode().split("\r")
    assert re.search(r"prices\.csv: +20%\|.*\| 100/500 \[\d\d:\d\d<\d\d:\d\d, .*rows/s\]", shown.decode())
    assert "100%" in frames[-2] + frames[-1]


NOTEBOOK = """
import sys, types
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
InteractiveShell.instance()
sys.modules["ipykernel.zmqshell"] = types.ModuleType("ipykernel.zmqshell")
with capture_output() as captured:
    exec(sys.argv[1])
print([key for output in captured.outputs for key in output.data])
"""


@pytest.mark.skipif(not SHOWS_WIDGETS, reason="older releases of tqdm print lines in this IPython")
def test_a_notebook_shows_its_widget() -> None:
    """In a notebook the bar is the notebook's widget."""
    command = [sys.executable, "-W", "ignore", "-c", NOTEBOOK, SHOW]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "application/vnd.jupyter.widget-view+json" in done.stdout


@pytest.mark.parametrize("stderr", [None, io.StringIO()], ids=["none", "closed"])
def test_a_broken_stderr_does_no_harm(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO | None) -> None:
    """Who can't be told anything gets his call done all the same."""
    if stderr is not None:
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    teller = Teller(verbose=True, show_progress=True)
    watch(teller, *watched())
    teller.result("all of it")
