"""Fixtures: a catalogue of Iceberg. A conftest imports what its tests need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def iceberg_catalog(tmp_path: Path) -> Iterator[Any]:
    """A catalogue in memory, with the namespace `n`. Python 3.13 warns if it is never closed."""
    from pyiceberg.catalog.memory import InMemoryCatalog

    with InMemoryCatalog("c", warehouse=f"file://{tmp_path}/w") as catalog:
        catalog.create_namespace("n")
        yield catalog
