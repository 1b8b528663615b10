from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import StorageError
from atio_core.format.names import LOG, TEMPORARY, Numbered
from atio_core.log.sequence import Sequence
from atio_core.storage.local import LocalStore
from atio_core.storage.memory import MemoryStore
from atio_core.storage.readback import Answer
from atio_core.testing import Fault, FaultyStore, StoreWrapper
from tests.support.stores import CountingStore, FolderStore

NAMES = Numbered(LOG, per_bucket=4)


def in_memory(*numbers: int) -> MemoryStore:
    """Return a store in memory that has these numbers."""
    store = MemoryStore()
    for number in numbers:
        store.put(NAMES.name(number), b"%d" % number)
    return store


KINDS = {"flat": lambda store: store, "folders": FolderStore}
"""Both ways in which a store shows names."""


def sequence(*numbers: int, kind: str = "flat") -> Sequence:
    """Return a sequence that has these numbers."""
    return Sequence(KINDS[kind](in_memory(*numbers)), NAMES)


def found(held: Sequence) -> tuple[int, bytes] | None:
    """Return the latest number and its bytes."""
    latest = held.latest()
    return None if latest is None else (latest.number, latest.data)


@given(st.sets(st.integers(1, 40), max_size=12), st.sampled_from(list(KINDS)))
def test_the_latest_is_the_highest(numbers: set[int], kind: str) -> None:
    """Whatever numbers are there, the latest is the highest of them, with its bytes."""
    highest = max(numbers, default=None)
    assert found(sequence(*numbers, kind=kind)) == (None if highest is None else (highest, b"%d" % highest))


@given(st.sets(st.integers(1, 40), max_size=12), st.sampled_from(list(KINDS)))
def test_numbers_come_highest_first(numbers: set[int], kind: str) -> None:
    """A listing gives the numbers in falling order, over all buckets."""
    assert list(sequence(*numbers, kind=kind).numbers()) == sorted(numbers, reverse=True)


@pytest.mark.parametrize("size", [1, 70, 600])
def test_a_flat_store_shows_the_latest_by_two_requests(size: int) -> None:
    """However many numbers there are, the latest takes one listing and one read; a look for newer ones one listing."""
    store = CountingStore(in_memory(*range(1, size + 1)))
    held = Sequence(store, NAMES)
    assert found(held) == (size, b"%d" % size)
    assert store.counts == {"list": 1, "read": 1}
    store.reset()
    assert not held.newer_bucket(size)
    assert store.counts == {"list": 1}


def test_a_name_that_another_has_by_then_makes_the_look_start_over() -> None:
    """What was listed and is another when it is read, since its name was freed and taken anew, isn't the latest."""
    inner = in_memory(3)

    def come() -> None:
        inner.put(NAMES.name(9), b"9")
        inner.delete([NAMES.name(3)])
        inner.put(NAMES.name(3), b"a stray")

    racing = FaultyStore(inner, Fault("read", meanwhile=come, error=None))
    assert found(Sequence(racing, NAMES)) == (9, b"9")


@pytest.mark.parametrize(("number", "expected"), [(9, [9]), (8, [9, 8]), (5, [9]), (3, [9]), (0, [9])])
def test_a_listing_goes_down_to_a_number(number: int, expected: list[int]) -> None:
    """What lies above a number is listed, but no more of newer buckets than the first."""
    held = sequence(3, 5, 6, 8, 9)
    assert [one.number for one in held.listed_down_to(number)] == expected


