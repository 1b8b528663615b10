"""What other IO managers lose, double or refuse: `python -m benchmarks dagster_peers` shows theirs."""

from pathlib import Path

import pytest

from benchmarks.dagster_managers import MANAGERS
from benchmarks.dagster_peers import GOOD, SCENARIOS


@pytest.mark.parametrize(
    "title",
    [pytest.param(title, marks=pytest.mark.soak if "processes" in title else ()) for title in SCENARIOS],
    ids=lambda title: title.replace(" ", "-"),
)
def test_ours_keeps(title: str, tmp_path: Path) -> None:
    """Rows are kept as they were written, each once, where peers lose or double them."""
    assert SCENARIOS[title](MANAGERS[0], tmp_path) in GOOD
