"""Writes of tables that show how far they are, and tell how long they took."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pytest

from atio_core import progress, write_snapshot
from atio_core.errors import InvalidInputError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import StoreWrapper
from tests.support.logs import atio_logs_at

FRAME = pd.DataFrame({"p": ["x", "y", "x"], "n": [1, 2, 3]})
WRITES: dict[str, tuple[Callable[[Table, bool], Any], str]] = {
    "append": (lambda table, show: table.append(FRAME, show_progress=show), "3 rows"),
    "stream": (lambda table, show: table.append(iter([FRAME, FRAME]), show_progress=show), "6 rows"),
    "overwrite": (lambda table, show: table.overwrite(FRAME, show_progress=show), "3 rows"),
    "where": (
        lambda table, show: table.overwrite(FRAME, where=[("n", ">", 1)], show_progress=show),
        "4 rows",
    ),
    "partitions": (lambda table, show: table.overwrite_partitions(FRAME, show_progress=show), "3 rows"),
    "upsert": (
        lambda table, show: table.upsert(FRAME.assign(n=[4, 5, 6]), key=["p", "n"], show_progress=show),
        "3 rows",
    ),
    "object": (lambda table, show: table.overwrite(b"four", show_progress=show), "4 bytes"),
    "stage": (lambda table, show: table.stage(FRAME, show_progress=show), "3 rows"),
    "compact": (lambda table, show: table.compact(sort_by=["n"], show_progress=show), "3 rows"),
}
_Result = TypeVar("_Result")


@pytest.fixture
def table() -> Table:
    """A table that is partitioned."""
    table = Table(store=MemoryStore())
    table.append(FRAME, partition_by=["p"])
    return table


@pytest.mark.parametrize("write", WRITES)
def test_each_write_shows_what_it_wrote(table: Table, capsys: pytest.CaptureFixture[str], write: str) -> None:
    """Whoever asks for it sees on stderr how much was written, and how fast; nobody else sees anything."""
    change, count = WRITES[write]
    change(table, True)  # noqa: FBT003 - it says what is shown
    seen = capsys.readouterr().err
    assert re.search(rf"atio: wrote {count} into memory:// in [\d.]+ s \([\d,]+ (rows|bytes)/s\)", seen)
    change(table, False)  # noqa: FBT003
    assert capsys.readouterr() == ("", "")


def test_one_liners_show_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The option goes through; anything but True and False is refused before anything changes."""
    write_snapshot(FRAME, tmp_path / "t", show_progress=True)
    assert "wrote 3 rows into" in capsys.readouterr().err
    said: Any = "yes"
    with pytest.raises(InvalidInputError, match="show_progress"):
        write_snapshot(FRAME, tmp_path / "new", show_progress=said)
    assert not (tmp_path / "new").exists()


def test_a_long_write_is_watched_while_it_runs(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log, too: rows that are in files count, before the last ones have come."""
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.001)
    monkeypatch.setattr("atio_core.changes.writing._STREAMED_BYTES", 1)
    seen = threading.Event()

    class Seeing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if re.search(r"writing memory://: [1-9]\d* rows, [\d,]+ rows/s", record.getMessage()):
                seen.set()

    def frames() -> Iterator[pd.DataFrame]:
        for _ in range(8):
            yield FRAME
        assert seen.wait(60)
        yield FRAME

    handler = Seeing()
    logging.getLogger("atio").addHandler(handler)
    try:
        with atio_logs_at(logging.INFO):
            table.append(frames())
    finally:
        logging.getLogger("atio").removeHandler(handler)
    assert seen.is_set()


class Timing(StoreWrapper):
    """Takes the time of each kind of call."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.spent: dict[str, float] = {}

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Make a call."""
        start = time.perf_counter()
        try:
            return call()
        finally:
            self.spent[verb] = self.spent.get(verb, 0.0) + time.perf_counter() - start


def test_a_change_tells_how_long_its_phases_took() -> None:
    """They come to no more than the whole, and each has what belongs to it."""
    store = Timing()
    table, start = Table(store=store), time.perf_counter()
    seconds = table.append(FRAME).seconds
    assert sum(seconds.values()) <= time.perf_counter() - start
    assert list(seconds) == ["prepare", "serialise", "sync", "commit"]
    assert seconds["sync"] >= store.spent["close"] > 0
    assert seconds["serialise"] >= store.spent["write"] > 0
    assert seconds["commit"] >= store.spent["put_if_absent"] > 0
    assert list(table.overwrite(b"an object").seconds) == ["prepare", "serialise", "sync", "commit"]
    assert table.snapshot().seconds == {}


def test_a_transaction_tells_of_all_its_changes() -> None:
    """Also of files that were written before its end; what its owner does between them is preparation."""
    store = Timing()
    table, start = Table(store=store), time.perf_counter()
    with table.transaction() as changes:
        changes.append(FRAME)
        changes.append(FRAME)
    assert changes.snapshot is not None
    seconds = changes.snapshot.seconds
    assert sum(seconds.values()) <= time.perf_counter() - start
    assert seconds["sync"] >= store.spent["close"]
    assert seconds["commit"] >= store.spent["put_if_absent"]


def test_a_repeated_write_tells_that_it_wrote_nothing(table: Table) -> None:
    """Nor does a change without files."""
    table.append(FRAME, idempotency_key="once")
    assert list(table.append(FRAME, idempotency_key="once").seconds) == ["prepare"]
    assert "sync" not in table.rename_column("n", "m").seconds
