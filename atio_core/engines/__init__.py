"""Engines that work on many machines: each stages its parts on its workers, and commits them once on its driver."""

from atio_core.engines.dask import read_dask, write_dask

__all__ = ["read_dask", "write_dask"]
