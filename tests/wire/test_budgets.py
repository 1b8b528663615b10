"""What commits and reads ask of a bucket, counted on the wire (P8). A request takes a tenth of a second far away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from atio_core.storage.locate import locate
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.bucket_servers import BucketServer
from tests.support.wire import Wire, wire

WRITES = ("put", "create", "begin", "part", "complete", "delete", "delete_many")


def frame(*values: int) -> pd.DataFrame:
    """Return some rows."""
    return pd.DataFrame({"a": values})


def place_of(server: BucketServer, store: MemoryStore) -> str:
    """Copy a table into a bucket; return where it lies."""
    place = server.place()
    bucket = locate(place, temporary="_atio/tmp", storage_options=server.storage_options)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: bucket.put(name, store.read(name)), store.list()))
    return place


def many_versions(count: int) -> MemoryStore:
    """Return a table of so many versions and one file."""
    store = MemoryStore()
    table = Table(store=store)
    table.append(frame(0))
    for number in range(1, count):
        table.set_grace(timedelta(minutes=number))
    return store


def many_files(count: int) -> MemoryStore:
    """Return a table of so many appends, without their older entries."""
    store = MemoryStore()
    table = Table(store=store)
    for number in range(count):
        table.append(frame(number))
    table.expire(keep_last=1)
    return store


@pytest.mark.parametrize("versions", [1, 70, 600])
def test_budgets_whatever_the_number_of_versions(seaweedfs: BucketServer, versions: int) -> None:
    """An append takes 5 requests, 2 of them writes; 3 by who made the last one; to open 2; to read a small table 3."""
    with wire(seaweedfs) as watched:
        check_budgets(watched, place_of(seaweedfs, many_versions(versions)), versions)


def test_budgets_on_another_service(moto: BucketServer) -> None:
    """The same on moto's."""
    with wire(moto) as watched:
        check_budgets(watched, place_of(moto, many_versions(1)), 1)


def check_budgets(watched: Wire, place: str, versions: int) -> None:
    """Demand that what is done to a table stays within its budget."""

    def handle() -> Table:
        watched.reset()
        return Table(place, storage_options=watched.server.storage_options)

    assert handle().read()["a"].tolist() == [0]
    assert watched.counts == {"list": 1, "get": 2}
    assert handle().snapshot().version == 1
    assert watched.counts == {"list": 1, "get": 1}

    table = handle()
    table.append(frame(1))
    assert watched.counts == {"list": 2, "get": 1, "put": 1, "create": 1}
    for number in (2, 3):
        watched.reset()
        table.append(frame(number))
        assert watched.counts == {"put": 1, "create": 1, "list": 1}
    watched.reset()
    table.append(frame(4), idempotency_key="k")
    assert watched.counts["put"] == watched.counts["create"] == watched.counts["list"] == 1
    assert watched.counts["get"] <= 1  # the older keys, where there are any

    assert handle().append(frame(5)).version == versions + 5
    assert sum(watched.counts.values()) <= 5
    assert sum(watched.counts[kind] for kind in WRITES) <= 2
    assert handle().read()["a"].tolist() == [0, 1, 2, 3, 4, 5]
    assert watched.counts == {"list": 1, "get": 1 + 6}


@pytest.mark.parametrize("files", [16, 70, pytest.param(600, marks=pytest.mark.soak)])
def test_a_full_read_asks_once_for_each_file(seaweedfs: BucketServer, files: int) -> None:
    """To read n small files takes n requests and three: the listing, the entry, and one list of files."""
    place = place_of(seaweedfs, many_files(files))
    with wire(seaweedfs) as watched:
        table = Table(place, storage_options=watched.server.storage_options)
        assert table.read()["a"].tolist() == list(range(files))
        assert watched.counts == {"list": 1, "get": files + (1 if files <= 16 else 2)}


def test_appends_in_a_row_stay_within_the_budget(seaweedfs: BucketServer) -> None:
    """Lists that spill cost an append in seventeen two requests more, and so one in 32; on average 3.2."""
    with wire(seaweedfs) as watched:
        table = Table(seaweedfs.place(), storage_options=watched.server.storage_options)
        table.append(frame(0))
        each: list[int] = []
        for number in range(1, 68):
            watched.reset()
            table.append(frame(number))
            each.append(len(watched.requests))
        assert sorted(each)[60] == 3
        assert max(each) <= 6
        assert sum(each) <= 3.2 * len(each)


def test_expiry_deletes_many_at_once(seaweedfs: BucketServer) -> None:
    """A hundred versions that go, and their files, take two requests to be deleted."""
    place = place_of(seaweedfs, overwritten(100))
    with wire(seaweedfs) as watched:
        table = Table(place, storage_options=watched.server.storage_options)
        report = table.expire(keep_last=1)
        assert report.files_removed == 100  # and the list of ids before the last
        assert report.entries_removed == 63
        assert watched.counts["delete_many"] == 2
        assert watched.counts["delete"] == 0


def overwritten(count: int) -> MemoryStore:
    """Return a table that was overwritten so often."""
    store = MemoryStore()
    table = Table(store=store)
    for number in range(count):
        table.overwrite(frame(number))
    return store


def test_io_stats_tell_what_is_on_the_wire(watched: Wire) -> None:
    """What a table says that it asked for is what the service was asked for, parts of large objects included."""
    table = Table(watched.server.place(), storage_options=watched.server.storage_options)
    table.append(frame(1))
    watched.reset()
    before = table.io_stats()
    table.append(frame(2))
    table.overwrite(random_bytes(25))
    table.read()
    table.expire(keep_last=1)
    spent = table.io_stats() - before
    counts = watched.counts
    assert spent.reads == counts["get"]
    assert spent.writes == sum(counts[kind] for kind in ("put", "begin", "part", "complete"))
    assert counts["part"] > 1
    assert (spent.creates, spent.lists, spent.looks) == (counts["create"], counts["list"], counts["head"])
    assert spent.deletes == counts["delete_many"] + counts["delete"]
    assert spent.requests == len(watched.requests)
    sent = sum(one.sent for one in watched.requests if one.kind in ("put", "part", "create"))
    assert spent.bytes_written == sent
    assert spent.bytes_read == sum(one.answered for one in watched.requests if one.kind == "get")


def random_bytes(megabytes: int) -> pd.DataFrame:
    """Return a frame that compression makes no smaller."""
    values = np.random.default_rng(1).integers(0, 2**63, megabytes << 17)
    return pd.DataFrame({"a": values})
