"""What goes wrong between a client and a bucket: delays, lost requests, lost answers, and those that come twice.

Each fault is tried at each request of an append; then several writers, expiries and readers share a table while faults
come at random, by a seed. Whatever happens, nothing is lost and nothing doubled, and what was told is true.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd
import pytest

from atio_core.errors import CommitUnknownError, StorageError, TableNotFoundError
from atio_core.storage.locate import locate
from atio_core.table import Table
from tests.support.bucket_servers import BucketServer
from tests.support.soaking import rounds
from tests.support.wire import FINE, Fate, Request, Wire, wire

LOST = {
    "closed before": Fate(deliver=0, silent="close"),
    "reset before": Fate(deliver=0, silent="reset"),
    "closed after": Fate(silent="close"),
    "reset after": Fate(silent="reset"),
    "done later": Fate(deliver=0, later=True, silent="close"),
    "done, and again later": Fate(later=True, silent="close"),
}
ANSWERED = {
    "503 before": Fate(deliver=0, status=503, code="SlowDown"),
    "503 after": Fate(status=503, code="SlowDown"),
    "429 before": Fate(deliver=0, status=429, code="TooManyRequests"),
    "429 after": Fate(status=429, code="TooManyRequests"),
    "500 before": Fate(deliver=0, status=500),
    "500 after": Fate(status=500),
    "cut": Fate(cut=7),
}
TWICE = {"twice": Fate(deliver=2), "twice, the second answered": Fate(deliver=2, answer=-1)}
REFUSED = {
    "409 before": Fate(deliver=0, status=409, code="ConditionalRequestConflict"),
    "409 after": Fate(status=409, code="ConditionalRequestConflict"),
    "412 before": Fate(deliver=0, status=412, code="PreconditionFailed"),
    "412 after": Fate(status=412, code="PreconditionFailed"),
}
"""What only a conditional put is told."""

FAULTS = LOST | ANSWERED | TWICE | REFUSED


def frame(*words: str) -> pd.DataFrame:
    """Return some rows."""
    return pd.DataFrame({"word": words})


def words(table: Table) -> list[str]:
    """Return what a table holds, once all of it is whole."""
    report = table.verify("all")
    assert report.ok, str(report)
    return sorted(table.read()["word"])


def of_kind(name: str) -> Callable[[Request], bool]:
    """Say which requests a fault can happen to."""
    return lambda request: name not in REFUSED or request.kind == "create"


@dataclass
class Nth:
    """Lets the n-th request that it may happen to go wrong, and as many more as are said."""

    fate: Fate
    at: int
    may: Callable[[Request], bool]
    times: int = 1
    seen: itertools.count[int] = field(default_factory=itertools.count)

    def __call__(self, request: Request) -> Fate:
        """Say what becomes of a request."""
        wrong = self.may(request) and self.at <= next(self.seen) < self.at + self.times
        return self.fate if wrong else FINE


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_any_request_of_an_append(seaweedfs: BucketServer, name: str) -> None:
    """Whatever goes wrong once, at whichever request of an append, the rows are there once, and no error is told."""
    requests = 1 if name in REFUSED else 5

    def attempt(at: int) -> tuple[list[str], int]:
        place, options = seaweedfs.place(), seaweedfs.storage_options
        direct = Table(place, storage_options=options)
        direct.append(frame("first"))
        with wire(seaweedfs) as watched:
            watched.decide = Nth(FAULTS[name], at, of_kind(name))
            table = Table(place, storage_options=watched.server.storage_options)
            version = table.append(frame("mine")).version
            watched.arrive()
        return words(direct), version

    with ThreadPoolExecutor(requests) as pool:
        found = list(pool.map(attempt, range(requests)))
    assert found == [(["first", "mine"], 2)] * requests


@pytest.mark.parametrize("name", [*LOST, "429 after", "503 after", "503 before", "409 after", "412 after"])
def test_a_service_that_never_answers_a_create(seaweedfs: BucketServer, name: str) -> None:
    """If no create is ever answered, and perhaps none done, the outcome is found out, or said to be unknown.

    A retry with the same key is exact in any case.
    """
    place, options = seaweedfs.place(), seaweedfs.storage_options
    direct = Table(place, storage_options=options)
    direct.append(frame("first"))
    with wire(seaweedfs) as watched:
        watched.decide = Nth(FAULTS[name], 0, lambda request: request.kind == "create", times=40)
        table = Table(place, storage_options=watched.server.storage_options)
        landed = FAULTS[name].deliver > 0 or FAULTS[name].later
        try:
            assert table.append(frame("mine"), idempotency_key="k").version == 2
            assert landed
        except CommitUnknownError:
            assert not landed
        watched.arrive()
        watched.decide = lambda _: FINE
        again = table.append(frame("mine"), idempotency_key="k")
    assert again.version == 2
    assert words(direct) == ["first", "mine"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_turns_creates_away_for_a_while(seaweedfs: BucketServer, status: int) -> None:
    """An append waits until the service has time for its create, as for any other request."""
    place = seaweedfs.place()
    Table(place, storage_options=seaweedfs.storage_options).append(frame("first"))
    with wire(seaweedfs) as watched:
        first: list[float] = []

        def decide(request: Request) -> Fate:
            if request.kind != "create":
                return FINE
            first.append(time.monotonic())
            return Fate(deliver=0, status=status) if first[-1] - first[0] < 1.5 else FINE

        watched.decide = decide
        table = Table(place, storage_options=watched.server.storage_options)
        assert table.append(frame("mine")).version == 2
    assert words(Table(place, storage_options=seaweedfs.storage_options)) == ["first", "mine"]


@pytest.mark.parametrize("name", [*LOST, *ANSWERED])
def test_a_fault_when_files_are_deleted(seaweedfs: BucketServer, name: str) -> None:
    """An expiry goes through whatever becomes of the request that deletes its files, and leaves none behind."""
    place = seaweedfs.place()
    direct = Table(place, storage_options=seaweedfs.storage_options)
    for word in ("first", "mine"):
        direct.overwrite(frame(word))
    with wire(seaweedfs) as watched:
        watched.decide = Nth(FAULTS[name], 0, lambda request: request.kind == "delete_many")
        Table(place, storage_options=watched.server.storage_options).expire(keep_last=1, grace=timedelta(0))
        assert watched.counts["delete_many"] >= 1
        watched.arrive()
    assert words(direct) == ["mine"]
    assert direct.verify("all").leftovers == ()


def test_what_is_written_from_a_buffer_that_is_used_again(seaweedfs: BucketServer) -> None:
    """A bucket holds what was in the buffer when it was written, however large the object is."""
    store = locate(seaweedfs.place(), temporary="_atio/tmp", storage_options=seaweedfs.storage_options)
    buffer = bytearray(1 << 20)
    with contextlib.closing(store.open_write("a")) as out:
        for number in range(24):
            buffer[:] = bytes([number]) * len(buffer)
            out.write(memoryview(buffer))
    assert store.read("a") == b"".join(bytes([number]) * (1 << 20) for number in range(24))


@pytest.mark.parametrize("landed", [False, True])
def test_a_service_that_is_gone_after_a_create(seaweedfs: BucketServer, *, landed: bool) -> None:
    """If nothing more is heard of the service, the commit is unknown; a retry with its key is exact."""
    place = seaweedfs.place()
    direct = Table(place, storage_options=seaweedfs.storage_options)
    direct.append(frame("first"))
    with wire(seaweedfs) as watched:
        gone = threading.Event()

        def decide(request: Request) -> Fate:
            if gone.is_set():
                return Fate(deliver=0, silent="close")
            if request.kind != "create":
                return FINE
            gone.set()
            return Fate(deliver=int(landed), silent="close")

        watched.decide = decide
        options = {**watched.server.storage_options, "max_retries": 1}
        with pytest.raises(CommitUnknownError):
            Table(place, storage_options=options).append(frame("mine"), idempotency_key="k")
    again = direct.append(frame("mine"), idempotency_key="k")
    assert (again.version, again.repeated) == (2, landed)
    assert words(direct) == ["first", "mine"]


@dataclass
class Weather:
    """Lets requests go wrong at random, by a seed."""

    seed: int
    chance: float
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Begin with the seed."""
        self.random = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        self.unclear = 0

    def __call__(self, request: Request) -> Fate:
        """Say what becomes of a request."""
        with self._lock:
            if self.random.random() >= self.chance:
                return FINE
            name = self.random.choice(
                [*LOST, *ANSWERED, *TWICE, *(REFUSED if request.kind == "create" else ())]
            )
            self.unclear += 1
            return FAULTS[name]


