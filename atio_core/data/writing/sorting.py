"""Rows in the order of some of their columns: the smallest first, nulls last, equal ones as they came.

Not-a-number comes before nulls and behind all else; -0.0 equals 0.0. Categories are compared by their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.arguments import shown
from atio_core.data.frames.frames import unknown_label
from atio_core.data.schema import arrow_types
from atio_core.data.schema.conform import field_id
from atio_core.data.schema.layout import layout_of
from atio_core.data.schema.pieces import Piece, split_info
from atio_core.data.writing.partition_columns import find_column
from atio_core.errors import InvalidInputError


def sort_columns(schema: pa.Schema, labels: Sequence[object]) -> tuple[int, ...]:
    """Return the ids of the columns that rows are to be sorted by.

    Args:
        schema: The rows' own; each field carries its column's id.
        labels: The columns' labels, or those of index levels; the first one counts most.

    Raises:
        InvalidInputError: No column has a label, or several do, or it is there twice; or rows can't be sorted by it.
    """
    found: dict[int, object] = {}
    for label in labels:
        field = find_column(schema, label, "sort_by")
        if field is None:
            raise InvalidInputError(unknown_label(layout_of(schema), label))
        if pa.types.is_nested(field.type):
            raise InvalidInputError(
                f"rows can't be sorted by column {shown(label)} of type {field.type}; sort by another"
            )
        number = field_id(field) or 0
        if number in found:
            raise InvalidInputError(f"sort_by names the column {shown(label)} twice; leave one out")
        found[number] = label
    return tuple(found)


def sort_labels(schema: pa.Schema, columns: Sequence[int]) -> list[Any]:
    """Return the labels of columns, given their ids."""
    layout = layout_of(schema)
    labels = {field_id(schema.field(one.name)): one.value for one in (*layout.columns, *layout.index)}
    return [labels[column] for column in columns]


def sorted_order(rows: pa.Table, columns: Sequence[int]) -> Any:
    """Return where rows lie once they are sorted, as an array of their numbers; None if they lie so.

    Args:
        rows: Each field carries its column's id.
        columns: Ids of the columns to sort by; none leaves the rows as they are.

    Example:
        >>> ids = pa.schema([pa.field("n", pa.int64(), metadata={"PARQUET:field_id": "1"})])
        >>> sorted_order(pa.table({"n": [3, None, 1]}, schema=ids), [1]).tolist()
        [2, 0, 1]
    """
    if not columns or rows.num_rows < 2:  # noqa: PLR2004 - one is sorted
        return None
    places = {field_id(field): place for place, field in enumerate(rows.schema)}
    keys = [_comparable(rows.column(places[column])) for column in columns]
    names = [str(place) for place in range(len(keys))]
    order = pc.sort_indices(pa.table(keys, names=names), [(name, "ascending") for name in names]).to_numpy()
    return None if (order[1:] > order[:-1]).all() else order


def in_order(piece: Piece, columns: Sequence[int]) -> Piece:
    """Return a piece with its rows sorted; they are copied unless they lie so.

    Args:
        piece: Each field of its table carries its column's id.
        columns: As for `sorted_order`.

    Raises:
        NotPreservableError: Its range index would become numbers out of order.
    """
    order = sorted_order(piece.table, columns)
    if order is None:
        return piece
    info = split_info(piece.info, in_order=False)(0, 0, piece.table.num_rows)
    return Piece(piece.table.take(pa.array(order)), info)


def _comparable(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values of a type that Arrow sorts."""
    t: Any = values.type
    if pa.types.is_dictionary(t):
        return _comparable(values.cast(t.value_type))
    if isinstance(t, pa.BaseExtensionType):
        return values.cast(t.storage_type)
    if pa.types.is_float16(t):
        return values.cast(pa.float32())
    return arrow_types.wide_decimals(values)
