"""Creates whose answers get lost, are wrong, or come true later: nothing is doubled or lost, and no error is wrong.

Searches try every kind of fault at every create: it took effect or not, or does so later; the answer is lost, or says
"taken".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from atio_core.errors import (
    AlreadyExistsError,
    CommitConflictError,
    CommitUnknownError,
    NotFoundError,
    SchemaMismatchError,
    StorageError,
)
from atio_core.format.entry_json import encode_entry
from atio_core.log import commit as commit_module
from atio_core.model.entry import DAY_US
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, StoreWrapper, lost_answer, refusal
from tests.support.commits import START_US, Writer, needed, verify
from tests.support.interrupts import interrupted_anywhere
from tests.support.races import HOUR_US, LATER_US, appends, checks, expires, old, others, table
from tests.support.schedule import Direct, Search

UNKNOWN = (CommitUnknownError,)


def taken() -> AlreadyExistsError:
    """Return what a store says when a name is taken, or what it takes for that."""
    return AlreadyExistsError("The name is taken.")


def entries(name: str) -> bool:
    """Say whether a name is that of a log entry."""
    return name.startswith("_atio/log/")


@pytest.mark.parametrize("size", [0, 2, 3, 6, 7, 15])
def test_an_append_beside_another(size: int) -> None:
    """A commit with one fault is there once if it says so, at most once else; never does it say that it failed."""
    actors = {"ann": appends("a"), "bob": appends("b")}
    check = checks({"ann": "a", "bob": "b"}, errors=UNKNOWN)
    Search(actors, start=table(size), check=check, flaky=["ann"], faults=1).run()


@pytest.mark.parametrize("size", [0, 3])
def test_two_faults(size: int) -> None:
    """Two faults, of one or both writers, do no more harm than one."""
    actors = {"ann": appends("a"), "bob": appends("b")}
    check = checks({"ann": "a", "bob": "b"}, errors=UNKNOWN)
    Search(actors, start=table(size), check=check, flaky=["ann", "bob"], faults=2).run()


@pytest.mark.parametrize("size", [0, 2, 3])
def test_an_expected_version(size: int) -> None:
    """One's own commit is never called a conflict: "refused" means that it isn't there and won't be."""
    actors = {"ann": appends("a", expected_version=size), "bob": appends("b")}
    check = checks({"ann": "a", "bob": "b"}, errors=(CommitUnknownError, CommitConflictError))
    Search(actors, start=table(size), check=check, flaky=["ann"], faults=2).run()


@pytest.mark.parametrize("size", [0, 3])
def test_a_key(size: int) -> None:
    """Two commits with one key are one, though answers get lost."""
    actors = {"ann": appends("a", idempotency_key="k"), "bob": appends("a", idempotency_key="k")}
    Search(
        actors, start=table(size), check=checks({"ann": "a"}, errors=UNKNOWN), flaky=["ann", "bob"], faults=1
    ).run()


@pytest.mark.parametrize("size", [2, 3])
def test_an_append_and_an_expiry(size: int) -> None:
    """An expiry whose answer got lost deletes by the entry as it is stored, and takes nothing that is needed."""
    actors = {"ann": appends("a"), "eve": expires(grace_us=0)}
    check = checks({"ann": "a"}, errors=UNKNOWN)
    Search(actors, start=table(size), check=check, flaky=["ann", "eve"], faults=1).run()


def test_two_expiries() -> None:
    """Two expiries, each of which may lose an answer, take nothing that is retained."""
    actors = {"eve": expires(keep_last=2, grace_us=0), "fay": expires(keep_last=1)}
    check = checks({}, errors=UNKNOWN)
    Search(actors, start=table(2), check=check, flaky=["eve", "fay"], faults=1).run()


@pytest.mark.soak
@pytest.mark.parametrize("size", [3, 7])
def test_two_expiries_at_length(size: int) -> None:
    """The same with more to expire."""
    actors = {"eve": expires(keep_last=2, grace_us=0), "fay": expires(keep_last=1)}
    check = checks({}, errors=UNKNOWN)
    Search(actors, start=table(size), check=check, flaky=["eve", "fay"], faults=1).run()


