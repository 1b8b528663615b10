from __future__ import annotations

import pytest

from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import with_added
from atio_core.log.limits import DEFAULT_LIMITS, FLAT_LIMITS, limits_of
from atio_core.log.scratch import Scratch
from atio_core.model.entry import LogEntry, empty_entry
from atio_core.model.ids import system_clock
from atio_core.storage.memory import MemoryStore
from tests.support.commits import Writer
from tests.support.stores import CountingStore, FolderStore


def test_a_store_has_the_bounds_that_suit_it() -> None:
    """Where each list of files costs a request, there are fewer and larger ones; the names are the same everywhere."""
    assert CommitLog(MemoryStore()).limits == FLAT_LIMITS
    assert (
        CommitLog(FolderStore(MemoryStore())).limits
        == DEFAULT_LIMITS
        == limits_of(FolderStore(MemoryStore()))
    )
    assert FLAT_LIMITS.per_bucket == DEFAULT_LIMITS.per_bucket


@pytest.mark.parametrize("appends", [70, 600, 1_000])
def test_appends_to_a_flat_store_fill_one_manifest(appends: int) -> None:
    """A thousand appends leave one list of files to read, beside those that the entry lists itself."""
    store = CountingStore(MemoryStore())
    writer = Writer(store)
    entry: LogEntry = empty_entry("t")
    calls: list[int] = []
    for number in range(appends):
        store.reset()
        scratch = Scratch(store, entry, system_clock)
        entry = with_added(entry, [writer.file(str(number))], scratch, FLAT_LIMITS)
        scratch.write()
        calls.append(len(store.calls) - 1)
    assert len(entry.manifests) == 1
    assert entry.totals.files == appends
    assert max(calls) == 2
    assert sum(map(bool, calls)) == appends // 17


def test_ids_of_a_flat_store_lie_in_one_list() -> None:
    """A keyed append there reads one list of older keys, however many commits there were; and finds each key."""
    store = CountingStore(MemoryStore())
    writer = Writer(store, limits=FLAT_LIMITS)
    for number in range(300):
        writer.append(str(number), idempotency_key=str(number))
    (ref,) = writer.log.latest().key_lists
    assert ref.count > 400
    store.reset()
    assert [writer.append("x", idempotency_key=str(number)).version for number in (0, 150, 299)] == [
        1,
        151,
        300,
    ]
    assert sum(name == ref.path for verb, name in store.calls) <= 3
