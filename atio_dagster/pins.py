"""What a run reads stays what its first reader read: the names under which a store pins versions for runs.

A run's steps, retries, processes and machines are one reader of the store: see `atio_core.Store.pin`. Its names begin
with the run's id and a space:

    <run id>                    what its inputs are
    <run id> tag 'good'         what that name stood for
    <run id> wrote              an output that was there already: nothing was committed
    <run id> none               an op's output that was None
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

import dagster as dg

from atio_core.errors import InvalidInputError
from atio_core.store import Store
from atio_dagster.active_runs import RUNNING

if TYPE_CHECKING:
    from dagster import StepExecutionContext

Reads = Literal["run", "root_run"]
"""Whose pins a run reads by: its own, or those of the run that it executes again."""

PINS_KEPT = timedelta(days=30)
"""For how long after it was launched a run can be executed again with what it read."""

_CLOCK_SKEW = timedelta(days=1)


def reader_of(step: StepExecutionContext, reads: str) -> str:
    """Return the name under which the inputs of a step's run are pinned.

    Args:
        step: The step that reads.
        reads: One of `Reads`.

    Raises:
        InvalidInputError: `reads` is no such word; or the pins of the root run may be gone by now.
    """
    if reads not in get_args(Reads):
        raise InvalidInputError(f"reads must be 'run' or 'root_run', not {reads!r}")
    run = step.dagster_run
    root = run.root_run_id
    if reads == "run" or root is None or root == run.run_id:
        return run.run_id
    record = step.instance.get_run_record_by_id(root)
    if record is None or datetime.now(UTC) - record.create_timestamp > PINS_KEPT:
        raise InvalidInputError(
            f"run {run.run_id} is to read what its root run {root} read, and what that was isn't kept any more: the run"
            f" was deleted, or launched more than {PINS_KEPT.days} days ago. Execute it again with reads='run', which"
            " reads what is the latest now; or name versions by the inputs' metadata"
        )
    return root


def remove_old_pins(
    instance: dg.DagsterInstance, store: Store, *, now: datetime | None = None, dry_run: bool = False
) -> list[str]:
    """Forget what runs have pinned that were launched too long ago to be executed again with what they read.

    For a job that expires tables: once for the whole store, before or after the tables, in any process. Runs in
    progress, and those that they execute again, keep their pins however old they are. (That no version expires which
    these may read is another matter: it must be kept since the oldest of them, or of their root runs, began.)

    Args:
        instance: Knows which runs are in progress.
        store: Holds the pins.
        now: The time; that of this machine if None.
        dry_run: Only tell.

    Returns:
        The names of the readers whose pins were removed, or would be, sorted: they begin with run ids.

    Raises:
        DamagedError: A pin isn't what was written.
        StorageError: The store failed; the next call goes on.
    """
    now = now or datetime.now(UTC)
    pins = store.pins()
    # After the pins: a run that starts meanwhile has new ones, or is seen here.
    runs = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(statuses=RUNNING))]
    busy = {run_id for run in runs for run_id in (run.run_id, run.root_run_id)}
    horizon = now - PINS_KEPT - _CLOCK_SKEW
    old = [reader for reader, time in pins.items() if time < horizon and reader.partition(" ")[0] not in busy]
    for reader in [] if dry_run else old:
        store.unpin(reader)
    return sorted(old)
