"""What these tests share."""

import pytest

from atio_core.storage.files import temporary
from atio_core.testing import temporary_store as disk

__all__ = ["disk", "eager_cleaning"]


@pytest.fixture(autouse=True)
def eager_cleaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each write look for litter, however short a while ago the last one did."""
    monkeypatch.setattr(temporary, "_REST", 0)
