"""Engines that work on many machines: each stages its parts on its workers, and commits them once on its driver."""

from atio_core.engines.dask import read_dask, stage_dask, write_dask
from atio_core.engines.spark import register_spark, stage_spark

__all__ = ["read_dask", "register_spark", "stage_dask", "stage_spark", "write_dask"]
