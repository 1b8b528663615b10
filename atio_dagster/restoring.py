"""The job that brings assets back to earlier versions, and tells Dagster so.

All that is to be restored is looked up before anything is. Each table then gets a version with the content of the
earlier one. Dagster is told by a materialisation with the earlier one's data version, code version and inputs: what is
downstream is stale if its own input was another, and the asset is if what it was made from has changed since.

(No `from __future__ import annotations` here: Dagster wants to see the class of an op's context, not its name.)
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from atio_core.errors import InvalidInputError, VersionNotFoundError
from atio_core.model.data_file import DataFile
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.arguments import require_arguments
from atio_dagster.keys import asset_key_from_user_text, named, partition_key_of
from atio_dagster.metadata import content_of, markdown_table, metadata_of
from atio_dagster.provenance import ASSET_KEY, RUN_ID, owner_of, require_owner
from atio_dagster.resource import AtioResource
from atio_dagster.retention import RETENTION
from atio_dagster.run_outputs import PUBLICATION, TABLE, VERSION

STEP = "restore"
"""The only step of a restore job: its run config is `{"ops": {"restore": {"config": {…}}}}`."""

_PARTITION_COUNT = "dagster/partition_count"
_KEPT = (ASSET_KEY, RETENTION, "dagster/code_version")
_PROVENANCE = ("dagster/code_version", "dagster/input_data_version/", "dagster/input_event_pointer/")
_CONFIG = {
    "assets": dg.Field([str], default_value=[], description="Keys of assets, their parts joined by /."),
    "run_id": dg.Field(str, is_required=False, description="All assets that this run materialised, instead."),
    "version": dg.Field(
        str,
        is_required=False,
        description="The number or the tag of a version of each; -2 is the one before the latest.",
    ),
    "release": dg.Field(
        str, is_required=False, description="The name of a release; without assets, all that it names."
    ),
    "dry_run": dg.Field(bool, default_value=False, description="Only tell what would be restored."),
}


@dataclass(frozen=True, slots=True)
class Restored:
    """An asset and what it is brought back to.

    Attributes:
        key: The asset.
        before: Its latest version; None if its table was dropped.
        wanted: The version whose content it gets.
    """

    key: dg.AssetKey
    before: Snapshot | None
    wanted: Snapshot


def build_restore_job(
    name: str = "restore_assets",
    *,
    resource_key: str = "atio",
    description: str = "Brings assets back to earlier versions.",
    tags: Mapping[str, str] | None = None,
) -> dg.JobDefinition:
    """Return a job that brings assets back to earlier versions, and reports them to Dagster as materialisations.

    Its config says which assets, and to what: `{"assets": ["raw/orders"], "version": "3"}`; a tag instead of a number;
    `{"release": "march"}` for all assets of a release, or some of them; `{"run_id": "…"}` for all that a run has
    materialised, back to what they were before it, or to a `version` or `release`. `dry_run` only tells.

    No data is copied, and nothing is lost: what was the latest stays in the history.

    Args:
        name: The job's name.
        resource_key: Where the `AtioResource` is among the resources.
        description: What the job's page says.
        tags: Tags for its runs.

    Example:
        >>> build_restore_job().name
        'restore_assets'
    """
    require_arguments(name=name, resource_key=resource_key, description=description, tags=tags)

    @dg.op(name=STEP, config_schema=_CONFIG, required_resource_keys={resource_key}, out=dg.Out(dg.Nothing))
    def restore(context: dg.OpExecutionContext) -> None:
        store: AtioResource = getattr(context.resources, resource_key)
        config: dict[str, Any] = context.op_config
        wanted = _looked_up(context.instance, store, config)
        if not config["dry_run"]:
            for one in wanted:
                _restore(context, store, one)
        context.add_output_metadata(_report(wanted, dry_run=config["dry_run"]))

    @dg.job(name=name, description=description, tags=dict(tags or {}))
    def restoring() -> None:
        restore()

    return restoring


def _looked_up(
    instance: dg.DagsterInstance, store: AtioResource, config: Mapping[str, Any]
) -> list[Restored]:
    """Return what is to be restored; nothing has changed yet."""
    keys = [asset_key_from_user_text(text) for text in config["assets"]]
    run_id, version, release = (config.get(name) for name in ("run_id", "version", "release"))
    if version is not None and release is not None:
        raise InvalidInputError("the config names a version and a release: give one of them")
    if keys and run_id is not None:
        raise InvalidInputError("the config names assets and a run: give one of them")
    if not keys and run_id is None and release is None:
        raise InvalidInputError(
            "the config names neither assets nor a run nor a release: nothing is restored"
        )
    if keys and version is None and release is None:
        raise InvalidInputError(f"the config doesn't say to what {named(config['assets'])} is to be restored")
    made = {} if run_id is None else _made_by(instance, run_id)
    keys = keys or sorted(made)
    if release is not None:
        at = store.store.at(release)
        if not keys:
            return [
                _of(store, owner, found)
                for owner, found in map(_owned, map(at.snapshot, at.tables()))
                if owner
            ]
        return [_of(store, key, at.snapshot(store.table_name(key))) for key in keys]
    if version is not None:
        number = int(version) if version.removeprefix("-").isdecimal() else version
        return [_of(store, key, store.table(key).snapshot(number)) for key in keys]
    before = {key: _before(store.table(key), str(run_id), told) for key, told in sorted(made.items())}
    return [_of(store, key, wanted) for key, wanted in before.items() if wanted is not None]


def _owned(snapshot: Snapshot) -> tuple[dg.AssetKey | None, Snapshot]:
    return owner_of(snapshot.properties), snapshot


def _of(store: AtioResource, key: dg.AssetKey, wanted: Snapshot) -> Restored:
    require_owner(wanted, key)
    table = store.table(key)
    return Restored(key, table.snapshot() if table.exists() else None, wanted)


def _made_by(instance: dg.DagsterInstance, run_id: str) -> dict[dg.AssetKey, dict[int, bool]]:
    """The versions of each asset that a run told of, and of each whether it published it.

    What it has staged and not published isn't among them, nor what it has stored elsewhere, or not at all.
    """
    if instance.get_run_by_id(run_id) is None:
        raise InvalidInputError(f"there is no run {run_id!r} in this instance")
    found: dict[dg.AssetKey, dict[int, bool]] = {}
    for event in _materializations(instance, run_id):
        version = event.metadata.get(VERSION)
        if TABLE in event.metadata and version is not None:
            found.setdefault(event.asset_key, {})[int(str(version.value))] = PUBLICATION in event.metadata
    if not found:
        raise InvalidInputError(
            f"the run {run_id!r} has materialised no asset: there is nothing to be restored"
        )
    return found


def _materializations(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.AssetMaterialization]:
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    for record in instance.get_records_for_run(run_id, of_type=kind).records:
        if record.event_log_entry.asset_materialization is not None:
            yield record.event_log_entry.asset_materialization


def _before(table: Table, run_id: str, told: Mapping[int, bool]) -> Snapshot | None:
    """The version that was the latest before a run made its first one; None if those that it told of aren't its own."""
    seen = False
    found: Snapshot | None = None
    others: set[int] = set()
    for snapshot in table.history():  # newest first
        if snapshot.properties.get(RUN_ID) == run_id or told.get(snapshot.version, False):
            seen, found = True, None
            continue
        found = found or snapshot
        others |= {snapshot.version} & told.keys()
    if not seen and others == told.keys():
        return None  # it found there what it would have written
    if not seen or found is None:
        reason = "made its first version" if seen else "made no version that is still there"
        raise VersionNotFoundError(
            f"the run {run_id} {reason} of {table.path}: there is none before it. Nothing was restored",
            table=table.path,
        )
    return found


