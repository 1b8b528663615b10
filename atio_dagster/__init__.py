"""Dagster assets as atomic, durable, versioned tables: IO manager, resource, and the job that expires old versions."""

from __future__ import annotations

from importlib.metadata import version

from dagster_shared.libraries import DagsterLibraryRegistry

from atio_dagster.component import AtioStoreComponent
from atio_dagster.database import AtioDatabaseIOManager
from atio_dagster.difference import build_diff_check
from atio_dagster.external import AtioTable
from atio_dagster.importing import ImportReport, import_from
from atio_dagster.integrity import build_integrity_checks
from atio_dagster.io_manager import AtioIOManager
from atio_dagster.jobs import (
    build_expiration_asset,
    build_expiration_job,
    build_expiration_schedule,
    build_maintenance_job,
)
from atio_dagster.mirroring import build_mirror_job
from atio_dagster.opening import open_asset
from atio_dagster.publishing import with_publishing
from atio_dagster.resource import AtioResource
from atio_dagster.restoring import build_restore_job
from atio_dagster.sensors import build_snapshot_sensor

__all__ = [
    "AtioDatabaseIOManager",
    "AtioIOManager",
    "AtioResource",
    "AtioStoreComponent",
    "AtioTable",
    "ImportReport",
    "build_diff_check",
    "build_expiration_asset",
    "build_expiration_job",
    "build_expiration_schedule",
    "build_integrity_checks",
    "build_maintenance_job",
    "build_mirror_job",
    "build_restore_job",
    "build_snapshot_sensor",
    "import_from",
    "open_asset",
    "with_publishing",
]

# So that a deployment tells which release it runs.
DagsterLibraryRegistry.register("atio", version("atio"), is_dagster_package=False)
