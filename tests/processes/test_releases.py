"""Many processes at one store: releases are numbered, and each keeps what it names."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa

import atio_core as atio
from tests.support.crowd import run_together

MAKERS, EACH = 4, 5


def release(path: Path, maker: int) -> list[int]:
    """Make some releases of what is the latest; return their numbers."""
    store = atio.Store(path)
    return [store.create_release(f"{maker} {turn}", ["a", "b"]).number for turn in range(EACH)]


def write(path: Path, table: str) -> None:
    """Overwrite a table again and again, and expire all but the latest."""
    store = atio.Store(path)
    for number in range(EACH * 4):
        store.table(table).overwrite(pa.table({"n": [number]}))
        store.table(table).expire(keep_last=1, grace=timedelta(0))


def test_many_processes_release_at_once(tmp_path: Path) -> None:
    """Each release gets a number of its own; what it names is there, whatever others write and expire."""
    store = atio.Store(tmp_path)
    for table in ("a", "b"):
        store.table(table).overwrite(pa.table({"n": [-1]}))
    makers = [partial(release, tmp_path, maker) for maker in range(MAKERS)]
    found = run_together([*makers, partial(write, tmp_path, "a"), partial(write, tmp_path, "b")])
    numbers = [number for one in found[:MAKERS] for number in one]
    assert sorted(set(numbers)) == sorted(release.number for release in store.releases())
    assert len(numbers) == MAKERS * EACH
    for made in store.releases():
        for table, version in made.tables.items():
            assert store.at(made.number).read(table, "arrow").num_rows == 1, version
    assert len(store.table("a").tags()) == len(store.table("b").tags()) == MAKERS * EACH
