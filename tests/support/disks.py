"""Where tables of tests lie that make very many of them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest


@contextlib.contextmanager
def folder_in_memory() -> Generator[Path]:
    """A new folder, in memory where that can be, so that no sync is waited for; gone at the end."""
    memory = Path("/dev/shm")  # noqa: S108 - a new folder is made in it
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="atio-", dir=place) as folder:
        yield Path(folder)


@pytest.fixture
def disk() -> Generator[Path]:
    """A folder in memory where there is one."""
    with folder_in_memory() as folder:
        yield folder
