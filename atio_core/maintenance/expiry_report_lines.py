"""The lines of an expiry's report: versions and files, as values and as tables of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from atio_core.amounts import counted, readable_age, readable_bytes
from atio_core.model.outline import Outline
from atio_core.times import time_of

_WIDTH = 80
_NARROWEST = 20
_FILES_SHOWN = 20
_GLUE = "\N{NO-BREAK SPACE}"


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

    @classmethod
    def of(cls, entry: Outline, reasons: tuple[str, ...] = ()) -> VersionLine:
        """Return the line of the data version that an entry holds."""
        data, totals = entry.data, entry.totals
        time = time_of(data.time_us)
        return cls(data.version, time, data.operation, totals.rows, totals.bytes, reasons)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "version": self.version,
            "time": self.time.astimezone(UTC).isoformat(),
            "operation": self.operation,
            "rows": self.rows,
            "bytes": self.bytes,
            "reasons": list(self.reasons),
        }


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

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"path": self.path, "bytes": self.bytes, "age_seconds": self.age.total_seconds()}


def versions_told(lines: Sequence[VersionLine], removed: str) -> Iterator[str]:
    """Yield a table of versions, the reasons of the kept ones wrapped in their column.

    Args:
        lines: The versions.
        removed: What is said of those without reasons.
    """
    rows = [("version", "time (UTC)", "operation", "rows", "size", "kept because")]
    for line in lines:
        what = ", ".join(map(_glued, line.reasons)) if line.reasons else removed
        told = (f"{line.time:%Y-%m-%d %H:%M}", line.operation, f"{line.rows:,}", readable_bytes(line.bytes))
        rows.append((str(line.version), *told, what))
    yield from aligned(rows, left=(1, 2))


def files_told(title: str, lines: Sequence[FileLine]) -> Iterator[str]:
    """Yield a title with the sum of some files, then the oldest of them as a table."""
    size = readable_bytes(sum(line.bytes for line in lines))
    yield ""
    yield from textwrap.wrap(f"{title} ({counted(len(lines), 'file')}, {size}):", _WIDTH)
    shown = sorted(lines, key=lambda line: (-line.age, line.path))[:_FILES_SHOWN]
    yield from aligned(
        [
            ("age", "size", "file"),
            *((readable_age(line.age), readable_bytes(line.bytes), line.path) for line in shown),
        ],
        breaks=False,
    )
    if len(lines) > len(shown):
        yield f"… and {len(lines) - len(shown):,} more"


def names_told(title: str, names: Sequence[str]) -> Iterator[str]:
    """Yield a title and some names, wrapped."""
    yield ""
    yield from _wrapped(f"{title}: {', '.join(map(_printable, names))}", _WIDTH)


def _glued(reason: str) -> str:
    """A reason that fits into a line stays together; what a terminal can't print, in a tag, is blank."""
    text = _printable(reason)
    return text.replace(" ", _GLUE) if len(text) <= _NARROWEST else text


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _wrapped(text: str, width: int) -> list[str]:
    return [part.replace(_GLUE, " ") for part in textwrap.wrap(text, width, break_on_hyphens=False)]


def aligned(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (), breaks: bool = True) -> Iterator[str]:
    """Numbers to the right, the columns `left` to the left, the last wrapped, unless it has no breaks."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    indent = sum(widths) + 2 * len(widths)
    for *cells, last in rows:
        before = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        width = max(_WIDTH - indent, _NARROWEST)
        first, *below = _wrapped(last, width) if breaks else [last]
        yield "  ".join([*before, first])
        yield from (" " * indent + more for more in below)
