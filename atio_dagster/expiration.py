"""What the step does that expires tables, and how it tells of it.

1. Look which runs are in progress, and since when they may be reading.
2. Expire all tables, several at a time; what fails for one doesn't stop the others.
3. Tell: in the log, on each asset's page, and in sum as metadata. Then fail, if a table has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from atio_core.maintenance.report import ExpiryReport
from atio_core.maintenance.report_lines import readable_bytes
from atio_core.retention import Retention
from atio_core.table import Table
from atio_dagster.chosen import Chosen, Context
from atio_dagster.in_progress import reading_now
from atio_dagster.metadata import markdown_table

_HEAD = ("table", "versions kept", "versions removed", "files removed", "bytes freed", "waiting for grace")


@dataclass(frozen=True, slots=True)
class Expired:
    """What became of one table: a report, or the error that stopped it."""

    title: str
    asset_key: dg.AssetKey | None
    outcome: ExpiryReport | Exception


def expire_tables(context: Context, chosen: Chosen, *, dry_run: bool) -> list[Expired]:
    """Expire tables side by side, and say in the log and on the assets' pages what became of each."""
    reading = reading_now(context.instance, context.run.run_id)
    if reading.run_id is not None:
        context.log.info(
            "Run %s is in progress: what has been the latest version since %s is kept for it. (If its process is gone,"
            " terminate it.)",
            *(reading.run_id, f"{reading.since:%Y-%m-%d %H:%M:%S} UTC"),
        )
    store = chosen.store.store
    names = {store.table(name).path: name for name in chosen.names}

    def policy(table: Table) -> Retention:
        return chosen.policy(names[table.path], table, reading)

    report = store.expire_all(policy, tables=chosen.names, grace=chosen.store.grace, dry_run=dry_run)
    outcomes = {**report.reports, **report.failures}
    done = [Expired(chosen.title(name), chosen.owners.get(name), outcomes[name]) for name in chosen.names]
    for one in done:
        _tell(context, one)
    return done


def _tell(context: Context, done: Expired) -> None:
    report = done.outcome
    if isinstance(report, Exception):
        context.log.error("%s could not be expired: %s", done.title, report)
        return
    context.log.info("%s", report.headline)
    context.log.debug("%s", report)
    if done.asset_key is not None and report.version is not None:
        context.log_event(
            dg.AssetObservation(
                done.asset_key,
                description=report.headline,
                metadata={
                    "atio/versions_kept": len(report.kept),
                    "atio/versions_removed": len(report.removed),
                    "atio/files_removed": report.files_removed,
                    "atio/bytes_freed": report.bytes_removed,
                    "atio/expiry": dg.MetadataValue.json(report.to_dict()),
                },
            )
        )


def failed(done: Sequence[Expired]) -> list[str]:
    """Return the tables that could not be expired."""
    return [one.title for one in done if isinstance(one.outcome, Exception)]


def summary(done: Sequence[Expired], *, dry_run: bool) -> dict[str, Any]:
    """Return what all tables came to, as metadata: a table in markdown, and sums."""
    reports = [one.outcome for one in done if isinstance(one.outcome, ExpiryReport)]
    title = "Nothing was removed: this was a dry run. A real run would do this:\n\n" if dry_run else ""
    return {
        "report": dg.MetadataValue.md(title + markdown_table(_HEAD, [_line(one) for one in done])),
        "tables": len(done),
        "versions_kept": sum(len(report.kept) for report in reports),
        "versions_removed": sum(len(report.removed) for report in reports),
        "files_removed": sum(report.files_removed for report in reports),
        "bytes_freed": sum(report.bytes_removed for report in reports),
        "dry_run": dry_run,
    }


def _line(one: Expired) -> list[str]:
    report = one.outcome
    if isinstance(report, Exception):
        return [
            one.title,
            f"failed: {type(report).__name__}: {' '.join(str(report).split())}",
            "",
            "",
            "",
            "",
        ]
    waiting = sum(file.bytes for file in report.waiting)
    return [
        one.title,
        f"{len(report.kept):,}",
        f"{len(report.removed):,}",
        f"{report.files_removed:,}",
        readable_bytes(report.bytes_removed),
        readable_bytes(waiting),
    ]
