"""What an expiry did, or would do: made to be printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atio_core.amounts import counted
from atio_core.maintenance.expiry_report_lines import (
    FileLine,
    VersionLine,
    files_told,
    names_told,
    versions_told,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ExpiryReport:
    """The outcome of `expire_snapshots`, `Table.expire` or the expiration job. `print` it.

    Attributes:
        table: The table's path.
        dry_run: True if nothing was done.
        version: Number of the log entry that the expiry committed; None if none was needed.
        kept: Versions that stay, with the reasons.
        removed: Versions that went (or would go).
        files_removed: Files that went: of removed versions, and leftovers.
        bytes_removed: Their size.
        leftovers: Those of them that belonged to no version: dead writers' and crashed expiries'.
        waiting: Files of no version that are too young to go, or kept: somebody may be about to commit them.
        entries_removed: Log entries that went.
        tags_removed: Tags and leases that had run out, and went.
    """

    table: str
    dry_run: bool
    version: int | None
    kept: tuple[VersionLine, ...]
    removed: tuple[VersionLine, ...]
    files_removed: int
    bytes_removed: int
    leftovers: tuple[FileLine, ...]
    waiting: tuple[FileLine, ...]
    entries_removed: int
    tags_removed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The report as text: a headline, the versions as a table, then the files that belong to none."""
        removed = "would be removed" if self.dry_run else "removed"
        return "\n".join([self.headline, *versions_told(self.versions, removed), *self._notes()])

    @property
    def headline(self) -> str:
        """The report in one sentence."""
        what = f"{counted(len(self.removed), 'version')} and {counted(self.files_removed, 'file')}"
        freed = f"{self.bytes_removed:,} bytes"
        if self.dry_run:
            would = f"a real run (dry_run=False) would remove {what}, {freed}"
            return f"PREVIEW of {self.table}: nothing was removed; {would}"
        return (
            f"Expired {self.table}: removed {what}, {freed} freed; {counted(len(self.kept), 'version')} kept"
        )

    @property
    def versions(self) -> tuple[VersionLine, ...]:
        """All versions that there were, in order; those with reasons are kept."""
        return tuple(sorted((*self.kept, *self.removed), key=lambda line: line.version))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "table": self.table,
            "dry_run": self.dry_run,
            "version": self.version,
            "kept": [line.to_dict() for line in self.kept],
            "removed": [line.to_dict() for line in self.removed],
            "files_removed": self.files_removed,
            "bytes_removed": self.bytes_removed,
            "leftovers": [line.to_dict() for line in self.leftovers],
            "waiting": [line.to_dict() for line in self.waiting],
            "entries_removed": self.entries_removed,
            "tags_removed": list(self.tags_removed),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the versions as a pandas frame: a row for each, with `kept` and `reasons`, oldest first."""
        import pandas as pd

        lines = self.versions
        return pd.DataFrame(
            {
                "version": pd.array([line.version for line in lines], dtype="int64"),
                "time": pd.DatetimeIndex([line.time for line in lines], dtype="datetime64[us, UTC]"),
                "operation": pd.array([line.operation for line in lines], dtype="str"),
                "rows": pd.array([line.rows for line in lines], dtype="int64"),
                "bytes": pd.array([line.bytes for line in lines], dtype="int64"),
                "kept": pd.array([bool(line.reasons) for line in lines], dtype="bool"),
                "reasons": pd.array([", ".join(line.reasons) for line in lines], dtype="str"),
            }
        )

    def _notes(self) -> list[str]:
        notes: list[str] = []
        if self.tags_removed:
            notes += names_told("Tags that had run out, and protect nothing", self.tags_removed)
        if self.leftovers:
            gone = "would be removed" if self.dry_run else "removed"
            notes += files_told(f"Leftovers of writers that died, {gone}", self.leftovers)
        if self.waiting:
            notes += files_told(
                "In no version, and waiting for the grace period or the time of their stage to pass:"
                " somebody may be about to commit them",
                self.waiting,
            )
        return notes
