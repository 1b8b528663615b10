"""The power goes at any moment: what was acknowledged is there, and the rest is as if it had never been tried."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from atio_core.errors import CommitUnknownError
from atio_core.storage import local as local_store
from atio_core.storage.durable import name_new
from atio_core.table import Table
from atio_core.table.transaction import Transaction
from tests.crash.scenarios import SCENARIOS
from tests.crash.tables import Scenario, append_rows, appended, folder, frame, go_on, seen, table, versions
from tests.support.looking import Contents, contents, entries, retained
from tests.support.power import PowerRecorder, PowerState

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
each_start = pytest.mark.parametrize("start", [0, 2, 3, 4])
"""So many versions are there before: none, some of a bucket, a full one, the first of another."""

_STATES = 80


class PowerCutError(BaseException):
    """A process ends here."""


@each_scenario
def test_power_may_go_at_any_step(scenario: Scenario, disk: Path) -> None:
    """In states that a power cut may leave, all that was acknowledged can be read, and work goes on."""
    states = recorded(scenario, disk)
    check_states(scenario, disk / "after", states[:: -(-len(states) // _STATES)])


@pytest.mark.soak
@each_scenario
def test_power_may_go_at_any_step_in_any_state(scenario: Scenario, disk: Path) -> None:
    """The same in each of these states."""
    check_states(scenario, disk / "after", recorded(scenario, disk))


@each_start
def test_a_commit_found_by_its_key_is_sure(start: int, disk: Path) -> None:
    """Whoever is told that its key was used before can rely on it, though the first writer died before its sync."""
    append_rows(disk, start)
    with PowerRecorder(disk) as recorder:
        with dying_before_its_name_is_synced():
            append_rows(disk, start + 1)
        snapshot = table(disk).append(frame(start + 1), idempotency_key=f"row {start + 1}")
        assert snapshot.repeated
        recorder.mark("acknowledged")
    check_promised(disk, recorder, appended(start + 1))


@each_start
def test_a_commit_after_one_whose_name_is_not_synced_is_sure(start: int, disk: Path) -> None:
    """A version never survives without the one before, though the writer of that died before it synced the name."""
    append_rows(disk, start)
    with PowerRecorder(disk) as recorder:
        with dying_before_its_name_is_synced():
            append_rows(disk, start + 1)
        table(disk).append(frame(start + 2))
        recorder.mark("acknowledged")
    check_promised(disk, recorder, appended(start + 2))


def test_folders_of_a_dead_writer_are_made_sure(disk: Path) -> None:
    """A commit syncs the names of the folders that it finds, whoever made them."""
    with PowerRecorder(disk) as recorder:
        for name in ("data", "_atio/tmp", "_atio/log/999999"):
            (folder(disk) / name).mkdir(parents=True)
        append_rows(disk, 1)
        recorder.mark("acknowledged")
    check_promised(disk, recorder, appended(1))


@each_start
def test_a_sync_that_fails_is_no_success(start: int, disk: Path) -> None:
    """If the new entry's name can't be synced, the writer is told that nobody knows; a retry that succeeds is sure."""
    append_rows(disk, start)
    with PowerRecorder(disk) as recorder:
        with failing_sync_after_publishing(), pytest.raises(CommitUnknownError):
            append_rows(disk, start + 1)
        append_rows(disk, start + 1)
        recorder.mark("acknowledged")
    check_promised(disk, recorder, appended(start + 1))


def recorded(scenario: Scenario, disk: Path) -> list[PowerState]:
    """What a power cut may leave during the scenario, with each state that was acknowledged as a mark."""
    root = scenario.setup(disk)()
    with PowerRecorder(root) as recorder:

        def acknowledge() -> None:
            recorder.mark(str(scenario.states.index(seen(root))))

        with acknowledging(acknowledge):
            scenario.work(root)
    return list(recorder.states())


@contextmanager
def acknowledging(note: Callable[[], None]) -> Generator[None]:
    """Have `note` called whenever a change of a table has returned."""

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Table, *args: Any, **kwargs: Any) -> Any:
            result = method(self, *args, **kwargs)
            note()
            return result

        return call

    with ExitStack() as stack:
        rows = ("append", "overwrite", "overwrite_partitions", "delete", "upsert", "update")
        staging = ("stage", "commit", "publish", "drop_staged")
        for name in (*rows, *staging, "compact", "restore", "tag", "expire", "drop", "drop_column"):
            stack.enter_context(mock.patch.object(Table, name, noting(getattr(Table, name))))
        end = noting(Transaction.__exit__)
        stack.enter_context(mock.patch.object(Transaction, "__exit__", end))
        yield


def check_states(scenario: Scenario, after: Path, states: list[PowerState]) -> None:
    """What is found is no older than what was acknowledged, and the table goes on from there."""
    assert any(state.marks for state in states)
    for state in states:
        state.restore(after)
        found = seen(after)
        assert found in scenario.states, state
        acknowledged = max(map(int, state.marks), default=0)
        assert scenario.states.index(found) >= acknowledged, state
        check_goes_on(after, versions(after))


def check_promised(disk: Path, recorder: PowerRecorder, promised: Contents) -> None:
    """After the mark, exactly what was promised is there; before it, a beginning of that."""
    after = disk / "after"
    states = list(recorder.states())
    assert any(state.marks for state in states)
    for state in states:
        state.restore(after)
        found = versions(after)
        assert found == (promised if state.marks else appended(len(found))), state
        check_goes_on(after, found)


def check_goes_on(root: Path, found: Contents) -> None:
    """Every retained entry is there, and the next commit succeeds."""
    if found:
        assert set(retained(folder(root))) <= set(entries(folder(root)))
        snapshot, expected = go_on(table(root), found[max(found)])
    else:
        snapshot, expected = table(root).append(frame(1)), [1]
    assert contents(table(root)) == found | {snapshot.version: expected}


@contextmanager
def dying_before_its_name_is_synced() -> Generator[None]:
    """Within the block, a process dies as soon as it has published an entry."""

    def publish_and_die(temporary: str, final: str) -> None:
        name_new(temporary, final)
        raise PowerCutError

    with mock.patch.object(local_store, "name_new", publish_and_die), pytest.raises(PowerCutError):
        yield


@contextmanager
def failing_sync_after_publishing() -> Generator[None]:
    """Within the block, the disk reports an error when the folder of a new entry is synced."""

    def publish_and_fail(temporary: str, final: str) -> bool:
        both = name_new(temporary, final)
        patch.start()
        return both

    def fail(folder: str) -> None:
        patch.stop()
        raise OSError(errno.EIO, os.strerror(errno.EIO), folder)

    patch = mock.patch.object(local_store, "sync_folder", fail)
    with mock.patch.object(local_store, "name_new", publish_and_fail):
        yield
