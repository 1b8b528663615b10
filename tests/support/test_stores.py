from __future__ import annotations

import pytest

from atio_core.errors import AlreadyExistsError, StorageError
from atio_core.storage.memory import MemoryStore
from tests.atio_core.storage.contract import FolderwiseListing, StoreContract
from tests.support.stores import (
    CountingStore,
    FailingStore,
    Failure,
    Interloper,
    StaleListStore,
    StoreWrapper,
    refusal,
)


class TestWrappedStore(StoreContract, FolderwiseListing):
    """A wrapper by itself changes nothing."""

    @pytest.fixture(params=[StoreWrapper, CountingStore, FailingStore, StaleListStore])
    def store(self, request: pytest.FixtureRequest) -> StoreWrapper:
        """A wrapper around an empty store."""
        return request.param(MemoryStore())


def test_a_call_fails_before_it_takes_effect() -> None:
    """A refused call did nothing, and the next one is made."""
    store = FailingStore(MemoryStore(), Failure("put", error=refusal))
    with pytest.raises(StorageError) as caught:
        store.put("a", b"1")
    assert not caught.value.unknown
    assert list(store.list()) == []
    store.put("a", b"1")


def test_an_answer_gets_lost() -> None:
    """A call fails though it took effect."""
    store = FailingStore(MemoryStore(), Failure("put_if_absent", after=True))
    with pytest.raises(StorageError) as caught:
        store.put_if_absent("a", b"1")
    assert caught.value.unknown
    assert store.read("a") == b"1"


def test_failures_are_chosen_by_number_and_name() -> None:
    """The second and third call on matching names fail, no others."""
    chosen = Failure(
        "delete", at=2, times=2, error=lambda: AlreadyExistsError("no"), name=lambda name: name > "b"
    )
    store = FailingStore(MemoryStore(), chosen)
    outcomes = []
    for name in ("a", "c", "a", "d", "e", "f"):
        try:
            store.delete([name])
            outcomes.append("done")
        except AlreadyExistsError:
            outcomes.append("failed")
    assert outcomes == ["done", "done", "done", "failed", "failed", "done"]


def test_a_writer_fails() -> None:
    """The calls of a writer can fail as well."""
    store = FailingStore(MemoryStore(), Failure("write", at=2), Failure("close", after=True))
    writer = store.open_write("a")
    writer.write(b"1")
    with pytest.raises(StorageError):
        writer.write(b"2")
    with pytest.raises(StorageError):
        writer.close()
    assert store.read("a") == b"1"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_somebody_comes_between(*, after: bool) -> None:
    """The first create lets another come first, or next; later ones don't."""
    inner = MemoryStore()
    store = Interloper(inner, lambda: inner.put(f"other {len(list(inner.list()))}", b""), after=after)
    store.put_if_absent("a", b"")
    store.put_if_absent("b", b"")
    assert list(inner.list()) == ["a", "b", "other 1" if after else "other 0"]


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
