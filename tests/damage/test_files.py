"""Whatever happens to a file as a whole: every read says so, or is right all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.damage.tables import MAKERS, holding, right_or_damaged, ways_to_read

each_maker = pytest.mark.parametrize("maker", MAKERS)


@each_maker
def test_a_missing_file_is_missed(maker: str, disk: Path) -> None:
    """Without a file, every read that needs it names it, and no other read minds."""
    sample = MAKERS[maker](disk / "table", 0)
    ways = ways_to_read(sample)
    for name in set(sample.files()) - {sample.latest()}:
        with holding(sample.path / name, None):
            for way in ways:
                right_or_damaged(lambda way=way: way.of(sample), way.expected(sample), {name})