@pytest.mark.parametrize("size", [2, 3])
def test_others_go_on_meanwhile(size: int) -> None:
    """A commit that landed unseen is found again after others made more than a bucket of versions and let it go."""
    actors = {"ann": appends("a"), "others": others((5, 1))}
    Search(
        actors, start=table(size), check=checks({"ann": "a"}, errors=UNKNOWN), flaky=["ann"], faults=2
    ).run()


@pytest.mark.soak
@pytest.mark.parametrize("size", [2, 3])
def test_others_go_on_at_length(size: int) -> None:
    """The same with two rounds of others."""
    actors = {"ann": appends("a"), "others": others((5, 1), (5, 1))}
    Search(
        actors, start=table(size), check=checks({"ann": "a"}, errors=UNKNOWN), flaky=["ann"], faults=2
    ).run()


def test_a_refusal_leaves_nothing() -> None:
    """A create that the store refused is an error of the store, and leaves no file behind."""
    store = FaultyStore(MemoryStore(), Fault("put_if_absent", error=refusal))
    with pytest.raises(StorageError, match="refused"):
        Writer(store).append("a")
    assert list(store.list()) == []


def test_a_refusal_of_a_manifest_leaves_nothing() -> None:
    """A commit that fails before its create was sent takes its files away, manifests too."""
    store = FaultyStore(MemoryStore(), Fault("put", error=refusal, name=lambda name: "manifests" in name))
    with pytest.raises(StorageError):
        Writer(store).append("a", "b", "c")
    assert list(store.list()) == []


def test_silence_is_no_answer() -> None:
    """If the store never answers, the commit is unknown; the error has its id, and its files stay."""
    silent = Fault("put_if_absent", times=99, name=entries)
    store = FaultyStore(MemoryStore(), silent, Fault("read", times=99, name=entries))
    with pytest.raises(CommitUnknownError, match="may have been committed") as caught:
        Writer(store).append("a")
    assert caught.value.facts["commit_id"] in str(caught.value)
    assert len(list(store.list("data/"))) == 1


@pytest.mark.parametrize("error", [lost_answer, taken])
@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("fault", [1, 2, 7])
def test_lost_answers_in_a_row(fault: int, error: Callable[[], BaseException], *, after: bool) -> None:
    """A commit whose first answers were lost or wrong is there once."""
    store = FaultyStore(
        MemoryStore(), Fault("put_if_absent", times=fault, after=after, error=error, name=entries)
    )
    writer = Writer(store)
    assert writer.append("a").version == 1
    assert writer.words() == ["a"]


def refused_later(change: Callable[[Writer], object], error: type[Exception]) -> None:
    """Lose a create that lands when its writer has looked for it in vain, and let its next try be refused."""
    inner = MemoryStore()
    sent: list[tuple[str, bytes]] = []

    class LateStore(FaultyStore):
        def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
            if sent:
                raise error
            sent.append((name, data))
            raise taken()

    with pytest.raises(CommitUnknownError):
        change(Writer(LateStore(inner)))
    name, data = sent[0]
    inner.put_if_absent(name, data)
    assert verify(inner) == {1: ["a"]}


def test_what_may_still_land_keeps_its_files() -> None:
    """After a create that may still land, a later refusal is no proof: the outcome is unknown, and the files stay."""
    refused_later(lambda writer: writer.append("a"), StorageError)


def test_an_expiry_deletes_by_the_entry_as_stored() -> None:
    """An expiry that decides again, and finds its first entry landed meanwhile, deletes by that one, not the second."""
    inner = Direct(table(2))
    leftover = Writer(inner).file("left").path
    sent: list[tuple[str, bytes]] = []

    class LateStore(StoreWrapper):
        def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
            if sent:
                inner.put_if_absent(*sent[0])
            else:
                writer.now_us += 2 * HOUR_US  # by now version 1 is old enough to go
            sent.append((name, data))
            raise taken()

    writer = Writer(LateStore(inner), LATER_US)
    report = writer.expire(None, keep_for=timedelta(hours=25))
    assert sent[0] != sent[1]
    assert [line.version for line in report.kept] == [1, 2]
    assert verify(inner) == {1: ["old 1"], 3: ["old 2"]}
    assert leftover not in inner.objects


