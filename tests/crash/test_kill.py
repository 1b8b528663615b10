"""A writer or an expiry is killed at each of its system calls: the table is whole, and nobody has to wait."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.crash.scenarios import SCENARIOS
from tests.crash.tables import LIMITS, Scenario, folder, go_on, local, seen, table
from tests.support.crash import WarmChild, has_strace, kill_at_every_call, strace_at_every_call
from tests.support.looking import Contents, contents, entries, named_files, other_files, retained
from tests.support.stores import CountingStore

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
needs_strace = pytest.mark.skipif(not has_strace(), reason="strace isn't installed, or may not trace")

_BETWEEN_OTHERS_CALLS = {"stray": 3, "update-aside": 2}
"""Of a scenario with many calls that other scenarios kill, too, every how manieth call is taken."""


@pytest.fixture(scope="module")
def child() -> Generator[WarmChild]:
    """A process to be killed."""
    with WarmChild() as started:
        yield started


@each_scenario
def test_a_kill_leaves_old_or_new_and_blocks_nobody(scenario: Scenario, disk: Path, child: WarmChild) -> None:
    """Killed before any call, the table is as before or as after, a retry counts once, the next commit is immediate."""
    stride = _BETWEEN_OTHERS_CALLS.get(scenario.name, 1)
    kills = kill_at_every_call(
        scenario.work,
        setup=scenario.setup(disk),
        check=checker(scenario),
        whens=("before",),
        stride=stride,
        child=child,
        threads=scenario.threads,
    )
    assert kills > 20


@each_scenario
def test_a_kill_within_a_write_leaves_old_or_new(scenario: Scenario, disk: Path, child: WarmChild) -> None:
    """Killed when half of the bytes are written, of whatever file, the table is as before or as after."""
    kills = kill_at_every_call(
        scenario.work,
        setup=scenario.setup(disk),
        check=checker(scenario),
        whens=("half",),
        at=lambda call: call.startswith("write"),
        stride=_BETWEEN_OTHERS_CALLS.get(scenario.name, 1),
        child=child,
        threads=scenario.threads,
    )
    assert kills > 0


@needs_strace
@pytest.mark.parametrize("scenario", [SCENARIOS[3]], ids=lambda scenario: scenario.name)
def test_a_kill_from_outside_leaves_old_or_new(scenario: Scenario, disk: Path) -> None:
    """Killed at some of the system calls that the kernel sees, of all threads, the table is as before or as after."""
    calls = "write,pwrite64,linkat,link,unlink"
    strace_at_every_call(
        scenario.work,
        setup=scenario.setup(disk),
        check=checker(scenario),
        calls=calls,
        stride=7,
        threads=scenario.threads,
    )


@needs_strace
@pytest.mark.soak
@each_scenario
def test_a_kill_from_outside_at_any_call_leaves_old_or_new(scenario: Scenario, disk: Path) -> None:
    """The same at every call, for all scenarios."""
    strace_at_every_call(
        scenario.work, setup=scenario.setup(disk), check=checker(scenario), threads=scenario.threads
    )


def checker(scenario: Scenario) -> Callable[[Path], None]:
    """Return what looks at a killed run: old or new, whole; then everybody else goes on, each at the first try."""

    def check(root: Path) -> None:
        assert seen(root) in scenario.states
        found = check_retry(scenario, root)
        found = check_next_commit(root, found)
        check_expiry(root, found, scenario.protected)

    return check


def check_retry(scenario: Scenario, root: Path) -> Contents:
    """The same work, done again, has its effect once."""
    scenario.work(root)
    found = contents(table(root))
    assert rows_of_latest(found) == rows_of_latest(scenario.states[-1])
    return found


def check_next_commit(root: Path, before: Contents) -> Contents:
    """Another commit finds its place at once: it sends one entry, and so never waits."""
    store = CountingStore(local(root))
    there = table(root, store)
    made, expected = go_on(there, before[max(before)])
    assert store.counts["put_if_absent"] == 1
    found = contents(there)
    assert found == before | {made.version: expected}
    return found


def check_expiry(root: Path, before: Contents, protected: tuple[int, ...]) -> None:
    """An expiry without grace leaves what the kept versions name, and no more."""
    kept = {*protected, *list(before)[-2:]}
    store = CountingStore(local(root))
    report = table(root, store).expire(keep_last=2, grace=timedelta(0))
    assert store.counts["put_if_absent"] <= 1
    assert contents(table(root)) == {number: rows for number, rows in before.items() if number in kept}, (
        report
    )
    assert named_files(folder(root)) == other_files(folder(root)), report
    numbers = set(entries(folder(root)))
    newest_bucket = max(numbers) // LIMITS.per_bucket
    outside = {number for number in numbers if number // LIMITS.per_bucket < newest_bucket}
    assert outside <= set(retained(folder(root))), report


def rows_of_latest(found: Contents) -> list[int]:
    """The rows of the highest version."""
    return found[max(found)]
