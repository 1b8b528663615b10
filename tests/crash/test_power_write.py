"""The power fails during a write: the file is the old one or the new one, whole; after the write, the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

import atio_core as atio
from atio_core.data.kinds import Kind
from tests.support.power import PowerRecorder, PowerState
from tests.support.writers import PAIRS, WRITTEN, frame

each_writer = pytest.mark.parametrize(("name", "kind"), PAIRS, ids=str)


def states_of_a_write(root: Path, name: str, kind: Kind, *, durable: bool = True) -> list[PowerState]:
    """What may be left of a folder when the power fails before, while or after a file in it is written."""
    with PowerRecorder(root) as recorder:
        atio.write(frame(kind), root / "file", name, durable=durable, **WRITTEN[name, kind].options[0])
        recorder.mark("returned")
    return list(recorder.states())


@each_writer
def test_a_power_loss_leaves_old_or_new(disk: Path, name: str, kind: Kind) -> None:
    """Whatever the disk had not yet, a replaced file is whole; one that was acknowledged is the new one."""
    (disk / "file").write_bytes(b"old")
    states = states_of_a_write(disk, name, kind)
    new = (disk / "file").read_bytes()
    assert {state.files["file"] for state in states} == {b"old", new}
    for state in states:
        if "returned" in state.marks:
            assert state.files == {"file": new}, state
        assert all(path == "file" or path.endswith(".atio-tmp") for path in state.files), state


@each_writer
def test_a_power_loss_leaves_no_part_of_a_new_file(disk: Path, name: str, kind: Kind) -> None:
    """A file that is made is missing or whole, and there once it was acknowledged."""
    states = states_of_a_write(disk, name, kind)
    new = (disk / "file").read_bytes()
    assert {state.files.get("file") for state in states} == {None, new}
    assert all(state.files == {"file": new} for state in states if "returned" in state.marks)


def test_a_write_through_a_link_survives(disk: Path) -> None:
    """The folder that is synced is that of the file, not that of the link."""
    (disk / "links").mkdir()
    (disk / "files").mkdir()
    (disk / "files/file").write_bytes(b"old")
    (disk / "links/file").symlink_to("../files/file")
    with PowerRecorder(disk / "files") as recorder:
        atio.write(frame("polars"), disk / "links/file", "csv")
        recorder.mark("returned")
    new = (disk / "files/file").read_bytes()
    assert [state.files for state in recorder.states() if state.marks] == [{"file": new}]


def test_a_write_that_needn_t_be_durable_may_be_lost(disk: Path) -> None:
    """Without waiting for the disk, a power loss may leave a part of the file: `durable=False` gives that up."""
    (disk / "file").write_bytes(b"old")
    states = states_of_a_write(disk, "csv", "pandas", durable=False)
    assert {len(state.files["file"] or b"") for state in states if state.marks} > {0}
