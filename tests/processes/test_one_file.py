"""Several processes write one file at the same moment."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path

import pytest

import atio_core as atio
from tests.support.crowd import run_together

ROUNDS = 40
WRITERS = 6


def write_each(folder: Path, writer: int, word: str, links: bool) -> list[bool]:  # noqa: FBT001 - a job's argument
    """Write a new file in each round; says in which ones this process made it."""
    if not links:
        os.link = _no_link
    return [_made(folder / str(turn), writer, word) for turn in range(ROUNDS)]


def _no_link(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def _made(path: Path, writer: int, word: str) -> bool:
    try:
        with atio.open_atomic(path, if_exists=word) as file:
            file.write(b"%d" % writer)
    except atio.AlreadyExistsError:
        return False
    return path.read_bytes() == b"%d" % writer


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("word", ["fail", "skip"])
def test_exactly_one_makes_a_file(disk: Path, word: str, *, links: bool) -> None:
    """Of processes that want to be the first, exactly one is, and the file is its own; nothing else is left."""
    won = run_together([partial(write_each, disk, writer, word, links) for writer in range(WRITERS)])
    for turn in range(ROUNDS):
        winners = [writer for writer in range(WRITERS) if won[writer][turn]]
        assert len(winners) == 1
        assert (disk / str(turn)).read_bytes() == b"%d" % winners[0]
    assert len(list(disk.iterdir())) == ROUNDS


def keep_each(path: Path, writer: int) -> None:
    """Replace a file in each round, and keep all that was there."""
    for turn in range(ROUNDS):
        with atio.open_atomic(path, keep_previous=10_000, durable=False) as file:
            file.write(b"%d.%d" % (writer, turn))


def test_whatever_is_replaced_is_kept(disk: Path) -> None:
    """Processes that keep what they replace lose nothing to each other."""
    path = disk / "file"
    run_together([partial(keep_each, path, writer) for writer in range(WRITERS)])
    found = sorted(kept.read_bytes() for kept in disk.iterdir())
    assert found == sorted(b"%d.%d" % (writer, turn) for writer in range(WRITERS) for turn in range(ROUNDS))


def write_and_die(path: Path, rounds: int) -> None:
    """Begin to write again and again, as if killed each time; and write once."""
    for _ in range(rounds):
        child = os.fork()
        if child == 0:
            file = atio.open_atomic(path).__enter__()
            file.write(b"half")
            os._exit(1)
        os.waitpid(child, 0)
    with atio.open_atomic(path) as file:
        file.write(b"whole")


def write_often(folder: Path, writer: int) -> None:
    """Write files, of which each must be there afterwards."""
    for turn in range(100):
        path = folder / f"{writer}.{turn}"
        with atio.open_atomic(path, durable=False) as file:
            file.write(b"whole")
        assert path.read_bytes() == b"whole"


def test_the_living_are_spared_and_the_dead_cleaned_up_after(disk: Path) -> None:
    """While some processes die in the middle of a write, others write and clean; no living one loses its file."""
    jobs = [
        *(partial(write_often, disk, writer) for writer in range(4)),
        *(partial(write_and_die, disk / f"dying {number}", 20) for number in range(2)),
    ]
    run_together(jobs)
    with atio.open_atomic(disk / "last") as file:
        file.write(b"whole")
    assert {path.read_bytes() for path in disk.iterdir()} == {b"whole"}
    assert len(list(disk.iterdir())) == 4 * 100 + 2 + 1
