"""What a mirror shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atio_core.amounts import counted


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """What a mirror shows now. Prints as a sentence.

    Attributes:
        table: The path of the table.
        kind: Whose readers it is for: "delta" or "iceberg".
        location: What they are given: a folder, or a file.
        versions: The versions that can be read by it, oldest first; its latest is the last one.
        files: How many data files the last one has.
        unchanged: Whether it showed that already.
    """

    table: str
    kind: str
    location: str
    versions: tuple[int, ...]
    files: int
    unchanged: bool

    def __str__(self) -> str:
        """The report in one sentence."""
        shown = (
            f"version {self.versions[-1]}" if len(self.versions) == 1 else f"{len(self.versions)} versions"
        )
        done = "shows already" if self.unchanged else "shows now"
        name = {"delta": "Delta", "iceberg": "Iceberg"}[self.kind]
        return f"{self.location} {done} {shown} of {self.table} to readers of {name}, in {counted(self.files, 'file')}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "table": self.table,
            "kind": self.kind,
            "location": self.location,
            "versions": list(self.versions),
            "files": self.files,
            "unchanged": self.unchanged,
        }
