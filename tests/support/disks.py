"""Folders in memory: see `atio_core.testing`."""

from __future__ import annotations

from atio_core.testing import temporary_folder as folder_in_memory
from atio_core.testing import temporary_store as disk

__all__ = ["disk", "folder_in_memory"]
