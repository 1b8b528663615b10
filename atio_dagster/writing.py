"""What an output does to its table: decided first, then committed as one version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atio_core.data.frames import to_piece
from atio_core.data.kinds import kind_of
from atio_core.data.object_files.kinds import checked_kind
from atio_core.errors import InvalidInputError
from atio_core.model.entry import ROWS
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.keys import Partitions, described, plain
from atio_dagster.partitions import split
from atio_dagster.provenance import append_key, message_of, properties_of

if TYPE_CHECKING:
    import dagster as dg

MODE = "atio/mode"
FORMAT = "atio/format"


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """A change of a table, and what is said of its commit.

    Attributes:
        method: The name of the change, as `Table.stage` takes it.
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


def plan_write(
    context: dg.OutputContext, obj: Any, partitions: Partitions | None, *, pickles: bool
) -> PlannedWrite:
    """Decide what an output does to its table. Nothing is written yet.

    Raises:
        InvalidInputError: The asset's metadata says what can't be, or the output doesn't fit its partitions.
    """
    said = {"properties": properties_of(context, partitions), "message": message_of(context)}
    mode = plain(context.definition_metadata.get(MODE, "overwrite"))
    if mode not in ("overwrite", "append"):
        raise InvalidInputError(
            f"the metadata {MODE!r} of {described(context)} must be overwrite or append, not {mode!r}"
        )
    if mode == "append" and partitions is not None:
        raise InvalidInputError(
            f"{described(context)} is partitioned, and a partition is always replaced as a whole: take"
            f" {MODE!r} away, or the partitions. Nothing was written"
        )
    if partitions is not None:
        rows = split(context, obj, partitions)
        return PlannedWrite("overwrite_partitions", rows, {"partition_by": partitions.fields}, said)
    if mode == "append":
        return PlannedWrite("append", obj, {}, said | append_key(context))
    format_name = _format(obj, plain(context.definition_metadata.get(FORMAT)), pickles=pickles)
    return PlannedWrite("overwrite", obj, {"format": format_name}, said)


def _format(obj: Any, named: Any, *, pickles: bool) -> Any:
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
