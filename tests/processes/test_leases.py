"""Holders of leases are processes: they are killed, and others read beside expiries."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from atio_core.errors import VersionExpiredError
from atio_core.table import Table
from tests.support.crowd import run_together

HOUR_US = 3_600_000_000
NOW = timedelta(0)
HOLD = """
import sys
from datetime import timedelta
import atio_core as atio

with atio.Table(sys.argv[1]).snapshot(1).lease(timedelta(hours=1)) as lease:
    print(lease.name, flush=True)
    sys.stdin.read()
"""


def rows(number: int) -> pa.Table:
    """Rows that tell their version."""
    return pa.table({"n": [number] * 3})


def test_a_holder_that_is_killed(disk: Path) -> None:
    """Killed, it leaves its lease, which keeps the version until it runs out; then the next expiry takes both."""
    table = Table(disk / "table")
    for number in (1, 2):
        table.overwrite(rows(number))
    command = [sys.executable, "-c", HOLD, str(disk / "table")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        name = holder.stdout.readline().strip()
        holder.kill()
    assert [line.version for line in table.expire(keep_last=1, grace=NOW).kept] == [1, 2]
    assert table.read(1)["n"].tolist() == [1, 1, 1]
    assert str(holder.pid) in name.split("/")
    later = Table(disk / "table", clock=lambda: time.time_ns() // 1000 + 2 * HOUR_US)
    report = later.expire(keep_last=1, grace=NOW)
    assert ([line.version for line in report.removed], report.tags_removed) == ([1], (name,))
    assert table.tags() == {}
    with pytest.raises(VersionExpiredError):
        table.read(1)


def read_leased(path: Path, ended: Path) -> int:
    """Read leased versions until a file is there; returns how many could be leased."""
    table, done = Table(path), 0
    while not ended.exists():
        snapshot = table.snapshot()
        with ExitStack() as stack:
            try:
                lease = stack.enter_context(snapshot.lease(timedelta(minutes=5)))
            except VersionExpiredError:
                continue  # it went between the look and the lease
            reads = [snapshot.read("arrow")["n"].to_pylist() for _ in range(3)]
            lease.check()
            assert reads == [reads[0]] * 3
            done += 1
    return done


def overwrite_and_expire(path: Path, times: int, ended: Path) -> None:
    """Replace all rows and expire all but the latest, at once; then make a file."""
    table = Table(path)
    for number in range(times):
        table.overwrite(rows(number))
        table.expire(keep_last=1, grace=NOW)
    ended.touch()


def test_readers_with_leases_beside_an_expiry(disk: Path) -> None:
    """Readers hold their versions while a writer replaces and expires all that can be: no read fails in a lease.

    They take leases without a pause until the writer is done: that keeps no expiry from its turn.
    """
    path, ended = disk / "table", disk / "ended"
    Table(path).overwrite(rows(0))
    jobs = [partial(overwrite_and_expire, path, 40, ended), *[partial(read_leased, path, ended)] * 2]
    _, first, second = run_together(jobs)
    assert first + second > 0
    table = Table(path)
    assert table.tags() == {}
    table.expire(keep_last=1, grace=NOW)
    assert len(table.history()) == 1
