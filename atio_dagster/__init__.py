"""Dagster assets as atomic, durable, versioned tables."""

from __future__ import annotations

from atio_dagster.io_manager import AtioIOManager
from atio_dagster.resource import AtioResource

__all__ = ["AtioIOManager", "AtioResource"]
