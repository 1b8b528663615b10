"""The jobs that expire and maintain tables, their schedule, and expiry as an asset.

(No `from __future__ import annotations` here: Dagster wants to see the class of an op's context, not its name.)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from atio_core.arguments import require_text
from atio_core.errors import InvalidInputError
from atio_dagster.arguments import require_arguments, require_kind
from atio_dagster.expiration import expire_tables, summary
from atio_dagster.keys import asset_key_of
from atio_dagster.maintenance import MaintenanceOptions, maintain_tables
from atio_dagster.resource import AtioResource
from atio_dagster.retention import retention_of_definitions
from atio_dagster.table_selection import Assets, Context, select_tables

STEP = "expire"
"""The only step of every expiration job: its run config is `{"ops": {"expire": {"config": {"dry_run": True}}}}`."""

_CONFIG = {
    "dry_run": dg.Field(
        bool, default_value=False, description="Only tell what would be removed, and remove nothing."
    )
}

MAINTAIN = "maintain"
"""The only step of every maintenance job."""

_MAINTENANCE_CONFIG = {
    "dry_run": dg.Field(
        bool, default_value=False, description="Merge and remove nothing; only tell what would be removed."
    ),
    "compact": dg.Field(bool, default_value=True, description="Merge small files."),
    "verify": dg.Field(
        dg.Enum("Versions", [dg.EnumValue(which) for which in ("latest", "all", "none")]),
        default_value="latest",
        description="Which versions are read back: latest, all or none.",
    ),
}


def build_expiration_job(
    name: str = "expire_tables",
    *,
    assets: Assets | None = None,
    resource_key: str = "atio",
    description: str = "Removes old versions of tables, and the files that no version needs.",
    tags: dict[str, str] | None = None,
) -> dg.JobDefinition:
    """Return a job that removes old versions of tables, and the files that no version needs.

    Its one step does several tables at a time, and goes on after a failure; then it fails, naming the tables. The run's
    page tells per table what was kept and removed, and how many bytes came free; so does each asset's page.

    What is kept of a table is told by its asset's definition, by metadata such as `{"atio/retention": {"keep_last": 3,
    "keep_for_hours": 24}}` (of an asset that the code location doesn't define, by what it declared when it was last
    materialised); else by the table (`Table.set_retention`); else by the `AtioResource`; else by the store
    (`Store.set_retention`). What has been the latest version at any time since the oldest run in progress began is kept
    too, so that no run loses what it is reading.

    Args:
        name: The job's name.
        assets: Only the tables of these assets. All tables below the resource's root if None.
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
    require_arguments(name=name, resource_key=resource_key, description=description, tags=tags)
    expire_them = _expiring(assets, resource_key)

    @dg.op(name=STEP, config_schema=_CONFIG, required_resource_keys={resource_key}, out=dg.Out(dg.Nothing))
    def expire(context: dg.OpExecutionContext) -> None:
        context.add_output_metadata(expire_them(context, context.op_config))

    @dg.job(name=name, description=description, tags=tags)
    def expiration() -> None:
        expire()

    return expiration


def build_expiration_asset(
    key: dg.AssetKey | str | Sequence[str] = "expired_tables",
    *,
    assets: Assets | None = None,
    resource_key: str = "atio",
    group_name: str | None = None,
    description: str = "What the last expiry of tables kept and removed.",
    automation_condition: dg.AutomationCondition | None = None,
) -> dg.AssetsDefinition:
    """Return an asset whose materialisation expires tables, as `build_expiration_job` does, and shows the report.

    Args:
        key: The asset's key.
        assets: As for `build_expiration_job`.
        resource_key: Likewise.
        group_name: The asset's group.
        description: What the asset's page says.
        automation_condition: When it is materialised by itself.

    Raises:
        InvalidInputError: The retention that an asset declares makes no sense.

    Example:
        >>> build_expiration_asset(["upkeep", "expired"]).key.to_user_string()
        'upkeep/expired'
    """
    key = asset_key_of("key", key)
    require_arguments(
        resource_key=resource_key,
        group_name=group_name,
        description=description,
        automation_condition=automation_condition,
    )
    expire_them = _expiring(assets, resource_key)

    @dg.asset(
        key=key,
        group_name=group_name,
        description=description,
        config_schema=_CONFIG,
        required_resource_keys={resource_key},
        automation_condition=automation_condition,
    )
    def expired(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=expire_them(context, context.op_execution_context.op_config))

    return expired


def build_maintenance_job(
    name: str = "maintain_tables",
    *,
    assets: Assets | None = None,
    resource_key: str = "atio",
    description: str = "Merges small files, removes old versions, and reads everything back.",
    tags: dict[str, str] | None = None,
) -> dg.JobDefinition:
    """Return a job that merges the small files of tables, expires them, and reads everything back.

    Expiry goes by the rules of `build_expiration_job`. Each of the three goes through all tables and goes on after a
    failure; a table that is damaged, or that something failed for, fails the step at the end. Its run config says what
    is done: `{"ops": {"maintain": {"config": {"dry_run": False, "compact": True, "verify": "latest"}}}}`; `verify` is
    "latest", "all" (every version that is retained) or "none".

    Args:
        name: The job's name.
        assets: Only the tables of these assets. All tables below the resource's root if None.
        resource_key: Where the `AtioResource` is among the resources.
        description: What the job's page says.
        tags: Tags for its runs.

    Raises:
        InvalidInputError: The retention that an asset declares makes no sense.

    Example:
        >>> build_maintenance_job().name
        'maintain_tables'
    """
    require_arguments(name=name, resource_key=resource_key, description=description, tags=tags)
    declared = None if assets is None else retention_of_definitions(assets)

    @dg.op(
        name=MAINTAIN,
        config_schema=_MAINTENANCE_CONFIG,
        required_resource_keys={resource_key},
        out=dg.Out(dg.Nothing),
    )
    def maintain(context: dg.OpExecutionContext) -> None:
        store: AtioResource = getattr(context.resources, resource_key)
        chosen = select_tables(context, store, declared)
        report, failures = maintain_tables(context, chosen, MaintenanceOptions(**context.op_config))
        if failures:
            raise dg.Failure(f"{'; '.join(failures)}; all else was done", metadata=report)
        context.add_output_metadata(report)

    @dg.job(name=name, description=description, tags=tags)
    def maintenance() -> None:
        maintain()

    return maintenance


def build_expiration_schedule(
    job: dg.JobDefinition | None = None,
    *,
    cron_schedule: str = "0 4 * * *",
    name: str | None = None,
    execution_timezone: str | None = None,
    default_status: dg.DefaultScheduleStatus = dg.DefaultScheduleStatus.STOPPED,
) -> dg.ScheduleDefinition:
    """Return a schedule for an expiration job, or a maintenance job.

    Args:
        job: The job; one that expires all tables if None.
        cron_schedule: When it runs; at four each morning if not given.
        name: The schedule's name; the job's with `_schedule` behind if None.
        execution_timezone: The zone of `cron_schedule`; UTC if None.
        default_status: Whether the schedule is on before someone has switched it.

    Raises:
        InvalidInputError: An argument can't be meant.

    Example:
        >>> build_expiration_schedule(cron_schedule="0 * * * *").name
        'expire_tables_schedule'
    """
    job = build_expiration_job() if job is None else job
    require_kind("job", job, dg.JobDefinition)
    name = f"{job.name}_schedule" if name is None else name
    require_arguments(name=name, execution_timezone=execution_timezone)
    require_text("cron_schedule", cron_schedule)
    require_kind("default_status", default_status, dg.DefaultScheduleStatus)
    try:
        return dg.ScheduleDefinition(
            name=name,
            job=job,
            cron_schedule=cron_schedule,
            execution_timezone=execution_timezone,
            default_status=default_status,
        )
    except dg.DagsterInvalidDefinitionError as error:
        raise InvalidInputError(f"cron_schedule and execution_timezone name no times: {error}") from error


def _expiring(
    assets: Assets | None, resource_key: str
) -> Callable[[Context, Mapping[str, Any]], dict[str, Any]]:
    """What the step does: it returns the report as metadata, or fails with it."""
    declared = None if assets is None else retention_of_definitions(assets)

    def expire(context: Context, config: Mapping[str, Any]) -> dict[str, Any]:
        store: AtioResource = getattr(context.resources, resource_key)
        dry_run: bool = config["dry_run"]
        done = expire_tables(context, select_tables(context, store, declared), dry_run=dry_run)
        report = summary(done)
        if done.failures:
            raise dg.Failure(f"{'; '.join(done.failures)}; all else was done", metadata=report)
        return report

    return expire
