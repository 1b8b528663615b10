"""What two objects differ in: whether they are equal; of two folders, which files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atio_core.data.object_files.members import Member, members_of
from atio_core.errors import DamagedError
from atio_core.log.file_list import files_of
from atio_core.model.entry import ROWS
from atio_core.reading.selection import Version

_FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class ObjectChanges:
    """What two versions differ in that hold objects, or of which one does.

    Attributes:
        kinds: What they hold, before and after: see `Snapshot.kind`.
        equal: Whether they hold the same.
        added: Names of files that only the later folder has, and of folders that hold nothing.
        removed: Names of those that only the earlier one has.
        changed: Names of those whose bytes, or whose right to be run, are different.
    """

    kinds: tuple[str, str]
    equal: bool
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {
            "kinds": list(self.kinds),
            "equal": self.equal,
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": list(self.changed),
        }


def object_changes(before: Version, after: Version) -> ObjectChanges | None:
    """Return what two versions' objects differ in; None if both hold rows. Their bytes are told apart by digests."""
    kinds = before.entry.kind, after.entry.kind
    if kinds == (ROWS, ROWS):
        return None
    if kinds[0] != kinds[1]:
        return ObjectChanges(kinds, equal=False)
    old, new = _known(before), _known(after)
    if kinds[0] != _FOLDER:
        return ObjectChanges(kinds, equal=old == new)
    return ObjectChanges(
        kinds,
        old == new,
        tuple(name for name in new if name not in old),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name in old and new[name] != old[name]),
    )


def _known(version: Version) -> dict[str, tuple[object, ...]]:
    """What tells the files of an object apart, by their names."""
    with version.explaining_missing():
        files = files_of(version.source.store, version.entry)
    if version.entry.kind != _FOLDER:
        pieces = (file.piece for file in files)
        return {
            piece.get("name", ""): (file.digest, file.size, "executable" in piece)
            for file, piece in zip(files, pieces, strict=True)
        }
    try:
        return {member.name: _told(member) for member in members_of(files)}
    except ValueError as error:
        number, table = version.source.version, version.source.table
        message = (
            f"version {number} of the table {table} holds a folder that can't be: {error}; verify the table"
        )
        raise DamagedError(message, table=table, version=number) from error


def _told(member: Member) -> tuple[object, ...]:
    return member.record.digest, member.record.size, member.executable, member.is_folder
