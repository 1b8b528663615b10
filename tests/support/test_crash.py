from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path

import pytest

from tests.support.crash import WarmChild, has_strace, kill_at_every_call, strace_at_every_call


def three_steps(root: Path) -> None:
    """A folder, a file written under another name, and its final name."""
    (root / "a").mkdir()
    fd = os.open(root / "a" / "tmp", os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"1234")
    os.close(fd)
    (root / "a" / "tmp").rename(root / "a" / "final")


def fails(root: Path) -> None:
    """An error of the work itself."""
    message = "of its own"
    raise RuntimeError(message)


def grows(root: Path, counter: Path) -> None:
    """One call more each time."""
    counter.write_bytes(counter.read_bytes() + b"1")
    for number in range(10 - counter.stat().st_size):
        (root / str(number)).mkdir()


def in_threads(root: Path) -> None:
    """Calls of several threads."""
    threads = [threading.Thread(target=(root / str(number)).mkdir) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Folders:
    """Makes new folders, and notes what is found in them."""

    def __init__(self, parent: Path) -> None:
        """Start with none."""
        self.parent = parent
        self.found: list[dict[str, bytes | None]] = []

    def new(self) -> Path:
        """The next folder."""
        root = self.parent / str(len(list(self.parent.iterdir())))
        root.mkdir()
        return root

    def look(self, root: Path) -> None:
        """Note what is in a folder."""
        paths = sorted(root.rglob("*"))
        self.found.append(
            {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in paths}
        )


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A maker of folders."""
    return Folders(tmp_path)


def test_kills_before_each_call(folders: Folders) -> None:
    """There is a kill before each of the four calls, with the effects of those before."""
    assert kill_at_every_call(three_steps, setup=folders.new, check=folders.look, whens=("before",)) == 4
    assert folders.found == [{}, {"a": None}, {"a": None, "a/tmp": b""}, {"a": None, "a/tmp": b"1234"}]


def test_kills_halfway(folders: Folders) -> None:
    """A write is cut in half, any other call is whole."""
    assert kill_at_every_call(three_steps, setup=folders.new, check=folders.look, whens=("half",)) == 4
    expected = [
        {"a": None},
        {"a": None, "a/tmp": b""},
        {"a": None, "a/tmp": b"12"},
        {"a": None, "a/final": b"1234"},
    ]
    assert expected == folders.found


def test_kills_after_each_call(folders: Folders) -> None:
    """There is a kill after each call."""
    assert (
        kill_at_every_call(three_steps, setup=folders.new, check=folders.look, whens=("after",), stride=2)
        == 2
    )
    assert folders.found == [{"a": None}, {"a": None, "a/tmp": b"1234"}]


def test_a_check_says_where_the_kill_was(folders: Folders) -> None:
    """An error of the check carries the call that was killed."""

    def check(root: Path) -> None:
        assert (root / "a").exists()

    with pytest.raises(AssertionError) as caught:
        kill_at_every_call(three_steps, setup=folders.new, check=check)
    assert caught.value.__notes__ == ["killed before call 1 of 4: mkdir a"]


def test_failing_work_is_no_kill(folders: Folders) -> None:
    """Work that fails by itself fails the test, with its traceback."""
    with pytest.raises(AssertionError, match="of its own"):
        kill_at_every_call(fails, setup=folders.new, check=folders.look)


def test_a_kill_that_does_not_come_is_told(folders: Folders, tmp_path: Path) -> None:
    """Work that makes other calls each time can't be killed at each of them."""
    counter = tmp_path / "counter"
    counter.write_bytes(b"")
    with pytest.raises(AssertionError, match="it ended before"):
        kill_at_every_call(partial(grows, counter=counter), setup=folders.new, check=folders.look)


def test_threads_are_counted(folders: Folders) -> None:
    """The calls of all threads count; a kill ends them all."""
    with WarmChild() as child:
        assert len(child.run(in_threads, folders.new()).calls) == 8
        root = folders.new()
        assert child.run(in_threads, root, kill_at=5).killed
    assert len(list(root.iterdir())) == 4


def test_the_warm_child_outlives_its_forks(folders: Folders) -> None:
    """A kill hits the fork alone: the next run is as good as the first."""
    with WarmChild() as child:
        for _ in range(2):
            assert child.run(three_steps, folders.new(), kill_at=1).killed
            assert len(child.run(three_steps, folders.new()).calls) == 4


@pytest.mark.skipif(not has_strace(), reason="strace isn't installed, or may not trace")
def test_strace_kills_at_each_call(folders: Folders) -> None:
    """From outside, too, each call of the kinds asked for is hit."""
    count = strace_at_every_call(three_steps, setup=folders.new, check=folders.look, calls="mkdir,rename")
    assert count == 2
    assert folders.found == [{}, {"a": None, "a/tmp": b"1234"}]
