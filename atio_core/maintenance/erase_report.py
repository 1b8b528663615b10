"""What an erasing took away: made to be printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from atio_core.amounts import counted, readable_bytes


@dataclass(frozen=True, slots=True)
class EraseReport:
    """The outcome of `Table.erase`. `print` it.

    Attributes:
        table: The table's path.
        rows: Rows of the latest version that were deleted.
        versions: Older versions that went.
        files: Files that went, with old rows or their statistics in them.
        bytes: Their size.
        tags: Tags that were dropped for it.
        staged: Ids of kept stages that were.
        notes: What may still tell of the rows, and can't be taken away.
        dry_run: True if nothing was done.
    """

    table: str
    rows: int
    versions: tuple[int, ...]
    files: int
    bytes: int
    tags: tuple[str, ...] = ()
    staged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        """The report as text."""
        rows, versions = counted(self.rows, "row"), counted(len(self.versions), "older version")
        if self.dry_run:
            head = f"PREVIEW of {self.table}: nothing was erased; a real run would delete {rows} and expire {versions}"
        else:
            files = f"{counted(self.files, 'file')}, {readable_bytes(self.bytes)}"
            head = f"Erased {rows} of {self.table}: {versions} went, {files}"
        dropped = [f"- tag {name!r} dropped" for name in self.tags]
        dropped += [f"- stage {stage} dropped" for stage in self.staged]
        return "\n".join([head, *dropped, *(f"- {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "table": self.table,
            "dry_run": self.dry_run,
            "rows": self.rows,
            "versions": list(self.versions),
            "files": self.files,
            "bytes": self.bytes,
            "tags": list(self.tags),
            "staged": list(self.staged),
            "notes": list(self.notes),
        }
