"""A migration is killed at its system calls: called again, it goes on, and no version is there twice."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import atio_core as atio
from tests.support.crash import kill_at_every_call

OLD = Path(__file__).parents[1] / "migrate" / "tables" / "atio-3.1.0"


def take_over(root: Path) -> None:
    """Take the table over to a folder."""
    atio.migrate(OLD, root / "new")


def test_a_killed_migration_goes_on_and_doubles_nothing(disk: Path) -> None:
    """Killed before any call, the new table holds the first versions, whole; the next call adds the others once."""
    take_over(disk / "whole")
    whole = told(disk / "whole")

    def check(root: Path) -> None:
        before = told(root)
        assert before == whole[: len(before)]
        take_over(root)
        assert told(root) == whole
        assert atio.Table(root / "new").tags() == atio.Table(disk / "whole/new").tags()

    kills = kill_at_every_call(
        take_over,
        setup=functools.partial(new_folder, disk / "root"),
        check=check,
        whens=("before",),
        stride=3,
    )
    assert kills > 20


def new_folder(path: Path) -> Path:
    """Make a folder anew."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def told(root: Path) -> list[tuple[int, str | None, int]]:
    """Return what the history tells, oldest first."""
    table = atio.Table(root / "new")
    try:
        history = table.history()
    except atio.TableNotFoundError:
        return []
    return [(one.version, one.message, one.rows) for one in reversed(history) if one.read() is not None]
