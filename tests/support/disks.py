"""Where tables of tests lie that make very many of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    """A folder in memory where there is one, so that no sync is waited for."""
    memory = Path("/dev/shm")  # noqa: S108 - a new folder is made in it
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="atio-", dir=memory) as folder:
        yield Path(folder)
