"""What an expiry did, or would do: made to be printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from atio_core.model.entry import LogEntry


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in a report.

    Attributes:
        version: Its number.
        time: When it was committed (UTC).
        operation: The kind of change.
        rows: Rows in it.
        bytes: Size of its data files.
        reasons: Why it is kept; empty if it is removed.
    """

    version: int
    time: datetime
    operation: str
    rows: int
    bytes: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileLine:
    """A leftover in a report: a file that no retained version needs.

    Attributes:
        path: Its name in the table.
        bytes: Its size.
        age: How long ago it was written.
    """

    path: str
    bytes: int
    age: timedelta


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

    def __str__(self) -> str:
        """The report as text: a headline, then the versions as a table."""
        rows = [("version", "time (UTC)", "operation", "rows", "bytes", "")]
        for verdict, lines in (("kept", self.kept), ("removed", self.removed)):
            for line in lines:
                why = f"{verdict}: {', '.join(line.reasons)}" if line.reasons else self._verb(verdict)
                when = f"{line.time:%Y-%m-%d %H:%M:%S}"
                rows.append(
                    (str(line.version), when, line.operation, f"{line.rows:,}", f"{line.bytes:,}", why)
                )
        rows[1:] = sorted(rows[1:], key=lambda row: int(row[0]))
        return "\n".join([self.headline, *_aligned(rows), *self._notes()])

    @property
    def headline(self) -> str:
        """The report in one sentence."""
        what = f"{_count(len(self.removed), 'version')} and {_count(self.files_removed, 'file')}"
        freed = f"{self.bytes_removed:,} bytes"
        if self.dry_run:
            would = f"a real run (dry_run=False) would remove {what}, {freed}"
            return f"PREVIEW of {self.table}: nothing was removed; {would}"
        return (
            f"Expired {self.table}: removed {what}, {freed} freed; {_count(len(self.kept), 'version')} kept"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "table": self.table,
            "dry_run": self.dry_run,
            "version": self.version,
            "kept": [_version_dict(line) for line in self.kept],
            "removed": [_version_dict(line) for line in self.removed],
            "files_removed": self.files_removed,
            "bytes_removed": self.bytes_removed,
            "leftovers": [_file_dict(line) for line in self.leftovers],
            "waiting": [_file_dict(line) for line in self.waiting],
            "entries_removed": self.entries_removed,
        }

    def _verb(self, verdict: str) -> str:
        return "would be removed" if self.dry_run and verdict == "removed" else verdict

    def _notes(self) -> list[str]:
        notes: list[str] = []
        if self.leftovers:
            size = sum(line.bytes for line in self.leftovers)
            notes.append(
                f"of these files, {len(self.leftovers)} were leftovers of writers that died ({size:,} bytes)"
            )
        if self.waiting:
            size = sum(line.bytes for line in self.waiting)
            notes.append(
                f"{_count(len(self.waiting), 'file')} ({size:,} bytes) belong to no version and wait for the grace"
                " period, or the time of their stage, to pass: somebody may be about to commit them"
            )
        return notes


def version_line(entry: LogEntry, reasons: tuple[str, ...] = ()) -> VersionLine:
    """Return the line of a data version."""
    data, totals = entry.data, entry.totals
    return VersionLine(data.version, _time(data.time_us), data.operation, totals.rows, totals.bytes, reasons)


def file_line(path: str, size: int, age_us: int) -> FileLine:
    """Return the line of a leftover."""
    return FileLine(path, size, timedelta(microseconds=age_us))


def _time(time_us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time_us)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Numbers to the right, words to the left, the last column as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [
            cell.ljust(width) if column in (1, 2) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join([*cells, row[-1]]).rstrip()


def _version_dict(line: VersionLine) -> dict[str, Any]:
    return {
        "version": line.version,
        "time": line.time.astimezone(UTC).isoformat(),
        "operation": line.operation,
        "rows": line.rows,
        "bytes": line.bytes,
        "reasons": list(line.reasons),
    }


def _file_dict(line: FileLine) -> dict[str, Any]:
    return {"path": line.path, "bytes": line.bytes, "age_seconds": line.age.total_seconds()}
