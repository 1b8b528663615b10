"""Can a piece be appended to a table exactly, and how its columns become the table's.

Labels have to be the same in the same order, and so have the levels of the index and their names. Types have to be
the same in one library, but that a pandas object column takes one of only missing values, and one of JSON takes text,
numbers and booleans. Across libraries two types fit where both mean the same Arrow type (`across.py`): polars' Int64
goes into pandas' int64 as long as it has no nulls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa

from atio_core.data import arrow_types, frames_arrow, objects
from atio_core.data.across import meant_type
from atio_core.data.labels import Json
from atio_core.data.layout import Column, Layout, layout_of, places_of
from atio_core.errors import SchemaMismatchError

_SHOWN_CATEGORIES = 5


def schema_fits(base: pa.Schema, new: pa.Schema) -> str | None:
    """Say why a piece can't be appended to a table exactly.

    Args:
        base: The table's schema.
        new: The piece's.

    Returns:
        None if it can, else a sentence that names the column, the table's type and the piece's.

    Example:
        >>> from atio_core.data.frames import to_piece
        >>> table, piece = to_piece(pa.table({"n": [1]})), to_piece(pa.table({"n": [1.5]}))
        >>> schema_fits(table.table.schema, piece.table.schema)
        "column 'n' is int64 in the table, but double in the data"
    """
    old, given = layout_of(base), layout_of(new)
    if old == given:
        return None
    return (
        _different_labels(old.columns, given.columns)
        or _different_index(old, given)
        or _different_types(old, given, base, new)
        or _different_kind_of_labels(old, given)
    )


def _different_labels(old: Sequence[Column], given: Sequence[Column]) -> str | None:
    before, after = places_of(old), places_of(given)
    for label, places in before.items():
        if label not in after:
            return f"column {old[places[0]].value!r} of the table is missing from the data"
    for label, places in after.items():
        if label not in before:
            return f"column {given[places[0]].value!r} of the data is none of the table's"
    if len(old) != len(given):
        return f"the table has {len(old)} columns, but the data {len(given)}: some labels are there more than once"
    for ours, theirs in zip(old, given, strict=True):
        if ours.label != theirs.label:
            return f"column {theirs.value!r} of the data stands where the table has {ours.value!r}; order them alike"
    return None


def _different_index(old: Layout, given: Layout) -> str | None:
    if (len(old.index), old.multi) != (len(given.index), given.multi):
        return (
            f"the table has {_index_text(old)}, but the data {_index_text(given)}; df.reset_index(drop=True) drops a"
            " frame's index, df.reset_index() makes columns of it"
        )
    names = [[level.value for level in layout.index] or [layout.index_name] for layout in (old, given)]
    if old.library == given.library and (
        old.index_name != given.index_name
        or [level.label for level in old.index] != [level.label for level in given.index]
    ):
        return f"the index is named {names[0]!r} in the table, but {names[1]!r} in the data"
    return None


def _index_text(layout: Layout) -> str:
    if layout.index:
        return f"an index of {len(layout.index)} stored level{'s' * (len(layout.index) > 1)}"
    return "a range as its index" if layout.library == "pandas" else "no index"


def _different_types(old: Layout, given: Layout, base: pa.Schema, new: pa.Schema) -> str | None:
    for position, (ours, theirs) in enumerate(_pairs(old, given)):
        before, after = base.field(ours.name), new.field(theirs.name)
        if old.library == given.library:
            same = ours.type == theirs.type or (old.library == "pandas" and _takes(ours.type, theirs.type))
        else:
            meant = meant_type(old.library, ours, before)
            same = meant is not None and meant == meant_type(given.library, theirs, after)
        if not same:
            what = "column" if position < len(old.columns) else "index level"
            texts = _type_text(old, ours, before), _type_text(given, theirs, after)
            return f"{what} {ours.value!r} is {texts[0]} in the table, but {texts[1]} in the data"
    return None


def _pairs(old: Layout, given: Layout) -> list[tuple[Column, Column]]:
    return list(zip((*old.columns, *old.index), (*given.columns, *given.index), strict=True))


def _takes(ours: Json, theirs: Json) -> bool:
    """Say whether one pandas object column takes another's values."""
    if not _is_object(ours) or not _is_object(theirs):
        return False
    kind, _ = objects.kind_and_parameter(theirs)
    return kind == "null" or (ours == {"object": "json"} and kind in ("str", "int", "float", "bool"))


def _is_object(described: Json) -> bool:
    return isinstance(described, dict) and "object" in described


def _type_text(layout: Layout, column: Column, field: pa.Field) -> str:
    """Return how a user of the library calls a column's type."""
    described = column.type
    if layout.library == "arrow":
        return str(frames_arrow.type_of(column, field)) + " not null" * (not field.nullable)
    if layout.library == "polars":
        from atio_core.data import frames_polars

        return str(frames_polars.build_dtype(described))
    if _is_object(described):
        kind, parameter = objects.kind_and_parameter(described)
        return f"object (of {kind}{'' if parameter is None else f', {parameter}'})"
    if isinstance(described, dict) and "category" in described:
        return _category_text(cast("dict[str, Any]", described["category"]))
    from atio_core.data import pandas_index

    return str(pandas_index.build_dtype(described))


def _category_text(content: dict[str, Any]) -> str:
    values: list[Json] = content["values"]
    shown = [*map(str, values[:_SHOWN_CATEGORIES]), *["…"] * (len(values) > _SHOWN_CATEGORIES)]
    return f"{'ordered ' * content['ordered']}category of {', '.join(shown) or 'nothing'}"


def _different_kind_of_labels(old: Layout, given: Layout) -> str | None:
    if not old.library == given.library == "pandas":
        return None
    for key in ("name", "names"):
        before, after = old.labels.get(key), given.labels.get(key)
        if before != after:
            return (
                f"the index of the columns has the {key} {before!r} in the table, but {after!r} in the data"
            )
    if ("levels" in old.labels) != ("levels" in given.labels):
        return "the labels of the columns have levels in one of table and data, and none in the other"
    return None


def align(table: pa.Table, base: pa.Schema) -> pa.Table:
    """Return a piece's columns as a table's; `schema_fits` has found nothing against it.

    Args:
        table: The piece's columns.
        base: The table's schema.

    Raises:
        SchemaMismatchError: A column of the table takes no nulls, and the piece has some.
    """
    if table.schema.equals(base, check_metadata=True):
        return table
    old, given = layout_of(base), layout_of(table.schema)
    arrays: list[pa.ChunkedArray] = []
    for ours, theirs in _pairs(old, given):
        field, values = base.field(ours.name), table.column(theirs.name)
        if values.null_count and not field.nullable:
            raise SchemaMismatchError(
                f"column {ours.value!r} is {_type_text(old, ours, field)} in the table, which has no nulls, but the"
                f" data has {values.null_count}; fill them, or overwrite the table with a type that has nulls"
            )
        arrays.append(_aligned(values, ours, theirs, field.type))
    return pa.table(arrays or table.columns, schema=base)


def _aligned(values: pa.ChunkedArray, ours: Column, theirs: Column, t: pa.DataType) -> pa.ChunkedArray:
    if ours.type == {"object": "json"} and theirs.type != ours.type:
        texts = [None if value is None else objects.json_text(value) for value in values.to_pylist()]
        return pa.chunked_array([pa.array(texts, t)])
    return arrow_types.restore(values, t)
