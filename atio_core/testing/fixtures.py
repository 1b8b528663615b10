"""The fixture for pytest, by itself: who imports it has pytest."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from atio_core.testing.folders import temporary_folder


@pytest.fixture
def temporary_store() -> Generator[Path]:
    """Give a test a new empty folder for its tables: see `temporary_folder`."""
    with temporary_folder() as folder:
        yield folder