@dataclass
class Crowd:
    """Writers, an expiry and a reader of one table, each with a handle of its own, through one wire.

    Attributes:
        place: The table's.
        watched: The wire.
        told: What each word's writer was told: its version; None if that is unknown; 0 if it wasn't committed.
    """

    place: str
    watched: Wire
    told: dict[str, int | None] = field(default_factory=dict[str, "int | None"])
    failures: list[BaseException] = field(default_factory=list[BaseException])

    def table(self) -> Table:
        """Return a new handle."""
        return Table(self.place, storage_options=self.watched.server.storage_options)

    def append(self, name: str, count: int) -> None:
        """Append words, each with a key, until it is known to be done."""
        table = self.table()
        for number in range(count):
            word = f"{name}{number}"
            for _ in range(5):
                try:
                    self.told[word] = table.append(frame(word), idempotency_key=word).version
                    break
                except CommitUnknownError:
                    self.told[word] = None
                except StorageError:  # nothing was committed, by this try
                    self.told.setdefault(word, 0)

    def expire(self, count: int) -> None:
        """Let versions go."""
        for _ in range(count):
            try:
                self.table().expire(keep_last=3)
            except (CommitUnknownError, StorageError, TableNotFoundError):
                continue

    def read(self, count: int) -> None:
        """Read the latest: no word is ever twice, and none that was acknowledged before is missing."""
        for _ in range(count):
            before = {word for word, version in dict(self.told).items() if version}
            try:
                found = self.table().read()["word"].tolist()
            except (StorageError, TableNotFoundError):
                continue
            assert len(found) == len(set(found)), found
            assert before <= set(found), before - set(found)

    def run(self, *parts: Callable[[], object]) -> None:
        """Let all work at once."""
        with ThreadPoolExecutor(len(parts)) as pool:
            for done in [pool.submit(part) for part in parts]:
                done.result()
        self.watched.arrive()


