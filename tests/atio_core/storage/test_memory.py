from __future__ import annotations

import pytest

from atio_core.errors import AlreadyExistsError
from atio_core.storage.memory import MemoryStore
from tests.atio_core.storage.contract import FlatListings, FolderwiseListing, StoreContract


class TestMemoryStore(StoreContract, FolderwiseListing, FlatListings):
    """A store in memory keeps the contract."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        """An empty store."""
        return MemoryStore("test")


def test_an_object_appears_when_it_is_complete() -> None:
    """What is being written isn't there, until it is closed; a name taken meanwhile stays as it is."""
    store = MemoryStore()
    writer = store.open_write("a")
    writer.write(b"1")
    assert list(store.list()) == []
    store.put("a", b"2")
    with pytest.raises(AlreadyExistsError):
        writer.close()
    assert store.read("a") == b"2"
    with pytest.raises(AlreadyExistsError):
        store.open_write("a")


def test_what_is_stored_is_a_copy() -> None:
    """Changing the buffer afterwards changes nothing in the store."""
    store = MemoryStore()
    buffer = bytearray(b"1")
    writer = store.open_write("a")
    writer.write(memoryview(buffer))
    buffer[0] = 0
    writer.close()
    assert store.read("a") == b"1"
