"""What these tests share."""

import pytest

from atio_core.testing import temporary_store as disk
from tests.damage.tables import MAKERS, Sample

__all__ = ["disk"]


@pytest.fixture(scope="module", params=MAKERS)
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A table with every kind of file."""
    return MAKERS[request.param](tmp_path_factory.mktemp(request.param) / "t", 0)
