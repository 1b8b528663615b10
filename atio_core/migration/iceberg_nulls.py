"""Nulls that `pyiceberg` would take for something else: a null list of structs for an empty one, and so a null map.

It makes such columns anew from their offsets, without what says which are null. Columns of lists of others it casts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def lost_nulls(table: Any) -> Callable[[str], str | None]:
    """Return what gives, for a data file's path, the name of a column with a null that would be lost; None if none has.

    Files are opened only if the table has columns in which nulls could be lost, and each once.

    Args:
        table: As pyiceberg has it.
    """
    library: Any = import_module("pyiceberg.io.pyarrow")
    schemas: list[Any] = [library.schema_to_pyarrow(one) for one in table.metadata.schemas]
    if not any(_loses(field.type) for schema in schemas for field in schema):
        return lambda _: None

    @cache
    def lost(path: str) -> str | None:
        return _column_with_lost_null(table.io.new_input(path))

    return lost


def _column_with_lost_null(file: Any) -> str | None:
    import pyarrow.parquet as pq

    with file.open() as stream:
        parquet = pq.ParquetFile(stream)
        names = [field.name for field in parquet.schema_arrow if _loses(field.type)]
        for batch in parquet.iter_batches(columns=names) if names else ():
            for name in names:
                if _has_lost_null(batch.column(name)):
                    return name
    return None


def _loses(t: pa.DataType) -> bool:
    """Say whether nulls of a type could be lost."""
    import pyarrow as pa

    if pa.types.is_struct(t):
        return any(_loses(t.field(place).type) for place in range(t.num_fields))
    return (inner := _inner(t)) is not None and pa.types.is_struct(inner)


def _has_lost_null(array: Any) -> bool:
    """Say whether an array has a null that would be lost."""
    import pyarrow as pa

    if not _loses(array.type):
        return False
    if not pa.types.is_struct(array.type):
        if array.null_count:
            return True
        array = array.items if pa.types.is_map(array.type) else array.flatten()
    filled = array.drop_null()
    return any(_has_lost_null(filled.field(place)) for place in range(filled.type.num_fields))


def _inner(t: Any) -> pa.DataType | None:
    """Return what a type's lists have, or its maps under their keys; None if it has neither."""
    import pyarrow as pa

    if pa.types.is_map(t):
        return t.item_type
    return t.value_type if pa.types.is_list(t) or pa.types.is_large_list(t) else None
