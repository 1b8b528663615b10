"""Replace the rows that have a key of the data, and add the others of the data behind all rows.

Only files that may hold one of the keys, by the bounds of their columns, are looked into; those that do are written
anew, in their place, unless the data says nothing new. Where the key says nothing of the partition that a row lies in,
a row that is replaced goes, and the new one comes behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from atio_core.changes.arrangement import Arrangement, Placement, own_arrangement
from atio_core.changes.by_partition import Pieces, fitted_by_partition, written_by_partition
from atio_core.changes.matching import Matched, Matching
from atio_core.changes.overwrite import first_of, write_first
from atio_core.changes.writing import Writing
from atio_core.data.digests.content import content_digest
from atio_core.data.filters.filters import RowFilter
from atio_core.data.frames.frames import Piece
from atio_core.data.keys.key_match import KeyColumns, Keys
from atio_core.data.keys.primary_key import key_of
from atio_core.data.schema.arrow_types import is_text
from atio_core.data.schema.conform import field_id
from atio_core.data.schema.layout import layout_of
from atio_core.data.schema.pieces import has_default_index, info_of_rest
from atio_core.data.updates.row_values import merged
from atio_core.data.writing.incoming import Incoming
from atio_core.errors import InvalidInputError
from atio_core.log.change import Change
from atio_core.model.data_file import DataFile

_NONE = Placement()


def write_upsert(
    writing: Writing,
    piece: Piece,
    labels: Sequence[Any] | None,
    placement: Placement = _NONE,
    *,
    delete_missing: bool = False,
) -> Change:
    """Write the files of an upsert.

    Args:
        writing: Where they go.
        piece: The data.
        labels: Those of the columns that tell rows apart; None for the table's primary key.
        placement: What the caller says of where rows go. Where values of external fields are given, only rows that lie
            there are looked at.
        delete_missing: Rows whose key isn't in the data go.

    Raises:
        InvalidInputError: The key can't be one, or there is none; or the rows can't go where they are to.
        DuplicateKeyError: The data has one twice.
        SchemaMismatchError: The data doesn't fit the table.
    """
    table = writing.store.location
    if not writing.base.is_there:
        if labels is None:
            raise _no_key(f"there is no table {table} yet")
        fitted, _ = writing.new_schema(piece)
        Keys(fitted.table, KeyColumns.of(fitted.table.schema, labels), table)
        return write_first(writing, Incoming(piece), placement)
    with Matching(writing) as matching:
        fitted, _ = writing.own_schema(piece)
        arrangement = own_arrangement(writing.base, fitted.table.schema, placement, table)
        keys = _keys(matching, fitted, labels)
        row_filter = _upsert(matching, fitted, keys, arrangement, delete_missing=delete_missing)
        told = (f"{list(keys.names)} {delete_missing}", content_digest(fitted.table))
        change = matching.change("upsert", [row_filter], *told)
        own = key_of(matching.source.schema)
        # In other partitions there may be rows with the same key: nobody has looked.
        return replace(change, may_double=bool(placement.partition) or set(keys.names) != set(own.names))


def write_upsert_by_partition(
    writing: Writing,
    pieces: Pieces,
    names: tuple[str, ...],
    labels: Sequence[Any] | None,
    sort_by: Sequence[object] | None = None,
    *,
    delete_missing: bool = False,
) -> Change:
    """Write the files of an upsert into some partitions, each given by itself: only rows that lie there are looked at.

    Raises:
        As for `write_upsert`.
    """
    table = writing.store.location
    if not writing.base.is_there:
        if labels is None:
            raise _no_key(f"there is no table {table} yet")
        placed, schema = fitted_by_partition(writing, pieces, names, "exact", sort_by=sort_by)
        for piece, _ in placed:
            Keys(piece.table, KeyColumns.of(piece.table.schema, labels), table)
        return first_of(writing, written_by_partition(writing, placed), schema, placed[0][1])
    with Matching(writing) as matching:
        placed, _ = fitted_by_partition(writing, pieces, names, "exact", sort_by=sort_by)
        keys = [_keys(matching, piece, labels) for piece, _ in placed]
        filters = [
            _upsert(matching, piece, of_piece, arrangement, delete_missing=delete_missing)
            for (piece, arrangement), of_piece in zip(placed, keys, strict=True)
        ]
        contents = [content_digest(piece.table) for piece, _ in placed]
        change = matching.change("upsert", filters, f"{list(keys[0].names)} {delete_missing}", *contents)
        return replace(change, may_double=True)


def _keys(matching: Matching, fitted: Piece, labels: Sequence[Any] | None) -> Keys:
    """What tells the rows of some data apart."""
    own, table = key_of(matching.source.schema), matching.writing.store.location
    if labels is None and not own.names:
        raise _no_key(f"the table {table} has no primary key")
    return Keys(fitted.table, own if labels is None else KeyColumns.of(fitted.table.schema, labels), table)


def _upsert(
    matching: Matching, fitted: Piece, keys: Keys, arrangement: Arrangement, *, delete_missing: bool
) -> RowFilter:
    """Write the files of an upsert of rows that go to one place; returns which rows were looked at."""
    ids = {field_id(fitted.table.schema.field(name)) for name in keys.names}
    upsert = _Upsert(matching, fitted, keys, in_place=set(arrangement.columns) <= ids)
    there = matching.filter([(name, "==", value) for name, value in arrangement.values.items()])
    row_filter = there if delete_missing else keys.filter_among(there)
    matching.each(row_filter, lambda one: upsert.replace(one.file, delete_missing=delete_missing))
    new = upsert.new_rows()
    if new.table.num_rows:
        matching.add(matching.writing.arranged(new, arrangement).files)
    return row_filter


def _no_key(what: str) -> InvalidInputError:
    return InvalidInputError(
        f"{what}, so nothing says which rows are the same: give key=[…]; nothing was written"
    )


class _Upsert:
    """The data, and which of its rows have a place in the table."""

    def __init__(self, matching: Matching, data: Piece, keys: Keys, *, in_place: bool) -> None:
        import numpy as np

        self._matching = matching
        self._data = data
        self._keys = keys
        self._in_place = in_place
        self._placed = np.zeros(data.table.num_rows, bool)

    def replace(self, file: DataFile, *, delete_missing: bool) -> None:
        """Write a file anew: rows with a key of the data become the data's, others stay or go."""
        import numpy as np

        matching, found, same = self._matching, list[Any](), file.rows > 0

        def changed(rows: pa.Table, _: int) -> pa.Table:
            nonlocal same
            places = self._keys.places(rows)
            has = places.is_valid().to_numpy(zero_copy_only=False)
            stays = has if delete_missing else np.ones(len(has), bool)
            if not self._in_place:
                stays = stays & ~has
            found.append(stays)
            if self._in_place and has.any():
                taken = places.drop_null()
                self._placed[taken.to_numpy()] = True
                mine, theirs = rows.filter(pa.array(has)), self._data.table.take(taken)
                same = same and content_digest(mine) == content_digest(theirs)
                rows = _with_rows(rows, has, mine, theirs)
            same = same and bool(stays.all())
            return rows if stays.all() else rows.filter(pa.array(stays))

        rows = matching.rows(file, changed)
        if same:
            return
        kept = np.flatnonzero(np.concatenate(found)) if found else np.arange(0)
        if len(kept):
            info = matching.source.info(file)
            if len(kept) < file.rows:
                info = info_of_rest(info, file.rows, kept, labelled=matching.labelled)
            matching.replace(file, rows, info)
        else:
            matching.drop(Matched(file, None))

    def new_rows(self) -> Piece:
        """Return the rows of the data that have no place yet."""
        import numpy as np

        kept = np.flatnonzero(~self._placed)
        table, info = self._data.table, self._data.info
        if len(kept) in (0, table.num_rows):
            return Piece(table.slice(0, len(kept)), info)
        labelled = layout_of(table.schema).has_range and not has_default_index(info)
        return Piece(table.take(pa.array(kept)), info_of_rest(info, table.num_rows, kept, labelled=labelled))


def _with_rows(rows: pa.Table, chosen: Any, mine: pa.Table, theirs: pa.Table) -> pa.Table:
    """Put others in the places of rows that are chosen, but for columns in which nothing changes."""
    columns = [
        column if _is_same(old, new) else merged(column, chosen, new)
        for column, old, new in zip(rows.columns, mine.columns, theirs.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=rows.schema)


def _is_same(old: pa.ChunkedArray, new: pa.ChunkedArray) -> bool:
    """Whether values are the same to the last bit. Of floats that isn't known: 0.0 equals -0.0."""
    t = old.type
    exact = pa.types.is_integer(t) or pa.types.is_temporal(t) or is_text(t)
    return exact and old.equals(new)
