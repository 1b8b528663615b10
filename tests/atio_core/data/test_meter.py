"""What a write has come to: counts and phases."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from atio_core.data.meter import Meter


def test_phases_come_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is taken out of the phase that it lies in, and what is left of the time is preparation."""
    now = iter([10.0, 15.0, 18.0, 20.0, 21.0, 25.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    meter = Meter()
    with meter.timed("serialise"):  # from 10 to 18
        meter.synced([12.0, 13.0])  # at 15
    with meter.timed("commit"):  # from 20 to 21
        pass
    assert meter.seconds(9.0) == {"prepare": 7.0, "serialise": 6.0, "sync": 2.0, "commit": 1.0}


def test_a_phase_that_was_not_is_not_told() -> None:
    """Nothing was written, so nothing was synced."""
    assert list(Meter().seconds(time.perf_counter())) == ["prepare"]


def test_threads_count_together() -> None:
    """No count is lost."""
    meter = Meter()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(lambda: [meter.add(1) for _ in range(1_000)]) for _ in range(8)]:
            done.result()
    assert meter.done == 8_000
