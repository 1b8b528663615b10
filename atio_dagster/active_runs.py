"""Since when runs in progress may be reading: what has been the latest version since then is kept for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

RUNNING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_CLOCK_SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What runs may be reading.

    Attributes:
        since: What has been the latest version of a table at any time since then may be read.
        run_id: The run that reaches back the furthest, None if there is no other than the one that asks.
    """

    since: datetime
    run_id: str | None

    @property
    def readers(self) -> dict[str, datetime]:
        """Who may be reading, as expiry takes it."""
        who = "runs that begin now" if self.run_id is None else f"run {self.run_id[:8]} in progress"
        return {who: self.since}


def reading_now(instance: dg.DagsterInstance, own_run_id: str) -> Reading:
    """Return what runs may be reading that are in progress, or begin from now on.

    A re-execution counts from the beginning of its root run, whose versions it may read again.

    Args:
        instance: Where the runs are recorded.
        own_run_id: The run that asks: it counts from now on.
    """
    now = datetime.now(UTC)
    records = instance.get_run_records(dg.RunsFilter(statuses=RUNNING))
    began: dict[str, datetime] = {}
    for record in records:
        run = record.dagster_run
        if run.run_id == own_run_id:
            continue
        root = instance.get_run_record_by_id(run.root_run_id) if run.root_run_id else None
        began[run.run_id] = min(_began(one) for one in (record, root) if one is not None) - _CLOCK_SKEW
    if not began:
        return Reading(now, None)
    oldest = min(began, key=lambda run_id: began[run_id])
    return Reading(min(now, began[oldest]), oldest)


def _began(record: dg.RunRecord) -> datetime:
    if record.start_time is not None:
        return datetime.fromtimestamp(record.start_time, UTC)
    return record.create_timestamp.astimezone(UTC)
