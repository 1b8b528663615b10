"""What becomes of a table's columns when data is written into it, and how the data's columns become the table's.

Columns are matched by their labels, wherever they stand: their order is the table's. What else may differ, the mode
says; each one allows what those above it do:

| mode | allows |
|---|---|
| exact | the same columns of the same types |
| add | new columns, behind the table's: null in the rows there; missing ones: null in the data |
| widen | other types, if one holds the values of both (`widening.py`) |

Types of one library are the same under "exact", but that a pandas object column takes one of only missing values, and
one of JSON takes text, numbers and booleans. An Arrow field that isn't nullable stays so under each mode: what counts
of the data is whether it has nulls, however it is declared. Across libraries two types are the same where both mean
the same Arrow type (`conversion.py`): polars' Int64 goes into pandas' int64 as long as it has no nulls. The levels of
an index, and their names, never change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.amounts import counted
from atio_core.data.frames import objects
from atio_core.data.frames.across_libraries import meaning, type_in, type_text
from atio_core.data.frames.column_labels import joined_kind
from atio_core.data.frames.misfit import REPLACE, MisfitError
from atio_core.data.frames.misfit import type_text as told
from atio_core.data.frames.widening import (
    Typed,
    apart_from_nulls,
    common_type,
    is_category,
    takes_nulls,
    wider_arrow,
    with_nulls,
)
from atio_core.data.schema import arrow_types
from atio_core.data.schema.conform import is_required
from atio_core.data.schema.labels import Json
from atio_core.data.schema.layout import Column, Layout, layout_of, places_of
from atio_core.data.schema.pieces import Piece, moved_info, named_schema

SchemaMode = Literal["exact", "add", "widen", "replace"]
"""How a write may change a table's columns; "replace" takes those of the data, whatever the table's were."""


def evolved_schema(
    base: pa.Schema, new: pa.Schema, mode: SchemaMode = "exact", *, rows_stay: bool = True
) -> pa.Schema:
    """Return a table's schema as it is once a piece is written into it.

    Args:
        base: The table's schema.
        new: The piece's.
        mode: What may change.
        rows_stay: The table may have rows that stay, in which new columns are null.

    Returns:
        `base` itself if nothing changes. Else its fields keep their metadata, and new ones have none.

    Raises:
        MisfitError: The piece doesn't fit under this mode.

    Example:
        >>> from atio_core.data.frames.frames import to_piece
        >>> table, piece = to_piece(pa.table({"n": [1]})), to_piece(pa.table({"n": [2], "s": ["a"]}))
        >>> evolved_schema(table.table.schema, piece.table.schema, "add").names
        ['n', 's']
    """
    if mode == "replace":
        return new
    old, given = layout_of(base), layout_of(new)
    if old == given:
        return base
    _require_same_index(old, given)
    match = _Match.of(old, given)
    if mode == "exact":
        match.require_same_columns()
    kind = joined_kind(old, given, [given.columns[place] for place in match.new])
    fit = _Fit(old, given, base, new, mode)
    types = [fit.merged(at, place) for at, place in enumerate(match.places)]
    added = [fit.added(place, rows_stay=rows_stay) for place in match.new]
    if not added and types == [fit.ours(at) for at in range(len(types))]:
        return base
    columns = [replace(column, type=t.type) for column, t in zip(fit.all_ours, types, strict=True)]
    fields = [base.field(column.name) for column in fit.all_ours]
    fields = [
        field.with_type(t.stored).with_nullable(t.nullable) for field, t in zip(fields, types, strict=True)
    ]
    behind = [replace(given.columns[at], type=t.type) for at, t in zip(match.new, added, strict=True)]
    behind_fields = [pa.field("", t.stored, t.nullable) for t in added]
    width = len(old.columns)
    layout = replace(old, columns=(*columns[:width], *behind), index=tuple(columns[width:]), labels=kind)
    return named_schema(layout, [*fields[:width], *behind_fields, *fields[width:]])


@dataclass(frozen=True, slots=True)
class _Match:
    """Which of a piece's columns are which of a table's.

    Attributes:
        old: The table's layout.
        given: The piece's.
        places: For each of the table's columns, then index levels, its place among the piece's; None if it's missing.
        new: The places of the columns that the table lacks.
    """

    old: Layout
    given: Layout
    places: tuple[int | None, ...]
    new: tuple[int, ...]

    @classmethod
    def of(cls, old: Layout, given: Layout) -> _Match:
        """Match columns by label. Raises `MisfitError` if nobody can tell which is which."""
        before, after = places_of(old.columns), places_of(given.columns)
        places: list[int | None] = [None] * len(old.columns)
        for label, ours in before.items():
            theirs = after.get(label, ())
            if len(theirs) not in (0, len(ours)):
                value = old.columns[ours[0]].value
                told = (
                    f"the label {value!r} has {counted(len(ours), 'column')} of the table, but"
                    f" {counted(len(theirs), 'column')} of the data"
                )
                raise MisfitError(f"{told}, so nobody can tell which is which")
            for ours_place, place in zip(ours, theirs, strict=False):
                places[ours_place] = place
        new = sorted(place for label, theirs in after.items() if label not in before for place in theirs)
        levels = range(len(given.columns), len(given.columns) + len(given.index))
        return cls(old, given, (*places, *levels), tuple(new))

    def require_same_columns(self) -> None:
        """Raise `MisfitError` if one is missing or new."""
        for column, place in zip(self.old.columns, self.places, strict=False):
            if place is None:
                reason = f"column {column.value!r} of the table is missing from the data"
                raise MisfitError(reason, "give it, or make it null there with schema_mode='add'")
        for place in self.new:
            reason = f"column {self.given.columns[place].value!r} of the data is none of the table's"
            raise MisfitError(reason, "leave it out, or add it with schema_mode='add'")


def _require_same_index(old: Layout, given: Layout) -> None:
    if (len(old.index), old.multi) != (len(given.index), given.multi):
        raise MisfitError(
            f"the table has {_index_text(old)}, but the data {_index_text(given)}",
            "df.reset_index(drop=True) drops a frame's index, df.reset_index() makes columns of it",
        )
    names = [[level.value for level in layout.index] or [layout.index_name] for layout in (old, given)]
    if old.library == given.library and (
        old.index_name != given.index_name
        or [level.label for level in old.index] != [level.label for level in given.index]
    ):
        reason = f"the index is named {names[0]!r} in the table, but {names[1]!r} in the data"
        raise MisfitError(reason, f"name it as the table does: df.index.names = {names[0]!r}")


def _index_text(layout: Layout) -> str:
    if layout.index:
        return f"an index of {len(layout.index)} stored level{'s' * (len(layout.index) > 1)}"
    return "a range as its index" if layout.library == "pandas" else "no index"


@dataclass(frozen=True, slots=True)
class _Fit:
    """The types of a table's columns and of a piece's, and what may become of them."""

    old: Layout
    given: Layout
    base: pa.Schema
    new: pa.Schema
    mode: SchemaMode

    @property
    def all_ours(self) -> tuple[Column, ...]:
        return (*self.old.columns, *self.old.index)

    def ours(self, at: int) -> Typed:
        return _typed(self.all_ours[at], self.base)

    def merged(self, at: int, place: int | None) -> Typed:
        """Return the type of one of the table's columns once the piece's is in it."""
        column, ours = self.all_ours[at], self.ours(at)
        required = is_required(self.base.field(column.name))
        if place is None:
            if required:
                reason = f"column {column.value!r} of the table is missing from the data, and takes no nulls"
                raise MisfitError(reason, "give it in the data")
            if not takes_nulls(self.old.library, ours.type):
                reason = f"column {column.value!r} of the table is missing from the data, and {self._told(ours)} has no"
                raise MisfitError(f"{reason} nulls that could stand for it", "give it in the data")
            return replace(ours, nullable=True)
        their_column = (*self.given.columns, *self.given.index)[place]
        theirs = _typed(their_column, self.new)
        if self._is_same(column, their_column, ours, theirs):
            return ours
        wider = self._wider(column, their_column, ours, theirs)
        if wider is not None and self.mode == "widen":
            return replace(wider, nullable=wider.nullable and not required)
        what = "column" if at < len(self.old.columns) else "index level"
        in_data = told(self.given.library, theirs.type, theirs.stored)
        reason = f"{what} {column.value!r} is {self._told(ours)} in the table, but {in_data} in the data"
        if wider is None:
            raise MisfitError(reason)
        made = "takes it" if wider == ours else f"makes it {self._told(wider)}"
        raise MisfitError(reason, f"change the data, or write with schema_mode='widen', which {made}")

    def added(self, place: int, *, rows_stay: bool) -> Typed:
        """Return the type in the table of a column that it lacks."""
        column = self.given.columns[place]
        theirs: Typed | None = _typed(column, self.new)
        reason = f"column {column.value!r} of the data is none of the table's"
        if self.given.library != self.old.library:
            theirs = self._translated(column)
            if theirs is None or (self.old.library != "pandas" and not isinstance(column.value, str)):
                raise MisfitError(f"{reason}, and {self.old.library} has no equal type or label for it")
        if not rows_stay:
            return theirs
        if not takes_nulls(self.old.library, theirs.type):
            nullable = with_nulls(self.old.library, theirs.type)
            advice = REPLACE if nullable is None else f"give it as {nullable}"
            reason = (
                f"{reason}, and {self._told(theirs)} has no nulls, which it needs in the rows that are there"
            )
            raise MisfitError(reason, advice)
        return replace(theirs, nullable=True)

    def _told(self, ours: Typed) -> str:
        return told(self.old.library, ours.type, ours.stored)

    def _is_same(self, column: Column, their_column: Column, ours: Typed, theirs: Typed) -> bool:
        if self.old.library == self.given.library:
            return apart_from_nulls(ours.type) == apart_from_nulls(theirs.type) or (
                self.old.library == "pandas" and _takes(ours.type, theirs.type)
            )
        meant = self._meaning(column)
        other = meaning(self.given.library, their_column, self.new.field(their_column.name))
        return meant is not None and other is not None and type_text(meant) == type_text(other)

    def _wider(self, column: Column, their_column: Column, ours: Typed, theirs: Typed) -> Typed | None:
        library = self.old.library
        if library == self.given.library:
            return common_type(library, ours, theirs)
        meant = self._meaning(column)
        other = meaning(self.given.library, their_column, self.new.field(their_column.name))
        if meant is not None and other is not None:
            wide = wider_arrow(meant, other)
            if wide is not None and type_text(wide) == type_text(meant):
                return ours
        translated = self._translated(their_column)
        return None if translated is None else common_type(library, ours, translated)

    def _meaning(self, column: Column) -> pa.DataType | None:
        return meaning(self.old.library, column, self.base.field(column.name))

    def _translated(self, column: Column) -> Typed | None:
        """Return the type of the table's library that one of another library means."""
        meant = meaning(self.given.library, column, self.new.field(column.name))
        found = None if meant is None else type_in(self.old.library, meant)
        return None if found is None else Typed(*found)


