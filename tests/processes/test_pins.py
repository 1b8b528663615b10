"""Many processes of one reader."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow as pa

import atio_core as atio
from tests.support.crowd import run_together

READERS, TURNS = 6, 10


def pin(path: Path) -> list[int]:
    """Open a table for some readers, one after another; return the versions."""
    store = atio.Store(path)
    return [store.pin(f"run {turn}", "t").version for turn in range(TURNS)]


def write(path: Path) -> None:
    """Overwrite the table again and again."""
    table = atio.Store(path).table("t")
    for number in range(TURNS * 4):
        table.overwrite(pa.table({"n": [number]}))


def test_many_processes_of_a_reader_read_one_version(tmp_path: Path) -> None:
    """All processes that open a table for one reader at once get the same version, whatever is committed meanwhile."""
    atio.Store(tmp_path).table("t").overwrite(pa.table({"n": [-1]}))
    found = run_together([*[partial(pin, tmp_path)] * READERS, partial(write, tmp_path)])[:READERS]
    assert found == [found[0]] * READERS
    assert len(atio.Store(tmp_path).pins()) == TURNS
