"""A table's columns under another label, in another place, or without one: a change of the schema alone.

A column is named by its label, and keeps its id: files that are there have its values under the id, whatever they call
it. A label that several columns have names none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from atio_core.arguments import require_text, shown
from atio_core.data.frames.column_labels import kind_of_label, kind_of_labels
from atio_core.data.frames.frames import unknown_label
from atio_core.data.frames.misfit import MisfitError
from atio_core.data.schema.conform import NOT_NULL, field_id, is_required
from atio_core.data.schema.labels import Json, UnknownValueError, label_key, to_json
from atio_core.data.schema.layout import Column, Layout, layout_of, places_of
from atio_core.data.schema.pieces import named_schema
from atio_core.errors import InvalidInputError

if TYPE_CHECKING:
    import pyarrow as pa

_Item = TypeVar("_Item")


def field_of(schema: pa.Schema, label: object) -> pa.Field:
    """Return the field of the column that has a label.

    Raises:
        InvalidInputError: No column has it, or several do.
    """
    return schema.field(_place(layout_of(schema), label))


def with_required(schema: pa.Schema, labels: Sequence[object]) -> pa.Schema:
    """Return a schema in which these columns take no nulls.

    Raises:
        InvalidInputError: No column has a label, or several do.
    """
    for label in labels:
        at = schema.get_field_index(field_of(schema, label).name)
        field = schema.field(at)
        told: dict[bytes, bytes] = {**(field.metadata or {}), NOT_NULL: b"1"}
        schema = schema.set(at, field.with_metadata(told).with_nullable(nullable=False))
    return schema


def required_labels(schema: pa.Schema) -> list[Any]:
    """Return the labels of the columns that take no nulls because the table's owner said so."""
    return [column.value for column in layout_of(schema).columns if is_required(schema.field(column.name))]


def not_null_labels(schema: pa.Schema) -> list[Any]:
    """Return the labels of those that were said to take no nulls by themselves, not as a part of the key."""
    columns = layout_of(schema).columns
    return [one.value for one in columns if NOT_NULL in (schema.field(one.name).metadata or {})]


def not_null_ids(schema: pa.Schema) -> tuple[int, ...]:
    """Return the ids of the columns of `not_null_labels`. Columns without ids don't count."""
    ids = [field_id(field) for field in schema if NOT_NULL in (field.metadata or {})]
    return tuple(column for column in ids if column is not None)


def has_column(schema: pa.Schema, label: object) -> bool:
    """Say whether just one column has a label."""
    return len(places_of(layout_of(schema).columns).get(label_key(label), ())) == 1


def have_in_common(before: pa.Schema, after: pa.Schema, labels: Sequence[object]) -> bool:
    """Say whether two versions of a schema have columns of these labels that are the same, by their ids."""
    if not all(has_column(schema, label) for schema in (before, after) for label in labels):
        return False
    return all(field_id(field_of(before, one)) == field_id(field_of(after, one)) for one in labels)


def renamed(schema: pa.Schema, label: object, new: object) -> pa.Schema:
    """Return a schema in which a column has another label.

    Args:
        schema: The table's.
        label: The column's.
        new: What it is to be.

    Raises:
        InvalidInputError: No column has the label, or several do; one has the new one; or that can't be a label.

    Example:
        >>> import pyarrow as pa
        >>> from atio_core.data.frames.frames import to_piece
        >>> renamed(to_piece(pa.table({"a": [1], "b": [2]})).table.schema, "a", "c").names
        ['c', 'b']
    """
    layout = layout_of(schema)
    place = _place(layout, label)
    column = layout.columns[place]
    described = _label_to_json(layout, new)
    if label_key(new) in places_of([*layout.columns[:place], *layout.columns[place + 1 :]]):
        raise InvalidInputError(f"there is a column {shown(new)} already: rename or drop that one first")
    columns = list(layout.columns)
    columns[place] = replace(column, label=described)
    kind = layout.labels
    if layout.library == "pandas":
        try:
            kind = _kind(layout, kind_of_label(new), columns)
        except UnknownValueError as error:
            raise InvalidInputError(f"{shown(new)} can't be a label: {error} is not kept") from error
    return named_schema(replace(layout, columns=tuple(columns), labels=kind), list(schema))


def dropped(schema: pa.Schema, label: object) -> pa.Schema:
    """Return a schema without a column.

    Raises:
        InvalidInputError: No column has the label, or several do; or it is the only one.
    """
    layout = layout_of(schema)
    place = _place(layout, label)
    if len(layout.columns) == 1:
        raise InvalidInputError(
            f"column {shown(label)} is the only one; a table needs one: drop the table instead"
        )
    return _ordered(schema, lambda items: [*items[:place], *items[place + 1 :]])


def moved(schema: pa.Schema, label: object, to: Callable[[int, Callable[[object], int]], int]) -> pa.Schema:
    """Return a schema in which a column stands in another place.

    Args:
        schema: The table's.
        label: The column's.
        to: Says before which of the other columns it is to stand, given their number, and what finds one's place by
            its label.

    Raises:
        InvalidInputError: No column has a label, or several do.
    """
    layout = layout_of(schema)
    place = _place(layout, label)
    others = replace(layout, columns=(*layout.columns[:place], *layout.columns[place + 1 :]))

    def find(other: object) -> int:
        if label_key(other) == label_key(label):
            raise InvalidInputError(f"column {label!r} can't be moved before or after itself: name another")
        return _place(others, other)

    target = to(len(others.columns), find)
    if not 0 <= target <= len(others.columns):
        raise InvalidInputError(f"there is no place {target} among {len(layout.columns)} columns")

    def ordered(items: Sequence[_Item]) -> list[_Item]:
        rest = [*items[:place], *items[place + 1 :]]
        return [*rest[:target], items[place], *rest[target:]]

    return _ordered(schema, ordered)


def _ordered(schema: pa.Schema, order: Callable[[Sequence[Any]], list[Any]]) -> pa.Schema:
    """Return a schema with its columns, but not its index levels, in another order, or without some."""
    layout = layout_of(schema)
    width = len(layout.columns)
    columns: list[Column] = order(layout.columns)
    kind = layout.labels
    if layout.library == "pandas":
        kind = _kind(layout, layout.labels, columns)
    fields = list(schema)
    made = replace(layout, columns=tuple(columns), labels=kind)
    return named_schema(made, [*order(fields[:width]), *fields[width:]])


def _place(layout: Layout, label: object) -> int:
    places = places_of(layout.columns).get(label_key(label), ())
    if not places:
        raise InvalidInputError(unknown_label(layout, label))
    if len(places) > 1:
        message = f"{len(places)} columns have the label {shown(label)}, so nobody can tell which is meant"
        raise InvalidInputError(f"{message}; overwrite the table with labels that differ")
    return places[0]


def _label_to_json(layout: Layout, label: object) -> Json:
    if layout.library != "pandas":
        return require_text("the new label", label)
    try:
        return to_json(label)
    except UnknownValueError as error:
        raise InvalidInputError(f"a {error} can't be the label of a column: use text") from error


def _kind(layout: Layout, theirs: dict[str, Json], columns: Sequence[Column]) -> Json:
    try:
        return kind_of_labels(layout.labels, theirs, [column.label for column in columns])
    except MisfitError as misfit:
        raise InvalidInputError(f"{misfit.reason}; choose labels of one kind") from misfit