def storm(server: BucketServer, seed: int, *, writers: int, appends: int, chance: float) -> None:
    """Let a crowd work through a wire where requests go wrong, and see what has come of it."""
    direct = Table(place := server.place(), storage_options=server.storage_options)
    with wire(server) as watched:
        watched.decide = Weather(seed, chance)
        crowd = Crowd(place, watched)
        crowd.run(
            *[lambda name=name: crowd.append(name, appends) for name in "abcdefgh"[:writers]],
            lambda: crowd.expire(appends),
            lambda: crowd.read(appends * 2),
        )
        watched.decide = lambda _: FINE
        rows = words(direct)
        acknowledged = {word for word, version in crowd.told.items() if version}
        assert len(rows) == len(set(rows))
        assert acknowledged <= set(rows) <= set(crowd.told)
        assert not {word for word in rows if crowd.told[word] == 0}, "said to be not committed, and is there"
        for word, version in crowd.told.items():  # a retry with the key is exact
            again = crowd.table().append(frame(word), idempotency_key=word)
            assert again.repeated == (word in rows)
            assert version in (again.version, None, 0)
        assert words(direct) == sorted(crowd.told)


@pytest.mark.parametrize("seed", range(1, 5))
def test_writers_expiries_and_readers_in_a_storm(seaweedfs: BucketServer, seed: int) -> None:
    """Nothing is lost, nothing doubled, and each retry with a key is exact, whatever goes wrong on the wire."""
    storm(seaweedfs, seed, writers=3, appends=4, chance=0.1)


@pytest.mark.soak
@pytest.mark.parametrize("service", ["seaweedfs", "moto"])
def test_storms_at_length(request: pytest.FixtureRequest, service: str) -> None:
    """As many storms as ten minutes hold, or as long as is told; others each day."""
    server: BucketServer = request.getfixturevalue(service)
    first = time.time_ns() // 86_400_000_000_000 * 100_000
    for number in rounds(minutes=10):
        seed = first + number
        storm(server, seed, writers=1 + seed % 8, appends=6, chance=0.02 * (1 + seed % 10))
