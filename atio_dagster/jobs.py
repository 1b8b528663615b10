"""The job that expires tables, and its schedule.

Its one step does one table after another and goes on after a failure; then it fails, naming the tables. The run's page
tells per table what was kept and removed, and how many bytes came free; so does each asset's page.

(No `from __future__ import annotations` here: Dagster wants to see the class of an op's context, not its name.)
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from atio_core.errors import AtioError, TableNotFoundError
from atio_core.maintenance.report import ExpiryReport
from atio_core.maintenance.report_lines import readable_bytes
from atio_core.retention import Retention
from atio_core.table import Table
from atio_dagster.keys import plain
from atio_dagster.metadata import markdown_table
from atio_dagster.provenance import latest_of, owner_of
from atio_dagster.resource import AtioResource
from atio_dagster.retention import RETENTION, check_retention, declared_retention

STEP = "expire"
"""The only step of every expiration job: its run config is `{"ops": {"expire": {"config": {"dry_run": True}}}}`."""

_RUNNING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_CLOCK_SKEW = timedelta(minutes=1)
_CONFIG = {
    "dry_run": dg.Field(
        bool, default_value=False, description="Only tell what would be removed, and remove nothing."
    )
}
_HEAD = ("table", "versions kept", "versions removed", "files removed", "bytes freed", "waiting for grace")


@dataclass(frozen=True, slots=True)
class Expired:
    """What became of one table: a report, or the error that stopped it."""

    name: str
    asset_key: dg.AssetKey | None
    outcome: ExpiryReport | AtioError


def build_expiration_job(
    name: str = "expire_tables",
    *,
    assets: Iterable[dg.AssetsDefinition | dg.AssetSpec] | None = None,
    resource_key: str = "atio",
    description: str = "Removes old versions of tables, and the files that no version needs.",
    tags: dict[str, str] | None = None,
) -> dg.JobDefinition:
    """Return a job that removes old versions of tables, and the files that no version needs.

    What is kept of a table is told by its asset's metadata as of its last materialisation, such as `{"atio/retention":
    {"keep_last": 3, "keep_for_hours": 24}}`; else by the table (`Table.set_retention`); else by the `AtioResource`.
    What has been the latest version at any time since the oldest run still in progress began is kept too, so that no
    run loses what it is reading.

    Args:
        name: The job's name.
        assets: Only the tables of these assets, by the retention that they declare now. All tables below the resource's
            root if None.
        resource_key: Where the `AtioResource` is among the resources.
        description: What the job's page says.
        tags: Tags for its runs.

    Raises:
        InvalidInputError: The retention that an asset declares makes no sense.

    Example:
        >>> job = build_expiration_job()
        >>> defs = dg.Definitions(
        ...     jobs=[job], resources={"atio": AtioResource(base_path="tables", keep_last=5)}
        ... )
        >>> defs.resolve_job_def("expire_tables").name
        'expire_tables'
    """
    declared = None if assets is None else _declared_by(assets)

    @dg.op(name=STEP, config_schema=_CONFIG, required_resource_keys={resource_key}, out=dg.Out(dg.Nothing))
    def expire(context: dg.OpExecutionContext) -> None:
        store: AtioResource = getattr(context.resources, resource_key)
        busy_for = _longest_run(context)
        dry_run: bool = context.op_config["dry_run"]
        done: list[Expired] = []
        for table, retention in _tables(store, declared):
            done.append(_expire(store, table, retention, busy_for, dry_run=dry_run))
            _tell(context, done[-1])
        report = summary(done, dry_run=dry_run)
        if failed := [one.name for one in done if isinstance(one.outcome, AtioError)]:
            message = f"{len(failed)} of {len(done)} tables could not be expired: {', '.join(failed)}; the others were"
            raise dg.Failure(message, metadata=report)
        context.add_output_metadata(report)

    @dg.job(name=name, description=description, tags=tags)
    def expiration() -> None:
        expire()

    return expiration


def build_expiration_schedule(
    job: dg.JobDefinition | None = None,
    *,
    cron_schedule: str = "0 4 * * *",
    name: str | None = None,
    execution_timezone: str | None = None,
    default_status: dg.DefaultScheduleStatus = dg.DefaultScheduleStatus.STOPPED,
) -> dg.ScheduleDefinition:
    """Return a schedule for an expiration job.

    Args:
        job: The job; one for all tables if None.
        cron_schedule: When it runs; at four each morning if not given.
        name: The schedule's name; the job's with `_schedule` behind if None.
        execution_timezone: The zone of `cron_schedule`; UTC if None.
        default_status: Whether the schedule is on before someone has switched it.

    Example:
        >>> build_expiration_schedule(cron_schedule="0 * * * *").name
        'expire_tables_schedule'
    """
    return dg.ScheduleDefinition(
        name=name,
        job=job or build_expiration_job(),
        cron_schedule=cron_schedule,
        execution_timezone=execution_timezone,
        default_status=default_status,
    )


def _declared_by(assets: Iterable[dg.AssetsDefinition | dg.AssetSpec]) -> dict[dg.AssetKey, Retention | None]:
    declared: dict[dg.AssetKey, Retention | None] = {}
    for asset in assets:
        for spec in [asset] if isinstance(asset, dg.AssetSpec) else asset.specs:
            rules = plain(spec.metadata.get(RETENTION))
            declared[spec.key] = None if rules is None else Retention.from_dict(check_retention(rules))
    return declared


def _tables(
    store: AtioResource, declared: dict[dg.AssetKey, Retention | None] | None
) -> Iterator[tuple[Table, Retention | None]]:
    """The tables to be expired, each with the retention that its asset's definition declares."""
    if declared is None:
        yield from ((table, None) for table in store.tables())
        return
    for key, retention in declared.items():
        table = store.table(key)
        with suppress(TableNotFoundError):
            table.tags()  # one that was dropped is there no more, but its versions are
            yield table, retention


def _longest_run(context: dg.OpExecutionContext) -> timedelta | None:
    """For how long the oldest run still in progress, other than this one, has been at it."""
    records = context.instance.get_run_records(dg.RunsFilter(statuses=_RUNNING))
    others = [record for record in records if record.dagster_run.run_id != context.run_id]
    if not others:
        return None
    now = datetime.now(UTC).timestamp()
    began = {
        record.dagster_run.run_id: record.start_time or record.create_timestamp.timestamp()
        for record in others
    }
    oldest = min(began, key=lambda run_id: began[run_id])
    busy_for = timedelta(seconds=max(0, round(now - began[oldest])))
    context.log.info(
        "Run %s has been in progress for %s: what it may be reading is kept. (If its process is gone, terminate it.)",
        *(oldest, busy_for),
    )
    return busy_for + _CLOCK_SKEW


def _expire(
    store: AtioResource,
    table: Table,
    retention: Retention | None,
    busy_for: timedelta | None,
    *,
    dry_run: bool,
) -> Expired:
    """Expire one table. What goes wrong with it is told at the end, when the others are done."""
    key = None
    try:
        latest = latest_of(table)
        properties = {} if latest is None else latest.properties
        key = owner_of(properties)
        policy = retention or declared_retention(properties) or table.retention() or store.retention
        if busy_for is not None:
            policy = replace(policy, keep_for=max(policy.keep_for or busy_for, busy_for))
        report = table.expire(policy, grace=store.grace, dry_run=dry_run)
    except AtioError as error:
        return Expired(key.to_user_string() if key else table.path, key, error)
    return Expired(key.to_user_string() if key else table.path, key, report)


def _tell(context: dg.OpExecutionContext, done: Expired) -> None:
    """Say in the run's log, and on the asset's page, what became of a table."""
    report = done.outcome
    if isinstance(report, AtioError):
        context.log.error("%s could not be expired: %s", done.name, report)
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
    if isinstance(report, AtioError):
        return [one.name, f"failed: {report}", "", "", "", ""]
    waiting = sum(file.bytes for file in report.waiting)
    return [
        one.name,
        f"{len(report.kept):,}",
        f"{len(report.removed):,}",
        f"{report.files_removed:,}",
        readable_bytes(report.bytes_removed),
        readable_bytes(waiting),
    ]
