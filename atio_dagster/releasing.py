"""The assets of a run, released together when the last of them is there and has passed its checks.

Whichever step of theirs is the last sees all the others done, as with what is staged: Dagster has noted its own outcome
by then. The release has the run's id as its name, so that it is made once.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

import dagster as dg

from atio_core.errors import AlreadyExistsError
from atio_core.store import Release, Store
from atio_dagster.keys import named
from atio_dagster.old_releases import message_of_run
from atio_dagster.resource import AtioResource
from atio_dagster.run_outputs import TABLE, RunOutput
from atio_dagster.staged import publish, staged_output

Gates = Mapping[dg.AssetKey, tuple[str, ...]]
"""The names of the blocking checks of each asset."""

Openings = Mapping[dg.AssetKey, Mapping[str, str] | None]
"""The storage options of the IO manager of each asset."""


def release_if_complete(
    context: dg.OpExecutionContext, gates: Gates, made: Mapping[dg.AssetKey, RunOutput], openings: Openings
) -> Generator[dg.AssetMaterialization | dg.AssetObservation, None, bool]:
    """Publish and release the assets of the run, if all of them are there and have passed.

    Returns:
        Whether they are.

    Args:
        context: Of the step that may be the last.
        gates: All assets that are released so, with their blocking checks.
        made: What is noted of the assets of the run.
        openings: How the bucket of each is opened.

    Raises:
        AtioError: One couldn't be published, or the release couldn't be made: another try goes on from there.
    """
    of_run = {key: made[key] for key in sorted(gates.keys() & made.keys())}
    if waiting := [told for key, one in of_run.items() for told in _awaited(key, one, gates[key])]:
        context.log.info(
            "The run's assets stay staged, and are released when these are there: %s", named(waiting)
        )
        return False
    by_store: dict[str, dict[str, int]] = {}
    stored: dict[dg.AssetKey, str] = {}
    options: dict[str, Mapping[str, str] | None] = {}
    for key, one in of_run.items():
        staged = staged_output(one, openings.get(key))
        if staged is not None:
            yield from publish(context, staged)
        if one.version is not None:  # else nothing was stored
            name = AtioResource.table_name(key)
            root = str(one.materializations[0].metadata[TABLE].value).removesuffix(f"/{name}")
            by_store.setdefault(root, {})[name] = one.version
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
    return True


def _awaited(key: dg.AssetKey, made: RunOutput, checks: tuple[str, ...]) -> list[str]:
    """What of an asset and its checks has yet to come."""
    names = [dg.AssetCheckKey(key, name).to_user_string() for name in made.waits_for(checks)]
    return [key.to_user_string(), *names] if made.awaited else names


def _release(store: Store, run_id: str, tables: dict[str, int]) -> Release:
    """Make the release of a run, or find it made."""
    try:
        return store.create_release(run_id, tables, message=message_of_run(run_id))
    except AlreadyExistsError:
        return next(release for release in store.releases() if release.name == run_id)
