"""Whatever happens to a file of an object: each way to get at it names the file, and nothing is handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atio_core.errors import DamagedError
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from tests.damage.tables import holding
from tests.damage.test_bytes import all_flips, changed_lengths, cuts, flips

OBJECTS: dict[str, tuple[Any, str | None]] = {
    "array": (np.arange(12, dtype="<f8"), None),
    "structured": (np.zeros(3, [("a", "<i4"), ("b", "U3")]), None),
    "json": ({"a": [1, None, -0.0, "ä"], "b": {"c": "d" * 40}}, None),
    "text": ("ä text\n" * 20, None),
    "bytes": (bytes(range(200)), None),
    "pickle": ({(1, 2): {3}, "a": [None] * 9}, "pickle"),
}
CASES = [*OBJECTS, "file", "folder"]

each_case = pytest.mark.parametrize("case", CASES)


def made(case: str, disk: Path) -> Snapshot:
    """A version that holds such an object."""
    table = Table(disk / "table")
    if case in OBJECTS:
        given, format_name = OBJECTS[case]
        return table.overwrite(given, format=format_name)
    source = disk / "source"
    source.mkdir()
    for name in ("a", "b"):
        (source / name).write_bytes(name.encode() * 150)
    return table.overwrite(source / "a" if case == "file" else source)


def ways(snapshot: Snapshot, disk: Path) -> list[Callable[[], object]]:
    """Each way to get at an object, or at the first file of a folder."""
    acts: list[Callable[[], object]] = [lambda: snapshot.download(disk / "out")]
    if snapshot.kind == "folder":
        return [*acts, lambda: snapshot.open("a").read()]
    return [*acts, snapshot.read, lambda: snapshot.open().read()]


@each_case
@pytest.mark.parametrize("damages", [flips, cuts, changed_lengths], ids=["flips", "cuts", "lengths"])
def test_no_damage_goes_unseen(case: str, damages: Callable[[bytes], Iterator[bytes]], disk: Path) -> None:
    """Whichever byte is changed, wherever the file is cut, whatever is added: the file is named, and nothing made."""
    assert damaged_everywhere(case, damages, disk) >= 10


@pytest.mark.soak
@each_case
def test_no_changed_bit_goes_unseen(case: str, disk: Path) -> None:
    """The same for every bit."""
    assert damaged_everywhere(case, all_flips, disk) > 100


def damaged_everywhere(case: str, damages: Callable[[bytes], Iterator[bytes]], disk: Path) -> int:
    """Damage the object's file in every way; returns how often."""
    snapshot = made(case, disk)
    name = snapshot.data_files()[0].path
    path = disk / "table" / name
    count = 0
    for damaged in damages(path.read_bytes()):
        with holding(path, damaged):
            for act in ways(snapshot, disk):
                with pytest.raises(DamagedError) as caught:
                    act()
                assert (caught.value.facts["path"], name in str(caught.value)) == (name, True)
        count += 1
    assert not (disk / "out").exists()
    return count


@pytest.mark.parametrize("case", ["json", "folder"])
def test_no_changed_entry_goes_unseen(case: str, disk: Path) -> None:
    """Whichever byte of the log entry is changed, the read says so."""
    made(case, disk)
    (entry,) = (disk / "table" / "_atio" / "log").glob("*/*.json")
    for damaged in flips(entry.read_bytes()):
        with holding(entry, damaged), pytest.raises(DamagedError):
            Table(disk / "table").snapshot()


def test_two_files_of_a_folder_swapped_are_damage(disk: Path) -> None:
    """Each file is what its own record says."""
    snapshot = made("folder", disk)
    one, other = (disk / "table" / file.path for file in snapshot.data_files())
    first, second = one.read_bytes(), other.read_bytes()
    with holding(one, second), holding(other, first):
        for name in ("a", "b"):
            with pytest.raises(DamagedError):
                snapshot.open(name)