def _typed(column: Column, schema: pa.Schema) -> Typed:
    field = schema.field(column.name)
    return Typed(column.type, field.type, field.nullable)


def _takes(ours: Json, theirs: Json) -> bool:
    """Say whether one pandas object column takes another's values."""
    if not _is_object(ours) or not _is_object(theirs):
        return False
    kind, _ = objects.kind_and_parameter(theirs)
    return kind == "null" or (ours == {"object": "json"} and kind in ("str", "int", "float", "bool"))


def _is_object(described: Json) -> bool:
    return isinstance(described, dict) and "object" in described


def align(piece: Piece, schema: pa.Schema) -> Piece:
    """Return a piece in the columns of a table, whose schema `evolved_schema` has made for it.

    Args:
        piece: As it came.
        schema: The table's, with or without ids.

    Raises:
        MisfitError: A column of the table takes no nulls, and the piece has some; or one of its values is too large.
    """
    old, given = layout_of(schema), layout_of(piece.table.schema)
    if old == given:
        rows = pa.Table.from_arrays(piece.table.columns, schema=schema)
        require_values(rows)
        return Piece(rows, piece.info)
    match, rows = _Match.of(old, given), piece.table.num_rows
    arrays: list[pa.ChunkedArray] = []
    for ours, place in zip((*old.columns, *old.index), match.places, strict=True):
        field = schema.field(ours.name)
        if place is None:
            arrays.append(pa.chunked_array([pa.nulls(rows, field.type)]))
            continue
        theirs, values = (*given.columns, *given.index)[place], piece.table.column(place)
        if values.null_count and not field.nullable:
            in_table = told(old.library, ours.type, field.type)
            reason = f"column {ours.value!r} is {in_table} in the table, which has no nulls, but the data has"
            advice = "fill them, or overwrite the table with a type that has nulls"
            raise MisfitError(f"{reason} {values.null_count}", advice)
        arrays.append(_aligned(values, ours, theirs, field.type))
    places = {place: at for at, place in enumerate(match.places) if place is not None}
    info = moved_info(piece.info, places, piece.table.schema.names, schema.names)
    table = pa.table(arrays or piece.table.columns, schema=schema)
    require_values(table)
    return Piece(table, info)


