from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from atio_core.errors import (
    AlreadyExistsError,
    AtioError,
    CommitConflictError,
    CommitUnknownError,
    DamagedError,
    InvalidInputError,
    NewerFormatError,
    NotFoundError,
    StagedFilesExpiredError,
)
from atio_core.format.entry_json import encode_entry
from atio_core.log.change import Rebased
from atio_core.log.commit import commit, holds, look_up
from atio_core.log.intent import make_intent
from atio_core.log.key_list import key_digest
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, Totals, empty_entry
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore
from tests.support.commits import START_US, Writer, verify
from tests.support.stores import CountingStore

HOUR_US = 3_600_000_000


def entries(name: str) -> bool:
    """Say whether a name is that of a log entry."""
    return name.startswith("_atio/log/")


def table(*words: str) -> Writer:
    """Return a writer of a table to which these were appended, one by one."""
    writer = Writer(MemoryStore("table"))
    for word in words:
        writer.append(word)
    return writer


class _Change:
    """A change that says what it is told to say."""

    operation = "test"
    changes_rows = True

    def __init__(self, answer: Callable[[LogEntry, Scratch], Rebased | None], *adds: DataFile) -> None:
        self.answer = answer
        self.adds = adds

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        return self.answer(base, scratch)


def test_the_next_entry_follows_its_parent() -> None:
    """An entry continues its parent's chain: number, ids, time and ranges; the change's content stands in it."""
    writer = table("a")
    writer.now_us += 5
    done = writer.append("b", message="m", properties={"k": "v"})
    first, second = writer.log.get(1), writer.log.get(2)
    assert (done.version, done.entry, done.repeated, done.nothing) == (2, second, False, False)
    assert (second.table_id, second.parent_commit_id) == (first.table_id, first.commit_id)
    assert first.parent_commit_id is None
    assert (second.clock_us, second.time_us, second.operation) == (START_US + 5, START_US + 5, "append")
    told = second.data
    assert (told.version, told.message, told.properties) == (2, "m", {"k": "v"})
    assert (told.added, told.removed) == (Totals(1, 1, 1), Totals())
    assert second.retained.spans == ((1, 2),)
    assert [one.hex() for one in second.recent.commits] == [second.commit_id, first.commit_id]


def test_time_never_runs_backwards() -> None:
    """With a clock that is behind, a version's time is its parent's, and the clock's own is kept beside it."""
    writer = table("a")
    writer.now_us -= HOUR_US
    entry = writer.append("b").entry
    assert entry is not None
    assert (entry.clock_us, entry.time_us) == (START_US - HOUR_US, START_US)


def test_an_old_base_costs_one_lost_race() -> None:
    """A commit on a base that is outdated is made on the latest, and nothing is lost."""
    writer = table("a")
    base = writer.log.latest()
    writer.append("b")
    done = writer.commit(writer.appending(writer.file("c")), base=base)
    assert (done.version, writer.words()) == (3, ["a", "b", "c"])
    assert writer.pauses == [0]


def test_a_change_that_leaves_nothing_to_be_done_makes_no_version() -> None:
    """Such a commit comes to the latest version, and no entry is written."""
    writer = table("a")
    done = writer.commit(_Change(lambda *_: None))
    assert (done.nothing, done.version, done.entry) == (True, 1, writer.log.latest())
    assert writer.log.latest().version == 1


def test_a_change_that_keeps_the_rows_makes_no_data_version() -> None:
    """Its entry carries on what the data version before says of itself."""
    writer = table("a")
    change = _Change(lambda base, _: Rebased(base))
    change.changes_rows = False
    entry = writer.commit(change).entry
    assert entry is not None
    assert (entry.version, entry.operation) == (2, "test")
    assert entry.data == writer.log.get(1).data


def refusing(error: Exception) -> Callable[[LogEntry, Scratch], Rebased]:
    """Return what refuses every base."""

    def answer(base: LogEntry, scratch: Scratch) -> Rebased:
        scratch.put("_atio/manifests/held.arrow", b"")
        scratch.write()
        raise error

    return answer


@pytest.mark.parametrize("kind", [CommitConflictError, InvalidInputError, DamagedError])
def test_a_refusal_leaves_nothing_behind(kind: type[AtioError]) -> None:
    """A change that the latest version stands against is refused; its files and lists are gone."""
    writer = table("a")
    before = list(writer.store.list())
    with pytest.raises(kind, match="no"):
        writer.commit(_Change(refusing(kind("no")), writer.file("b")))
    assert list(writer.store.list()) == before


def test_a_refusal_by_an_outdated_base_does_not_count() -> None:
    """What only an outdated base stands against is tried again on the latest."""
    writer = table("a")
    old = writer.log.latest()
    writer.append("b")

    def answer(base: LogEntry, scratch: Scratch) -> Rebased:
        if base.version == old.version:
            raise CommitConflictError("no")
        return Rebased(base)

    assert writer.commit(_Change(answer), base=old).version == 3


