"""A mirror for other engines is killed at its system calls, while it is made or brought up to date."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Generator
from pathlib import Path

import deltalake
import pytest

from tests.crash.tables import append_rows, frame, table
from tests.support.crash import WarmChild, kill_at_every_call
from tests.support.looking import contents


@pytest.fixture(scope="module")
def child() -> Generator[WarmChild]:
    """A process to be killed."""
    with WarmChild() as started:
        yield started


def anew(template: Path, root: Path) -> Path:
    """Copy the table."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root)
    return root


def to_delta(root: Path) -> None:
    """Bring the mirror up to date."""
    table(root).to_delta()


def by_delta(root: Path) -> list[int] | None:
    """What a reader of Delta finds; None if there is no mirror."""
    path = table(root).path
    if not deltalake.DeltaTable.is_deltatable(path):
        return None
    return sorted(deltalake.DeltaTable(path).to_pyarrow_table(columns=["a"])["a"].to_pylist())


CASES = [
    pytest.param(False, 6, id="another"),
    pytest.param(False, 1, id="another, each call", marks=pytest.mark.soak),
    pytest.param(True, 1, id="the first, each call", marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("first", "stride"), CASES)
def test_a_killed_mirror_is_old_or_new(first: bool, stride: int, disk: Path, child: WarmChild) -> None:  # noqa: FBT001 - a case
    """The table is untouched; whatever expires then, the mirror can be read; and the next call mends it."""
    template = disk / "template"
    append_rows(template, 3)
    if not first:
        to_delta(template)
    before = by_delta(template)
    table(template).append(frame(7))
    expected = contents(table(template))
    after = sorted(expected[max(expected)])

    def check(root: Path) -> None:
        assert contents(table(root)) == expected
        table(root).compact()
        table(root).expire(keep_last=1)
        assert by_delta(root) in (before, after)
        to_delta(root)
        assert by_delta(root) == after
        assert len(table(root).tags()) == 1
        assert table(root).verify().ok

    setup = functools.partial(anew, template, disk / "root")
    assert kill_at_every_call(to_delta, setup=setup, check=check, child=child, stride=stride) > 5
