"""A version in words, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from atio_core.version_facts import EntryFacts


def version_json(snapshot: EntryFacts) -> dict[str, Any]:
    """Return what a version says of itself, as plain values."""
    return {
        "table": snapshot.table,
        "version": snapshot.version,
        "time": snapshot.time.isoformat(timespec="microseconds"),
        "operation": snapshot.operation,
        "kind": snapshot.entry.kind,
        "rows": snapshot.rows,
        "files": snapshot.files,
        "bytes": snapshot.bytes,
        "added": asdict(snapshot.added),
        "removed": asdict(snapshot.removed),
        "tags": list(snapshot.tags),
        "message": snapshot.message,
        "properties": snapshot.properties,
    }


def told_change(added: int, removed: int) -> str:
    """Return how many rows came and went: `+3 -1`.

    Example:
        >>> told_change(1200, 0), told_change(3, 1), told_change(0, 0)
        ('+1,200', '+3 -1', '')
    """
    return " ".join(f"{sign}{count:,}" for sign, count in (("+", added), ("-", removed)) if count)