def test_another_version_than_expected_is_a_conflict() -> None:
    """The conflict names the version that came first; nothing was committed, and no file is left."""
    writer = table("a", "b")
    with pytest.raises(
        CommitConflictError, match="expected version 1 to be the latest, but it is 2"
    ) as caught:
        writer.append("c", expected_version=1)
    assert (caught.value.facts["winner"], caught.value.version) == (2, 2)
    assert verify(writer.store) == {1: ["a"], 2: ["a", "b"]}
    assert len(list(writer.store.list("data/"))) == 2
    assert writer.append("c", expected_version=2).version == 3


def test_what_keeps_the_rows_is_no_other_version() -> None:
    """An expiry in between doesn't disturb who expects a data version."""
    writer = table("a", "b")
    writer.expire(keep_last=1)
    assert writer.append("c", expected_version=2).version == 4


def test_a_table_that_must_not_be_there_yet() -> None:
    """Expecting version 0 makes a table once."""
    writer = table()
    assert writer.append("a", expected_version=0).version == 1
    with pytest.raises(CommitConflictError, match="expected version 0"):
        writer.append("b", expected_version=0)


def test_a_key_is_done_once_whatever_conflicts() -> None:
    """A repeated commit comes to the version that has its key, though its expectation no longer holds."""
    writer = table()
    first = writer.append("a", idempotency_key="k", expected_version=0)
    writer.append("b")
    again = writer.append("a", idempotency_key="k", expected_version=0)
    assert (again.version, again.repeated, again.entry) == (1, True, first.entry)
    assert writer.words() == ["a", "b"]
    assert len(list(writer.store.list("data/"))) == 2


def test_a_key_of_an_expired_version_is_still_known() -> None:
    """A retry finds its version by number, though nothing of it can be read any more."""
    writer = table()
    writer.append("a", idempotency_key="k")
    writer.append("b")
    writer.expire(keep_last=1)
    again = writer.append("a", idempotency_key="k")
    assert (again.version, again.entry, again.repeated) == (1, None, True)


def test_a_look_up_reads_only_what_may_have_it() -> None:
    """A first look for a plain commit reads nothing: its own id can't be there, and it has no key."""
    store = CountingStore(MemoryStore())
    writer = Writer(store)
    for number in range(12):
        writer.append(str(number))
    base = writer.log.latest()
    assert base.key_lists
    store.reset()
    assert look_up(writer.log, base, make_intent(writer.clock)) is None
    assert store.calls == []
    keyed = make_intent(writer.clock, idempotency_key="k")
    assert look_up(writer.log, base, keyed) is None
    assert {name for _, name in store.calls} == {ref.path for ref in base.key_lists}


def test_a_found_commit_is_made_durable() -> None:
    """Who is told that a commit was done can rely on it: its name and the latest's are synced by then."""
    store = CountingStore(MemoryStore())
    writer = Writer(store)
    for number in range(3):
        writer.append(str(number), idempotency_key=str(number))
    store.reset()
    writer.append("1", idempotency_key="1")
    names = writer.log.sequence.names
    assert [name for verb, name in store.calls if verb == "make_durable"] == [names.name(2), names.name(3)]


@pytest.mark.parametrize("grace_us", [None, 0], ids=["grace", "no grace"])
def test_files_older_than_the_horizon_are_not_committed(grace_us: int | None) -> None:
    """Files that cleaning may have taken are refused by name, and written again; younger ones are not."""
    writer = table("a")
    late = writer.file("late")
    writer.now_us += 2 * HOUR_US
    young = writer.file("young")
    writer.append("b")
    writer.expire(keep_last=1, grace_us=grace_us)
    with pytest.raises(StagedFilesExpiredError, match="write the data again") as caught:
        writer.commit(writer.appending(late))
    assert caught.value.facts["path"] == late.path
    assert late.path not in set(writer.store.list())
    if grace_us is None:
        assert writer.commit(writer.appending(young)).version == 4


def test_lost_races_end() -> None:
    """A writer that loses every race is told so after a thousand; nothing was committed, and nothing is left."""
    inner = MemoryStore()

    def told() -> AlreadyExistsError:
        Writer(inner).append("other")
        return AlreadyExistsError("taken")

    class Racing(FaultyStore):
        def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
            raise told()

    writer = Writer(Racing(inner))
    with pytest.raises(CommitConflictError, match="lost 1000 races in a row; nothing was committed"):
        writer.append("mine")
    assert len(writer.pauses) == 999
    assert "mine" not in writer.words()
    assert len(list(inner.list("data/"))) == 1000


