"""The table that is killed, and loses its power: how it is made, and what a piece of work on it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from atio_core.errors import TableNotFoundError
from atio_core.format import names
from atio_core.log.limits import Limits
from atio_core.snapshot import Snapshot
from atio_core.storage.base import ObjectStore
from atio_core.storage.local import LocalStore
from atio_core.table import Table
from tests.support.looking import Contents, contents

LIMITS = Limits(per_bucket=4, recent=2, inline_files=2, inline_tags=1, fanout=2)
"""So that buckets, manifests and lists of keys come and go within a few commits."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A piece of work on a table.

    Attributes:
        name: What happens.
        prepare: Makes what is there before. Gets the folder that holds, or will hold, the table.
        work: What happens. Done again, it changes nothing.
        states: What may be seen at any time meanwhile: before, then after each commit.
        threads: Whether several threads are at work.
        protected: Versions that stay, whatever expires afterwards.
    """

    name: str
    prepare: Callable[[Path], object]
    work: Callable[[Path], object]
    states: tuple[Contents, ...]
    threads: bool = False
    protected: tuple[int, ...] = ()

    def setup(self, disk: Path) -> Callable[[], Path]:
        """Return what makes a new folder with the table as it is before the work."""
        template = disk / "template"
        template.mkdir()
        self.prepare(template)
        made: list[Path] = []

        def new() -> Path:
            if made:
                shutil.rmtree(made.pop())  # the one before has been looked at
            root = disk / "root"
            shutil.copytree(template, root)
            made.append(root)
            return root

        return new


def folder(root: Path) -> Path:
    """The table's folder."""
    return root / "stores" / "table"


def local(root: Path) -> LocalStore:
    """The table's store."""
    return LocalStore(folder(root), temporary=names.TEMPORARY)


def table(root: Path, store: ObjectStore | None = None) -> Table:
    """The table, with tiny bounds."""
    return Table(store=store or local(root), limits=LIMITS)


def versions(root: Path) -> Contents:
    """What each version holds; nothing if there was never one."""
    try:
        return contents(table(root))
    except TableNotFoundError:
        return {}


def seen(root: Path) -> Contents:
    """What each version holds, and under 0, if stages are kept, what each of them reads as."""
    staged = [stage.read("arrow", columns=["a"])["a"].to_pylist() for stage in table(root).staged()]
    return versions(root) | ({0: staged} if staged else {})


def frame(*values: int) -> pa.Table:
    """Rows with a column."""
    return pa.table({"a": pa.array(values, pa.int64())})


def wide(*values: int) -> pa.Table:
    """Rows with so many columns that their schema gets a file of its own."""
    columns = {
        f"{number * 7919:x}{number * 104729:o}{number * 1299709:b}": list(values) for number in range(150)
    }
    return pa.table({"a": pa.array(values, pa.int64()), **columns})


def appended(count: int) -> Contents:
    """What a table holds after so many appends of one row."""
    return {version: list(range(1, version + 1)) for version in range(1, count + 1)}


def append_rows(root: Path, count: int) -> None:
    """Make a table of so many versions."""
    made = table(root)
    for number in range(1, count + 1):
        made.append(frame(number), idempotency_key=f"row {number}")


def make_pairs(root: Path) -> None:
    """Make a table of five files of two rows."""
    made = table(root)
    for number in range(1, 6):
        made.append(frame(number, number + 1))


def pairs(count: int) -> Contents:
    """What a table of so many files of two rows holds."""
    rows = [number for first in range(1, count + 1) for number in (first, first + 1)]
    return {version: rows[: 2 * version] for version in range(1, count + 1)}


def go_on(there: Table, before: list[Any]) -> tuple[Snapshot, list[Any]]:
    """Make the next commit; returns its version, and what that must hold."""
    if not there.exists():
        return there.append(frame(1)), [1]
    latest = there.snapshot()
    if latest.kind != "table":
        return there.overwrite("next"), ["next"]
    row = latest.read("arrow").slice(0, 1)
    made = (
        there.overwrite_partitions({"new": row})
        if latest.partition_fields == ("partition",)
        else there.append(row)
    )
    return made, [*before, before[0]]
