from __future__ import annotations

import pytest

from atio_core.errors import NotFoundError
from atio_core.log.scratch import Scratch
from atio_core.model.entry import empty_entry
from atio_core.model.ids import uuid7_time_us
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.stores import CountingStore


def scratch(store: object, *, horizon_us: int = 0, now_us: int = 1_000) -> Scratch:
    """Return what an attempt writes into."""
    return Scratch(store, empty_entry("t").with_(horizon_us=horizon_us), lambda: now_us)  # pyright: ignore[reportArgumentType]


def test_nothing_is_stored_before_all_is_known() -> None:
    """What an attempt holds can be read by it, and is stored only when it says so."""
    store = MemoryStore("x")
    held = scratch(store)
    held.put("a", b"1")
    assert held.read("a") == b"1"
    assert list(store.list()) == []
    held.write()
    assert store.read("a") == held.read("a") == b"1"
    assert held.location == store.location


def test_what_is_stored_already_can_be_read() -> None:
    """An attempt sees the store's own objects too, and misses what is nowhere."""
    store = MemoryStore()
    store.put("old", b"1")
    assert scratch(store).read("old") == b"1"
    with pytest.raises(NotFoundError):
        scratch(store).read("new")


def test_what_became_part_of_another_is_never_written() -> None:
    """What is merged within the attempt costs no write."""
    store = CountingStore(MemoryStore())
    held = scratch(store)
    held.put("part", b"1")
    held.put("whole", b"11")
    held.forget("part")
    held.forget("of the store")  # nothing to forget
    held.write()
    assert store.calls == [("put", "whole")]


def test_each_object_is_written_once() -> None:
    """A second write stores only what came since."""
    store = CountingStore(MemoryStore())
    held = scratch(store)
    held.put("a", b"1")
    held.write()
    held.put("b", b"2")
    held.write()
    assert store.calls == [("put", "a"), ("put", "b")]


def test_a_failed_attempt_takes_its_objects_away() -> None:
    """What was stored goes, with the object whose write failed halfway, and what others stored stays."""
    inner = MemoryStore()
    inner.put("old", b"1")
    held = scratch(FaultyStore(inner, Fault("put", at=2, after=True, error=refusal)))
    held.put("a", b"1")
    held.put("b", b"2")
    with pytest.raises(OSError, match="refused"):
        held.write()
    held.discard()
    held.discard()
    assert list(inner.list()) == ["old"]


@pytest.mark.parametrize(("now_us", "horizon_us"), [(5_000, 0), (5_000, 9_000), (9_000, 5_000)])
def test_new_names_are_no_older_than_the_horizon(now_us: int, horizon_us: int) -> None:
    """A writer whose clock is behind makes no names that cleaning would take for leftovers."""
    made = scratch(MemoryStore(), now_us=now_us, horizon_us=horizon_us).new_id()
    assert uuid7_time_us(made) == max(now_us, horizon_us)
