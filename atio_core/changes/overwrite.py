"""Replace all rows, or the rows that match a filter.

The first rebases over everything: it replaces blindly. The other reads what it replaces: see `rewrite.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from atio_core.changes.arrangement import (
    Arrangement,
    Placement,
    new_arrangement,
    own_arrangement,
)
from atio_core.changes.chunks import write_chunks
from atio_core.changes.constraints import Constraints
from atio_core.changes.matching import Matching
from atio_core.changes.schema import (
    WrittenSchema,
    add_schema,
    require_rows,
    require_same_constraints,
    require_same_schema,
)
from atio_core.changes.split_writes import write_split
from atio_core.changes.unchanged import (
    IfUnchanged,
    Unchanged,
    find_unchanged,
    is_unchanged,
    lie_there,
    may_be_there,
    or_undone,
    shared_partitions,
)
from atio_core.changes.writing import Writing, Written
from atio_core.data.digests.content import content_digest
from atio_core.data.filters.filters import read_filter
from atio_core.data.frames.frames import Piece, SchemaMode
from atio_core.data.writing.cuts import stable_radius
from atio_core.data.writing.incoming import Incoming
from atio_core.data.writing.sorting import in_order
from atio_core.errors import CommitConflictError
from atio_core.format.schema_arrow import decode_schema
from atio_core.log.change import Change, Rebased
from atio_core.log.file_list import files_of, with_added
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS, LogEntry, PartitionField, Totals

_MOST_SORTED_BYTES = 1 << 30  # of Arrow data that is brought into order as a whole, and so is in memory twice
_NONE = Constraints()


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Rows that replace all others.

    Attributes:
        adds: The files, written with `schema`.
        schema: Becomes the table's. If it has grown from one, that must be the table's when the change is applied.
        content: Digest of the rows.
        limits: Bounds of an entry.
        mode: How the table's columns may change.
        fields: Become the table's partition fields.
        sort_by: Ids of the columns that the table is sorted by from now on.
        begins: Only if there is no table yet. Else the change is another one, that looks at the rows there.
        shares: All files in the order of the rows, if some of them are the base's; else none.
        spares: All rows are in `adds`, so that nothing need be shared.
    """

    adds: Sequence[DataFile]
    schema: WrittenSchema
    content: str
    limits: Limits
    mode: SchemaMode = "replace"
    fields: tuple[PartitionField, ...] = ()
    sort_by: tuple[int, ...] = ()
    begins: bool = False
    shares: Sequence[DataFile] = ()
    spares: bool = False
    operation: str = field(default="overwrite", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base.

        Raises:
            CommitConflictError: With `write_again`: there is a table by now, its schema is another, or it lacks a file
                that is shared and has no spare.
        """
        if self.begins and base.is_there:
            raise _begun(base, scratch.location)
        if self.mode == "replace":
            require_same_constraints(base, self.schema, self.operation, scratch)
        else:
            require_same_schema(base, self.schema, self.operation, scratch.location)
        files, kept = self._files_on(base, scratch)
        emptied = base.emptied(ROWS).arranged(self.fields, self.sort_by)
        emptied = emptied.with_(schemas=base.schemas)  # a schema that comes back keeps its number
        entry, number = add_schema(emptied, self.schema, scratch)
        entry = entry.with_(schemas={number: entry.schemas[number]}, content=self.content)
        entry = with_added(entry, [replace(file, schema=number) for file in files], scratch, self.limits)
        named = {file.path for file in files}
        unused = [file.path for file in self.adds if file.path not in named]
        added = Totals.of([file for file in self.adds if file.path in named])
        return Rebased(entry, added, base.totals - kept, unused)

    def _files_on(self, base: LogEntry, scratch: Scratch) -> tuple[Sequence[DataFile], Totals]:
        """Return the files of the version behind a base, and what the base has in those that are shared."""
        shared = {file.path for file in self.shares} - {file.path for file in self.adds}
        found = [file for file in files_of(scratch, base) if file.path in shared] if shared else []
        if len(found) < len(shared) and self.spares:
            return self.adds, Totals()
        if len(found) < len(shared):
            raise CommitConflictError(
                f"{self.operation} of {scratch.location} shares files with a version that is no longer the latest;"
                " nothing was committed: write the data again",
                table=scratch.location,
                version=base.version,
                winner=base.version,
                write_again=True,
            )
        return self.shares or self.adds, Totals.of(found)


def _begun(base: LogEntry, table: str) -> CommitConflictError:
    return CommitConflictError(
        f"a change was written to begin the table {table}, and version {base.version} has begun it; nothing was"
        " committed: write it again",
        table=table,
        version=base.version,
        winner=base.version,
        write_again=True,
    )


def write_first(writing: Writing, data: Incoming, placement: Placement) -> Overwrite:
    """Write the files of a change that looks at the rows there, for a table that isn't there yet.

    Raises:
        As for `write_overwrite`.
    """
    fitted, schema = writing.new_schema(data.first)
    arrangement = new_arrangement(writing.base, fitted.table.schema, placement, writing.store.location)
    return first_of(writing, writing.written(data, fitted, arrangement), schema, arrangement)


def first_of(
    writing: Writing, written: Written, schema: WrittenSchema, arrangement: Arrangement
) -> Overwrite:
    """Return the change that makes a table of rows that are written, if none is there."""
    return Overwrite(
        written.files,
        schema,
        written.content,
        writing.limits,
        fields=arrangement.fields,
        sort_by=arrangement.sort_by,
        begins=True,
    )


def write_overwrite(
    writing: Writing,
    data: Incoming,
    mode: SchemaMode,
    placement: Placement,
    constraints: Constraints = _NONE,
    *,
    if_unchanged: IfUnchanged = "commit",
) -> Overwrite | Unchanged:
    """Write the files of an overwrite, unless the table has just these rows.

    Raises:
        SchemaMismatchError: The rows don't fit the table; nothing was written.
        InvalidInputError: Nothing says into which partitions they go, or they are to go where they can't.
    """
    fitted, schema = writing.own_schema(data.first, mode, rows_stay=False, constraints=constraints)
    arrangement = new_arrangement(
        writing.base, fitted.table.schema, placement, writing.store.location, writing.sorted_by()
    )
    same = partial(Unchanged, writing.base.data.version, if_unchanged == "skip")
    if not data.is_stream and not arrangement.fields:
        radius = _radius(writing, fitted, arrangement)
        ordered = in_order(fitted, arrangement.sort_by) if radius else fitted
        lies_so = radius or not arrangement.sort_by
        found = find_unchanged(writing, ordered, schema, arrangement) if lies_so else None
        if found is not None:
            return same(found)
        if radius:
            share = may_be_there(writing, schema, arrangement)
            cut = write_chunks(writing, ordered, radius, share=share)
            return Overwrite(
                cut.adds,
                schema,
                cut.content,
                writing.limits,
                mode,
                sort_by=arrangement.sort_by,
                shares=cut.files,
            )
    fields, sort_by = arrangement.fields, arrangement.sort_by
    if not data.is_stream and arrangement.columns:
        split = write_split(writing, fitted, schema, arrangement)
        if split.is_all_there(writing):
            return same(split.new.content)
        new, files = split.new, split.files if split.shared.files else ()
        return Overwrite(new.files, schema, new.content, writing.limits, mode, fields, sort_by, shares=files)
    written = writing.written(data, fitted, arrangement)
    looked_at = writing, written, schema, arrangement
    unchanged = or_undone(is_unchanged, *looked_at)
    files = [] if unchanged else or_undone(shared_partitions, *looked_at).instead_of(written.files)
    content, limits = written.content, writing.limits
    change = Overwrite(
        written.files, schema, content, limits, mode, fields, sort_by, shares=files, spares=True
    )
    return same(content, change) if unchanged or lie_there(writing, files) else change


def _radius(writing: Writing, fitted: Piece, arrangement: Arrangement) -> int | None:
    """By which the rows are to be cut where they themselves say so; None if they aren't."""
    rows = fitted.table
    if writing.apart or (arrangement.sort_by and rows.nbytes > _MOST_SORTED_BYTES):
        return None
    there = writing.base.totals if writing.base.kind == ROWS else Totals()
    return stable_radius(rows, there.rows, there.files)


def write_overwrite_where(
    writing: Writing, data: Incoming, where: object, mode: SchemaMode, placement: Placement
) -> Change:
    """Write the files of an overwrite of the rows that match a filter; a table that isn't there is made.

    Raises:
        InvalidInputError: `where` is no filter of the table's rows; or nothing says into which partitions they go.
        SchemaMismatchError: The data doesn't fit the table.
    """
    require_rows(writing.base, writing.store.location)
    if not writing.base.schema:
        _, schema = writing.new_schema(data.first)
        read_filter(where, decode_schema(schema.plain), ())
        return write_first(writing, data, placement)
    fitted, schema = writing.own_schema(data.first, mode)
    arrangement = own_arrangement(writing.base, fitted.table.schema, placement, writing.store.location)
    with Matching(writing, (fitted.table.schema, schema)) as matching:
        row_filter = matching.filter(where)
        content = content_digest(fitted.table)
        if data.is_stream or fitted.table.num_rows:
            written = writing.written(data, fitted, arrangement)
            matching.add(written.files)
            content = written.content
        matching.each(row_filter, matching.drop)
        return matching.change("overwrite", [row_filter], content)
