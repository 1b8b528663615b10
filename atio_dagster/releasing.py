"""The assets of a run, released together when the last of them is there and has passed its checks.

Whichever step of theirs is the last sees all the others done, as with what is staged: Dagster has noted its own outcome
by then. The release has the run's id as its name, so that it is made once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import dagster as dg

from atio_core.errors import AlreadyExistsError
from atio_core.store import Release, Store
from atio_dagster.keys import named
from atio_dagster.old_releases import message_of_run
from atio_dagster.resource import AtioResource
from atio_dagster.run_events import lets_pass, noted

Gates = Mapping[dg.AssetKey, tuple[str, ...]]
"""The names of the blocking checks of each asset."""

Openings = Mapping[dg.AssetKey, Mapping[str, str] | None]
"""The storage options of the IO manager of each asset."""

_NOTED = {
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}


@dataclass(slots=True)
class Progress:
    """How far a run is, with those that it executes again.

    Attributes:
        planned: The assets that it makes.
        made: The last materialisation of each that it has made.
        passed: The checks that let their asset pass.
    """

    planned: set[dg.AssetKey] = field(default_factory=set)
    made: dict[dg.AssetKey, dg.AssetMaterialization] = field(default_factory=dict)
    passed: set[dg.AssetCheckKey] = field(default_factory=set)

    def waits_for(self, gates: Gates) -> list[str]:
        """Return what of these assets and their checks has yet to come."""
        waiting: list[str] = []
        for key in gates.keys() & self.planned:
            checks = [dg.AssetCheckKey(key, name) for name in gates[key]]
            waiting += [] if key in self.made else [key.to_user_string()]
            waiting += [check.to_user_string() for check in checks if check not in self.passed]
        return sorted(waiting)


def release_if_complete(
    context: dg.OpExecutionContext, gates: Gates, openings: Openings
) -> Iterator[dg.AssetObservation]:
    """Release the assets of the run, if all of them are there and have passed.

    Args:
        context: Of the step that may be the last.
        gates: All assets that are released so, with their blocking checks.
        openings: How the bucket of each is opened.

    Raises:
        AtioError: The release couldn't be made.
    """
    progress = _progress(context.instance, context.run_id)
    if waiting := progress.waits_for(gates):
        context.log.info("The run's assets are released when these are there: %s", named(waiting))
        return
    by_store: dict[str, dict[str, int]] = {}
    stored: dict[dg.AssetKey, str] = {}
    options: dict[str, Mapping[str, str] | None] = {}
    for key in sorted(gates.keys() & progress.made.keys()):
        metadata, name = progress.made[key].metadata, AtioResource.table_name(key)
        if "atio/version" in metadata:  # else nothing was stored
            root = str(metadata["atio/table"].value).removesuffix(f"/{name}")
            by_store.setdefault(root, {})[name] = int(str(metadata["atio/version"].value))
            stored[key] = root
            options.setdefault(root, openings.get(key))
    releases = {
        root: _release(Store(root, storage_options=options[root]), context.run_id, tables)
        for root, tables in by_store.items()
    }
    for key, root in stored.items():
        release = releases[root]
        context.log.info("%s is in the release %s of %s", key.to_user_string(), release.name, root)
        yield dg.AssetObservation(
            key,
            description=f"Released with {len(release.tables)} tables of the run",
            metadata={"atio/release": release.name, "atio/release_number": release.number},
        )


def _release(store: Store, run_id: str, tables: dict[str, int]) -> Release:
    """Make the release of a run, or find it made."""
    try:
        return store.create_release(run_id, tables, message=message_of_run(run_id))
    except AlreadyExistsError:
        return next(release for release in store.releases() if release.name == run_id)


def _progress(instance: dg.DagsterInstance, run_id: str) -> Progress:
    """Return how far a run is. What it plans anew counts from then on."""
    found = Progress()
    for event in noted(instance, run_id, _NOTED):
        dagster_event, materialization = event.dagster_event, event.asset_materialization
        if dagster_event is None:
            continue
        if materialization is not None:
            found.made[materialization.asset_key] = materialization
        elif dagster_event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            key = dagster_event.asset_materialization_planned_data.asset_key
            found.planned.add(key)
            found.made.pop(key, None)
            found.passed -= {check for check in found.passed if check.asset_key == key}
        else:
            checked = dagster_event.asset_check_evaluation_data
            change = found.passed.add if lets_pass(checked) else found.passed.discard
            change(checked.asset_check_key)
    return found
