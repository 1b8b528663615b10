"""Which version an input is.

1. The one that the input's metadata name: `atio/version`, `atio/as_of` or `atio/tag`.
2. The one that this very run wrote, whatever others have written since.
3. The one that the run's tags name (`atio/versions` by asset key; `atio/as_of` or `atio/tag` for all), or else the
   manager's configuration (`versions`, `as_of` or `tag`), which can be given at launch.
4. The one that the run's first reader has pinned; the first one pins the latest.

What a name stands for (a tag, a time, a number that counts back) is looked up once for a run, and pinned likewise. An
op's output is no table that others mend: it is always the version that the run it comes from wrote. With
`reads="root_run"` a run that executes another again reads what its root run has pinned, and what the runs between
wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
from pydantic import Field

from atio_core.errors import InvalidInputError, TableNotFoundError, VersionExpiredError
from atio_core.snapshot import Snapshot
from atio_core.store import Store
from atio_core.table import Table
from atio_dagster.keys import asset_key_to_user_text, described, plain
from atio_dagster.pins import reader_of
from atio_dagster.provenance import RUN_ID, step_of

if TYPE_CHECKING:
    from dagster import StepExecutionContext

VERSION = "atio/version"
AS_OF = "atio/as_of"
TAG = "atio/tag"
READS = "atio/reads"
VERSIONS = "atio/versions"
"""A run's tag: versions by asset key, in JSON. What asks for a run because of a version gives it this."""

Named = int | str | datetime
"""What names a version: a number, a tag or "latest", a time."""

_LOOKED_AT = (16, 256, None)  # so many versions of the history, then more


class ReadConfig(dg.Config):
    """What a manager's configuration says of inputs whose metadata say nothing."""

    reads: str = Field(
        default="run",
        description='Whose inputs a run that executes another again reads: "run", what is the latest when it begins to'
        ' read; "root_run", what the first run read and wrote.',
    )
    versions: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        description="Versions to read of assets that the run doesn't make, by asset key (parts joined by /): a number,"
        " or a tag.",
    )
    as_of: str | None = Field(
        default=None,
        description="Read the others as of this time, with its zone: 2024-01-31T12:00:00+00:00.",
    )
    tag: str | None = Field(default=None, description="Read the others at this tag, instead.")

    def version_of(self, context: dg.InputContext, tags: Mapping[str, str]) -> Named | None:
        """Return what names an asset's version: the tags of its run, or else this; None if nothing does.

        Args:
            context: The input's.
            tags: The run's tags.

        Raises:
            InvalidInputError: It can't be meant.
        """
        if not context.has_asset_key:
            return None
        of_asset = _versions(tags).get(asset_key_to_user_text(context.asset_key))
        if of_asset is not None:
            return named_version({VERSION: of_asset}, f"the run's tag {VERSIONS}")
        of_run = named_version({name: tags.get(name) for name in (AS_OF, TAG)}, "the run's tags")
        if of_run is not None:
            return of_run
        of_asset = self.versions.get(asset_key_to_user_text(context.asset_key))
        if of_asset is not None:
            return named_version({VERSION: of_asset}, "the manager's versions")
        return named_version({AS_OF: self.as_of, TAG: self.tag}, "the manager's configuration")


def named_version(said: Mapping[str, Any], whose: str) -> Named | None:
    """Return what names a version in metadata or configuration; None if nothing does.

    Raises:
        InvalidInputError: It can't be meant, or several do.

    Example:
        >>> (
        ...     named_version({"atio/version": "3"}, "the input"),
        ...     named_version({"atio/tag": "good"}, "the input"),
        ... )
        (3, 'good')
    """
    given = {name: said[name] for name in (VERSION, AS_OF, TAG) if said.get(name) is not None}
    if len(given) > 1:
        raise InvalidInputError(f"{whose}: {' and '.join(given)} each name a version: give one of them")
    if AS_OF in given:
        return _time(given[AS_OF], whose)
    value = plain(given.get(VERSION, given.get(TAG)))
    if isinstance(value, str) and VERSION in given:
        return int(value) if value.removeprefix("-").isdecimal() else value
    if TAG in given and not isinstance(value, str):
        raise InvalidInputError(f"{whose}: {TAG} must be the name of a tag, not {value!r}")
    return value


def _versions(tags: Mapping[str, str]) -> Mapping[str, Any]:
    """The versions that a run's tag names."""
    try:
        versions: object = json.loads(tags.get(VERSIONS, "{}"))
    except ValueError:
        versions = None
    if not isinstance(versions, dict):
        raise InvalidInputError(
            f'the run\'s tag {VERSIONS} must be JSON, versions by asset key, such as {{"raw/orders": 3}}, not'
            f" {tags[VERSIONS]!r}"
        )
    return cast("dict[str, Any]", versions)