def _restore(context: dg.OpExecutionContext, store: AtioResource, one: Restored) -> None:
    run, wanted = context.run, one.wanted
    properties = {name: wanted.properties[name] for name in _KEPT if name in wanted.properties}
    partitions = _changed_partitions(one)
    if partitions is not None:
        properties[_PARTITION_COUNT] = str(len(partitions))
    root = run.root_run_id or run.run_id
    snapshot = store.table(one.key).restore(
        wanted.version,
        message=f"restored version {wanted.version} by run {run.run_id}",
        properties=properties
        | {RUN_ID: run.run_id, "dagster/root_run_id": root, "dagster/job_name": run.job_name},
        idempotency_key=json.dumps([root, STEP, list(one.key.path)]),
    )
    context.log.info(
        "Restored %s to its version %s, as version %s",
        one.key.to_user_string(),
        wanted.version,
        snapshot.version,
    )
    for event in _told(context.instance, one, snapshot, partitions):
        context.log_event(event)


def _changed_partitions(one: Restored) -> dict[str, tuple[DataFile, ...]] | None:
    """The files of each partition that is other than before, by its key in Dagster; None if the asset has none."""
    if _PARTITION_COUNT not in one.wanted.properties:
        return None
    fields = [field.name for field in one.wanted.entry.partition_fields]
    changed: dict[str, tuple[DataFile, ...]] = {}
    there = set() if one.before is None else set(one.before.partitions())
    for values in one.wanted.partitions():
        files = one.wanted.data_files([values])
        same = (
            one.before is not None
            and values in there
            and content_of(one.before, one.before.data_files([values])) == content_of(one.wanted, files)
        )
        if not same:
            changed[partition_key_of(fields, values)] = files
    return changed


def _told(
    instance: dg.DagsterInstance,
    one: Restored,
    snapshot: Snapshot,
    partitions: Mapping[str, tuple[DataFile, ...]] | None,
) -> Iterator[dg.AssetMaterialization]:
    """What tells Dagster of a restored asset, or of each of its partitions that changed."""
    made_by = one.wanted.properties.get(RUN_ID)
    earlier = [] if made_by is None else list(_materializations(instance, made_by))
    parts = {None: None} if partitions is None else partitions
    for partition, files in parts.items():
        tags: dict[str, str] = {}
        for event in earlier:
            if event.asset_key == one.key and event.partition == partition:
                tags = {name: tag for name, tag in (event.tags or {}).items() if name.startswith(_PROVENANCE)}
        tags["dagster/data_version"] = content_of(snapshot, files)
        tags["dagster/data_version_is_user_provided"] = "true"
        yield dg.AssetMaterialization(
            one.key,
            description=f"Restored to version {one.wanted.version}",
            metadata=metadata_of(snapshot, files, one.key, one.before)
            | {"atio/restored_version": one.wanted.version},
            partition=partition,
            tags=tags,
        )


def _report(wanted: Sequence[Restored], *, dry_run: bool) -> dict[str, Any]:
    lines = [
        [
            one.key.to_user_string(),
            "none" if one.before is None else str(one.before.version),
            str(one.wanted.version),
            f"{one.wanted.time:%Y-%m-%d %H:%M:%S}",
        ]
        for one in wanted
    ]
    title = "Nothing was restored: this was a dry run. A real run would do this:\n\n" if dry_run else ""
    table = markdown_table(("asset", "latest before", "restored version", "of (UTC)"), lines)
    return {"report": dg.MetadataValue.md(title + table), "assets": len(lines), "dry_run": dry_run}
