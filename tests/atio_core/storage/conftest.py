"""What the tests of stores share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.bucket_fixtures import azurite, google, moto, seaweedfs

pytest.register_assert_rewrite("tests.atio_core.storage.contract")

__all__ = ["azurite", "google", "moto", "seaweedfs"]

_NOBODY = 65534


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with old content, alone in its folder."""
    path = tmp_path / "prices.csv"
    path.write_bytes(b"old")
    return path


@pytest.fixture
def users_folder() -> Generator[Path]:
    """A folder of an ordinary user, to whom permissions apply, and who runs the test even if root began it."""
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        for path in folder.iterdir():
            path.chmod(0o700)
        shutil.rmtree(folder)