def _time(said: object, whose: str) -> datetime:
    if isinstance(said, dg.TimestampMetadataValue):
        return datetime.fromtimestamp(said.value, UTC)
    value = plain(said)
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        time = None
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise InvalidInputError(
            f"{whose}: {AS_OF} must be a time with a zone, such as '2024-01-31T12:00:00+00:00', not {value!r}"
        )
    return time


def choose_version(
    context: dg.InputContext, store: Store, table: Table, config: ReadConfig
) -> Snapshot | None:
    """Return the version that an input is; None if it is an output of this run that was None.

    Args:
        context: The input's.
        store: Holds the pins.
        table: The table.
        config: What the manager's configuration says.

    Raises:
        TableNotFoundError: Nothing was ever stored.
        VersionNotFoundError: There is no version of that number, or at that time.
        TagNotFoundError: There is no such tag.
        VersionExpiredError: The version has expired.
        InvalidInputError: What names a version can't be meant.
    """
    said, step, upstream = context.definition_metadata, step_of(context), context.upstream_output
    named = named_version(said, described(context))
    if step is None:
        return table.snapshot(config.version_of(context, {}) if named is None else named)
    tags = step.dagster_run.tags
    reads = plain(said.get(READS)) or tags.get(READS) or config.reads
    writer = None if named is not None or upstream is None else _writer(context, step, upstream, reads)
    try:
        own = None if writer is None else _written_by(store, table, writer)
        if own is None and writer is not None and not context.has_asset_key:
            return _none_of_op(store, table, writer)
        if own is not None:
            return own
        wanted = config.version_of(context, tags) if named is None else named
        return _pinned(store, reader_of(step, reads), table, wanted)
    except TableNotFoundError as error:
        if writer is not None and (writer == step.run_id or not context.has_asset_key):
            return None  # its step has come to its end, and stored nothing
        raise _nothing_stored(context, error) from None


def note_unwritten(context: dg.OutputContext, store: Store, table: Table, snapshot: Snapshot | None) -> None:
    """Note what an output is that made no version, for the inputs that take it.

    Args:
        context: The output's.
        store: Holds the pins.
        table: The table.
        snapshot: The version that was there already; None if the output is None.
    """
    step = step_of(context)
    if step is None:
        return
    if snapshot is not None:
        with suppress(VersionExpiredError):  # the table as it is now has the rows
            store.pin(f"{step.run_id} wrote", table, snapshot.version)
    elif not context.has_asset_key and table.exists():
        store.pin(f"{step.run_id} none", table)


def _pinned(store: Store, reader: str, table: Table, named: Named | None) -> Snapshot:
    if named is None:
        return store.pin(reader, table)
    if isinstance(named, int) and named >= 0:
        return table.snapshot(named)
    told = named.isoformat() if isinstance(named, datetime) else repr(named)
    return store.pin(f"{reader} {told}", table, named)


def _writer(
    context: dg.InputContext, step: StepExecutionContext, upstream: dg.OutputContext, reads: str
) -> str | None:
    """The run whose version is wanted: this run, if it makes the input; for an op's output, the run that made it."""
    run_id = upstream.run_id
    if not context.has_asset_key or run_id == step.run_id:
        return run_id
    # An input that no run of the lineage makes has a run id that stands for none.
    is_older = reads == "root_run" and step.instance.get_run_by_id(run_id) is not None
    return run_id if is_older else None


def _written_by(store: Store, table: Table, run_id: str) -> Snapshot | None:
    """The newest version that a run wrote, or found there already; None if there is none, or none any more."""
    latest = table.snapshot()
    if latest.properties.get(RUN_ID) == run_id:
        return latest
    found = store.pinned(f"{run_id} wrote", table)
    least = 0 if found is None else found.version
    for limit in _LOOKED_AT:
        history = table.history(limit=limit)
        for snapshot in history:
            if snapshot.version > least and snapshot.properties.get(RUN_ID) == run_id:
                return snapshot
        if history[-1].version <= least or limit is None or len(history) < limit:
            break
    return found


def _none_of_op(store: Store, table: Table, run_id: str) -> None:
    """None, if that is what an op returned; else its version has gone."""
    if store.pinned(f"{run_id} none", table) is not None:
        return
    path = table.path
    message = f"the version of {path} that run {run_id} wrote has expired, or was never stored"
    raise VersionExpiredError(f"{message}: run the whole job again", table=path)


def _nothing_stored(context: dg.InputContext, error: TableNotFoundError) -> TableNotFoundError:
    what = f"the asset {asset_key_to_user_text(context.asset_key)}" if context.has_asset_key else "the output"
    place = error.table
    message = f"{what} has no table yet (it would be {place}): materialise it first, or in the same run"
    return TableNotFoundError(message, table=place)
