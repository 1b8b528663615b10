from __future__ import annotations

import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from atio_core.model.ids import system_clock, uuid7, uuid7_time_us

times = st.integers(0, 2**48 * 1000 - 1)


@given(times)
def test_an_id_carries_its_time(now_us: int) -> None:
    """An id tells when it was made, to the millisecond, and looks like a UUID of version 7 to any program."""
    made = uuid7(lambda: now_us)
    assert uuid7_time_us(made) == now_us // 1000 * 1000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


@given(times, st.integers(0, 2**40))
def test_an_id_is_no_earlier_than_asked(now_us: int, not_before_us: int) -> None:
    """A clock that is behind can't make an id that looks older than a table's horizon; nor is it later than needed."""
    made_us = uuid7_time_us(uuid7(lambda: now_us, not_before_us=not_before_us))
    assert made_us >= not_before_us
    assert made_us < max(now_us, not_before_us) + 1000


def test_ids_of_one_moment_differ() -> None:
    """Any number of writers may make ids in the same millisecond."""
    assert len({uuid7(lambda: 0) for _ in range(1000)}) == 1000


def test_ids_sort_by_their_times() -> None:
    """The text of a later id sorts behind that of an earlier one, so a listing is in the order of time."""
    ids = [str(uuid7(lambda now=now: now)) for now in (0, 1_000, 65_536_000, 1_700_000_000_000_000)]
    assert ids == sorted(ids)


def test_the_system_clock_counts_microseconds() -> None:
    """The clock that everything takes by default is the machine's, in microseconds since 1970."""
    before = time.time_ns() // 1000
    assert before <= system_clock() <= time.time_ns() // 1000
