"""Can a piece be appended to a table exactly, and how its columns are made the table's.

Labels have to be the same in the same order, and so have the names and types of the index. Types have to be equal
in one library. Across libraries they fit where both mean the same Arrow type (`across.py`): polars' Int64 goes
into pandas' int64 as long as it has no nulls.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import pyarrow as pa

from atio_core.data import arrow_types
from atio_core.data.across import meant_type
from atio_core.data.labels import Json
from atio_core.data.layout import Column, Layout, layout_of
from atio_core.data.objects import kind_and_parameter
from atio_core.errors import SchemaMismatchError


def schema_fits(base: pa.Schema, new: pa.Schema) -> str | None:
    """Say why a piece can't be appended to a table exactly.

    Args:
        base: The table's schema.
        new: The piece's.

    Returns:
        None if it can, else a sentence that names the column, the table's type and the piece's.

    Example:
        >>> import pyarrow as pa
        >>> from atio_core.data.frames import to_piece
        >>> a, b = to_piece(pa.table({"n": [1]})), to_piece(pa.table({"n": [1.5]}))
        >>> schema_fits(a.table.schema, b.table.schema)
        "column 'n' is int64 in the table, double in the data"
    """
    if base.metadata == new.metadata:
        return None
    old, given = layout_of(base), layout_of(new)
    return (
        _labels_differ(old.columns, given.columns)
        or _index_differs(old, given)
        or _types_differ(old, given, base, new)
        or _names_differ(old, given)
    )


def _labels_differ(old: Sequence[Column], given: Sequence[Column]) -> str | None:
    before, after = [column.label for column in old], [column.label for column in given]
    if before == after:
        return None
    for column in old:
        if column.label not in after:
            return f"column {column.value!r} of the table is missing from the data"
    for column in given:
        if column.label not in before:
            return f"column {column.value!r} of the data is none of the table's"
    for ours, theirs in zip_longest(old, given):
        if ours is None or theirs is None or ours.label != theirs.label:
            column = theirs or ours
            return f"column {column.value!r} of the data stands at another place, or more or less often, than in the table"
    return None


def _index_differs(old: Layout, given: Layout) -> str | None:
    before, after = [level.label for level in old.index], [level.label for level in given.index]
    if len(before) != len(after):
        return (
            f"the table has {_index_text(old)}, the data {_index_text(given)}; a frame's index is made a plain range by"
            " df.reset_index(), and dropped by df.reset_index(drop=True)"
        )
    named = old.index_name != given.index_name and given.library == old.library
    if before != after or named:
        ours, theirs = (
            [level.value for level in layout.index] or [layout.index_name] for layout in (old, given)
        )
        return f"the index is named {ours!r} in the table, {theirs!r} in the data"
    return None


def _index_text(layout: Layout) -> str:
    if not layout.index:
        return "a range as index" if layout.library == "pandas" else "no index"
    return f"an index of {len(layout.index)} stored level{'s' if len(layout.index) > 1 else ''}"


def _types_differ(old: Layout, given: Layout, base: pa.Schema, new: pa.Schema) -> str | None:
    for ours, theirs, what in [
        *((a, b, "column") for a, b in zip(old.columns, given.columns, strict=True)),
        *((a, b, "index level") for a, b in zip(old.index, given.index, strict=True)),
    ]:
        before, after = base.field(ours.name), new.field(theirs.name)
        if ours.type == theirs.type and old.library == given.library:
            continue
        if old.library == given.library == "pandas" and _is_wider(ours.type, theirs.type):
            continue
        meant = meant_type(old.library, ours, before), meant_type(given.library, theirs, after)
        if old.library == given.library or meant[0] is None or meant[0] != meant[1]:
            texts = type_text(old, ours, before), type_text(given, theirs, after)
            return f"{what} {ours.value!r} is {texts[0]} in the table, {texts[1]} in the data"
    return None


def _is_wider(ours: Json, theirs: Json) -> bool:
    """A pandas object column of nothing but missing values fits every object column, and any plain one JSON."""
    if (
        not isinstance(ours, dict)
        or not isinstance(theirs, dict)
        or "object" not in ours
        or "object" not in theirs
    ):
        return False
    kind = theirs["object"]
    return kind == "null" or (ours["object"] == "json" and kind in ("str", "int", "float", "bool"))


def type_text(layout: Layout, column: Column, field: pa.Field) -> str:
    """Return how a user of the library calls a column's type."""
    described = column.type
    if layout.library == "arrow":
        return str(arrow_types.build(described["arrow"]) if described else field.type)
    if layout.library == "polars":
        from atio_core.data.frames_polars import build_dtype

        return str(build_dtype(described))
    from atio_core.data.pandas_index import build_dtype

    if isinstance(described, dict) and "object" in described:
        kind, parameter = kind_and_parameter(described)
        return f"object (of {kind})" if parameter is None else f"object (of {kind}, {parameter})"
    return (
        _category_text(described)
        if isinstance(described, dict) and "category" in described
        else str(build_dtype(described))
    )


def _category_text(described: dict[str, Any]) -> str:
    values = described["category"]["values"]
    shown = ", ".join(str(value) for value in values[:5])
    return f"category of {len(values)} ({shown}{', …' if len(values) > 5 else ''})"  # noqa: PLR2004 # as many as are shown


def _names_differ(old: Layout, given: Layout) -> str | None:
    if old.library != given.library or old.library != "pandas":
        return None
    names = ("name", "names", "levels")
    before, after = ({key: labels.get(key) for key in names} for labels in (old.labels, given.labels))
    if before != after:
        return (
            f"the columns' index has other names or levels in the table ({before}) than in the data ({after})"
        )
    return None


def align(table: pa.Table, base: pa.Schema) -> pa.Table:
    """Return a piece's columns as a table's, for which `schema_fits` found nothing.

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
    pairs = list(zip([*old.columns, *old.index], [*given.columns, *given.index], strict=True))
    for ours, theirs in pairs:
        field, values = base.field(ours.name), table.column(theirs.name)
        if not field.nullable and values.null_count:
            text = type_text(old, ours, field)
            raise SchemaMismatchError(
                f"column {ours.value!r} is {text} in the table, which has no nulls, but the data has {values.null_count};"
                " fill them, or overwrite the table with a nullable type"
            )
        arrays.append(_aligned(values, ours, theirs, field.type))
    if not pairs:
        return table.cast(base)
    return pa.table(arrays, schema=base)


def _aligned(values: pa.ChunkedArray, ours: Column, theirs: Column, t: pa.DataType) -> pa.ChunkedArray:
    if isinstance(ours.type, dict) and ours.type.get("object") == "json" and theirs.type != ours.type:
        from atio_core.data.objects import json_text

        return pa.chunked_array([[None if v is None else json_text(v) for v in values.to_pylist()]], t)
    if pa.types.is_dictionary(values.type) and not pa.types.is_dictionary(t):
        return values.cast(values.type.value_type).cast(t)
    return values if values.type == t else values.cast(t)
