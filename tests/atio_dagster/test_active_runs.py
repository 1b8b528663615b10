from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from atio_dagster.active_runs import reading_now

HOUR = timedelta(hours=1)
SKEW = timedelta(minutes=1)
NOW = datetime.now(UTC)


def add(
    instance: dg.DagsterInstance,
    run_id: str,
    hours: float,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    root: str | None = None,
) -> None:
    """Record a run that was made so many hours ago."""
    run = dg.DagsterRun("job", run_id=run_id, status=status, root_run_id=root, parent_run_id=root)
    instance.run_storage.add_historical_run(run, NOW - hours * HOUR)


def test_the_oldest_run_counts(instance: dg.DagsterInstance) -> None:
    """What is kept reaches back to the oldest run in progress, and a minute more, as clocks differ."""
    add(instance, "old", 5, dg.DagsterRunStatus.SUCCESS)
    add(instance, "long", 3)
    add(instance, "short", 1)
    reading = reading_now(instance, "own")
    assert reading.run_id == "long"
    assert reading.since == NOW - 3 * HOUR - SKEW
    assert reading.readers == {"run long in progress": reading.since}


def test_the_run_that_asks_counts_from_now(instance: dg.DagsterInstance) -> None:
    """Only what was superseded before the look may go: a run that begins later reads nothing older."""
    add(instance, "own", 3)
    before = datetime.now(UTC)
    reading = reading_now(instance, "own")
    assert reading.run_id is None
    assert before <= reading.since <= datetime.now(UTC)


@pytest.mark.parametrize("root", ["root", "gone"])
def test_a_re_execution_reaches_back_to_its_root(instance: dg.DagsterInstance, root: str) -> None:
    """A re-execution may read what its root run read: it counts from then, if anybody still knows when that was."""
    add(instance, "root", 7, dg.DagsterRunStatus.FAILURE)
    add(instance, "again", 1, root=root)
    hours = {"root": 7, "gone": 1}[root]
    assert reading_now(instance, "own").since == NOW - hours * HOUR - SKEW


def test_a_clock_that_is_ahead(instance: dg.DagsterInstance) -> None:
    """A run that seems to begin in the future keeps what is read from now on."""
    add(instance, "ahead", -2)
    assert reading_now(instance, "own").since <= datetime.now(UTC)
