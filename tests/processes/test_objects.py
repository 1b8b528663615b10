"""Several processes write folders to one table, expire it and download from it, all at the same time."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from pathlib import Path

from atio_core.table import Table
from tests.support.crowd import run_together
from tests.support.folders import Tree, make, seen

ROUNDS = 12
WRITERS = 4
NOW = timedelta(0)


def folder(rng: random.Random, writer: int) -> Tree:
    """A folder that says whose it is, and shares much with those of the others."""
    files = {str(number): (bytes([rng.randrange(3)]) * rng.choice([10, 1000]), False) for number in range(5)}
    return Tree({**files, "writer": (b"%d" % writer, False)})


def write_and_expire(root: Path, writer: int) -> None:
    """Write folders, now and then expire all but the latest, and download whatever that is."""
    rng = random.Random(writer)  # noqa: S311 - no secret
    table = Table(root / "table")
    for _ in range(ROUNDS):
        tree = folder(rng, writer)
        make(root / f"source {writer}", tree)
        snapshot = table.overwrite(root / f"source {writer}")
        assert snapshot.names == tuple(sorted(tree.files))
        if rng.random() < 0.5:
            table.expire(keep_last=rng.choice([1, 2]), grace=NOW)
        found = seen(table.download(root / f"out {writer}", if_exists="replace"))
        assert len(found) == 6


def test_folders_are_whole_whoever_writes_and_expires(disk: Path) -> None:
    """No write and no download fails, each version is whole, and in the end only what the latest needs is left."""
    run_together([partial(write_and_expire, disk, writer) for writer in range(WRITERS)])
    table = Table(disk / "table")
    for snapshot in table.history():
        assert all(snapshot.open(name).read() for name in snapshot.names)
    table.expire(keep_last=1, grace=NOW)
    needed = {file.path for file in table.snapshot().data_files()}
    assert {f"data/{path.name}" for path in (disk / "table" / "data").iterdir()} == needed
    assert not [path.name for path in disk.iterdir() if path.name.startswith(".")]