def require_values(rows: pa.Table) -> None:
    """Raise `MisfitError` if a column that takes no nulls has some; in a table of pandas NaN is one.

    Args:
        rows: With the table's schema.
    """
    required = {field.name for field in rows.schema if is_required(field)}
    if not required:
        return
    layout = layout_of(rows.schema)
    for column in (column for column in layout.columns if column.name in required):
        field = rows.schema.field(column.name)
        values, nulls = rows.column(column.name), rows.column(column.name).null_count
        if layout.library == "pandas" and isinstance(column.type, str) and pa.types.is_floating(field.type):
            nulls += pc.sum(pc.is_nan(values)).as_py() or 0
        if nulls:
            reason = f"column {column.value!r} takes no nulls in the table, but the data has {nulls}"
            raise MisfitError(reason, "fill them, or overwrite the table without it in not_null or key")


def _aligned(values: pa.ChunkedArray, ours: Column, theirs: Column, t: pa.DataType) -> pa.ChunkedArray:
    if ours.type == {"object": "json"} and theirs.type != ours.type:
        texts = [None if value is None else objects.json_text(value) for value in values.to_pylist()]
        return pa.chunked_array([pa.array(texts, t)])
    if pa.types.is_null(values.type):
        return pa.chunked_array([pa.nulls(len(values), t)])
    if ours.type != theirs.type and is_category(ours.type):
        from atio_core.data.frames import frames_pandas

        values = frames_pandas.recoded(values, theirs.type, ours.type)
    try:
        return arrow_types.restore(values, t)
    except pa.ArrowInvalid as error:
        raise MisfitError(
            f"column {ours.value!r} holds a value that its type in the table can't ({error})"
        ) from error
