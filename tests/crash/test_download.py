"""A download is killed, or loses its power, at each of its system calls: what is there is old or new, and whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest

from atio_core.table import Table
from tests.support.crash import WarmChild, kill_at_every_call
from tests.support.folders import seen
from tests.support.power import PowerRecorder

FILES = {"a": b"1", "b/c": b"2" * 3000, "b/d": b""}
Held = dict[str, bytes | None] | bytes | None


@pytest.fixture(scope="module")
def child() -> Generator[WarmChild]:
    """A process to be killed."""
    with WarmChild() as started:
        yield started


def folder(path: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files, and a folder that holds nothing."""
    (path / "empty").mkdir(parents=True)
    for name, content in files.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(content)
    return path


def prepared(disk: Path, *, there: bool, single: bool) -> Callable[[], Path]:
    """Return what makes a place with a table, and perhaps with what its first version holds downloaded already."""
    template = disk / "template"
    table = Table(template / "table")
    for content in (b"old", b"new"):
        source = folder(disk / content.decode(), {**FILES, "a": content})
        table.overwrite(source / "a" if single else source)
    if there:
        table.snapshot(1).download(template / "out")

    def new() -> Path:
        root = disk / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root)
        return root

    return new


def download(root: Path, if_exists: str) -> None:
    """What is killed."""
    Table(root / "table").snapshot(2).download(root / "out", if_exists=if_exists)


def held(path: Path) -> Held:
    """What is there."""
    if path.is_dir():
        return {name: None if file is None else file[0] for name, file in seen(path).items()}
    return path.read_bytes() if path.exists() else None


def whole(content: bytes, *, single: bool) -> Held:
    """What a version holds."""
    return content if single else {**FILES, "a": content, "empty": None}


each_case = pytest.mark.parametrize(
    ("there", "single"), [(False, False), (True, False), (False, True), (True, True)],
    ids=["new folder", "folder replaced", "new file", "file replaced"],
)  # fmt: skip


@each_case
def test_a_kill_leaves_old_or_new(there: bool, single: bool, disk: Path, child: WarmChild) -> None:  # noqa: FBT001 - parameters of a test
    """Killed at any call, there is all of the old or all of the new; the next download removes what was left beside."""
    old = whole(b"old", single=single) if there else None
    new = whole(b"new", single=single)

    def check(root: Path) -> None:
        assert held(root / "out") in (old, new)
        download(root, "replace")
        assert held(root / "out") == new
        beside = {path.name for path in root.iterdir()} - {"out", "table"}
        # In a folder that was just looked into, a file's litter waits for a while.
        assert not beside or single

    kills = kill_at_every_call(
        partial(download, if_exists="replace" if there else "fail"),
        setup=prepared(disk, there=there, single=single),
        check=check,
        child=child,
        threads=True,
    )
    assert kills > 4


@each_case
def test_power_may_go_at_any_step(there: bool, single: bool, disk: Path) -> None:  # noqa: FBT001 - parameters of a test
    """After a power cut there is all of the old or all of the new; once the call had returned, the new."""
    old = whole(b"old", single=single) if there else None
    new = whole(b"new", single=single)
    root = prepared(disk, there=there, single=single)()
    with PowerRecorder(root) as recorder:
        download(root, "replace" if there else "fail")
        recorder.mark("done")
    after = disk / "after"
    states = list(recorder.states())
    assert any(state.marks for state in states)
    for state in states:
        state.restore(after)
        found = held(after / "out")
        assert found == new if state.marks else found in (old, new), state
