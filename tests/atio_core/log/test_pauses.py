from __future__ import annotations

import pytest

from atio_core.log import pauses
from atio_core.log.pauses import PatientPause, jittered_pause, pause_for
from atio_core.storage.memory import MemoryStore
from tests.support.stores import FolderStore


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The longest that each pause could have been; nobody waits."""
    found: list[float] = []
    monkeypatch.setattr(pauses.time, "sleep", lambda _: None)
    monkeypatch.setattr(pauses.random, "uniform", lambda _, longest: found.append(longest))
    return found


def test_a_pause_is_short(waited: list[float]) -> None:
    """However often a race was lost, the next try on a disk comes soon."""
    jittered_pause(10**6)
    assert waited == [0.2]


def test_in_a_bucket_a_pause_follows_what_a_try_takes(
    waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pauses grow with the tries and with what they take; who has lost very often waits less again."""
    now = iter(range(1_000))
    monkeypatch.setattr(pauses.time, "monotonic", lambda: next(now) / 10)
    pause = PatientPause()
    for tries in range(14):
        pause(tries)
    assert waited == pytest.approx([0.1, 0.2, 0.4, 0.8, *[1.6] * 3, 0.8, 0.4, 0.2, *[0.1] * 4])


def test_each_store_has_the_pause_that_suits_it() -> None:
    """Tries cost requests in a bucket alone."""
    assert pause_for(FolderStore(MemoryStore())) is jittered_pause
    assert isinstance(pause_for(MemoryStore()), PatientPause)
