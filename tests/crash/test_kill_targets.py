"""Writes that keep the old file, refuse one, make folders or clean up are killed at each of their system calls."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest

import atio_core as atio
from tests.support.crash import WarmChild, has_strace, kill_at_every_call, strace_at_every_call
from tests.support.writers import frame

WHENS = ("before", "half", "after")


@pytest.fixture(scope="module")
def child() -> Generator[WarmChild]:
    """A process to be killed."""
    with WarmChild() as started:
        yield started


@pytest.fixture
def new_root(disk: Path) -> Callable[[], Path]:
    """Makes a new empty folder each time."""
    numbers = itertools.count()

    def make() -> Path:
        root = disk / str(next(numbers))
        root.mkdir()
        return root

    return make


def put(path: Path, text: str, **options: object) -> None:
    """Write a short text to a file."""
    with atio.open_atomic(path, **options) as file:  # pyright: ignore[reportCallIssue, reportArgumentType]
        os.write(file.fileno(), text.encode())


def put_without_links(path: Path, text: str, **options: object) -> None:
    """Write on a file system that has no hard links."""

    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    original, os.link = os.link, no_link
    try:
        put(path, text, **options)
    finally:
        os.link = original


Put = Callable[..., None]
each_disk = pytest.mark.parametrize("write", [put, put_without_links], ids=["links", "no links"])


def read(root: Path) -> dict[str, str]:
    """What lies in a folder, litter left out."""
    return {path.name: path.read_text() for path in sorted(root.iterdir()) if not path.name.startswith(".")}


def names(root: Path) -> list[str]:
    """All names in a folder."""
    return sorted(path.name for path in root.iterdir())


def keep_one(write: Put, root: Path) -> None:
    """Write the third content."""
    write(root / "file", "third", keep_previous=True)


@each_disk
def test_a_kill_while_the_previous_is_kept(
    child: WarmChild, new_root: Callable[[], Path], write: Put
) -> None:
    """The file has its old content or its new one, and before that has the new one, its predecessor is kept."""

    def setup() -> Path:
        root = new_root()
        put(root / "file", "first")
        put(root / "file", "second", keep_previous=True)
        return root

    def check(root: Path) -> None:
        assert read(root) in (
            {"file": "second", "file.previous": "first"},
            {"file": "second", "file.previous": "second"},
            {"file": "third", "file.previous": "second"},
        )
        before = (root / "file").read_text()
        write(root / "file", "next", keep_previous=True)
        assert read(root) == {"file": "next", "file.previous": before}
        assert names(root) == ["file", "file.previous"]

    assert (
        kill_at_every_call(partial(keep_one, write), setup=setup, check=check, whens=WHENS, child=child) > 20
    )


def keep_two(write: Put, root: Path) -> None:
    """Write the fourth content."""
    write(root / "file", "4", keep_previous=2)


@each_disk
def test_a_kill_while_generations_are_kept(
    child: WarmChild, new_root: Callable[[], Path], write: Put
) -> None:
    """No generation is lost before the new file is there, and the next write keeps as many as it was told to."""

    def setup() -> Path:
        root = new_root()
        for text in "123":
            put(root / "file", text, keep_previous=2)
        return root

    def check(root: Path) -> None:
        assert read(root) in (
            {"file": "3", "file.previous.1": "1", "file.previous.2": "2"},
            {"file": "3", "file.previous.1": "1", "file.previous.2": "2", "file.previous.3": "3"},
            {"file": "4", "file.previous.1": "1", "file.previous.2": "2", "file.previous.3": "3"},
            {"file": "4", "file.previous.2": "2", "file.previous.3": "3"},
        )
        before = (root / "file").read_text()
        write(root / "file", "5", keep_previous=2)
        kept = [text for name, text in read(root).items() if name != "file"]
        assert kept == [str(int(before) - 1), before]
        assert len(names(root)) == 3

    assert (
        kill_at_every_call(partial(keep_two, write), setup=setup, check=check, whens=WHENS, child=child) > 20
    )


def make_new(write: Put, root: Path) -> None:
    """Write a file that mustn't be there."""
    write(root / "file", "whole", if_exists="fail")


@each_disk
def test_a_kill_while_a_file_is_made_that_must_not_be_there(
    child: WarmChild, new_root: Callable[[], Path], write: Put
) -> None:
    """The file is missing or whole, and the next write makes it, or finds it."""

    def check(root: Path) -> None:
        found = read(root)
        assert found in ({}, {"file": "whole"})
        write(root / "file", "next", if_exists="skip")
        assert read(root) == (found or {"file": "next"})
        write(root / "file", "last")
        assert names(root) == ["file"]

    assert (
        kill_at_every_call(partial(make_new, write), setup=new_root, check=check, whens=WHENS, child=child)
        > 8
    )


def make_deep(root: Path) -> None:
    """Write a file in folders that aren't there."""
    put(root / "a" / "b" / "file", "whole", mkdir=True)


def test_a_kill_while_folders_are_made(child: WarmChild, new_root: Callable[[], Path]) -> None:
    """The file is missing or whole, and folders that are there already hinder nobody."""

    def check(root: Path) -> None:
        path = root / "a" / "b" / "file"
        assert not path.exists() or path.read_text() == "whole"
        make_deep(root)
        assert names(path.parent) == ["file"]

    assert kill_at_every_call(make_deep, setup=new_root, check=check, whens=WHENS, child=child) > 8


def write_among_litter(root: Path) -> None:
    """Write a frame to a file, in a folder with litter of the dead."""
    atio.write(frame("polars"), root / "file", "csv")


def test_a_kill_while_litter_is_removed(child: WarmChild, new_root: Callable[[], Path]) -> None:
    """Who is killed while it removes what others left, leaves it to the next."""

    def setup() -> Path:
        root = new_root()
        for number in range(3):
            (root / f".file.{number:016x}.atio-tmp").write_text("half")
            (root / f".other.{number:016x}.atio-previous").write_text("old")
        return root

    def check(root: Path) -> None:
        write_among_litter(root)
        assert names(root) == ["file"]

    kills = kill_at_every_call(write_among_litter, setup=setup, check=check, whens=WHENS, child=child)
    assert kills >= 3 * 6


@pytest.mark.soak
@pytest.mark.skipif(not has_strace(), reason="strace isn't installed, or may not trace")
def test_a_kill_from_outside_while_generations_are_kept(new_root: Callable[[], Path]) -> None:
    """Killed at any call that the kernel sees, between making and locking too, nothing is lost and all is cleaned."""

    def setup() -> Path:
        root = new_root()
        for text in "123":
            put(root / "file", text, keep_previous=2)
        return root

    def check(root: Path) -> None:
        found = read(root)
        assert set(found.values()) >= ({"2", "3", "4"} if found["file"] == "4" else {"1", "2", "3"})
        put(root / "file", "5", keep_previous=2)
        assert read(root)["file"] == "5"
        assert len(names(root)) == 3

    calls = "flock,link,unlink,rename,fchmod,fsync,write"
    strace_at_every_call(partial(keep_two, put), setup=setup, check=check, calls=calls)
