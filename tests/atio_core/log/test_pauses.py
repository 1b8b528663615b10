"""How commits wait for each other: tests of `atio_core.log.pauses`."""

from __future__ import annotations

from pathlib import Path

import pytest

from atio_core.log import pauses
from atio_core.log.pauses import InTurn, Paused, Spread, jittered_pause, pace_for
from atio_core.storage.local import LocalStore
from atio_core.storage.memory import MemoryStore
from atio_core.storage.turns import Turns
from tests.support.stores import FolderStore


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The longest that each pause could have been; nobody waits, and each look at the clock takes 0.1 seconds."""
    found: list[float] = []
    now = iter(range(1_000_000))
    monkeypatch.setattr(pauses.time, "sleep", lambda _: None)
    monkeypatch.setattr(pauses.time, "monotonic", lambda: next(now) / 10)
    monkeypatch.setattr(pauses.random, "uniform", lambda _, longest: found.append(longest))
    return found


def test_a_pause_is_short(waited: list[float]) -> None:
    """However often a race was lost, the next try on a disk comes soon."""
    jittered_pause(10**6)
    assert waited == [0.2]


def test_who_is_alone_in_a_bucket_never_waits(waited: list[float]) -> None:
    """Nor looks for the latest again."""
    pace = Spread()
    for _ in range(3):
        assert not pace.wait(0)
        pace.ended()
    assert waited == []


def test_in_a_bucket_who_loses_tries_over_a_longer_span(waited: list[float]) -> None:
    """It follows what a try takes, grows with each loss, and has an end."""
    pace = Spread()
    for tries in range(20):
        assert pace.wait(tries) == (tries > 0)
    assert waited[:4] == pytest.approx([0.2, 0.3, 0.45, 0.675])
    assert waited[-1] == 30


def test_in_a_bucket_the_winner_waits_before_its_next_commit(waited: list[float]) -> None:
    """The span outlasts a commit, gets shorter with each that is won, and is none in the end."""
    pace = Spread()
    for tries in range(4):
        pace.wait(tries)
    looked = [False]
    del waited[:]
    for _ in range(4):
        pace.ended()
        looked.append(pace.wait(0))
    assert waited == pytest.approx([0.45 * 0.6, 0.45 * 0.36])
    assert looked == [False, True, True, False, False]


class Told(Turns):
    """Turns that are there or not, as a test says."""

    def __init__(self, answers: str) -> None:
        super().__init__("nowhere")
        self.answers = [*answers]

    def take(self) -> bool:
        """Answer."""
        return self.answers.pop(0) == "+"


def test_who_is_alone_on_a_disk_takes_no_turn(waited: list[float]) -> None:
    """Nobody was met, so nothing is waited for."""
    assert not InTurn(Told("")).wait(0)
    assert waited == []


def test_turns_are_taken_once_a_race_was_lost(waited: list[float]) -> None:
    """And then from the first try on; who gets none pauses instead."""
    turns = Told("-++-")
    pace = InTurn(turns)
    assert pace.wait(1)
    assert len(waited) == 1
    assert pace.wait(2)
    assert pace.wait(0)
    assert not pace.wait(0)
    assert len(waited) == 1


def test_each_store_has_the_pace_that_suits_it(tmp_path: Path) -> None:
    """Tries cost requests in a bucket; turns need locks."""
    assert isinstance(pace_for(LocalStore(tmp_path, temporary="tmp")), InTurn)
    assert isinstance(pace_for(FolderStore(MemoryStore())), Paused)
    assert isinstance(pace_for(MemoryStore()), Spread)