@pytest.mark.parametrize(
    "name",
    ["999998/zzz.json", "999998/003-4.txt", "999998/002-4.json", "999990/x/003-4.json", "notes", "9/9"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_parse_is_no_number(name: str, kind: str) -> None:
    """Files that somebody put into the log's folder are passed over, whatever they are called."""
    held = sequence(1, 2, kind=kind)
    held.store.put(f"{LOG}{name}", b"?")
    assert found(held) == (2, b"2")
    assert list(held.numbers()) == [2, 1]
    assert not held.newer_bucket(2)


def test_a_bucket_that_a_crash_left_empty_is_passed_over(tmp_path: Path) -> None:
    """The folder of a newer bucket, made by a writer that died, stops no reader."""
    store = LocalStore(tmp_path, temporary=TEMPORARY)
    store.put(NAMES.name(3), b"3")
    (tmp_path / LOG / "999998").mkdir()
    held = Sequence(store, NAMES)
    assert found(held) == (3, b"3")
    assert not held.newer_bucket(3)


class _Racing(FolderStore):
    """A store where something happens right before a read."""

    def __init__(self, store: MemoryStore, before_read: Iterator[Callable[[], object]]) -> None:
        super().__init__(store)
        self.before_read = before_read

    def read(self, name: str) -> bytes:
        next(self.before_read, lambda: None)()
        return self.store.read(name)


def test_a_newer_bucket_makes_the_look_start_over() -> None:
    """If another bucket began while the latest was read, its object is the latest."""
    inner = in_memory(3)
    racing = _Racing(inner, iter([lambda: inner.put(NAMES.name(4), b"4")]))
    assert found(Sequence(racing, NAMES)) == (4, b"4")


def test_an_object_that_went_makes_the_look_start_over() -> None:
    """If what was listed is gone when it is read, the latest is looked for again."""
    inner = in_memory(3, 4)
    racing = _Racing(inner, iter([lambda: inner.delete([NAMES.name(4)])]))
    assert found(Sequence(racing, NAMES)) == (3, b"3")


def test_a_log_that_never_holds_still_is_an_error() -> None:
    """A look for the latest ends, with an error that says what to do, though others never stop."""
    inner = in_memory(3)

    def forever() -> Iterator[Callable[[], object]]:
        number = 4
        while True:
            yield lambda number=number: inner.put(NAMES.name(number), b"")
            number += 4

    with pytest.raises(StorageError, match=r"changed 100 times .* try again"):
        Sequence(_Racing(inner, forever()), NAMES).latest()


@pytest.mark.parametrize(
    ("numbers", "asked", "expected"),
    [
        ((), None, False),
        ((1,), None, True),
        ((1, 2, 3), 1, False),
        ((3, 4), 3, True),
        ((3, 4), 4, False),
        ((1, 9), 4, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_newer_buckets_are_seen(
    kind: str, numbers: tuple[int, ...], asked: int | None, *, expected: bool
) -> None:
    """Only what lies in a newer bucket counts, not what lies higher in the same one."""
    assert sequence(*numbers, kind=kind).newer_bucket(asked) == expected


@pytest.mark.parametrize("buckets", [3, 300])
def test_older_buckets_cost_nothing(buckets: int) -> None:
    """However many buckets there are, those that aren't newer are told by the first of them."""
    parsed: list[str] = []

    class Noted(Numbered):
        def parse_folder(self, name: str) -> int | None:
            parsed.append(name)
            return super().parse_folder(name)

    highest = 4 * buckets
    held = sequence(*range(4, highest + 1, 4), kind="folders")
    held.names = Noted(LOG, per_bucket=4)
    assert not held.newer_bucket(highest)
    assert len(parsed) == 1
    assert held.newer_bucket(highest - 4)
    assert len(parsed) == 3


def test_a_number_is_created_once() -> None:
    """The first to create a number has it; the second gets to see what the first put there."""
    held = sequence()
    mine = held.create(1, b"mine", after=0, is_ours=lambda data: data == b"mine")
    other = held.create(1, b"other", after=0, is_ours=lambda data: data == b"other")
    assert (mine.answer, other.answer, other.data) == (Answer.OURS, Answer.TAKEN, b"mine")
    assert held.read(1) == b"mine"
    assert held.read(2) is None


def test_the_one_before_is_made_durable_first() -> None:
    """A number is created behind one whose name is durable; the first has none before it."""
    afters: list[str | None] = []

    class Noting(StoreWrapper):
        def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
            afters.append(after)
            self.store.put_if_absent(name, data, after=after)

    held = Sequence(Noting(MemoryStore()), NAMES)
    for number in (1, 2):
        held.create(number, b"", after=number - 1, is_ours=lambda _: True)
    assert afters == [None, NAMES.name(1)]


def test_each_name_is_made_durable_once() -> None:
    """Names that are to be durable are synced, the same one no twice."""
    store = CountingStore(MemoryStore())
    Sequence(store, NAMES).make_durable(1, 2, 1)
    assert store.calls == [("make_durable", NAMES.name(1)), ("make_durable", NAMES.name(2))]


def test_a_number_may_be_taken_away_twice() -> None:
    """Taking a number away succeeds, there or not."""
    held = sequence(1, 2)
    held.take_away(2)
    held.take_away(2)
    assert found(held) == (1, b"1")
