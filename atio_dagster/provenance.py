"""What a version says of the run that made it, and the key that keeps a retried append from adding twice.

The properties of a version, all of them text:

    dagster/asset_key        a JSON list
    dagster/run_id           and root_run_id, job_name, step_key, output, mapping_key likewise
    dagster/partition_keys   a JSON list, of the first 100; dagster/partition_count tells how many there are
    dagster/code_version
    dagster/inputs           a JSON object: the versions that the step has read, by asset key, of the first 100 inputs
    atio/retention           what the asset declares; the expiration job goes by it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import dagster as dg

from atio_core.errors import AlreadyExistsError, TableNotFoundError
from atio_core.format.digest import digest
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.keys import Partitions, asset_key_from_text, asset_key_to_text, plain
from atio_dagster.retention import RETENTION, check_retention

if TYPE_CHECKING:
    from dagster import StepExecutionContext

AppendScope = Literal["root_run", "run"]
"""Within what an append happens once: a run with all its re-executions, or each of them."""

ASSET_KEY = "dagster/asset_key"
RUN_ID = "dagster/run_id"
_CLOCKS = timedelta(days=1)
"""So much the clock of Dagster's database may be ahead of those of the machines that commit."""
_BY_HAND = 20
"""So many of the newest versions are looked at for one that an asset made."""
_MOST_KEYS = 100  # a version's properties lie in its log entry, which stays small
_READ: WeakKeyDictionary[object, dict[str, int]] = WeakKeyDictionary()


def step_of(context: dg.OutputContext | dg.InputContext) -> StepExecutionContext | None:
    """Return the step in which an output is stored or an input is loaded; None outside of a run."""
    try:
        return context.step_context
    except dg.DagsterInvariantViolationError:  # there is no way to ask first
        return None


def note_read(step: StepExecutionContext, key: dg.AssetKey, version: int) -> None:
    """Note which version of an asset a step has read."""
    _READ.setdefault(step, {})[key.to_user_string()] = version


def read_by(step: StepExecutionContext | None) -> dict[str, int]:
    """Return the versions that a step has read, by asset key; no more than some."""
    read = {} if step is None else _READ.get(step, {})
    return dict(list(read.items())[:_MOST_KEYS])


def properties_of(context: dg.OutputContext, partitions: Partitions | None) -> dict[str, str]:
    """Return the properties of the version that an output becomes."""
    facts: dict[str, str | None] = {
        "dagster/output": _output_name(context),
        "dagster/mapping_key": context.mapping_key,
    }
    if context.has_asset_key:
        facts[ASSET_KEY] = asset_key_to_text(context.asset_key)
    if partitions is not None:
        keys = list(partitions.values)
        facts["dagster/partition_keys"] = json.dumps(keys[:_MOST_KEYS], ensure_ascii=False)
        facts["dagster/partition_count"] = str(len(keys))
    step = step_of(context)
    if step is not None:
        run = step.dagster_run
        facts |= {
            RUN_ID: run.run_id,
            "dagster/root_run_id": run.root_run_id or run.run_id,
            "dagster/job_name": run.job_name,
            "dagster/step_key": context.step_key,
            "dagster/inputs": json.dumps(read_by(step), ensure_ascii=False) if read_by(step) else None,
            "dagster/code_version": context.asset_spec.code_version if context.has_asset_key else None,
        }
    retention = plain(context.definition_metadata.get(RETENTION))
    if retention is not None:
        facts[RETENTION] = json.dumps(check_retention(retention))
    return {name: value for name, value in facts.items() if value is not None}


def _output_name(context: dg.OutputContext) -> str | None:
    try:
        return context.name
    except (
        dg.DagsterInvariantViolationError
    ):  # a context made for a test need not have one; it can't be asked
        return None


def message_of(context: dg.OutputContext) -> str | None:
    """Return the sentence for the table's history."""
    step = step_of(context)
    return None if step is None else f"step {context.step_key} of run {step.dagster_run.run_id}"


def append_key(
    context: dg.OutputContext, partitions: Partitions | None, scope: AppendScope
) -> dict[str, Any]:
    """Return the options that make an append happen once, whatever is retried or executed again.

    The key is made of the root run, or of the run itself, the step, the output, the mapping key and the partitions. It
    can't have been used before that run began, by whichever clock that was noted. Outside of a run there is nothing to
    tell a retry by.
    """
    step = step_of(context)
    if step is None:
        return {}
    run = step.dagster_run
    within = run.run_id if scope == "run" else run.root_run_id or run.run_id
    parts = [within, context.step_key, context.name, context.mapping_key]
    if partitions is not None:
        parts.append(digest(json.dumps(sorted(partitions.values)).encode()))
    record = step.instance.get_run_record_by_id(within)
    began: datetime | None = None if record is None else record.create_timestamp - _CLOCKS
    return {"idempotency_key": json.dumps(parts), "key_not_before": began}


def owner_of(properties: Mapping[str, str]) -> dg.AssetKey | None:
    """Return the asset that a version belongs to; None if no asset wrote it."""
    text = properties.get(ASSET_KEY)
    return None if text is None else asset_key_from_text(text)


def told_by_asset(table: Table) -> Mapping[str, str]:
    """Return the properties of the newest version that an asset made; none if there is none among the newest.

    The latest may be made by hand: rows deleted, an old version restored.
    """
    latest = latest_of(table)
    if latest is None or ASSET_KEY in latest.properties:
        return {} if latest is None else latest.properties
    others = (snapshot.properties for snapshot in table.history(limit=_BY_HAND))
    return next((properties for properties in others if ASSET_KEY in properties), latest.properties)


def require_owner(snapshot: Snapshot, key: dg.AssetKey) -> None:
    """Raise `AlreadyExistsError` if a version belongs to another asset.

    On file systems that fold case, two assets' folders can be one.
    """
    owner = owner_of(snapshot.properties)
    if owner is not None and owner != key:
        raise AlreadyExistsError(
            f"the table {snapshot.table} belongs to the asset {owner.to_user_string()}, so that"
            f" {key.to_user_string()} can't use it; this file system takes their names for one. Nothing was"
            " written: rename one of them",
            table=snapshot.table,
            version=snapshot.version,
        )


def latest_of(table: Table) -> Snapshot | None:
    """Return the latest version, None if there is no table yet."""
    try:
        return table.snapshot()
    except TableNotFoundError:
        return None
