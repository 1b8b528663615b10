import io
import logging
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import atio_core as atio
from atio_core import progress
from tests.support.logs import atio_logs_at
from tests.support.writers import frame


def test_a_quiet_write_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless asked to, a write tells nobody anything; a logger that wants to know all finds the steps as DEBUG."""
    with atio_logs_at(logging.INFO):
        atio.write(frame("pandas"), tmp_path / "prices.csv")
    assert caplog.records == []
    with atio_logs_at(logging.DEBUG):
        atio.write(frame("pandas"), tmp_path / "prices.csv")
    assert {record.levelname for record in caplog.records} == {"DEBUG"}
    assert capsys.readouterr() == ("", "")


def test_verbose_logs_the_steps(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """`verbose` tells the steps, the writer and the times to the logger `atio`."""
    with atio_logs_at(logging.INFO):
        result = atio.write(frame("pandas"), tmp_path / "prices.csv", verbose=True)
    assert {(record.name, record.levelname) for record in caplog.records} == {("atio", "INFO")}
    started, synced, published, wrote = caplog.messages
    assert re.search(r"pandas' to_csv writes into .*/\.prices\.csv\.\S+tmp$", started)
    assert re.search(rf"{result.bytes} bytes written and synced, [\d.]+ MB/s$", synced)
    assert re.search(r"published in [\d.]+ s$", published)
    assert wrote == f"wrote {result}"
    assert capsys.readouterr() == ("", "")


def test_verbose_is_heard_where_nothing_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where logging lets nothing through, `verbose` speaks on stderr, each line once."""
    with atio_logs_at(logging.WARNING):
        result = atio.write(frame("pandas"), tmp_path / "prices.csv", verbose=True, show_progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[3] == f"atio: wrote {result}"


def test_progress_is_shown_while_writing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`show_progress` tells on stderr how large the file has grown, and in the end what was written."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.001)
    told = threading.Event()
    emit = logging.StreamHandler.emit  # type: ignore[var-annotated]

    def listen(handler: Any, record: logging.LogRecord) -> None:
        emit(handler, record)
        if "bytes/s" in record.getMessage():
            told.set()

    def slow(number: float) -> str:
        assert told.wait(60)  # the write goes on once a line was shown
        return str(number)

    monkeypatch.setattr(logging.StreamHandler, "emit", listen)
    result = atio.write(
        frame("pandas"), tmp_path / "prices.csv", show_progress=True, float_format=slow, index=False
    )
    *lines, last = capsys.readouterr().err.splitlines()
    assert lines
    assert lines[0].startswith("atio: writing prices.csv: 0 bytes")
    assert last == f"atio: wrote {result}"


def test_progress_ends_with_a_failing_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A write that fails leaves no thread behind, and doesn't say that it wrote."""
    with pytest.raises(atio.InvalidInputError):
        atio.write(frame("pandas"), tmp_path / "prices.csv", show_progress=True, bogus=1)
    assert "atio-progress" not in {thread.name for thread in threading.enumerate()}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("stderr", [None, io.StringIO()], ids=["none", "closed"])
def test_a_broken_stderr_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO | None
) -> None:
    """What can't be told doesn't undo a write."""
    if stderr is not None:
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    result = atio.write(frame("pandas"), tmp_path / "prices.csv", verbose=True, show_progress=True)
    assert result.bytes == (tmp_path / "prices.csv").stat().st_size
