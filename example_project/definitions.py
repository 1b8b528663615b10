"""Everything that Dagster is to know: assets, checks, jobs, a schedule, and where the tables lie."""

import dagster as dg

from atio_dagster import AtioIOManager, AtioResource, build_expiration_job, build_expiration_schedule
from example_project import checks, cleaned, raw, reports
from example_project.settings import TABLES

atio = AtioResource(base_path=str(TABLES), keep_last=2)

pipeline = dg.define_asset_job(
    "pipeline",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="All assets, for a range of months.",
)
expire_tables = build_expiration_job()

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([raw, cleaned, reports]),
    asset_checks=dg.load_asset_checks_from_modules([checks]),
    jobs=[pipeline, expire_tables],
    schedules=[build_expiration_schedule(expire_tables, cron_schedule="0 4 * * *")],
    resources={"atio": atio, "io_manager": AtioIOManager(resource=atio)},
)