def gone_when_looked_at(*, landed: bool) -> Callable[[dict[str, Any]], tuple[Writer, Writer]]:
    """Return what commits "a" as version 4, is told "taken", and finds the name freed by then.

    Others made so many versions meanwhile, and let go all but the last. `landed`: the name was taken by this very
    commit, else by one of the others.
    """

    def commit_(options: dict[str, Any]) -> tuple[Writer, Writer]:
        inner = MemoryStore()
        for number in range(3):
            Writer(inner).append(f"old {number}")
        others = Writer(inner)

        def told() -> AlreadyExistsError:
            for number in range(6):
                others.append(f"other {number}")
            others.expire(1)
            return AlreadyExistsError("taken")

        store = FaultyStore(inner, Fault("put_if_absent", after=landed, error=told, name=entries))
        mine = Writer(store)
        mine.append("a", **options)
        return mine, others

    return commit_


def test_a_name_that_was_taken_and_freed_was_another_s() -> None:
    """If the ids of the latest show that the version was another's, the commit goes on: it is there once."""
    mine, others = gone_when_looked_at(landed=False)({})
    assert others.words().count("a") == 1
    assert others.words()[-1] == "a"
    assert mine.pauses == [0]


def test_a_name_that_was_taken_and_freed_was_ours() -> None:
    """If they show that it was this very commit, it is done: it is there once, before the others'."""
    _, others = gone_when_looked_at(landed=True)({})
    assert others.words()[:5] == ["old 0", "old 1", "old 2", "a", "other 0"]
    assert others.words().count("a") == 1


def test_a_version_known_to_be_another_s_leaves_no_doubt() -> None:
    """Once every create that was sent is known to have failed, a refusal is plain, and the files are taken away."""
    inner = MemoryStore()
    for number in range(3):
        Writer(inner).append(f"old {number}")
    others = Writer(inner)

    def told() -> AlreadyExistsError:
        for number in range(6):
            others.append(f"other {number}")
        others.expire(1)
        return AlreadyExistsError("taken")

    store = FaultyStore(inner, Fault("put_if_absent", error=told, name=entries))
    with pytest.raises(CommitConflictError, match="expected version 3"):
        Writer(store).append("a", expected_version=3)
    reached = {file.path for file in others.log.latest().files}
    words = [inner.read(path) for path in inner.list("data/")]
    assert b"a" not in words
    assert reached <= set(inner.list("data/"))


def test_a_version_not_known_yet_leaves_the_doubt() -> None:
    """A name said to be taken, and free when it is read, may still become ours: no later refusal is believed."""
    store = FaultyStore(
        MemoryStore(),
        Fault("put_if_absent", error=lambda: AlreadyExistsError("taken"), times=99, name=entries),
        Fault("list", at=3, error=lambda: InvalidInputError("odd")),
    )
    with pytest.raises(CommitUnknownError, match="odd"):
        Writer(store).append("a")
    assert len(list(store.list("data/"))) == 1


def test_a_writer_s_feature_stops_a_commit() -> None:
    """A commit after a version that needs a later release is refused, and leaves nothing."""
    writer = table("a")
    entry = writer.log.latest().with_(version=2, writer_features=("row-ids",))
    writer.store.put(writer.log.sequence.names.name(2), encode_entry(entry))
    before = list(writer.store.list())
    with pytest.raises(NewerFormatError, match="row-ids"):
        writer.append("b")
    assert list(writer.store.list()) == before


def test_an_error_of_the_latest_version_holds() -> None:
    """An error that a base gave rise to counts as long as no other version came; a file then missing is damage."""
    writer = table("a")
    base = writer.log.latest()
    assert holds(writer.log, base, CommitConflictError("no"))
    with pytest.raises(DamagedError) as caught:
        holds(writer.log, base, NotFoundError("gone", path="data/x"))
    assert caught.value.facts["path"] == "data/x"
    writer.append("b")
    assert not holds(writer.log, base, CommitConflictError("no"))
    assert not holds(writer.log, base, NotFoundError("gone", path="data/x"))
    assert holds(Writer(MemoryStore()).log, empty_entry("t"), CommitConflictError("no"))


def test_a_base_that_was_looked_up_is_not_looked_up_again() -> None:
    """What the caller looked through already isn't read again; only what came since is."""
    store = CountingStore(MemoryStore())
    writer = Writer(store)
    for number in range(12):
        writer.append(str(number))
    base = writer.log.latest()
    intent = make_intent(writer.clock, idempotency_key="k")
    change = writer.appending(writer.file("x"))
    store.reset()
    done = commit(writer.log, change, intent, base=base, looked_up=True, clock=writer.clock)
    assert done.version == 13
    assert not {name for _, name in store.calls} & {ref.path for ref in base.key_lists}
    assert done.entry is not None
    assert done.entry.recent.keys[0] == key_digest("k")
