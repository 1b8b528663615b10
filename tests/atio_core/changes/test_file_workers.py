"""Work on several files at a time."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest

from atio_core import StorageError, Table
from atio_core.changes.file_workers import FileWorkers, weight
from atio_core.model.data_file import DataFile
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, refusal

_LARGE = 20 << 20


def test_a_few_small_files_are_worked_on_at_once() -> None:
    """Where threads aren't worth it, work is done by the caller, in its order."""
    found: list[threading.Thread] = []
    with FileWorkers() as workers:
        for number in range(8):
            workers.do(10, lambda: found.append(threading.current_thread()))
            assert found == [threading.current_thread()] * (number + 1)


def test_many_small_files_wait_for_the_disk_together() -> None:
    """Eight that wait for each other all end, however few processors there are."""
    together = threading.Barrier(8, timeout=60)
    with FileWorkers(workers=1) as workers:
        for _ in range(8):
            workers.do(10, lambda: None)
        for _ in range(8):
            workers.do(10, together.wait)
    assert not together.broken


def test_large_files_are_worked_on_side_by_side() -> None:
    """Two that wait for each other both end."""
    both = threading.Barrier(2, timeout=60)
    with FileWorkers(workers=2) as workers:
        workers.do(_LARGE, both.wait)
        workers.do(_LARGE, both.wait)
    assert not both.broken


def test_at_the_end_all_is_done() -> None:
    """The block's end waits for all work."""
    done: list[int] = []
    with FileWorkers() as workers:
        for number in range(20):
            workers.do(_LARGE, lambda number=number: done.append(number))
    assert sorted(done) == list(range(20))


def test_what_failed_is_raised_and_no_more_is_begun() -> None:
    """The first error comes out of the block, once what has begun is over."""
    begun: list[int] = []

    def fail() -> None:
        begun.append(0)
        raise ValueError("broken")

    def many() -> None:
        with FileWorkers(workers=1) as workers:
            workers.do(_LARGE, fail)
            for _ in range(50):
                workers.do(_LARGE, lambda: begun.append(1))

    with pytest.raises(ValueError, match="broken"):
        many()
    assert len(begun) <= 2


def test_a_failure_of_the_caller_stops_the_rest() -> None:
    """What waits isn't begun, what has begun is waited for."""
    go, done = threading.Event(), list[str]()

    def work() -> None:
        go.wait(60)
        done.append("begun")

    def fail() -> None:
        with FileWorkers(workers=1) as workers:
            workers.do(_LARGE, work)
            go.set()
            raise KeyError("caller")

    with pytest.raises(KeyError):
        fail()
    assert done in (["begun"], [])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("atio-change")]


def test_few_large_files_are_in_memory_at_a_time() -> None:
    """However many there are, those that are worked on have so many bytes together."""
    now, most, lock = [0], [0], threading.Lock()

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.001)
        with lock:
            now[0] -= 1

    with FileWorkers(workers=8) as workers:
        for _ in range(12):
            workers.do(40 << 20, work)
    assert most == [1]


def test_files_that_are_packed_small_weigh_what_their_values_do() -> None:
    """A file of equal values has a few kilobytes, and takes as much memory as others: it counts as a large one."""
    packed = DataFile("data/x", "parquet", 5_000, 4 << 20, "d", 1, "f", 1)
    noise = DataFile("data/y", "parquet", 80_000, 10_000, "d", 1, "f", 1)
    assert weight([packed], columns=10) == 80 << 20
    assert weight([noise, noise], columns=1) == 160_000


def _large_table(store: MemoryStore) -> pa.Table:
    """Three files of more than a MiB each; returns their rows."""
    rows = pa.table({"id": np.arange(600_000), "x": np.random.default_rng(1).random(600_000)})
    table = Table(store=store)
    for start in range(0, 600_000, 200_000):
        table.append(rows.slice(start, 200_000))
    return rows


def test_rows_of_large_files_change_as_those_of_small_ones() -> None:
    """An update, an upsert and a delete of rows in several large files come to what they say."""
    rows, table = _large_table(store := MemoryStore()), Table(store=store)
    some = rows.slice(199_990, 200_020)
    table.upsert(some.set_column(1, "x", pa.array([2.0] * some.num_rows)), key=["id"])
    table.delete([("id", ">=", 599_000)])
    table.update([("id", "<", 10)], {"x": 3.0})
    x = rows["x"].to_numpy().copy()
    x[199_990:400_010], x[:10] = 2.0, 3.0
    expected = pa.table({"id": np.arange(599_000), "x": x[:599_000]})
    assert table.read(output_as="arrow").equals(expected)


def test_a_change_of_large_files_that_fails_leaves_nothing() -> None:
    """The second file can't be written: the first is gone too, and the table is as it was."""
    store = MemoryStore()
    rows = _large_table(store)
    before = sorted(store.list())
    faulty = FaultyStore(store, Fault("open_write", at=2, error=refusal))
    with pytest.raises(StorageError, match="refused"):
        Table(store=faulty).update([], {"x": 3.0})
    assert sorted(store.list()) == before
    assert Table(store=store).read(output_as="arrow").equals(rows)
