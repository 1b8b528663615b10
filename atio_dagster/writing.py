"""What an output does to its table: decided first, then committed as one version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from atio_core.data.frames.frames import to_piece
from atio_core.data.kinds import kind_of
from atio_core.data.object_files.kinds import checked_kind, object_kind, require_rows_format
from atio_core.errors import InvalidInputError
from atio_core.format.staged_json import StagedChange
from atio_core.model.entry import ROWS
from atio_core.model.staged import StoredChange
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.keys import Partitions, described
from atio_dagster.partitions import split, with_columns
from atio_dagster.provenance import append_key, message_of, properties_of
from atio_dagster.settings import WriteSettings

if TYPE_CHECKING:
    import dagster as dg

    from atio_core.table.kept import KeptStage


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One version of a table.

    Attributes:
        method: The change that makes it, as `Table.stage` takes it.
        data: What is written.
        options: What the change takes.
        said: What is said of the commit: properties, message, and the key of an append.
    """

    method: str
    data: Any
    options: Mapping[str, Any]
    said: Mapping[str, Any]

    def commit(self, table: Table) -> Snapshot:
        """Make it the table's next version."""
        return getattr(table, self.method)(self.data, **self.options, **self.said)

    def stage(self, table: Table, keep_for: timedelta) -> KeptStage:
        """Keep it beside the table's versions, to be published later: what is said of its commit is said then."""
        options = {name: value for name, value in self.options.items() if name != "if_unchanged"}
        return table.stage(self.data, self.method, keep=True, keep_for=keep_for, **options)


@dataclass(frozen=True, slots=True)
class PlannedCommit:
    """One version of a table whose files are staged: the output is what `Table.stage` returned, on many machines.

    Attributes:
        staged: The descriptors.
        said: What is said of the commit.
    """

    staged: tuple[StagedChange, ...]
    said: Mapping[str, Any]

    def commit(self, table: Table) -> Snapshot:
        """Make them the table's next version."""
        return table.commit(self.staged, **self.said)

    def stage(self, table: Table, keep_for: timedelta) -> KeptStage:  # noqa: ARG002 - as of a write
        """Refuse to keep them under an id: that is said when they are staged."""
        raise InvalidInputError(
            f"what was staged for {table.path} can't wait for checks: publish it at once, or return the rows. Nothing"
            " was committed"
        )


def plan_write(
    context: dg.OutputContext,
    obj: Any,
    partitions: Partitions | None,
    settings: WriteSettings,
    *,
    latest: Snapshot | None,
    pickles: bool,
) -> PlannedWrite | PlannedCommit:
    """Decide what an output does to its table. Nothing is written yet.

    Raises:
        InvalidInputError: What is said of the write doesn't go together, or the output doesn't fit its partitions; or
            the asset is partitioned otherwise than its table.
    """
    said: dict[str, Any] = {
        "properties": {**settings.properties, **properties_of(context, partitions)},
        "message": message_of(context),
    }
    if settings.mode == "append":
        said |= append_key(context, partitions, settings.append_scope)
    if latest is not None:
        _require_same_partitions(context, latest, partitions, settings)
    if staged := _descriptors(obj):
        _require_planned(context, staged, partitions, settings)
        return PlannedCommit(staged, said)
    if settings.mode != "overwrite" or partitions is not None:
        if settings.format is not None:
            require_rows_format(settings.format)
        if settings.schema_mode == "replace":
            raise _misfit(context, "schema_mode", "replace", "takes away columns of rows that stay")
    if settings.mode == "upsert" and settings.schema_mode not in (None, "exact"):
        raise _misfit(context, "schema_mode", settings.schema_mode, "isn't there for an upsert")
    if partitions is None:
        return _whole(obj, settings, said, pickles=pickles)
    if settings.partition_by is not None:
        raise _misfit(
            context,
            "partition_by",
            settings.partition_by,
            "can't be had beside partitions of Dagster's, which the table has already",
        )
    rows = split(context, with_columns(obj, latest), partitions)
    return _of_partitions(rows, partitions, settings, said)


def _require_same_partitions(
    context: dg.OutputContext, latest: Snapshot, partitions: Partitions | None, settings: WriteSettings
) -> None:
    """Raise `InvalidInputError` if the asset was partitioned otherwise when its table was written."""
    own, what = latest.partition_fields, described(context)
    if partitions is not None and set(own) != set(partitions.fields):
        has = f"them by {', '.join(own)}" if own else "none"
        raise InvalidInputError(
            f"{what} has partitions by {', '.join(partitions.fields)}, and its table {latest.table}, written before,"
            f" has {has}. Nothing was written: end that table by its drop(), which leaves its versions to the"
            " retention, and materialise the partitions"
        )
    external = [field.name for field in latest.entry.partition_fields if field.column is None]
    if partitions is None and external and settings.mode != "overwrite":
        raise InvalidInputError(
            f"{what} has no partitions, and its table {latest.table}, written before, has them by"
            f" {', '.join(external)}. Nothing was written: materialise all rows once by {{'atio/mode': 'overwrite'}},"
            f" which ends the partitions, before the next {settings.mode}"
        )


