"""What tests of data files share."""

from __future__ import annotations

import pytest

from atio_core.data.scan import scan


@pytest.fixture
def large_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files too are read by footer and blocks."""
    monkeypatch.setattr(scan, "SMALL_FILE_BYTES", 0)


@pytest.fixture(params=["whole", "by blocks"])
def either_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small files are read as a whole, or as large ones are."""
    if request.param == "by blocks":
        monkeypatch.setattr(scan, "SMALL_FILE_BYTES", 0)
    return request.param
