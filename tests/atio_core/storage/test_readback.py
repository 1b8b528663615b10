"""What the answers to a create mean; `tests/protocol/test_lost_answers.py` has them within commits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atio_core.errors import AlreadyExistsError, StorageError
from atio_core.storage.memory import MemoryStore
from atio_core.storage.readback import Answer, create
from atio_core.testing import Fault, FaultyStore, lost_answer, refusal
from tests.support.stores import CountingStore


def taken() -> AlreadyExistsError:
    """What a store says of a taken name."""
    return AlreadyExistsError("The name is taken.")


def is_ours(data: bytes) -> bool:
    """Say whether we sent these bytes."""
    return data == b"ours"


@pytest.mark.parametrize("error", [taken, lost_answer])
def test_our_own_found_under_the_name_is_made_durable(error: Callable[[], BaseException]) -> None:
    """An object of ours that is found by reading counts once its name is durable: perhaps nobody synced it yet."""
    store = CountingStore(FaultyStore(MemoryStore(), Fault("put_if_absent", after=True, error=error)))
    assert create(store, "a", b"ours", after=None, is_ours=is_ours).answer is Answer.OURS
    assert store.calls[-1] == ("make_durable", "a")


def test_anothers_is_taken() -> None:
    """A name under which another's bytes are read is taken."""
    store = MemoryStore()
    store.put("a", b"theirs")
    created = create(store, "a", b"ours", after=None, is_ours=is_ours)
    assert (created.answer, created.data) == (Answer.TAKEN, b"theirs")


def test_a_taken_name_that_is_free_is_gone() -> None:
    """A name that was said to be taken, and that nothing is under, was freed."""
    store = FaultyStore(MemoryStore(), Fault("put_if_absent", error=taken))
    assert create(store, "a", b"ours", after=None, is_ours=is_ours).answer is Answer.GONE


def test_a_refusal_is_no_doubt() -> None:
    """A store that refused before anything was sent is an error, and nothing is there."""
    store = FaultyStore(MemoryStore(), Fault("put_if_absent", error=refusal))
    with pytest.raises(StorageError, match="refused"):
        create(store, "a", b"ours", after=None, is_ours=is_ours)
    assert list(store.list()) == []


def test_silence_ends() -> None:
    """A store that never answers leaves it open, after a bounded number of tries."""
    store = CountingStore(FaultyStore(MemoryStore(), Fault("put_if_absent", times=99)))
    assert create(store, "a", b"ours", after=None, is_ours=is_ours).answer is Answer.UNKNOWN
    assert store.counts["put_if_absent"] < 20