def let_go_unseen(rounds: tuple[int, int], pause_us: int) -> tuple[Writer, Callable[[], Any]]:
    """Return a writer whose create lands unseen: others go on and let it go before the writer looks."""
    inner = MemoryStore()
    for number in range(3):
        Writer(inner).append(f"old {number}")
    later = Writer(inner, START_US + pause_us)

    def told() -> AlreadyExistsError:
        for number in range(rounds[0]):
            base = later.log.latest()
            later.commit(later.appending(later.file(f"later {number}", not_before_us=base.horizon_us)))
        later.expire(rounds[1], grace_us=0)
        return taken()

    store = FaultyStore(inner, Fault("put_if_absent", after=True, error=told, name=entries))
    return later, lambda: Writer(store).append("a")


def test_a_commit_that_was_let_go_unseen_is_found() -> None:
    """A commit that landed, and was let go before its writer could see it, is found by its id; its files are kept."""
    writer, append = let_go_unseen((6, 1), pause_us=DAY_US)
    done = append()
    assert (done.version, done.entry, done.repeated) == (4, None, False)
    assert writer.words()[3:] == ["a", *(f"later {number}" for number in range(6))]


@pytest.mark.parametrize("unseen", [lost_answer, taken])
@pytest.mark.parametrize("size", range(7))
def test_another_s_entry_under_a_freed_name_is_no_proof(size: int, unseen: Callable[[], Exception]) -> None:
    """A commit that landed unseen and was let go is found, and keeps its lists, though a stray has its name by now."""
    inner = MemoryStore()
    for number in range(size):
        Writer(inner).append(f"old {number}")
    later = Writer(inner, START_US + DAY_US)

    def told() -> Exception:
        entry = later.log.latest()
        stray = encode_entry(entry.with_(commit_id=later.clock().to_bytes(16).hex()))
        for number in range(5):
            base = later.log.latest()
            later.commit(later.appending(later.file(f"later {number}", not_before_us=base.horizon_us)))
        later.expire(1, grace_us=0)
        inner.put_if_absent(later.log.sequence.names.name(entry.version), stray)
        return unseen()

    store = FaultyStore(inner, Fault("put_if_absent", after=True, error=told, name=entries))
    done = Writer(store).append("a")
    assert (done.version, done.entry, done.repeated) == (size + 1, None, False)
    assert later.words()[size:] == ["a", *(f"later {number}" for number in range(5))]
    verify(inner)


def test_a_race_that_was_lost_long_ago_leaves_no_doubt() -> None:
    """Who goes on from a version of a month ago, and finds another after it, commits after the latest."""
    writer = Writer(MemoryStore())
    for number in range(5):
        writer.append(f"old {number}")
    base = writer.log.latest()
    for _ in range(2):
        for number in range(12):
            writer.append(f"other {number}")
        writer.now_us += 31 * DAY_US
    writer.append("latest")
    done = writer.commit(writer.appending(writer.file("a")), base=base)
    assert (done.version, writer.words()[-1]) == (31, "a")
    assert set(writer.store.list("_atio/")) <= needed(writer.store) | set(writer.store.list("_atio/log/"))


def test_a_commit_that_nobody_remembers_is_unknown() -> None:
    """If the table remembers no ids from then any more, the commit isn't made again: its outcome is unknown."""
    writer, append = let_go_unseen((12, 1), pause_us=31 * DAY_US)
    with pytest.raises(CommitUnknownError, match="no ids"):
        append()
    assert writer.words().count("a") == 1


