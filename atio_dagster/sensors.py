"""The sensor that asks for a run for each new version of tables.

1. What it has seen of each table is its cursor: the number of a version, and the id of the table. Dagster keeps it
   durably, after it has noted the runs.
2. Each run has a key made of the table, its id and the version: whatever is asked for twice, since the daemon ended
   before the cursor was kept, or somebody has set that back, runs once.
3. At its first look at a table that is there, it asks for a run for the latest version alone.

(No `from __future__ import annotations` here: Dagster wants to see the class of a sensor's context, not its name.)
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from atio_core.arguments import require_list
from atio_core.errors import InvalidInputError
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.arguments import require_arguments, require_kind
from atio_dagster.external import PATH, AtioTable
from atio_dagster.keys import asset_key_to_user_text, asset_keys_of, name_of_step
from atio_dagster.provenance import RUN_ID, latest_of
from atio_dagster.reads import VERSIONS

Watched = dg.AssetsDefinition | dg.AssetSpec | dg.AssetKey | AtioTable | str
Requests = Callable[[Snapshot], dg.RunRequest | Iterable[dg.RunRequest] | None]

_MOST_VERSIONS = 25
"""Of a table at one look: what is left comes at the next."""

_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class _Watch:
    """A table that is watched, and whether Dagster is told of its versions."""

    table: AtioTable
    is_external: bool

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key."""
        return self.table.key

    @property
    def name(self) -> str:
        """The asset's key as text."""
        return asset_key_to_user_text(self.key)

    def told(self, snapshot: Snapshot, context: dg.SensorEvaluationContext) -> Iterator[dg.AssetObservation]:
        """Yield what tells Dagster of a version."""
        if self.is_external:
            instance = None if self.table.partitions_def is None else context.instance
            yield from self.table.observations(snapshot, instance)


@dataclass(frozen=True, slots=True)
class _Seen:
    """How far the versions of a table were seen: up to a number, of a table of that id; none if it wasn't there."""

    table_id: str
    version: int


def build_snapshot_sensor(
    tables: Watched | Iterable[Watched],
    *,
    target: Any = None,
    requests: Requests | None = None,
    outside_only: bool = True,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
    resource_key: str = "atio",
) -> dg.SensorDefinition:
    """Return a sensor that asks for a run for each new version of tables that was made outside of Dagster, once.

    The run reads, of that table, the version that it was asked for: its tag `atio/versions` says so. What only lies
    otherwise, after a compaction or an expiry, is no new version. Of an `AtioTable`, Dagster is also told of each
    version by an observation, with its data version.

    Args:
        tables: Assets, keys (as text, their parts joined by `/`) or `AtioTable`s; one or several.
        target: What is run, as `dg.sensor` takes it: a job, or assets. If None, the assets that take these as their
            input.
        requests: What is asked for because of a version: a request, several (one for each partition, say) or none.
            Keys and tags are added to them.
        outside_only: Leave out versions that Dagster's runs have made.
        name: The sensor's name; that of its only table with `_versions` behind if None.
        minimum_interval_seconds: How often it looks, at most.
        description: What the sensor's page says.
        default_status: Whether it is on before someone has switched it.
        resource_key: Where the `AtioResource` is among the resources, if an `AtioTable` says nothing else; not needed
            if every table has a path.

    Raises:
        InvalidInputError: There is no table, or one is no asset; or several need a name.

    Example:
        >>> import pandas as pd, tempfile
        >>> from atio_dagster import AtioResource
        >>> atio = AtioResource(base_path=tempfile.mkdtemp())
        >>> sensor = build_snapshot_sensor("raw/orders", target="*")
        >>> def look(cursor):
        ...     with dg.build_sensor_context(cursor=cursor, resources={"atio": atio}) as context:
        ...         return sensor(context)
        >>> nothing = look(None)
        >>> for number in (1, 2):
        ...     _ = atio.table("raw/orders").append(pd.DataFrame({"n": [number]}))
        >>> found = look(nothing.cursor)
        >>> [request.tags["atio/versions"] for request in found.run_requests]
        ['{"raw/orders": 1}', '{"raw/orders": 2}']
        >>> look(found.cursor).run_requests
        []
    """
    watched = _watched(tables)
    names = [one.key.to_user_string() for one in watched]
    if name is None:
        if len(watched) > 1:
            raise InvalidInputError("a sensor of several tables needs a name")
        name = name_of_step(watched[0].key, "versions")
    require_arguments(
        name=name,
        requests=requests,
        outside_only=outside_only,
        minimum_interval_seconds=minimum_interval_seconds,
        description=description,
        resource_key=resource_key,
    )
    require_kind("default_status", default_status, dg.DefaultSensorStatus)
    needed = {key for one in watched if (key := one.table.needs(resource_key)) is not None}

    @dg.sensor(
        name=name,
        target=_downstream(watched) if target is None else target,
        minimum_interval_seconds=minimum_interval_seconds,
        description=description or f"Asks for a run for each new version of {', '.join(names)}.",
        default_status=default_status,
        required_resource_keys=needed,
    )
    def versions(
        context: dg.SensorEvaluationContext, **_: Any
    ) -> dg.SensorResult:  # `_`: called by hand, by tests
        stores = {key: getattr(context.resources, key) for key in needed}
        seen = _from_cursor(context.cursor)
        asked: list[dg.RunRequest] = []
        told: list[dg.AssetObservation] = []
        for one in watched:
            table = one.table.table(stores.get(one.table.needs(resource_key) or ""))
            snapshots, seen[one.name] = _new_versions(table, seen.get(one.name))
            for snapshot in snapshots:
                if not (outside_only and RUN_ID in snapshot.properties):
                    asked += _asked(one, snapshot, requests)
                    told += one.told(snapshot, context)
        why = None if asked else "There is no new version."
        return dg.SensorResult(asked, why, cursor=_to_cursor(seen), asset_events=told)

    return versions


