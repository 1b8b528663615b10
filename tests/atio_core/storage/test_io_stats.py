from __future__ import annotations

import pickle
import threading
from pathlib import Path

import pandas as pd

from atio_core.storage.io_stats import IoCounter, IoStats
from atio_core.table import Table


def test_differences_are_taken_number_by_number() -> None:
    """What came since is all of the later less all of the earlier."""
    counter = IoCounter()
    counter.add("reads", read=5)
    before = counter.stats()
    counter.add("reads", 2, read=7)
    counter.add("creates", written=3)
    assert counter.stats() - before == IoStats(reads=2, creates=1, bytes_read=7, bytes_written=3)
    assert (counter.stats() - before).requests == 3


def test_threads_count_without_loss() -> None:
    """Several threads may count at once."""
    counter = IoCounter()
    threads = [
        threading.Thread(target=lambda: [counter.add("reads", read=2) for _ in range(5_000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.stats() == IoStats(reads=20_000, bytes_read=40_000)


def test_another_process_begins_anew() -> None:
    """What goes to another process with a store counts nothing yet."""
    counter = IoCounter()
    counter.add("reads")
    assert pickle.loads(pickle.dumps(counter)).stats() == IoStats()


def test_a_table_tells_what_it_asked_a_disk_for(tmp_path: Path) -> None:
    """Since it was opened, of its own; a table that others have at the same place doesn't count."""
    table, other = Table(tmp_path / "t"), Table(tmp_path / "t")
    table.append(pd.DataFrame({"a": [1]}))
    spent = table.io_stats()
    assert (spent.writes, spent.creates, spent.deletes) == (1, 1, 0)
    assert spent.bytes_written == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert other.io_stats() == IoStats()
    other.read()
    assert (other.io_stats().reads, other.io_stats().writes) == (2, 0)
