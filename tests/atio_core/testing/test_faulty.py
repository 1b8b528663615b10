from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import atio_core as atio
from atio_core.errors import AlreadyExistsError, InvalidInputError, StorageError
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, StoreWrapper, lost_answer, refusal
from tests.atio_core.storage.contract import FlatListings, FolderwiseListing, StoreContract


class TestWrappedStore(StoreContract, FolderwiseListing, FlatListings):
    """A wrapper by itself changes nothing."""

    @pytest.fixture(params=[StoreWrapper, FaultyStore])
    def store(self, request: pytest.FixtureRequest) -> StoreWrapper:
        """A wrapper around an empty store."""
        return request.param(MemoryStore())


def test_a_call_fails_before_it_takes_effect() -> None:
    """A refused call did nothing, and the next one is made."""
    store = FaultyStore(MemoryStore(), Fault("put", error=refusal))
    with pytest.raises(StorageError) as caught:
        store.put("a", b"1")
    assert not caught.value.unknown
    assert list(store.list()) == []
    store.put("a", b"1")


def test_an_answer_gets_lost() -> None:
    """A call fails though it took effect."""
    store = FaultyStore(MemoryStore(), Fault("put_if_absent", after=True))
    with pytest.raises(StorageError) as caught:
        store.put_if_absent("a", b"1")
    assert caught.value.unknown
    assert store.read("a") == b"1"


def test_failures_are_chosen_by_number_and_name() -> None:
    """The second and third call on matching names fail, no others."""
    chosen = Fault(
        "delete", at=2, times=2, error=lambda: AlreadyExistsError("no"), name=lambda name: name > "b"
    )
    store = FaultyStore(MemoryStore(), chosen)
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
    store = FaultyStore(MemoryStore(), Fault("write", at=2), Fault("close", after=True))
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
    others = Fault(
        "put_if_absent",
        meanwhile=lambda: inner.put(f"other {len(list(inner.list()))}", b""),
        after=after,
        error=None,
    )
    store = FaultyStore(inner, others)
    store.put_if_absent("a", b"")
    store.put_if_absent("b", b"")
    assert list(inner.list()) == ["a", "b", "other 1" if after else "other 0"]


@pytest.mark.parametrize("error", [lost_answer, refusal])
def test_a_table_on_a_disk_can_fail(tmp_path: Path, error: type[BaseException]) -> None:
    """A path will do for a store, and a pipeline's handling of failures can be tried."""
    store = FaultyStore(tmp_path / "table", Fault("put_if_absent", times=99, error=error))
    with pytest.raises(atio.CommitUnknownError if error is lost_answer else StorageError):
        atio.Table(store=store).append(pd.DataFrame({"a": [1]}))
    assert not atio.Table(tmp_path / "table").exists()


def test_a_verb_that_no_call_has_is_refused() -> None:
    """A misspelled verb would never fail, and a test with it would test nothing."""
    with pytest.raises(InvalidInputError, match="no call 'putt'"):
        Fault("putt")


def test_a_fault_that_hits_nothing_is_told() -> None:
    """How many calls matched can be looked up: a test may demand that its fault came about."""
    fault = Fault("put", at=2)
    store = FaultyStore(MemoryStore(), fault)
    store.put("a", b"")
    assert fault.seen == 1
