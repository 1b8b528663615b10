"""A repair, and an export into one file, are killed at each of their system calls."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest

from atio_core.errors import DamagedError
from tests.crash.tables import append_rows, folder, frame, table
from tests.support.crash import WarmChild, kill_at_every_call
from tests.support.looking import Contents, contents

VERSIONS = 9


@pytest.fixture(scope="module")
def child() -> Generator[WarmChild]:
    """A process to be killed."""
    with WarmChild() as started:
        yield started


def the_latest_entry(files: list[Path]) -> Path:
    """The newest log entry."""
    return next(path for path in files if "log" in path.parts)


def the_newest_data(files: list[Path]) -> Path:
    """The newest data file."""
    return max((path for path in files if "data" in path.parts), key=lambda path: path.name)


def a_manifest(files: list[Path]) -> Path:
    """The newest list of files."""
    return max((path for path in files if "manifests" in path.parts), key=lambda path: path.name)


def a_key_list(files: list[Path]) -> Path:
    """The newest list of keys."""
    return max((path for path in files if "keys" in path.parts), key=lambda path: path.name)


DAMAGE: dict[str, Callable[[list[Path]], Path]] = {
    "entry": the_latest_entry,
    "data": the_newest_data,
    "manifest": a_manifest,
    "keys": a_key_list,
}


def readable(root: Path) -> Contents:
    """What can be read of the versions."""
    found: Contents = {}
    for one in table(root).history():
        with suppress(DamagedError):
            found[one.version] = one.read("arrow", columns=["a"])["a"].to_pylist()
    return found


def repair(root: Path) -> None:
    """Make the table usable again."""
    table(root).repair(dry_run=False)


def damaged(template: Path, root: Path) -> Path:
    """Make the damaged table anew."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root)
    return root


@pytest.mark.parametrize("what", DAMAGE)
def test_a_killed_repair_is_done_or_not(what: str, disk: Path, child: WarmChild) -> None:
    """Killed before any call, or half-way in a write, the table is damaged as before or repaired, and loses nothing.

    The repair that is called next finishes it, and the next commit finds its place at once.
    """
    template = disk / "template"
    append_rows(template, VERSIONS)
    files = sorted(path for path in folder(template).rglob("*") if path.is_file())
    broken = DAMAGE[what](files)
    broken.write_bytes(b"?" * broken.stat().st_size)
    untouched = {path.relative_to(template): path.read_bytes() for path in files}
    setup = functools.partial(damaged, template, disk / "root")
    repair(setup())
    expected = readable(disk / "root")

    def check(root: Path) -> None:
        for name, data in untouched.items():
            assert (root / name).read_bytes() == data, "nothing is overwritten or deleted"
        repair(root)
        assert readable(root) == expected
        made = table(root).append(frame(100))
        assert readable(root) == expected | {made.version: [*expected[max(expected)], 100]}
        assert table(root).repair().version is None

    assert kill_at_every_call(repair, setup=setup, check=check, child=child, stride=2) > 5


def export(root: Path) -> None:
    """Put the table into one file."""
    table(root).export(root / "copy.tar")


def test_a_killed_export_leaves_a_whole_file_or_none(disk: Path, child: WarmChild) -> None:
    """Killed anywhere, there is no tar file or a whole one; the next one leaves nothing of the one that died."""
    append_rows(disk / "template", VERSIONS)
    setup = functools.partial(damaged, disk / "template", disk / "root")
    expected = contents(table(disk / "template"))
    before = {path.name for path in (disk / "template").iterdir()}

    def check(root: Path) -> None:
        table(root).export(root / "again.tar")
        for made in {path.name for path in root.glob("copy.tar")} | {"again.tar"}:
            table(root / f"of-{made}").import_(root / made)
            assert contents(table(root / f"of-{made}")) == expected
            shutil.rmtree(root / f"of-{made}")
        assert {path.name for path in root.iterdir()} - {"copy.tar"} == before | {"again.tar"}

    assert kill_at_every_call(export, setup=setup, check=check, child=child) > 5
