"""What a step has really read, as Dagster's provenance tells it.

Dagster notes the latest materialisation of each input when a step begins. A run that reads an older version, or one
that came since, has read something else: the data version and the event of that one are put in its place.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import dagster as dg

from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.keys import Partitions
from atio_dagster.loading import stored_partitions
from atio_dagster.metadata import content_of
from atio_dagster.provenance import RUN_ID, latest_of, note_read, step_of

if TYPE_CHECKING:
    from dagster import StepExecutionContext

_DATA_VERSION = "dagster/data_version"
_NO_EVENT = 0


def tell_read(
    context: dg.InputContext,
    table: Table,
    snapshot: Snapshot,
    partitions: Partitions | None,
    *,
    is_staged: bool = False,
) -> None:
    """Tell Dagster which version an input is.

    Args:
        context: The input's.
        table: Its table.
        snapshot: The version that is read.
        partitions: The partitions that are read; None if the asset has none.
        is_staged: Whether it is no version yet, so that its number may still be another.
    """
    step = step_of(context)
    if step is None or not context.has_asset_key:
        return
    key = context.asset_key
    if not is_staged:
        note_read(step, key, snapshot.version)
    noted = step.maybe_fetch_and_get_input_asset_version_info(key)
    if noted is None or noted.data_version is None:
        return
    if partitions is None:
        _tell_whole(step, key, snapshot, noted)
    else:
        _tell_partitions(table, snapshot, partitions, noted)


def _tell_whole(step: StepExecutionContext, key: dg.AssetKey, snapshot: Snapshot, noted: Any) -> None:
    content = content_of(snapshot, None)
    if noted.data_version.value == content:
        return
    event = _materialization(step.instance, key, snapshot.properties.get(RUN_ID))
    if event is None:
        noted.storage_id, noted.data_version = _NO_EVENT, dg.DataVersion(content)
        return
    made = event.asset_materialization
    tags = {} if made is None else made.tags or {}
    noted.storage_id, noted.data_version = event.storage_id, dg.DataVersion(tags.get(_DATA_VERSION, content))
    noted.run_id, noted.timestamp = event.run_id, event.timestamp


def _tell_partitions(table: Table, snapshot: Snapshot, partitions: Partitions, noted: Any) -> None:
    """Dagster makes the data version of some partitions of those of each, in the order of their keys."""
    latest = latest_of(table)
    if latest is not None and latest.version == snapshot.version:
        return
    read = _contents(snapshot, partitions)
    if latest is None or read != _contents(latest, partitions):
        version = sha256("".join(read.values()).encode()).hexdigest()
        noted.storage_id, noted.data_version = _NO_EVENT, dg.DataVersion(version)


def _contents(snapshot: Snapshot, partitions: Partitions) -> dict[str, str]:
    stored = stored_partitions(snapshot, partitions)
    return {key: content_of(snapshot, snapshot.data_files([stored[key]])) for key in sorted(stored)}


def _materialization(
    instance: dg.DagsterInstance, key: dg.AssetKey, run_id: str | None
) -> dg.EventLogRecord | None:
    """The event by which a run told that it made an asset."""
    if run_id is None:
        return None
    made = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    of_key = [record for record in made.records if record.asset_key == key]
    return of_key[-1] if of_key else None
