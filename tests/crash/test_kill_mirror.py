"""A mirror for other engines is killed at its system calls, while it is made or brought up to date."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import deltalake
import pytest
from pyiceberg.table import StaticTable

from tests.crash.tables import append_rows, folder, frame, table
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


def to_iceberg(root: Path) -> None:
    """Bring the other mirror up to date."""
    table(root).to_iceberg()


def by_iceberg(root: Path) -> list[int] | None:
    """What a reader of Iceberg's newest state finds; None if there is no mirror."""
    states = sorted(folder(root).glob("_iceberg/metadata/v*.metadata.json"))
    if not states:
        return None
    return sorted(StaticTable.from_metadata(str(states[-1])).scan().to_arrow()["a"].to_pylist())


def by_delta(root: Path) -> list[int] | None:
    """What a reader of Delta finds; None if there is no mirror."""
    path = table(root).path
    if not deltalake.DeltaTable.is_deltatable(path):
        return None
    return sorted(deltalake.DeltaTable(path).to_pyarrow_table(columns=["a"])["a"].to_pylist())


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], list[int] | None]]] = {
    "delta": (to_delta, by_delta),
    "iceberg": (to_iceberg, by_iceberg),
}
CASES = [
    *(pytest.param(kind, False, 12, id=f"{kind}, another") for kind in KINDS),
    *(
        pytest.param(kind, False, 1, id=f"{kind}, another, each call", marks=pytest.mark.soak)
        for kind in KINDS
    ),
    *(
        pytest.param(kind, True, 1, id=f"{kind}, the first, each call", marks=pytest.mark.soak)
        for kind in KINDS
    ),
]


@pytest.mark.parametrize(("kind", "first", "stride"), CASES)
def test_a_killed_mirror_is_old_or_new(
    kind: str,
    first: bool,  # noqa: FBT001 - a case
    stride: int,
    disk: Path,
    child: WarmChild,
) -> None:
    """The table is untouched; whatever expires then, the mirror can be read; and the next call mends it."""
    mirror, seen = KINDS[kind]
    template = disk / "template"
    append_rows(template, 3)
    if not first:
        mirror(template)
    before = seen(template)
    table(template).append(frame(7))
    expected = contents(table(template))
    after = sorted(expected[max(expected)])

    def check(root: Path) -> None:
        assert contents(table(root)) == expected
        table(root).compact()
        table(root).expire(keep_last=1)
        assert seen(root) in (before, after)
        mirror(root)
        assert seen(root) == after
        assert len(table(root).tags()) == 1
        assert table(root).verify().ok

    setup = functools.partial(anew, template, disk / "root")
    assert kill_at_every_call(mirror, setup=setup, check=check, child=child, stride=stride) > 3
