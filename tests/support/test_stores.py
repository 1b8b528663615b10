from __future__ import annotations

import pytest

from atio_core.storage.memory import MemoryStore
from atio_core.testing import StoreWrapper
from tests.atio_core.storage.contract import FolderwiseListing, StoreContract
from tests.support.stores import CountingStore, StaleListStore


class TestWrappedStore(StoreContract, FolderwiseListing):
    """A wrapper by itself changes nothing."""

    @pytest.fixture(params=[CountingStore, StaleListStore])
    def store(self, request: pytest.FixtureRequest) -> StoreWrapper:
        """A wrapper around an empty store."""
        return request.param(MemoryStore())


def test_listings_are_stale_while_frozen() -> None:
    """Names made since aren't listed, those deleted since are; reads see what is there."""
    store = StaleListStore(MemoryStore())
    store.put("a/1", b"")
    with store.frozen():
        store.put("a/2", b"2")
        store.delete(["a/1"])
        assert list(store.list("a/")) == ["a/1"]
        assert store.read("a/2") == b"2"
    assert list(store.list("a/")) == ["a/2"]


def test_calls_are_counted() -> None:
    """Every call is noted with its verb and name, a writer's too."""
    store = CountingStore(MemoryStore())
    store.open_write("a").close()
    list(store.list("b/"))
    store.delete(["c", "d"])
    assert store.calls == [
        ("open_write", "a"),
        ("close", "a"),
        ("list", "b/"),
        ("delete", "c"),
        ("delete", "d"),
    ]
    assert store.counts["delete"] == 2
    store.reset()
    assert not store.counts
