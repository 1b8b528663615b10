"""AtioTable: a table that is written outside of Dagster, as an asset that others take as their input.

(No `from __future__ import annotations` here: Dagster wants to see the class of an op's context, not its name.)
"""

import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, cast

import dagster as dg

from atio_core.arguments import refusal, require_text
from atio_core.errors import InvalidInputError
from atio_core.snapshot import Snapshot
from atio_core.storage.buckets.fsspec_paths import Place, place_and_options
from atio_core.table import Table
from atio_dagster.arguments import require_arguments, require_kind
from atio_dagster.keys import asset_key_of, described, partition_key_of, plain
from atio_dagster.metadata import content_of, metadata_of
from atio_dagster.resource import AtioResource

PATH = "atio/path"
"""Metadata of an external asset: the folder of its table, if that isn't where its key says."""

_DATA_VERSION = "dagster/data_version"


class AtioTable:
    """A table that is written outside of Dagster: by a script, a service, another deployment.

    As an asset it stands in the lineage, and others take it as their input. `spec` is an external asset, which Dagster
    knows by name. `observed()` is one that can be looked at, by hand or by an automation condition: Dagster learns the
    table's data version, its rows and its columns, and what is downstream becomes stale when the data version changes.
    `build_snapshot_sensor` watches either.

    Args:
        key: The asset's key; as text, its parts joined by `/`.
        path: The table's folder; if None, where the key says in the store of `resource_key`.
        partitions_def: If the table's partitions are an asset's: their values are its partition keys.
        io_manager_key: The `AtioIOManager` that loads it.
        resource_key: Where the `AtioResource` is among the resources whose store has the table; with a `path`, whose
            `storage_options` open its bucket when it is observed, or watched by a sensor. If None, that is `atio`;
            with a path, the environment says how. An input of it is opened as the `AtioIOManager` opens its own.
        description: What the asset's page says.
        group_name: The asset's group.
        metadata: More metadata.
        tags: The asset's tags.
        automation_condition: When it is observed by itself, such as `dg.AutomationCondition.on_cron("@hourly")`.

    Example:
        >>> orders = AtioTable("raw/orders", "/srv/tables/orders")
        >>> defs = dg.Definitions(assets=[orders.spec])
        >>> orders.spec.key.to_user_string()
        'raw/orders'
    """

    def __init__(
        self,
        key: dg.AssetKey | str,
        path: Place | None = None,
        *,
        partitions_def: dg.PartitionsDefinition | None = None,
        io_manager_key: str = "io_manager",
        resource_key: str | None = None,
        description: str | None = None,
        group_name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        automation_condition: dg.AutomationCondition | None = None,
    ) -> None:
        require_arguments(
            partitions_def=partitions_def,
            io_manager_key=io_manager_key,
            **({} if resource_key is None else {"resource_key": resource_key}),
            description=description,
            group_name=group_name,
            tags=tags,
            automation_condition=automation_condition,
        )
        if metadata is not None:
            require_kind("metadata", metadata, Mapping)
        self.key = asset_key_of("key", key)
        self.path = None if path is None else _path(path)
        self.partitions_def = partitions_def
        self.resource_key = resource_key
        self._io_manager_key = io_manager_key
        self._metadata = {**(metadata or {}), **({} if self.path is None else {PATH: self.path})}
        self._options: dict[str, Any] = {
            "partitions_def": partitions_def,
            "description": description,
            "group_name": group_name,
            "tags": {**(tags or {}), "dagster/kind/atio": ""},
            "automation_condition": automation_condition,
        }

    @property
    def spec(self) -> dg.AssetSpec:
        """The table as an external asset."""
        spec = dg.AssetSpec(self.key, metadata=self._metadata, **self._options)
        return spec.with_io_manager_key(self._io_manager_key)

    def observed(self) -> dg.AssetsDefinition:
        """Return the table as an asset that can be observed."""
        needs = self.needs()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # what Dagster calls the way to make it

            @dg.multi_observable_source_asset(
                name=f"observe_{self.key.to_python_identifier()}",
                specs=[self.spec],
                required_resource_keys=set() if needs is None else {needs},
            )
            def observe(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
                store = None if needs is None else getattr(context.resources, needs)
                *partitions, whole = self.observations(self.table(store).snapshot(), context.instance)
                for told in partitions:
                    context.log_event(told)
                version = dg.DataVersion(whole.tags[_DATA_VERSION])
                yield dg.ObserveResult(asset_key=self.key, metadata=whole.metadata, data_version=version)

        return observe

    def needs(self, default: str = "atio") -> str | None:
        """Return where the resource is that finds or opens the table; None if there is no need of one.

        Args:
            default: Where it is if nothing else was said.
        """
        return default if self.resource_key is None and self.path is None else self.resource_key

    def table(self, store: AtioResource | None) -> Table:
        """Return the table itself.

        Args:
            store: The resource, which is needed if there is no path; else its `storage_options` count.
        """
        if self.path is not None:
            return Table(self.path, storage_options=None if store is None else store.storage_options)
        if store is None:
            raise InvalidInputError(
                f"where the table {self.key.to_user_string()} lies is known by an AtioResource"
            )
        return store.table(self.key)

    def observations(
        self, snapshot: Snapshot, instance: dg.DagsterInstance | None = None
    ) -> Iterator[dg.AssetObservation]:
        """Yield what tells Dagster of a version: an observation for each partition, and one for the whole.

        Args:
            snapshot: The version.
            instance: Knows the keys of dynamic partitions.
        """
        if self.partitions_def is not None and snapshot.partition_fields:
            known = set(self.partitions_def.get_partition_keys(dynamic_partitions_store=instance))
            for values in snapshot.partitions():
                key = partition_key_of(snapshot.partition_fields, values)
                if key in known:
                    yield _observation(self.key, snapshot, key, values)
        yield _observation(self.key, snapshot)


def _path(path: Place) -> str:
    place, own = place_and_options(path)
    if own:
        raise InvalidInputError(
            "path has storage options of its own, and the resource's count: leave them out"
        )
    require_kind("path", place, str, os.PathLike)
    text = require_text("path", os.fspath(cast("str", place)))
    if not text.strip():
        raise refusal("path", "a folder or a bucket's URL, or None for where the key says", path)
    return text


def _observation(
    key: dg.AssetKey, snapshot: Snapshot, partition: str | None = None, values: tuple[Any, ...] | None = None
) -> dg.AssetObservation:
    files = None if values is None else snapshot.data_files([values])
    return dg.AssetObservation(
        key,
        description=f"Version {snapshot.version}",
        metadata=metadata_of(snapshot, files, key),
        partition=partition,
        tags={_DATA_VERSION: content_of(snapshot, files)},
    )


def path_elsewhere(context: dg.OutputContext | dg.InputContext) -> str | None:
    """Return the folder of an external asset's table; None if it lies where its key says.

    Raises:
        InvalidInputError: It is an output: what lies elsewhere is written by others.
    """
    if isinstance(context, dg.OutputContext):
        if plain(context.definition_metadata.get(PATH)) is not None:
            raise InvalidInputError(
                f"{described(context)} has the metadata {PATH!r}, which is for tables that are written outside of"
                " Dagster (AtioTable). Nothing was written: leave it out, and give its IO manager another base_path"
            )
        return None
    upstream = context.upstream_output
    return None if upstream is None else plain(upstream.definition_metadata.get(PATH))
