from __future__ import annotations

import pytest

from atio_core.data.writing.buffered_writer import BufferedWriter
from atio_core.errors import StorageError
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.stores import CountingStore


def test_the_store_is_asked_for_nothing_before_the_object_is_whole() -> None:
    """What is written is held, and stored in one piece by `close`."""
    store = CountingStore(MemoryStore())
    writer = BufferedWriter(store, "data/a")
    assert writer.write(b"ab") == 2
    writer.write(memoryview(b"c"))
    assert not store.calls
    writer.close()
    assert store.counts == {"open_write": 1, "write": 1, "close": 1}
    assert store.read("data/a") == b"abc"


def test_an_object_that_is_given_up_was_never_there() -> None:
    """Nothing is asked of the store for an object that is given up."""
    store = CountingStore(MemoryStore())
    writer = BufferedWriter(store, "data/a")
    writer.write(b"ab")
    writer.abort()
    assert not store.calls


@pytest.mark.parametrize("verb", ["open_write", "write", "close"])
def test_nothing_is_left_of_an_object_that_can_not_be_stored(verb: str) -> None:
    """Whichever call fails, the object isn't there, and the store's own error is raised."""
    store = MemoryStore()
    writer = BufferedWriter(FaultyStore(store, Fault(verb, error=refusal)), "data/a")
    writer.write(b"ab")
    with pytest.raises(StorageError):
        writer.close()
    assert not list(store.list())
