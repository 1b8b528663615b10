"""What a run, with those that it executes again, has noted of the assets that it makes.

Only the last output of each counts. One that is staged anew, or is to be made anew, has yet to pass its checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import dagster as dg

TABLE = "atio/table"
VERSION = "atio/version"
STAGE = "atio/stage"
PUBLICATION = "atio/publication"

_KINDS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}


@dataclass(slots=True)
class RunOutput:
    """What is noted of the last output of an asset.

    Attributes:
        materializations: The materialisations that told of it: one, or one for each partition of the run.
        passed: The names of the checks that let it pass when they last looked.
        version: The version that it is, as far as Dagster was told.
        published: The partitions of which Dagster was told that they are published; None stands for the whole.
        awaited: Whether a run is to make it anew, and hasn't yet.
    """

    materializations: list[dg.AssetMaterialization] = field(default_factory=list[dg.AssetMaterialization])
    passed: set[str] = field(default_factory=set[str])
    version: int | None = None
    published: set[str | None] = field(default_factory=set[str | None])
    awaited: bool = False

    @property
    def stage(self) -> str | None:
        """Under which id it is staged, or was; None if it never was."""
        return _stage(self.materializations[0]) if self.materializations else None

    def waits_for(self, checks: Iterable[str]) -> list[str]:
        """Return the checks that have yet to let it pass."""
        return [name for name in checks if name not in self.passed]

    def plan(self) -> None:
        """Take in that a run is to make it."""
        self.awaited, self.passed = True, set()

    def note(self, check: str, *, passed: bool) -> None:
        """Take in how a check came out."""
        (self.passed.add if passed else self.passed.discard)(check)

    def tell(self, materialization: dg.AssetMaterialization) -> None:
        """Take in what Dagster was told of it."""
        is_same = self.stage is not None and _stage(materialization) == self.stage
        version = materialization.metadata.get(VERSION)
        if PUBLICATION in materialization.metadata and version is not None:
            if is_same:
                self.version = int(str(version.value))
                self.published.add(materialization.partition)
            return
        self.awaited = False
        if not is_same:
            self.materializations, self.passed, self.published = [], set(), set()
            self.version = None if version is None else int(str(version.value))
        self.materializations.append(materialization)


def run_outputs(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[dg.AssetKey, RunOutput]:
    """Return what is noted of each asset that a run, or one of those that it executes again, makes or has made.

    Args:
        instance: What has noted it.
        run: The run.
    """
    found: dict[dg.AssetKey, RunOutput] = {}
    for event in _noted(instance, run):
        dagster_event, materialization = event.dagster_event, event.asset_materialization
        if materialization is not None:
            found.setdefault(materialization.asset_key, RunOutput()).tell(materialization)
        elif dagster_event is None:
            continue
        elif dagster_event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            found.setdefault(dagster_event.asset_materialization_planned_data.asset_key, RunOutput()).plan()
        elif made := found.get((checked := dagster_event.asset_check_evaluation_data).asset_key):
            made.note(checked.check_name, passed=lets_pass(passed=checked.passed, severity=checked.severity))
    return found


def lets_pass(*, passed: bool, severity: dg.AssetCheckSeverity) -> bool:
    """Return whether a blocking check that came out so lets its asset pass."""
    return passed or severity != dg.AssetCheckSeverity.ERROR


def _noted(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[dg.EventLogEntry]:
    """The events of a run and of those that it executes again, oldest first."""
    lineage: dict[str, None] = {}
    at: dg.DagsterRun | None = run
    while at is not None and at.run_id not in lineage:
        lineage[at.run_id] = None
        at = None if at.parent_run_id is None else instance.get_run_by_id(at.parent_run_id)
    for run_id in reversed(lineage):
        for record in instance.get_records_for_run(run_id, of_type=_KINDS).records:
            yield record.event_log_entry


def _stage(materialization: dg.AssetMaterialization) -> str | None:
    stage = materialization.metadata.get(STAGE)
    return None if stage is None else str(stage.value)
