"""AtioStoreComponent: a store of tables with all that keeps it in order, as a few lines of YAML."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Literal

import dagster as dg
from pydantic import Field, PositiveInt

from atio_core.errors import InvalidInputError
from atio_dagster.integrity import build_integrity_checks
from atio_dagster.io_manager import AtioIOManager
from atio_dagster.jobs import build_expiration_job, build_expiration_schedule, build_maintenance_job
from atio_dagster.publishing import with_publishing
from atio_dagster.resource import AtioResource
from atio_dagster.staged import Publish


class RetentionRules(dg.Model, dg.Resolvable):
    """What is kept of tables that declare nothing themselves. Rules add up; 7 days if there is none."""

    keep_for_hours: float | None = Field(
        default=None, ge=0, description="For this long after they were superseded."
    )
    keep_last: PositiveInt | None = Field(default=None, description="So many of the newest versions.")
    keep_hourly: PositiveInt | None = Field(default=None, description="The newest of so many hours.")
    keep_daily: PositiveInt | None = Field(default=None, description="The newest of so many days.")
    keep_weekly: PositiveInt | None = Field(default=None, description="The newest of so many weeks.")
    keep_monthly: PositiveInt | None = Field(default=None, description="The newest of so many months.")
    keep_yearly: PositiveInt | None = Field(default=None, description="The newest of so many years.")
    keep_releases: PositiveInt | None = Field(
        default=None,
        description="So many of the newest releases that runs have made; all of them if not given.",
    )


class Schedule(dg.Model, dg.Resolvable):
    """When a job runs."""

    cron_schedule: str = Field(description="Such as `0 4 * * *`.")
    execution_timezone: str | None = Field(default=None, description="The zone of it; UTC if not given.")
    running: bool = Field(default=False, description="Whether it is on before someone has switched it.")


class Checks(dg.Model, dg.Resolvable):
    """Which assets get a check that reads back what is stored."""

    assets: list[str] = Field(description="Keys, their parts joined by `/`.")
    versions: Literal["latest", "all"] = Field(default="latest", description="Which versions are read.")
    deep: bool = Field(default=True, description="Read data files whole, or look at lengths and ends alone.")


class AtioStoreComponent(dg.Component, dg.Model, dg.Resolvable):
    """A store of tables: its resource and IO manager, its jobs with their schedules, checks, and assets if you like.

    In a `defs.yaml`:

        type: atio_dagster.AtioStoreComponent
        attributes:
          base_path: "{{ env.ATIO_TABLES }}"
          retention: {keep_last: 5}
          expiration: {cron_schedule: "0 4 * * *", running: true}
          maintenance: {cron_schedule: "0 5 * * 0"}
          checks: {assets: [raw/orders]}
          modules: [.assets]

    The assets of its modules are published behind their checks if they ask for it, as by `with_publishing`.

    Example:
        >>> component = AtioStoreComponent(base_path="tables", expiration=Schedule(cron_schedule="0 4 * * *"))
        >>> sorted(component.definitions().resources)
        ['atio', 'io_manager']
    """

    base_path: str = Field(
        description="The folder under which each asset's table lies; best from an environment variable."
    )
    storage_options: dict[str, str] | None = Field(
        default=None,
        repr=False,
        description="How the bucket of base_path is opened; secrets from environment variables.",
    )
    retention: RetentionRules = Field(default_factory=RetentionRules)
    grace_minutes: float | None = Field(
        default=None,
        ge=0,
        description="How old a file that belongs to no version must be before it goes; an hour if not given.",
    )
    pickles: bool = Field(default=False, description="Pickle outputs that nothing else keeps.")
    publish: Publish = Field(
        default="at_once", description="When outputs are published, of assets that don't say it themselves."
    )
    staged_for_hours: float = Field(
        default=7 * 24, ge=0, description="How long outputs are kept that wait for their publication."
    )
    modules: list[str] = Field(
        default_factory=list[str],
        description="Python modules whose assets and checks belong to the store, and are published as they ask. A name"
        " that begins with a dot is looked for beside the `defs.yaml`.",
    )
    resource_key: str = Field(default="atio", description="The name of the AtioResource.")
    io_manager_key: str | None = Field(
        default="io_manager", description="The name of the IO manager; none is made if null."
    )
    expiration: Schedule | None = Field(
        default=None, description="When old versions are removed; the job is there in any case."
    )
    maintenance: Schedule | None = Field(
        default=None,
        description="When small files are merged and everything is read back; the job is there in any case.",
    )
    checks: Checks | None = Field(default=None, description="Checks that read back what is stored.")

    def definitions(self, package: str | None = None) -> dg.Definitions:
        """Return all that the component defines.

        Args:
            package: Where modules are looked for whose names begin with a dot.

        Raises:
            InvalidInputError: A module can't be there, or an asset asks to be published as it can't be.
        """
        atio = AtioResource(
            base_path=self.base_path,
            storage_options=self.storage_options,
            grace_minutes=self.grace_minutes,
            **self.retention.model_dump(),
        )
        resources: dict[str, Any] = {self.resource_key: atio}
        if self.io_manager_key is not None:
            resources[self.io_manager_key] = AtioIOManager(
                resource=atio,
                pickles=self.pickles,
                publish=self.publish,
                staged_for_hours=self.staged_for_hours,
            )
        expire = build_expiration_job(resource_key=self.resource_key)
        maintain = build_maintenance_job(resource_key=self.resource_key)
        planned = [(expire, self.expiration), (maintain, self.maintenance)]
        modules = [_module(name, package) for name in self.modules]
        return with_publishing(
            dg.Definitions(
                assets=dg.load_assets_from_modules(modules),
                resources=resources,
                jobs=[expire, maintain],
                schedules=[_schedule(job, when) for job, when in planned if when is not None],
                asset_checks=[*dg.load_asset_checks_from_modules(modules), *self._checks()],
            )
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return all that the component defines; called by Dagster."""
        is_beside = any(name.startswith(".") for name in self.modules)
        return self.definitions(context.defs_relative_module_name(context.path) if is_beside else None)

    def _checks(self) -> list[dg.AssetChecksDefinition]:
        if self.checks is None:
            return []
        return build_integrity_checks(
            self.checks.assets,
            versions=self.checks.versions,
            deep=self.checks.deep,
            resource_key=self.resource_key,
        )


def _module(name: str, package: str | None) -> ModuleType:
    if name.startswith(".") and package is None:
        raise InvalidInputError(
            f"the module {name!r} begins with a dot, and nothing says beside what it lies"
        )
    return importlib.import_module(name, package)


def _schedule(job: dg.JobDefinition, when: Schedule) -> dg.ScheduleDefinition:
    status = dg.DefaultScheduleStatus.RUNNING if when.running else dg.DefaultScheduleStatus.STOPPED
    return build_expiration_schedule(
        job,
        cron_schedule=when.cron_schedule,
        execution_timezone=when.execution_timezone,
        default_status=status,
    )
