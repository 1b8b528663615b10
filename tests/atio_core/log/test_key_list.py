from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import DamagedError
from atio_core.log.key_list import find_older, find_recent, first_known, key_digest, push
from atio_core.log.scratch import Scratch
from atio_core.model.entry import DAY_US, NO_KEY, LogEntry, empty_entry
from atio_core.storage.memory import MemoryStore
from tests.support.commits import SMALL, START_US, Writer
from tests.support.stores import CountingStore

SECOND_US = 1_000_000


def pushed(
    store: MemoryStore,
    keys: Sequence[str | None],
    *,
    step_us: int = SECOND_US,
    ahead_us: Mapping[int, int] = MappingProxyType({}),
) -> LogEntry:
    """Return the entry of a table after so many commits; that of version `n` has 16 times the byte `n` as its id.

    Clocks of the writers of some versions are ahead.
    """
    entry = empty_entry("t")
    for version, key in enumerate(keys, start=1):
        scratch = Scratch(store, entry, lambda: START_US)
        clock_us = START_US + version * step_us + ahead_us.get(version, 0)
        time_us = max(clock_us, entry.time_us)
        recent, lists = push(
            entry,
            bytes([version]) * 16,
            key_digest(key),
            time_us=time_us,
            clock_us=clock_us,
            scratch=scratch,
            limits=SMALL,
        )
        scratch.write()
        entry = entry.with_(
            version=version, clock_us=clock_us, time_us=time_us, recent=recent, key_lists=lists
        )
    return entry


def found(store: MemoryStore, entry: LogEntry, one: bytes) -> int | None:
    """Look among the recent ones, then in the lists."""
    recent = find_recent(entry, one)
    return find_older(store, entry, one) if recent is None else recent


@given(st.lists(st.none() | st.text("ab", min_size=1), max_size=60))
def test_every_commit_and_key_is_found(keys: list[str | None]) -> None:
    """However many commits came after, an id leads to its version, and a key to the first version that has it."""
    store = MemoryStore()
    entry = pushed(store, keys)
    for version, key in enumerate(keys, start=1):
        assert found(store, entry, bytes([version]) * 16) == version
        if key is not None and keys.count(key) == 1:
            assert found(store, entry, key_digest(key)) == version
    assert found(store, entry, b"never committed.") is None
    assert found(store, entry, key_digest("c")) is None


def test_an_entry_holds_few_ids_and_few_lists() -> None:
    """The number of ids in an entry is bounded, and that of its lists grows with a logarithm."""
    store = MemoryStore()
    for commits in range(1, 121):
        entry = pushed(store, [None] * commits)
        assert min(commits, SMALL.recent) <= len(entry.recent.commits) < 2 * SMALL.recent
        assert len(entry.key_lists) <= 6
        assert first_known(entry) == 1


def test_no_key_is_never_found() -> None:
    """Commits without a key have none in common: what stands for none isn't in any list."""
    store = MemoryStore()
    entry = pushed(store, [None] * 20)
    assert find_older(store, entry, NO_KEY) is None
    assert key_digest(None) == NO_KEY != key_digest("")


def test_keys_are_forgotten_after_the_retention() -> None:
    """A list goes once its newest id is older than the table's key retention, not before."""
    keys = [f"key {version}" for version in range(1, 101)]
    store = MemoryStore()
    entry = pushed(store, keys, step_us=DAY_US)
    remembered = [version for version in range(1, 101) if found(store, entry, key_digest(f"key {version}"))]
    assert remembered == list(range(remembered[0], 101))
    assert first_known(entry) == remembered[0]
    assert 1 < remembered[0] <= 100 - entry.key_retention_us // DAY_US


@pytest.mark.parametrize("wrong", range(40, 40 + 2 * SMALL.recent))
def test_a_clock_that_is_far_ahead_forgets_no_keys(wrong: int) -> None:
    """Neither its own commit drops keys of a minute ago, wherever it stands, nor do those after it."""
    keys = [f"key {version}" for version in range(1, 101)]
    store = MemoryStore()
    entry = pushed(store, keys, ahead_us={wrong: 400 * DAY_US})
    assert first_known(entry) == 1
    assert [found(store, entry, key_digest(key)) for key in keys] == list(range(1, 101))


def test_lists_that_can_not_have_it_stay_closed() -> None:
    """A look since a version, or a key that is known to be younger, reads no list from before."""
    store = CountingStore(MemoryStore())
    entry = pushed(store.store, ["first", *[None] * 29])  # pyright: ignore[reportArgumentType]
    first = entry.key_lists[0]
    assert len(entry.key_lists) > 1
    assert find_older(store, entry, key_digest("first")) == 1
    for rules in ({"after_version": first.last_version}, {"not_before_us": first.last_time_us + 1}):
        store.reset()
        assert find_older(store, entry, key_digest("first"), **rules) is None
        assert ("read", first.path) not in store.calls
    assert find_older(store, entry, key_digest("first"), not_before_us=first.last_time_us) == 1


@pytest.mark.parametrize("data", [None, b"", b"damaged"], ids=["missing", "empty", "other bytes"])
def test_a_damaged_list_is_named(data: bytes | None) -> None:
    """A list that isn't what was written is an error: "not found" would commit twice."""
    store = MemoryStore("table")
    entry = pushed(store, [None] * 20)
    path = entry.key_lists[0].path
    store.delete([path])
    if data is not None:
        store.put(path, data)
    with pytest.raises(DamagedError, match=r"list of keys.*bring it back") as caught:
        find_older(store, entry, b"never committed.")
    assert (caught.value.facts["path"], caught.value.table, caught.value.version) == (
        path,
        "memory://table",
        20,
    )


def test_a_new_table_knows_all_from_its_first_version() -> None:
    """The table's first entries know every commit there was."""
    assert [first_known(pushed(MemoryStore(), [None] * commits)) for commits in (1, 2, 7)] == [1, 1, 1]


def test_merged_lists_replace_those_that_they_hold() -> None:
    """What a commit merges within itself isn't written, and what it merges of others isn't named any more."""
    writer = Writer(MemoryStore())
    for number in range(40):
        writer.append(str(number))
    named = {ref.path for ref in writer.log.latest().key_lists}
    assert named <= set(writer.store.list("_atio/keys/"))
    writer.expire(keep_last=1, grace_us=0)
    assert {ref.path for ref in writer.log.latest().key_lists} == set(writer.store.list("_atio/keys/"))
