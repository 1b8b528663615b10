"""P8, counted: what a commit and a look at the latest version ask of a store, early and late in a table's life."""

from collections.abc import Callable

import pyarrow as pa

from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.stores import CountingStore

ROW = pa.table({"n": [1]})


def asked(store: CountingStore, work: Callable[[], object]) -> int:
    """Return how many calls some work makes."""
    store.reset()
    work()
    return len(store.calls)


def size_of_latest(store: MemoryStore) -> int:
    """Return the size in bytes of the latest entry."""
    return store.size(next(store.list("_atio/log/")))


def test_a_commit_and_a_look_cost_the_same_after_hundreds_of_versions() -> None:
    """Appends and opening the latest make as many calls at version 700 as at version 20, but for lists that spill."""
    memory = MemoryStore()
    store = CountingStore(memory)
    table = Table(store=store)
    appends: list[int] = []
    looks: list[int] = []
    sizes: list[int] = []
    for _ in range(700):
        appends.append(asked(store, lambda: table.append(ROW)))
        looks.append(asked(store, lambda: Table(store=store).snapshot().rows))
        sizes.append(size_of_latest(memory))
    assert sorted(appends[600:])[50] == sorted(appends[10:110])[50]
    assert sum(appends[600:]) <= 1.2 * sum(appends[10:110])
    assert max(looks[600:]) <= max(looks[10:110]) + 2
    assert max(sizes) < 32_768
    assert table.snapshot().rows == 700
