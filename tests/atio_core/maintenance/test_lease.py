from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atio_core.errors import InvalidInputError, StorageError, VersionExpiredError
from atio_core.maintenance.lease import Lease
from atio_core.storage.base import ObjectStore
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, refusal
from atio_core.times import time_of
from tests.support.commits import Writer

MINUTE_US = 60_000_000
TTL = timedelta(minutes=10)
PATIENCE_SECONDS = 60


def table(store: ObjectStore | None = None) -> Writer:
    """Return a writer of a table of two overwrites; the first is what is leased."""
    writer = Writer(store or MemoryStore("table"))
    writer.overwrite("a")
    writer.overwrite("b")
    return writer


class Waking(threading.Event):
    """The end of a lease, whose thread waits by the test's clock: each wait comes to an end when the test says so.

    Attributes:
        asked: For how long the thread waits, each time.
    """

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self.asked: list[timedelta] = []
        self._writer = writer
        self._asleep, self._awake = threading.Semaphore(0), threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the test."""
        assert timeout is not None
        self.asked.append(timedelta(seconds=timeout))
        self._asleep.release()
        assert self._awake.acquire(timeout=PATIENCE_SECONDS)
        return self.is_set()

    def set(self) -> None:
        """End the lease."""
        super().set()
        self._awake.release()

    def asleep(self) -> None:
        """Wait until the thread waits."""
        assert self._asleep.acquire(timeout=PATIENCE_SECONDS)

    def wake(self, *, late: timedelta = timedelta(0)) -> None:
        """Let the time pass for which the thread waits, or more, and wait until it waits again."""
        self._writer.now_us += (self.asked[-1] + late) // timedelta(microseconds=1)
        self.let_go()
        self.asleep()

    def let_go(self) -> None:
        """Wake the thread, which may not wait again."""
        self._awake.release()


def lease(writer: Writer, waking: Waking | None = None) -> Lease:
    """Return a lease of version 1."""
    return Lease(writer.log, 1, TTL, clock=writer.clock, ended=waking)


def removed(writer: Writer) -> list[int]:
    """Expire all but the latest, and what is kept; return what went."""
    return [line.version for line in writer.expire(1, grace_us=0).removed]


def test_a_leased_version_stays() -> None:
    """Whatever expires, within the block the version is there; after it, it goes. The tag tells who holds it."""
    writer = table()
    with lease(writer) as held:
        (tag,) = writer.table.tags().items()
        assert (tag[0], tag[1], tag[1].until) == (held.name, 1, held.until)
        assert held.name.startswith("lease/")
        report = writer.expire(1, grace_us=0)
        assert report.kept[0].reasons == (f"tag {held.name} until {held.until:%Y-%m-%d %H:%M:%S} UTC",)
        held.check()
    assert writer.table.tags() == {}
    assert removed(writer) == [1]


def test_a_lease_is_renewed() -> None:
    """When half of its time is left it gets a new end, again and again, so that it lasts as long as the block does."""
    writer = table()
    waking = Waking(writer)
    with lease(writer, waking) as held:
        waking.asleep()
        for _ in range(5):
            before = held.until
            waking.wake()
            assert held.until == before + TTL / 2 == writer.table.tags()[held.name].until
            assert removed(writer) == []
    assert set(waking.asked) == {TTL / 2}
    assert removed(writer) == [1]


def test_a_renewal_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A store that can't be reached for a while does no harm; the log tells of it, and so does `check`."""
    store = FaultyStore(MemoryStore())
    writer = table(store)
    waking = Waking(writer)
    with caplog.at_level(logging.WARNING, "atio"), lease(writer, waking) as held:
        waking.asleep()
        until = held.until
        store.faults.append(Fault("put_if_absent", times=3, error=refusal))
        waking.wake()
        waking.wake()
        assert (held.until, waking.asked) == (until, [TTL / 2, TTL / 20, TTL / 20])
        with pytest.raises(StorageError):
            held.check()
        waking.wake()
        assert held.until > until
        held.check()
    assert "wasn't renewed" in caplog.text
    assert len(caplog.records) == 2


def test_a_lease_that_ran_out_protects_nothing() -> None:
    """A process that stood still for too long is told by `check`, and at the end of the block."""
    writer = table()

    def stand_still() -> None:
        with lease(writer, Waking(writer)) as held:
            writer.now_us += 11 * MINUTE_US
            assert removed(writer) == [1]
            assert writer.table.tags() == {}
            with pytest.raises(VersionExpiredError):
                held.check()

    with pytest.raises(
        VersionExpiredError, match=r"version 1 .* while it was leased: the lease ran out at"
    ) as caught:
        stand_still()
    assert caught.value.version == 1


