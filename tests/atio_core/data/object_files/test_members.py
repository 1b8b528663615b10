from __future__ import annotations

from typing import Any

import pytest

from atio_core.data.object_files.members import file_piece, folder_piece, members_of
from atio_core.model.data_file import DataFile


def record(piece: dict[str, Any]) -> DataFile:
    """A record that says this of its file."""
    return DataFile("data/a.bin", "bytes", 0, 0, "", 0, "", 0, piece=piece)


def test_a_record_says_what_a_member_is() -> None:
    """Name, executable bit, and whether it is a folder without anything in it, are read as they were written."""
    pieces = [file_piece("a/b", executable=True), file_piece("c", executable=False), folder_piece("d")]
    found = [(one.name, one.executable, one.is_folder) for one in members_of([record(p) for p in pieces])]
    assert found == [("a/b", True, False), ("c", False, False), ("d", False, True)]


@pytest.mark.parametrize(
    "name", ["..", "../a", "a/../../b", "/a", "a/", "a//b", ".", "a/./b", "", "a\0", None, 5], ids=repr
)
def test_no_name_leads_out_of_the_folder(name: Any) -> None:
    """A record whose name would lead elsewhere is refused."""
    with pytest.raises(ValueError, match="is no name of a file in a folder"):
        members_of([record({"name": name})])


@pytest.mark.parametrize("names", [["a", "a"], ["a", "a/b"], ["a/b/c", "a/b"]], ids=str)
def test_a_name_is_there_once(names: list[str]) -> None:
    """Two records of one name, or of a file that is a folder as well, are refused."""
    with pytest.raises(ValueError, match="twice"):
        members_of([record({"name": name}) for name in names])