def test_a_retry_finds_its_commit() -> None:
    """After an unknown outcome the same key tells what became of the commit, and does it if it wasn't done."""
    for took_effect in (True, False):
        inner = MemoryStore()
        Writer(inner).append("old")
        silent = Fault("put_if_absent", times=99, after=took_effect, name=entries)
        store = FaultyStore(inner, silent, Fault("read", at=2, times=99, name=entries))
        with pytest.raises(CommitUnknownError):
            Writer(store).append("a", idempotency_key="k")
        done = Writer(inner).append("a", idempotency_key="k")
        assert (done.version, done.repeated) == (2, took_effect)
        assert Writer(inner).words() == ["old", "a"]


def test_an_error_after_the_link_is_unknown() -> None:
    """Once an entry is there, whatever fails says that the commit may have landed, and takes nothing away."""
    inner = MemoryStore()
    store = FaultyStore(inner, Fault("list", at=2, times=99, error=refusal))
    with pytest.raises(CommitUnknownError):
        Writer(store).append("a")
    assert verify(inner) == {1: ["a"]}


def test_an_interrupt_after_the_link_tells_so() -> None:
    """Ctrl-C comes through as itself, with a note that the commit may have landed; its files stay."""
    inner = MemoryStore()
    store = FaultyStore(inner, Fault("list", at=2, error=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt) as caught:
        Writer(store).append("a")
    assert "may have been committed" in caught.value.__notes__[0]
    assert verify(inner) == {1: ["a"]}


def test_an_interrupt_before_the_link_leaves_nothing() -> None:
    """Ctrl-C before the create takes the files away."""
    store = FaultyStore(MemoryStore(), Fault("list", error=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        Writer(store).append("a")
    assert list(store.list()) == []


def test_an_interrupt_anywhere_in_a_commit_harms_nothing() -> None:
    """Ctrl-C at any line of the commit leaves what is a version whole, the last lines included; others go on."""
    store = MemoryStore()

    def begin() -> Callable[[], object]:
        store.delete(list(store.list()))
        writer = Writer(store)
        writer.append("old")
        return lambda: writer.append("new")

    seen: set[int] = set()
    for _ in interrupted_anywhere(begin, commit_module, step=3):
        after = verify(store)
        seen.add(len(after))
        assert after in ({1: ["old"]}, {1: ["old"], 2: ["old", "new"]})
        Writer(store).append("other")
        assert len(verify(store)) == len(after) + 1
    assert seen == {1, 2}


def test_what_stands_in_the_way_is_told_plainly() -> None:
    """A refusal with no doubt about it stays what it is, though an earlier create was lost to another's."""
    objects = table(1)
    store = Direct(objects)
    other = Writer(store)

    def told() -> StorageError:
        other.append("b")
        return lost_answer()

    failing = FaultyStore(store, Fault("put_if_absent", error=told, name=entries))
    with pytest.raises(CommitConflictError, match="expected version 1"):
        Writer(failing).append("a", expected_version=1)
    assert other.words() == [*old(1), "b"]
    assert len(list(store.list("data/"))) == 2


def test_a_name_that_another_has_by_now_leaves_no_doubt() -> None:
    """A create that was told "taken" of a free name can't land any more once another's version has that name."""
    inner = MemoryStore()
    other = Writer(inner)
    other.append("old")

    class Between(FaultyStore):
        def read(self, name: str) -> bytes:
            try:
                return super().read(name)
            except NotFoundError:
                other.append("b")
                raise

    store = Between(inner, Fault("put_if_absent", error=taken, name=entries))
    with pytest.raises(CommitConflictError, match="expected version 1"):
        Writer(store).append("a", expected_version=1)
    assert other.words() == ["old", "b"]
    assert len(list(inner.list("data/"))) == 2


def test_errors_of_other_kinds_are_not_swallowed() -> None:
    """What no handler expects comes through."""
    store = FaultyStore(MemoryStore(), Fault("put", error=lambda: SchemaMismatchError("odd")))
    with pytest.raises(SchemaMismatchError, match="odd"):
        Writer(store).append("a")
