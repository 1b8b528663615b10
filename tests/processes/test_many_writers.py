"""Many processes at one table: nothing is lost or doubled, nobody fails, and nobody waits longer and longer."""

from __future__ import annotations

import collections
import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from atio_core.errors import TableNotFoundError
from atio_core.format import names
from atio_core.log.limits import DEFAULT_LIMITS, Limits
from atio_core.storage import locks
from atio_core.storage.local import LocalStore
from atio_core.table import Table
from tests.support.crowd import run_together
from tests.support.looking import entries, named_files, other_files, retained
from tests.support.os_calls import Call, watched
from tests.support.stores import CountingStore
from tests.support.turn_holder import turn_held_elsewhere

WRITERS = 8
TINY = Limits(per_bucket=4, recent=2, inline_files=2, inline_tags=1, fanout=2)
KEEP_LAST = 3
MOST_TRIES = 200


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer did: for each commit its version, and how many log entries it sent."""

    versions: list[int]
    tries: list[int]


def write(path: Path, limits: Limits, writer: int, commits: int) -> Written:
    """Append one row at a time."""
    store = CountingStore(LocalStore(path, temporary=names.TEMPORARY))
    table = Table(store=store, limits=limits)
    done = Written([], [])
    for number in range(commits):
        row = pa.table({"writer": [writer], "number": [number]})
        done.versions.append(table.append(row, idempotency_key=f"{writer} {number}").version)
        done.tries.append(store.counts["put_if_absent"])
        store.reset()
    return done


def read(path: Path, limits: Limits, ended: Callable[[], bool]) -> int:
    """Read the latest version again and again; returns how many reads there were."""
    table = Table(path, limits=limits)
    reads = rows = 0
    while not ended():
        try:
            snapshot = table.snapshot()
        except TableNotFoundError:
            assert not reads
            continue
        found = table.read(output_as="arrow")
        check_rows(found)
        assert found.num_rows >= max(rows, snapshot.rows)
        rows = found.num_rows
        reads += 1
    return reads


def expire(path: Path, limits: Limits, ended: Callable[[], bool]) -> int:
    """Expire again and again; returns how many entries that made."""
    table = Table(path, limits=limits)
    done = 0
    while not ended():
        if table.exists():
            done += table.expire(keep_last=KEEP_LAST).version is not None
    return done


def check_rows(found: pa.Table) -> None:
    """Of each writer, the rows of its first commits are there, once and in order."""
    numbers: dict[int, list[int]] = collections.defaultdict(list)
    for row in found.to_pylist():
        numbers[row["writer"]].append(row["number"])
    for rows in numbers.values():
        assert rows == list(range(len(rows)))


def be_killed(path: Path, limits: Limits, writer: int) -> int:
    """Have writers killed, one after the other, each after some more system calls; returns how many rows they made."""
    for calls in range(5, 155, 10):
        child = os.fork()  # this process has no threads: it doesn't touch the table
        if child == 0:
            with watched(path.parent, killing_after(calls)):
                go_on(path, limits, writer)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
    return len(rows_of(Table(path, limits=limits), writer))


def killing_after(calls: int) -> Callable[[Call], Any]:
    """Return what makes so many calls, and kills its process at the next."""
    left = iter(range(calls))

    def around(call: Call) -> Any:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return call.run()

    return around


def go_on(path: Path, limits: Limits, writer: int) -> None:
    """Append rows, from where the last writer of this number was killed."""
    table = Table(path, limits=limits)
    for number in itertools.count(len(rows_of(table, writer))):
        row = pa.table({"writer": [writer], "number": [number]})
        table.append(row, idempotency_key=f"{writer} {number}")


def rows_of(table: Table, writer: int) -> list[int]:
    """A writer's rows."""
    if not table.exists():
        return []
    found = table.read(output_as="arrow")
    return [row["number"] for row in found.to_pylist() if row["writer"] == writer]


def check(path: Path, limits: Limits, written: list[Written], *, others: int) -> None:
    """All rows of these writers are there, in as many versions, and no leftover stays; nobody tried very often."""
    table = Table(path, limits=limits)
    found = table.read(output_as="arrow")
    check_rows(found)
    for writer, one in enumerate(written):
        assert len(rows_of(table, writer)) == len(one.versions)
        assert one.versions == sorted(one.versions)
    versions = [version for one in written for version in one.versions]
    assert len(versions) == len(set(versions))
    assert max(entries(path)) == len(versions) + others
    for snapshot in table.history():
        check_rows(snapshot.read("arrow"))
    table.expire(keep_last=KEEP_LAST, grace=timedelta(0))
    assert named_files(path) == other_files(path)
    assert set(retained(path)) <= set(entries(path))
    check_tries([one.tries for one in written])


def check_tries(tries: list[list[int]]) -> None:
    """A pause is at most 200 ms, so that few tries are a short wait; no writer is left behind the others."""
    assert max(map(max, tries)) <= MOST_TRIES
    usual = sum(map(sum, tries)) / sum(map(len, tries))
    assert all(sum(one) / len(one) <= 3 * usual for one in tries)


@pytest.mark.parametrize(("limits", "commits"), [(DEFAULT_LIMITS, 25), (TINY, 20)], ids=["usual", "tiny"])
def test_many_writers_of_a_table_that_is_not_there_yet(limits: Limits, commits: int, tmp_path: Path) -> None:
    """Eight writers, a reader and an expiry at once: each commit is there once, and none takes many tries."""
    path = tmp_path / "table"
    jobs = [partial(write, path, limits, writer, commits) for writer in range(WRITERS)]
    *written, reads, expiries = run_together(
        jobs, [partial(read, path, limits), partial(expire, path, limits)]
    )
    check(path, limits, written, others=expiries)
    assert Table(path, limits=limits).snapshot().rows == WRITERS * commits
    assert reads > 0
    assert expiries > 0


def test_killed_writers_hinder_nobody(tmp_path: Path) -> None:
    """Beside writers that are killed all the time, others commit as ever, and each row is there once."""
    path = tmp_path / "table"
    writers = [partial(write, path, TINY, writer, 20) for writer in range(3)]
    victims = [partial(be_killed, path, TINY, writer) for writer in (3, 4)]
    *written, third, fourth, _, expiries = run_together(
        [*writers, *victims], [partial(read, path, TINY), partial(expire, path, TINY)]
    )
    check(path, TINY, written, others=third + fourth + expiries)
    table = Table(path, limits=TINY)
    assert (len(rows_of(table, 3)), len(rows_of(table, 4))) == (third, fourth)
    assert third + fourth > 0


def test_a_stopped_writer_hinders_nobody(tmp_path: Path) -> None:
    """Beside one that is stopped in its turn, others commit without turns, and each row is there once."""
    path = tmp_path / "table"
    write(path, DEFAULT_LIMITS, 9, 1)
    with turn_held_elsewhere(path / names.TEMPORARY) as held:
        assert held == locks.reach_everybody(str(path))
        written = run_together([partial(write, path, DEFAULT_LIMITS, writer, 5) for writer in range(3)])
    assert Table(path).snapshot().rows == 16
    check_tries([one.tries for one in written])
