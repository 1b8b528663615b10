from __future__ import annotations

import pytest

from atio_core.errors import NotFoundError
from atio_core.storage.memory import MemoryStore
from atio_core.storage.overlay import Overlay
from tests.atio_core.storage.contract import FlatListings, StoreContract


class TestOverlay(StoreContract, FlatListings):
    """An overlay of a store keeps the contract as that store does."""

    @pytest.fixture
    def store(self) -> Overlay:
        """An overlay of an empty store."""
        return Overlay(MemoryStore("test"), {"held/only/here": b"held"})


def test_what_is_held_is_read_and_not_stored() -> None:
    """What an overlay holds is read like an object, whole and in parts, and the store below doesn't have it."""
    store = MemoryStore()
    store.put("a", b"below")
    overlay = Overlay(store, {"b": b"above"})
    into = memoryview(bytearray(9))
    assert (overlay.read("a"), overlay.read("b"), overlay.size("b")) == (b"below", b"above", 5)
    assert (overlay.read_into("b", 2, into), bytes(into[:3])) == (3, b"ove")
    assert list(overlay.list()) == ["a"]
    with pytest.raises(NotFoundError):
        store.read("b")
