"""The power fails while a write keeps the old file, makes folders or must be the first."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import atio_core as atio
from tests.support.power import PowerRecorder, PowerState


def put(path: Path, text: str, **options: object) -> None:
    """Write a short text to a file."""
    with atio.open_atomic(path, **options) as file:  # pyright: ignore[reportCallIssue, reportArgumentType]
        os.write(file.fileno(), text.encode())


def states_of(root: Path, work: Callable[[], None]) -> list[PowerState]:
    """What may be left when the power fails before, while or after something is done."""
    with PowerRecorder(root) as recorder:
        work()
        recorder.mark("returned")
    states = list(recorder.states())
    assert any(state.marks for state in states)
    return states


def visible(state: PowerState) -> dict[str, bytes | None]:
    """The files of a state, litter left out."""
    return {path: data for path, data in state.files.items() if not Path(path).name.startswith(".")}


@pytest.mark.parametrize("synced", [True, False])
def test_a_new_file_never_lies_there_without_the_kept_one(disk: Path, *, synced: bool) -> None:
    """Where the new content is, the old one is kept, whole, even if nobody had synced it before."""
    put(disk / "file", "first")

    def work() -> None:
        if not synced:
            (disk / "file").write_text("second")
        put(disk / "file", "third" if not synced else "second", keep_previous=True)

    states = states_of(disk, work)
    old, new = (b"first", b"second") if synced else (b"second", b"third")
    assert {state.files["file"] for state in states} >= {old, new}
    for state in states:
        if state.files["file"] == new:
            assert state.files["file.previous"] == old, state
        if state.marks:
            assert state.files == {"file": new, "file.previous": old}, state


def test_a_kept_file_is_replaced_whole(disk: Path) -> None:
    """The kept file is the one before, or the one before that: never a part, never missing."""
    put(disk / "file", "first")
    put(disk / "file", "second", keep_previous=True)
    for state in states_of(disk, lambda: put(disk / "file", "third", keep_previous=True)):
        found = (state.files["file"], state.files["file.previous"])
        assert found in {(b"second", b"first"), (b"second", b"second"), (b"third", b"second")}, state
        if state.marks:
            assert visible(state) == {"file": b"third", "file.previous": b"second"}


def test_no_generation_is_lost(disk: Path) -> None:
    """However the power fails, all that should be kept is there."""
    for text in "123":
        put(disk / "file", text, keep_previous=2)
    states = states_of(disk, lambda: put(disk / "file", "4", keep_previous=2))
    assert {state.files["file"] for state in states} == {b"3", b"4"}
    for state in states:
        wanted = {b"2", b"3", b"4"} if state.files["file"] == b"4" else {b"1", b"2", b"3"}
        assert wanted <= set(visible(state).values()), state


@pytest.mark.parametrize("keep", [True, 2])
def test_a_copy_is_durable(disk: Path, monkeypatch: pytest.MonkeyPatch, keep: object) -> None:
    """Where there are no hard links, the copy is whole before the new file is there."""

    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    put(disk / "file", "first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", no_link)
        states = states_of(disk, lambda: put(disk / "file", "second", keep_previous=keep))
    assert {state.files["file"] for state in states} == {b"first", b"second"}
    for state in states:
        assert state.files["file"] == b"first" or b"first" in visible(state).values(), state


def test_a_kept_file_in_another_folder_is_durable(disk: Path) -> None:
    """The folder that is synced is that of the kept file."""
    (disk / "old").mkdir()
    put(disk / "file", "first")
    states = states_of(disk, lambda: put(disk / "file", "second", keep_previous=disk / "old/kept"))
    assert {state.files["file"] for state in states} == {b"first", b"second"}
    for state in states:
        assert state.files["file"] == b"first" or state.files.get("old/kept") == b"first", state


def test_a_first_file_is_whole_or_missing(disk: Path) -> None:
    """A file that mustn't be there before is missing or whole, and there once it was acknowledged."""
    states = states_of(disk, lambda: put(disk / "file", "whole", if_exists="fail"))
    assert {visible(state).get("file") for state in states} == {None, b"whole"}
    assert all(visible(state) == {"file": b"whole"} for state in states if state.marks)


def test_folders_that_are_made_survive(disk: Path) -> None:
    """Once acknowledged, a file in new folders is there: each folder's name was synced."""
    states = states_of(disk, lambda: put(disk / "a/b/file", "whole", mkdir=True))
    assert all(state.files.get("a/b/file") == b"whole" for state in states if state.marks)


def test_folders_of_a_dead_writer_survive(disk: Path) -> None:
    """A folder whose maker died before it was sure of it is made sure by who is told to make it."""

    def work() -> None:
        (disk / "a").mkdir()
        put(disk / "a/file", "whole", mkdir=True)

    states = states_of(disk, work)
    assert all(state.files.get("a/file") == b"whole" for state in states if state.marks)
