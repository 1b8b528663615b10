"""What Dagster has noted of a run and of those that it executes again."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg


def noted(
    instance: dg.DagsterInstance, run_id: str, kinds: set[dg.DagsterEventType]
) -> Iterator[dg.EventLogEntry]:
    """Return the events of some kinds of a run and of those that it executes again, oldest first."""
    runs: list[str] = []
    wanted: str | None = run_id
    while wanted is not None and wanted not in runs:
        runs.append(wanted)
        run = instance.get_run_by_id(wanted)
        wanted = None if run is None else run.parent_run_id
    for one in reversed(runs):
        for record in instance.get_records_for_run(one, of_type=kinds).records:
            yield record.event_log_entry


def lets_pass(checked: dg.AssetCheckEvaluation) -> bool:
    """Return whether a blocking check that came out so lets its asset pass."""
    return checked.passed or checked.severity != dg.AssetCheckSeverity.ERROR