def test_the_thread_ends_when_there_is_nothing_to_be_kept() -> None:
    """What has gone can't be kept any more: the thread stops, and the end of the block tells why."""
    writer = table()
    waking = Waking(writer)

    def stand_still() -> None:
        with lease(writer, waking) as held:
            waking.asleep()
            thread = next(one for one in threading.enumerate() if held.name in one.name)
            writer.now_us += 11 * MINUTE_US
            removed(writer)
            waking.let_go()
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()

    with pytest.raises(VersionExpiredError, match="while it was leased") as caught:
        stand_still()
    assert isinstance(caught.value.__cause__, VersionExpiredError)


def test_a_lease_that_woke_up_late_goes_on_if_it_can() -> None:
    """A lease ran out, its tag was cleaned away, and yet another rule keeps the version: it is kept again."""
    writer = table()
    waking = Waking(writer)
    with lease(writer, waking) as held:
        waking.asleep()
        writer.now_us += 11 * MINUTE_US
        assert writer.expire(2).tags_removed == (held.name,)
        held.check()
        assert removed(writer) == []
        waking.wake(late=TTL)
        assert removed(writer) == []


def test_what_the_block_raises_comes_first() -> None:
    """The reader's own error isn't hidden by the lease's: that is a note to it."""
    writer = table()

    def fail() -> None:
        with lease(writer, Waking(writer)):
            writer.now_us += 11 * MINUTE_US
            removed(writer)
            raise KeyError

    with pytest.raises(KeyError) as caught:
        fail()
    assert "couldn't be ended: version 1" in caught.value.__notes__[0]


def test_a_version_that_has_expired_can_not_be_leased() -> None:
    """A lease protects; it brings nothing back, and leaves no tag and no thread."""
    writer = table()
    removed(writer)
    threads = threading.active_count()
    with pytest.raises(VersionExpiredError), lease(writer):
        pytest.fail("the version isn't there")
    assert (writer.table.tags(), threading.active_count()) == ({}, threads)


def test_a_lease_is_used_once_at_a_time() -> None:
    """Two blocks need two leases: else the end of one would be that of both."""
    writer = table()
    with lease(writer) as held, pytest.raises(InvalidInputError, match="in use"), held:
        pytest.fail("it is in use")


def test_who_untags_a_lease_ends_it_only_for_the_dead() -> None:
    """A tag of a holder that was killed can be taken away by its name; one that is at work takes it again."""
    writer = table()
    waking = Waking(writer)
    with lease(writer, waking) as held:
        waking.asleep()
        writer.table.untag(held.name)
        waking.wake()
        assert list(writer.table.tags()) == [held.name]
        with pytest.raises(InvalidInputError, match="leases have such tags"):
            writer.table.tag(held.name)


@pytest.mark.parametrize(
    "ttl",
    [timedelta(0), timedelta(milliseconds=999), timedelta(seconds=-1), timedelta.max, 60, None],
    ids=str,
)
def test_an_odd_time_is_refused(ttl: Any) -> None:
    """What can't be meant is refused at once; if shorter than a second, it would be renewed all the time."""
    with pytest.raises(InvalidInputError, match="ttl must be"):
        Lease(table().log, 1, ttl)


def test_a_lease_counts_from_a_horizon_that_lies_ahead() -> None:
    """After an expiry by a clock far ahead, leases of all others still begin, are renewed, and keep their version."""
    writer = table()
    ahead = Writer(writer.store, now_us=writer.now_us + 1000 * MINUTE_US)
    ahead.overwrite("c")
    ahead.expire(2, grace_us=0)
    horizon = time_of(writer.log.latest().horizon_us)
    assert horizon == time_of(ahead.now_us)
    waking = Waking(writer)
    with Lease(writer.log, 2, TTL, clock=writer.clock, ended=waking) as held:
        waking.asleep()
        assert held.until == horizon + TTL == writer.table.tags()[held.name].until
        waking.wake()
        assert held.until == horizon + TTL
        assert removed(writer) == []
        assert removed(ahead) == []
    assert removed(writer) == [2]


def test_a_real_thread_renews_in_real_time() -> None:
    """Without a test's clock and waits: the second end comes by itself."""
    renewed = threading.Event()
    store = table().store
    second = Fault("put_if_absent", at=2, after=True, error=None, meanwhile=renewed.set)
    with Lease(Writer(FaultyStore(store, second)).log, 1, timedelta(seconds=1)) as held:
        first = held.until
        assert renewed.wait(PATIENCE_SECONDS)
        held.renew()
        assert held.until > first


def test_a_snapshot_is_leased() -> None:
    """As users do it."""
    writer = table()
    snapshot = writer.table.snapshot(1)
    with snapshot.lease(timedelta(minutes=1)) as held:
        assert held.until > datetime.now(UTC)
        assert removed(Writer(writer.store, now_us=held_time_us())) == []
        assert [writer.store.read(file.path) for file in snapshot.data_files()] == [b"a"]
    assert removed(writer) == [1]


def held_time_us() -> int:
    """Return what time it is."""
    return int(datetime.now(UTC).timestamp() * 1_000_000)
