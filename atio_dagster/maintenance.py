"""What the step does that maintains tables: merge small files, expire versions, read everything back.

Each of the three goes through all tables, several at a time, and goes on after a failure. All are told before the step
fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

from atio_core.amounts import readable_bytes
from atio_core.maintenance.verify_report import VerifyReport
from atio_core.model.entry import ROWS
from atio_core.store.side_by_side import side_by_side
from atio_dagster.expiration import expire_tables, summary
from atio_dagster.metadata import markdown_table
from atio_dagster.table_selection import Context, TableSelection

Verify = Literal["latest", "all", "none"]


@dataclass(frozen=True, slots=True)
class Compaction:
    """How many files the latest version of a table had before and after small ones were merged."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class MaintenanceOptions:
    """What is to be done.

    Attributes:
        dry_run: Change nothing: nothing is merged, and expiry tells what it would do.
        compact: Merge small files.
        verify: Which versions are read back.
    """

    dry_run: bool
    compact: bool
    verify: Verify


def maintain_tables(
    context: Context, chosen: TableSelection, options: MaintenanceOptions
) -> tuple[dict[str, Any], list[str]]:
    """Do all of it; return the report as metadata, and what failed, a line each."""
    store = chosen.store.store
    there = set(store.tables())
    names = [name for name in chosen.names if name in there]
    merged, unmerged = side_by_side(
        names if options.compact and not options.dry_run else [], lambda name: _compact(chosen, name)
    )
    expired = expire_tables(context, chosen, dry_run=options.dry_run)
    read, unread = side_by_side(
        names if options.verify != "none" else [], lambda name: _verify(chosen, name, options.verify)
    )
    damaged = {name: report for name, report in read.items() if not report.ok}
    for name, report in damaged.items():
        context.log.error("%s is damaged: %s", chosen.title(name), report)
    failures = expired.failures
    failures += _told(context, chosen, unmerged, "could not be compacted")
    failures += _told(context, chosen, unread, "could not be verified")
    failures += [f"{chosen.title(name)} is damaged" for name in damaged]
    report = summary(expired)
    report |= {} if not options.compact else _compaction(chosen, merged)
    report |= {} if options.verify == "none" else _verification(chosen, read)
    return report, failures


def _compact(chosen: TableSelection, name: str) -> Compaction | None:
    """Merge a table's small files; None if it has none, or holds an object."""
    table = chosen.store.store.table(name)
    before = table.snapshot()
    if before.kind != ROWS:
        return None
    after = table.compact()
    return None if after.unchanged else Compaction(before.files, after.files)


def _verify(chosen: TableSelection, name: str, which: Verify) -> VerifyReport:
    return chosen.store.store.table(name).verify("all" if which == "all" else "latest")


def _told(context: Context, chosen: TableSelection, errors: Mapping[str, Exception], what: str) -> list[str]:
    for name, error in errors.items():
        context.log.error("%s %s: %s", chosen.title(name), what, error)
    return [f"{chosen.title(name)} {what}" for name in errors]


def _compaction(chosen: TableSelection, merged: Mapping[str, Compaction | None]) -> dict[str, Any]:
    lines = [[chosen.title(name), f"{one.before:,}", f"{one.after:,}"] for name, one in merged.items() if one]
    found: dict[str, Any] = {
        "tables_compacted": len(lines),
        "files_merged": sum(one.before - one.after for one in merged.values() if one),
    }
    if lines:
        table = markdown_table(("table", "files before", "files after"), lines)
        found["compaction"] = dg.MetadataValue.md(table)
    return found


def _verification(chosen: TableSelection, read: Mapping[str, VerifyReport]) -> dict[str, Any]:
    lines = [
        [
            chosen.title(name),
            f"{len(report.versions):,}",
            f"{report.files:,}",
            readable_bytes(report.bytes),
            "; ".join(map(str, report.problems[:5])) or "none",
        ]
        for name, report in read.items()
    ]
    return {
        "verification": dg.MetadataValue.md(
            markdown_table(("table", "versions", "files", "bytes read", "problems"), lines)
        ),
        "files_verified": sum(report.files for report in read.values()),
        "problems": sum(len(report.problems) for report in read.values()),
    }