def _watched(tables: Watched | Iterable[Watched]) -> list[_Watch]:
    """The tables that are meant, each once."""
    given = [tables] if isinstance(tables, Watched) else require_list("tables", tables, "assets")
    found: dict[str, _Watch] = {}
    for one in given:
        external = isinstance(one, AtioTable)
        path = one.metadata.get(PATH) if isinstance(one, dg.AssetSpec) else None
        for table in [one] if external else [AtioTable(key, path) for key in asset_keys_of([one], "tables")]:
            watch = _Watch(table, external)
            found[watch.name] = watch
    if not found:
        raise InvalidInputError("a sensor of no table would never ask for a run: give it one")
    return list(found.values())


def _downstream(watched: Iterable[_Watch]) -> dg.AssetSelection:
    """The assets that take some as their input."""
    return dg.AssetSelection.assets(*(one.key for one in watched)).downstream(depth=1, include_self=False)


def _new_versions(table: Table, seen: _Seen | None) -> tuple[list[Snapshot], _Seen]:
    """The versions that came since a table was last looked at, oldest first, and how far it has been seen now."""
    latest = latest_of(table)
    if latest is None:
        return [], seen or _Seen("", 0)
    table_id = str(latest.entry.table_id)
    if seen is None:
        return [latest], _Seen(table_id, latest.version)
    since = seen.version if table_id == seen.table_id else 0
    if latest.version <= since:
        return [], _Seen(table_id, since)
    history = _history_since(table, latest.version, since)
    found = [one for one in reversed(history) if one.version > since and one.entry.is_there][:_MOST_VERSIONS]
    return found, _Seen(table_id, found[-1].version if found else since)


def _history_since(table: Table, newest: int, since: int) -> list[Snapshot]:
    """All versions after one, newest first, however many come while they are looked up; none if they never stop."""
    for _ in range(_ROUNDS):
        history = table.history(limit=newest - since)
        if history[0].version <= newest:
            return history
        newest = history[0].version
    return []


def _asked(watch: _Watch, snapshot: Snapshot, requests: Requests | None) -> Iterator[dg.RunRequest]:
    """The runs to be asked for because of a version, each with a key of its own."""
    given = dg.RunRequest() if requests is None else requests(snapshot)
    key = f"{watch.name} {snapshot.entry.table_id} {snapshot.version}"
    versions = json.dumps({watch.name: snapshot.version}, ensure_ascii=False)
    for number, one in enumerate([given] if isinstance(given, dg.RunRequest) else given or ()):
        yield dg.RunRequest(
            run_key=f"{key} {number}" if one.run_key is None else f"{key} key {one.run_key}",
            run_config=one.run_config,
            tags={VERSIONS: versions, **one.tags},
            job_name=one.job_name,
            asset_selection=one.asset_selection,
            asset_check_keys=one.asset_check_keys,
            stale_assets_only=one.stale_assets_only,
            partition_key=one.partition_key,
        )


def _from_cursor(cursor: str | None) -> dict[str, _Seen]:
    try:
        found = json.loads(cursor or "{}")
        return {name: _Seen(str(table_id), int(version)) for name, (table_id, version) in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{cursor!r} is no cursor of this sensor: reset it") from error


def _to_cursor(seen: Mapping[str, _Seen]) -> str:
    return json.dumps({name: [one.table_id, one.version] for name, one in seen.items()}, ensure_ascii=False)
