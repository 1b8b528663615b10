from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.power import PowerRecorder, PowerState


def written(path: Path, data: bytes, *, sync: bool) -> None:
    """Write a file with a Python file object."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def synced(folder: Path) -> None:
    """Sync a folder."""
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def states_of(disk: Path, work: Callable[[Path], object]) -> list[PowerState]:
    """Record some work with a mark at its end."""
    with PowerRecorder(disk) as recorder:
        work(disk)
        recorder.mark("done")
    return list(recorder.states())


def after_the_end(states: list[PowerState]) -> list[dict[str, bytes | None]]:
    """What may be there once the work was done."""
    return [state.files for state in states if "done" in state.marks]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder that holds a synced file."""
    folder = tmp_path / "disk"
    folder.mkdir()
    (folder / "old").write_bytes(b"old")
    return folder


def test_what_was_there_is_sure(disk: Path) -> None:
    """What the folder holds when recording starts survives."""
    assert after_the_end(states_of(disk, lambda _: None)) == [{"old": b"old"}]


def test_a_synced_file_with_a_synced_name_is_sure(disk: Path) -> None:
    """Both syncs together leave one state."""

    def work(disk: Path) -> None:
        written(disk / "new", b"12", sync=True)
        synced(disk)

    assert after_the_end(states_of(disk, work)) == [{"old": b"old", "new": b"12"}]


def test_an_unsynced_name_may_get_lost(disk: Path) -> None:
    """Without the folder's sync there is the file, or there is none."""
    states = after_the_end(states_of(disk, lambda disk: written(disk / "new", b"12", sync=True)))
    assert states == [{"old": b"old"}, {"old": b"old", "new": b"12"}]


def test_unsynced_bytes_may_get_lost(disk: Path) -> None:
    """Without the file's sync it is empty, or there in part, or whole."""

    def work(disk: Path) -> None:
        written(disk / "new", b"12", sync=False)
        synced(disk)

    found = [files["new"] for files in after_the_end(states_of(disk, work))]
    assert found == [b"", b"1", b"12"]


def test_an_overwritten_file_may_be_anything(disk: Path) -> None:
    """A file written in place, unsynced, has the old bytes, some new ones, or all."""

    def work(disk: Path) -> None:
        written(disk / "old", b"1234", sync=False)
        synced(disk)

    found = [files["old"] for files in after_the_end(states_of(disk, work))]
    assert found == [b"old", b"12", b"1234"]


def test_a_file_in_an_unsynced_folder_may_get_lost(disk: Path) -> None:
    """A folder's own name has to be synced too."""

    def work(disk: Path) -> None:
        (disk / "folder").mkdir()
        written(disk / "folder" / "new", b"12", sync=True)
        synced(disk / "folder")

    states = after_the_end(states_of(disk, work))
    assert {"old": b"old"} in states
    assert {"old": b"old", "folder": None, "folder/new": b"12"} in states


def test_names_survive_in_any_order(disk: Path) -> None:
    """Of two names made in a folder, either may survive alone."""

    def work(disk: Path) -> None:
        written(disk / "1", b"", sync=True)
        os.link(disk / "1", disk / "2")

    found = {frozenset(files) for files in after_the_end(states_of(disk, work))}
    assert {frozenset({"old", *more}) for more in ([], ["1"], ["2"], ["1", "2"])} == found


def test_a_replaced_file_is_old_or_new(disk: Path) -> None:
    """A rename gives the name to one file or the other, never to none."""

    def work(disk: Path) -> None:
        written(disk / "tmp", b"new", sync=True)
        (disk / "tmp").replace(disk / "old")

    states = states_of(disk, work)
    assert {b"old", b"new"} == {state.files["old"] for state in states}


def test_marks_come_with_their_time(disk: Path) -> None:
    """States of a cut before a mark don't have it, those after it do."""
    states = states_of(disk, lambda disk: written(disk / "new", b"", sync=True))
    assert {frozenset[str](), frozenset({"done"})} == {state.marks for state in states}
    assert frozenset[str]() == states[0].marks


def test_a_deleted_name_may_come_back(disk: Path) -> None:
    """Removing is a change of the folder like any other."""
    states = after_the_end(states_of(disk, lambda disk: (disk / "old").unlink()))
    assert states == [{"old": b"old"}, {}]


def test_a_state_is_restored(disk: Path, tmp_path: Path) -> None:
    """A restored state has its files and folders, and nothing else."""
    state = PowerState({"a": None, "a/b": b"1", "c": b""}, frozenset(), "", "")
    into = tmp_path / "into"
    for _ in range(2):
        state.restore(into)
        assert sorted(str(path.relative_to(into)) for path in into.rglob("*")) == ["a", "a/b", "c"]
        assert (into / "a/b").read_bytes() == b"1"
        (into / "litter").write_bytes(b"")


def test_the_calls_are_as_before_afterwards(disk: Path) -> None:
    """Recording leaves no trace, an error within included."""
    before = (os.link, os.fsync, os.open)
    with pytest.raises(ZeroDivisionError), PowerRecorder(disk):
        _ = 1 / 0
    assert before == (os.link, os.fsync, os.open)
