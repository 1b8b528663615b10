"""What happened to a table's rows since a version, as a stream: for readers that come back for what is new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from atio_core.comparing.chosen_rows import chosen_rows_in_order, portions
from atio_core.comparing.diff import Diff
from atio_core.comparing.rows import RowDifference, Side
from atio_core.comparing.schema_changes import SchemaChanges
from atio_core.data.schema.layout import layout_of
from atio_core.errors import InvalidInputError, VersionExpiredError
from atio_core.reading.rows import arrow_schema, no_frame

if TYPE_CHECKING:
    from atio_core.comparing.multisets import Places

Kind = Literal["delete", "columns", "update", "insert"]


@dataclass(frozen=True, slots=True, eq=False)
class RowChange:
    """Some rows that a version changed, all in the same way.

    Attributes:
        version: Number of the version.
        kind: "delete": the rows went. "columns": the columns changed, as `schema` says; there are no rows. "update":
            the rows have other values, under the keys that they had. "insert": the rows came.
        rows: The rows: those that went as the version before had them, all others as this one has them.
        last: Whether this is the last change of its version. Once it is dealt with, one may go on from the version.
        before: With "update", what the rows were, in the same order, as the version before had them.
        schema: With "columns", what the columns differ in.
    """

    version: int
    kind: Kind
    rows: Any
    last: bool = False
    before: Any = None
    schema: SchemaChanges | None = None


class Changes(Iterator[RowChange]):
    """The changes of a table since a version, in order: see `Table.changes`.

    Args:
        diffs: What each version changed, in order.
        since: The version before all of them.
        until: The last version.
        output_as: What rows are given as.
    """

    def __init__(self, diffs: Iterator[Diff], since: int, until: int, output_as: str) -> None:
        self.since: int = since
        """The version that was read before."""
        self.until: int = until
        """The version that was the latest when these changes were asked for; the last that they tell of."""
        self.cursor: int = since
        """The last version of which all changes were handed out: what to go on from, as `since`."""
        self._changes = self._told(diffs, output_as)

    def __iter__(self) -> Self:
        """It is its own iterator."""
        return self

    def __next__(self) -> RowChange:
        """Return the next change."""
        return next(self._changes)

    def _told(self, diffs: Iterator[Diff], output_as: str) -> Iterator[RowChange]:
        """The changes, of which the last of each version says so. After an error, the cursor stays."""
        for diff in diffs:
            changes = _changes_of(diff, output_as)
            try:
                waiting = next(changes, None)
            except VersionExpiredError:
                if diff.again is None:
                    raise
                changes = _changes_of(diff.again(), output_as)
                waiting = next(changes, None)
            for change in changes:
                if waiting is not None:
                    yield waiting
                waiting = change
            if waiting is not None:
                self.cursor = diff.after
                yield replace(waiting, last=True)
        self.cursor = self.until


def _changes_of(diff: Diff, output_as: str) -> Iterator[RowChange]:
    rows = diff.rows
    if rows is None:
        raise InvalidInputError(
            f"version {diff.before} or {diff.after} of the table {diff.table} holds an object, and changes are told of"
            " rows; go on from a later version that holds rows",
            table=diff.table,
            version=diff.after,
        )
    for some in portions(rows.before, rows.removed, output_as):
        yield RowChange(diff.after, "delete", some)
    if diff.schema:
        yield RowChange(diff.after, "columns", _nothing(rows.after, output_as), schema=diff.schema)
    for some, before in _updates(rows, output_as):
        yield RowChange(diff.after, "update", some, before=before)
    for some in portions(rows.after, rows.added, output_as):
        yield RowChange(diff.after, "insert", some)


def _updates(rows: RowDifference, output_as: str) -> Iterator[tuple[Any, Any]]:
    old, new = rows.changed
    start = 0
    for some in portions(rows.after, new, output_as):
        yield some, _part(rows.before, old[start : start + len(some)], output_as)
        start += len(some)


def _part(side: Side, places: Places, output_as: str) -> Any:
    """Rows of a version, which are as many as those of a portion."""
    found = chosen_rows_in_order(side, places, "arrow" if output_as == "batches" else output_as)
    if output_as == "batches":
        (found,) = found.combine_chunks().to_batches()
    # a range's labels are those of a portion: they line up
    return (
        found.reset_index(drop=True)
        if output_as == "pandas" and layout_of(side.version.source.schema).has_range
        else found
    )


def _nothing(side: Side, output_as: str) -> Any:
    schema = side.version.source.schema
    if output_as != "batches":
        return no_frame(schema, None, cast("Any", output_as))
    import pyarrow as pa

    shown = arrow_schema(schema)
    return pa.RecordBatch.from_arrays(
        [column.combine_chunks() for column in shown.empty_table().columns], schema=shown
    )
