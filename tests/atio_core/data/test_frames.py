"""Whatever frame is written comes back equal, or is refused."""

import pytest

from tests.support.frames import NASTY, assert_same, round_trip

each_nasty = pytest.mark.parametrize("name", list(NASTY))


@each_nasty
def test_a_frame_comes_back_equal(name: str) -> None:
    """Values, dtypes, labels and index come back from a Parquet file as they were written."""
    assert_same(NASTY[name](), round_trip(NASTY[name]()))
