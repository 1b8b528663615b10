"""A write is killed at each of its system calls: the file is the old one or the new one, whole, and blocks nobody."""

from __future__ import annotations

import contextlib
import itertools
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import atio_core as atio
from atio_core.data.kinds import Kind
from tests.support.crash import WarmChild, has_strace, kill_at_every_call, strace_at_every_call
from tests.support.writers import PAIRS, WRITTEN, frame

ROWS = 40_000
"""So many that C libraries write the file in several pieces."""

BITS = 0o640
PROJECT = Path(__file__).parents[2]
needs_strace = pytest.mark.skipif(not has_strace(), reason="strace isn't installed, or may not trace")


@pytest.fixture(scope="module")
def child() -> Generator[WarmChild]:
    """A process to be killed."""
    with WarmChild() as started:
        yield started


def columns(rows: int) -> dict[str, Any]:
    """Columns of a frame, told apart by their length."""
    return {"count": list(range(rows)), "name": [f"row {n}" for n in range(rows)]}


def work(name: str, kind: Kind, rows: int, root: Path) -> None:
    """Replace the file through its link."""
    atio.write(frame(kind, columns(rows)), root / "link", name, **WRITTEN[name, kind].options[0])


def setup(disk: Path, name: str, kind: Kind) -> Callable[[], Path]:
    """Return what makes a folder with an old file of three rows, and a link to it."""
    numbers = itertools.count()

    def new() -> Path:
        root = disk / str(next(numbers))
        root.mkdir()
        (root / "link").symlink_to("file")
        work(name, kind, 3, root)
        (root / "file").chmod(BITS)
        return root

    return new


def check(name: str, kind: Kind, rows: int, root: Path) -> None:
    """The file is whole; litter is hidden and readable to nobody else; the next write succeeds, and removes it."""
    path = root / "file"
    found = WRITTEN[name, kind].read(path)
    assert found.shape in {(3, 2), (rows, 2)}
    assert found.equals(frame(kind, columns(len(found))))
    assert path.stat().st_mode & 0o777 == BITS
    assert (root / "link").is_symlink()
    litter = set(root.iterdir()) - {path, root / "link"}
    assert len(litter) <= 1
    assert all(left.name.startswith(".file.") and left.name.endswith(".atio-tmp") for left in litter)
    assert all(left.stat().st_mode & 0o777 in {0o600, BITS} for left in litter)
    work(name, kind, rows, root)
    assert WRITTEN[name, kind].read(path).shape == (rows, 2)
    assert set(root.iterdir()) == {path, root / "link"}


@pytest.mark.parametrize(("name", "kind"), PAIRS, ids=str)
def test_a_kill_leaves_old_or_new(disk: Path, child: WarmChild, name: str, kind: Kind) -> None:
    """Killed before or after any of our calls, for every writer, the file is as before or as after."""
    kills = kill_at_every_call(
        partial(work, name, kind, 50),
        setup=setup(disk, name, kind),
        check=partial(check, name, kind, 50),
        whens=("before", "after"),
        child=child,
    )
    assert kills >= 2 * len(["open", "fchmod", "fsync", "replace", "fsync"])


def test_a_kill_while_a_file_is_made_leaves_none_or_all(disk: Path, child: WarmChild) -> None:
    """A file that was not there before is missing or whole."""
    numbers = itertools.count()

    def empty() -> Path:
        root = disk / str(next(numbers))
        root.mkdir()
        (root / "link").symlink_to("file")
        return root

    def whole(root: Path) -> None:
        if (root / "file").exists():
            assert WRITTEN["csv", "pandas"].read(root / "file").shape == (50, 2)
        work("csv", "pandas", 50, root)
        assert WRITTEN["csv", "pandas"].read(root / "file").shape == (50, 2)
        assert {path.name for path in root.iterdir()} == {"file", "link"}

    kill_at_every_call(
        partial(work, "csv", "pandas", 50), setup=empty, check=whole, whens=("before", "after"), child=child
    )


def write_again_and_again(name: str, kind: Kind, root: Path) -> None:
    """Replace the file until killed."""
    while True:
        work(name, kind, ROWS, root)


@pytest.mark.parametrize("name", ["csv", "parquet"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_kill_while_polars_writes_leaves_old_or_new(disk: Path, name: str, share: float) -> None:
    """Killed while threads of polars write to the file, when it has grown so far, the file is as before or as after."""
    root = setup(disk, name, "polars")()
    work(name, "polars", ROWS, root)
    wanted = int((root / "file").stat().st_size * share)
    job = pickle.dumps(partial(write_again_and_again, name, "polars", root))
    code = "import pickle, sys; pickle.load(sys.stdin.buffer)()"
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdin=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        writer.stdin.write(job)
        writer.stdin.close()
        until = time.monotonic() + 60
        while not any(size > wanted for size in sizes_of_litter(root)):
            assert time.monotonic() < until
        writer.kill()
    check(name, "polars", ROWS, root)


def sizes_of_litter(root: Path) -> list[int]:
    """How far temporary files have grown."""
    sizes: list[int] = []
    for path in root.glob(".file.*.atio-tmp"):
        with contextlib.suppress(FileNotFoundError):  # published meanwhile
            sizes.append(path.stat().st_size)
    return sizes


@needs_strace
def test_a_kill_from_outside_leaves_old_or_new(disk: Path) -> None:
    """Killed at system calls that the kernel sees, also within one of Python's, the file is as before or as after."""
    strace_at_every_call(
        partial(work, "parquet", "pandas", ROWS),
        setup=setup(disk, "parquet", "pandas"),
        check=partial(check, "parquet", "pandas", ROWS),
        calls="write,rename",
        stride=2,
    )


OF_ONE_THREAD = [(name, kind) for name, kind in PAIRS if kind != "polars"]
"""Writers whose calls are the same each time. Polars' threads wake each other as it comes."""


@needs_strace
@pytest.mark.soak
@pytest.mark.parametrize(("name", "kind"), OF_ONE_THREAD, ids=str)
def test_a_kill_from_outside_at_any_call_leaves_old_or_new(disk: Path, name: str, kind: Kind) -> None:
    """The same at every call, for all writers."""
    rows = 500 if name == "excel" else ROWS
    strace_at_every_call(
        partial(work, name, kind, rows),
        setup=setup(disk, name, kind),
        check=partial(check, name, kind, rows),
        calls="write,fchmod,fsync,rename,unlink",
    )
