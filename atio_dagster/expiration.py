"""What the step does that expires tables, and how it tells of it.

1. Look which runs are in progress, and since when they may be reading.
2. Drop releases of runs that are too many.
3. Expire all tables, several at a time; what fails for one doesn't stop the others.
4. Forget what runs have pinned that can't be executed again with what they read.
5. Tell: in the log, on each asset's page, and in sum as metadata. Then fail, if a table has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from atio_core.amounts import readable_bytes
from atio_core.errors import AtioError
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.retention import Retention
from atio_core.store import Release, Store
from atio_core.table import Table
from atio_dagster.active_runs import reading_now
from atio_dagster.keys import named
from atio_dagster.metadata import markdown_table
from atio_dagster.old_releases import drop_old_releases
from atio_dagster.pins import remove_old_pins
from atio_dagster.table_selection import Context, TableSelection

_HEAD = ("table", "versions kept", "versions removed", "files removed", "bytes freed", "waiting for grace")


@dataclass(frozen=True, slots=True)
class Expired:
    """What became of one table: a report, or the error that stopped it."""

    title: str
    asset_key: dg.AssetKey | None
    outcome: ExpiryReport | Exception


@dataclass(frozen=True, slots=True)
class Expiration:
    """What became of all tables, and of old pins.

    Attributes:
        tables: What became of each table.
        releases: The releases that were dropped, or would be; or the error that stopped it.
        pins: The readers whose pins were removed, or would be; or the error that stopped it.
        dry_run: Whether nothing was done.
    """

    tables: Sequence[Expired]
    releases: Sequence[Release] | AtioError
    pins: Sequence[str] | AtioError
    dry_run: bool

    @property
    def failures(self) -> list[str]:
        """What failed, a line each."""
        failed = [one.title for one in self.tables if isinstance(one.outcome, Exception)]
        told = [f"{len(failed)} of {len(self.tables)} tables could not be expired: {', '.join(failed)}"]
        pins = ["old pins of runs could not be removed"] if isinstance(self.pins, AtioError) else []
        releases = ["old releases could not be dropped"] if isinstance(self.releases, AtioError) else []
        return (told if failed else []) + releases + pins


def expire_tables(context: Context, chosen: TableSelection, *, dry_run: bool) -> Expiration:
    """Expire tables side by side, and say in the log and on the assets' pages what became of each."""
    reading = reading_now(context.instance, context.run.run_id)
    if reading.run_id is not None:
        context.log.info(
            "Run %s is in progress: what has been the latest version since %s is kept for it. (If its process is gone,"
            " terminate it.)",
            *(reading.run_id, f"{reading.since:%Y-%m-%d %H:%M:%S} UTC"),
        )
    store = chosen.store.store
    releases = _drop_releases(context, chosen, reading.since, dry_run=dry_run)
    names = {store.table(name).path: name for name in chosen.names}

    def policy(table: Table) -> Retention:
        return chosen.policy(names[table.path], table)

    report = store.expire_all(
        policy, tables=chosen.names, grace=chosen.store.grace, readers=reading.readers, dry_run=dry_run
    )
    outcomes = {**report.reports, **report.failures}
    done = [Expired(chosen.title(name), chosen.owners.get(name), outcomes[name]) for name in chosen.names]
    for one in done:
        _tell(context, one)
    return Expiration(done, releases, _forget_pins(context, store, dry_run=dry_run), dry_run)


def _drop_releases(
    context: Context, chosen: TableSelection, since: datetime, *, dry_run: bool
) -> list[Release] | AtioError:
    try:
        kept = chosen.store.releases_kept
        dropped = [] if kept is None else drop_old_releases(chosen.store.store, kept, since, dry_run=dry_run)
    except AtioError as error:
        context.log.exception("Old releases could not be dropped")
        return error
    if dropped:
        did = "would be dropped" if dry_run else "were dropped"
        context.log.info("Old releases %s: %s", did, named([one.name for one in dropped]))
    return dropped


def _forget_pins(context: Context, store: Store, *, dry_run: bool) -> list[str] | AtioError:
    try:
        return remove_old_pins(context.instance, store, dry_run=dry_run)
    except AtioError as error:
        context.log.exception("Old pins of runs could not be removed")
        return error


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


def summary(expiration: Expiration) -> dict[str, Any]:
    """Return what all of it came to, as metadata: a table in markdown, and sums."""
    done, dry_run = expiration.tables, expiration.dry_run
    reports = [one.outcome for one in done if isinstance(one.outcome, ExpiryReport)]
    title = "Nothing was removed: this was a dry run. A real run would do this:\n\n" if dry_run else ""
    return {
        "report": dg.MetadataValue.md(title + markdown_table(_HEAD, [_line(one) for one in done])),
        "tables": len(done),
        "versions_kept": sum(len(report.kept) for report in reports),
        "versions_removed": sum(len(report.removed) for report in reports),
        "files_removed": sum(report.files_removed for report in reports),
        "bytes_freed": sum(report.bytes_removed for report in reports),
        "releases_dropped": 0 if isinstance(expiration.releases, AtioError) else len(expiration.releases),
        "pins_removed": 0 if isinstance(expiration.pins, AtioError) else len(expiration.pins),
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
