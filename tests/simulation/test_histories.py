"""Histories at random: whatever the order of calls, and whatever fails, sleeps or dies, what is promised holds.

Writers, readers and expiries share a table in memory; a seed decides who does what, whose call comes next, and what
goes wrong (`support/world.py`). Each call that changes something is checked at its moment (`support/chain.py`), each
answer and error when it comes (`support/judge.py`), and what is left at the end (`support/histories.py`). A history
that fails tells its seed, its steps, and the command that runs it again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.support.histories import play
from tests.support.soaking import rounds

BLOCK = 200
BLOCKS = 7


@pytest.mark.parametrize("block", range(BLOCKS))
def test_histories(block: int) -> None:
    """Histories of all kinds of weather come out as promised."""
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        play(seed)


def test_histories_of_flat_stores() -> None:
    """So do those of stores whose names lie side by side."""
    for seed in range(1, BLOCK + 1):
        play(-seed)


def test_a_clock_set_back_while_an_expiry_decides() -> None:
    """A tag that had ended by the clock at that time may go, whatever the clock says in the entry."""
    play(31004122)


def test_an_entry_that_expires_before_it_is_acknowledged() -> None:
    """A tag that was taken away counts, though the entry that says so has been let go by then."""
    play(47003884)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_histories_at_length(part: int) -> None:
    """As many more as a quarter of an hour holds, or as long as is told, others each day; of stores of both kinds."""
    first = time.time_ns() // 86_400_000_000_000 * 10_000_000 + part * 2_500_000
    for number in rounds(minutes=15):
        play(first + number)
        play(-first - number)


def test_a_seed_gives_the_same_history_in_every_process() -> None:
    """A failing seed can be replayed: nothing but the seed decides."""
    seed = 34
    told = [str(step) for step in play(seed).steps]
    for hash_seed in ("1", "2"):
        again = subprocess.run(
            [sys.executable, "-m", "tests.support.histories", str(seed)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert again.stdout.splitlines() == told
