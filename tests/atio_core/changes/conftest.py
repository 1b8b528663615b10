"""What the tests of changes share."""

import pytest

from atio_core.data.scan import scan
from atio_core.data.writing import writer


@pytest.fixture(params=["whole files", "row groups"])
def either_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read small files as a whole, as usual, or row group by row group, as large ones."""
    if request.param == "row groups":
        monkeypatch.setattr(scan, "SMALL_FILE_BYTES", 0)
        monkeypatch.setattr(writer, "_GROUP_ROWS", 2)