def _descriptors(obj: Any) -> tuple[StagedChange, ...]:
    """Return what an output has staged; nothing if it is something else."""
    if isinstance(obj, StagedChange):
        return (obj,)
    if isinstance(obj, list | tuple):
        members = tuple(cast("Sequence[object]", obj))
        staged = tuple(one for one in members if isinstance(one, StagedChange))
        return staged if len(staged) == len(members) else ()
    return ()


def _require_planned(
    context: dg.OutputContext,
    staged: tuple[StagedChange, ...],
    partitions: Partitions | None,
    settings: WriteSettings,
) -> None:
    """Raise `InvalidInputError` if what was staged isn't what the asset says of its writes, or of its partitions."""
    expected = settings.mode
    if partitions is not None and expected == "overwrite":
        expected = "overwrite_partitions"
    if found := sorted({one.operation for one in staged} - {expected}):
        raise InvalidInputError(
            f"{described(context)} has staged {' and '.join(found)}, and by its mode it does {expected}. Nothing was"
            " committed: stage that, or say so by 'atio/mode'"
        )
    if partitions is None:
        return
    known = set(partitions.values.values())
    for one in staged:
        if isinstance(one.change, StoredChange):
            raise InvalidInputError(
                f"{described(context)} has staged so many files at a time that their partitions aren't told. Nothing"
                " was committed: stage fewer in one piece"
            )
        lie = {*one.change.partitions, *(file.partition for file in one.change.files)}
        if others := [values for values in lie if values not in known]:
            raise InvalidInputError(
                f"{described(context)} has staged rows of the partition {others[0]}, and the run is of"
                f" {', '.join(partitions.values)}. Nothing was committed"
            )


def _misfit(context: dg.OutputContext, name: str, value: object, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{name}={value!r} of {described(context)} {why}. Nothing was written: leave it out"
    )


def _whole(obj: Any, settings: WriteSettings, said: Mapping[str, Any], *, pickles: bool) -> PlannedWrite:
    """Return the write of a table without partitions of Dagster's."""
    arranged = {"partition_by": settings.partition_by, "sort_by": settings.sort_by}
    if settings.mode == "append":
        return _write("append", obj, said, **arranged, schema_mode=settings.schema_mode)
    if settings.mode == "upsert":
        return _write("upsert", obj, said, **arranged, key=settings.key)
    kept_as = _format(obj, settings.format, pickles=pickles)
    columns = object_kind(obj, kept_as) == ROWS  # an object has none
    return _write(
        "overwrite",
        obj,
        said,
        **arranged,
        format=kept_as,
        schema_mode=settings.schema_mode if columns else None,
        if_unchanged=settings.if_unchanged,
    )


def _of_partitions(
    rows: Mapping[tuple[str, ...], Any],
    partitions: Partitions,
    settings: WriteSettings,
    said: Mapping[str, Any],
) -> PlannedWrite:
    """Return the write of a table whose partitions are Dagster's."""
    arranged: dict[str, Any] = {"partition_by": partitions.fields, "sort_by": settings.sort_by}
    if settings.mode == "upsert":
        return _write("upsert", rows, said, **arranged, key=settings.key)
    arranged["schema_mode"] = settings.schema_mode
    if settings.mode == "append":
        return _write("append", rows, said, **arranged)
    return _write("overwrite_partitions", rows, said, **arranged, if_unchanged=settings.if_unchanged)


def _write(method: str, data: Any, said: Mapping[str, Any], **options: Any) -> PlannedWrite:
    return PlannedWrite(
        method, data, {name: value for name, value in options.items() if value is not None}, said
    )


def _format(obj: Any, named: str | None, *, pickles: bool) -> str | None:
    """Return what keeps an object: a pickle only if that is allowed, and nothing else does."""
    if named is not None or kind_of(obj) != "other":
        return named
    try:
        if checked_kind(obj) == ROWS and not isinstance(obj, Iterator):
            to_piece(obj)  # which says what can be rows
    except InvalidInputError as error:
        if not pickles:
            error.add_note(
                "If nothing else will do, a pickle keeps it: by the asset's metadata {'atio/format': 'pickle'}, or for"
                " all by AtioIOManager(pickles=True)."
            )
            raise
        return "pickle"
    return None
