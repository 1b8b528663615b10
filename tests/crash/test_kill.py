"""A writer or an expiry is killed at each of its system calls: the table is whole, and nobody has to wait."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.crash.scenarios import SCENARIOS, Scenario, folder, local, table
from tests.support.crash import has_strace, kill_at_every_call, strace_at_every_call
from tests.support.looking import Contents, contents, named_files, other_files, retained
from tests.support.stores import CountingStore

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


def found(root: Path) -> Contents:
    """What can be read; nothing if there is no table yet."""
    return contents(table(root)) if table(root).exists() else {}


def creates(store: CountingStore) -> int:
    """How many log entries were sent since the last look."""
    count = store.counts["put_if_absent"]
    store.reset()
    return count


def check(scenario: Scenario, root: Path) -> None:
    """Old or new, whole; then a retry, another commit and an expiry, each at its first try."""
    assert found(root) in scenario.states
    check_retry(scenario, root)
    check_next_commit(root)
    check_expiry(root)


def check_retry(scenario: Scenario, root: Path) -> None:
    """The same work, done again, has its effect once."""
    scenario.work(root)
    rows = list(scenario.states[-1].values())[-1]
    assert rows == list(found(root).values())[-1]


def check_next_commit(root: Path) -> None:
    """Another commit finds its place at once: it sends one entry, and so never waits."""
    store = CountingStore(local(root))
    there, before = table(root, store), found(root)
    latest = there.snapshot()
    row = latest.read("arrow").slice(0, 1)
    if latest.partition_fields:
        made = there.overwrite_partitions({"new": row})
    else:
        made = there.append(row)
    assert creates(store) == 1
    rows = before[latest.version]
    assert found(root) == before | {made.version: [*rows, rows[0]]}


def check_expiry(root: Path) -> None:
    """An expiry without grace leaves what the kept versions name, and no more."""
    store = CountingStore(local(root))
    before = found(root)
    report = table(root, store).expire(keep_last=2, grace=timedelta(0))
    assert creates(store) <= 1
    kept = dict(list(before.items())[-2:])
    assert found(root) == kept, report
    assert named_files(folder(root)) == other_files(folder(root)), report
    check_entries(root)


def check_entries(root: Path) -> None:
    """The entries outside the ranges are gone, but for those in the newest bucket."""
    log = folder(root) / "_atio" / "log"
    numbers = {int(path.stem.split("-")[1]) for path in log.glob("*/*.json")}
    newest_bucket = max(numbers) // 4
    assert {number for number in numbers if number // 4 < newest_bucket} <= set(retained(folder(root)))


@each_scenario
def test_a_kill_leaves_old_or_new_and_blocks_nobody(scenario: Scenario, disk: Path) -> None:
    """Killed at any call, the table is as before or as after, retries count once, and the next commit is immediate."""
    kill_at_every_call(scenario.work, setup=scenario.setup(disk), check=lambda root: check(scenario, root))
