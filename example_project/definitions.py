"""Everything that Dagster is to know: assets, checks, jobs, schedules, and where the tables lie."""

import dagster as dg

from atio_dagster import AtioIOManager, AtioResource, with_publishing
from example_project import checks, cleaned, features, raw, reports, upkeep
from example_project.settings import TABLES

atio = AtioResource(base_path=str(TABLES), keep_last=2, keep_releases=3)

everything = dg.AssetSelection.all()
pipeline = dg.define_asset_job(
    "pipeline",
    selection=everything,
    executor_def=dg.in_process_executor,
    description="All assets, for a day that has come, or come late.",
)
history = dg.define_asset_job(
    "history",
    selection=everything,
    executor_def=dg.in_process_executor,
    tags={"atio/mode": "overwrite"},  # raw and cleaned rows, which are appended and upserted day by day, too
    description="All assets, for a range of days, whatever was there of them.",
)
each_day = dg.build_schedule_from_partitioned_job(pipeline, name="each_day")

defs = with_publishing(
    dg.Definitions(
        assets=dg.load_assets_from_modules([raw, cleaned, features, reports]),
        asset_checks=dg.load_asset_checks_from_modules([checks]),
        jobs=[pipeline, history, upkeep.expire_tables, upkeep.maintain_tables, upkeep.restore_assets],
        schedules=[each_day, upkeep.expire_each_night, upkeep.maintain_each_week],
        resources={"atio": atio, "io_manager": AtioIOManager(resource=atio)},
    )
)
