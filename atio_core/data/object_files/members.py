"""What is in a folder: the names of its files and of folders that hold nothing, as records keep them.

A record's `piece` has the `name`, with `/` between parts; `executable` if its owner may run the file; `folder` if it
stands for a folder that holds nothing. Its file is empty then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atio_core.model.data_file import DataFile


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a folder, or a folder in it that holds nothing.

    Attributes:
        name: Relative to the folder, with `/` between parts.
        record: Of the file that holds its bytes.
        executable: Whether its owner may run it.
        is_folder: Whether it is a folder.
    """

    name: str
    record: DataFile
    executable: bool = False
    is_folder: bool = False


def file_piece(name: str, *, executable: bool) -> dict[str, Any]:
    """Return what the record of a file says of it."""
    return {"name": name, "executable": True} if executable else {"name": name}


def folder_piece(name: str) -> dict[str, Any]:
    """Return what the record of a folder that holds nothing says of it."""
    return {"name": name, "folder": True}


def members_of(files: Sequence[DataFile]) -> list[Member]:
    """Return what records say of a folder.

    Raises:
        ValueError: A name leads out of the folder, or is there twice, or is that of a file and of a folder.
    """
    members = [
        Member(_inside(file), file, "executable" in file.piece, "folder" in file.piece) for file in files
    ]
    names = {member.name for member in members}
    above = {name[:at] for name in names for at, character in enumerate(name) if character == "/"}
    if len(names) < len(members) or names & above:
        raise ValueError("a name is there twice, or is that of a file and of a folder")
    return members


def _inside(file: DataFile) -> str:
    name = file.piece.get("name")
    if not isinstance(name, str) or "\0" in name or any(part in {"", ".", ".."} for part in name.split("/")):
        raise ValueError(f"{name!r} is no name of a file in a folder")
    return name
