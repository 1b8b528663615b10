"""A column whose unit of time becomes finer: only if each value that is there has a place in the new one.

What a file's record says of the column is enough, mostly. Where it says nothing, the column is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from atio_core.changes.schema import column_id, read_schema
from atio_core.data.filters.filter_literals import unit_ns
from atio_core.data.frames.misfit import MisfitError
from atio_core.data.scan.scan import scan_portions
from atio_core.data.scan.source import Source
from atio_core.data.schema.arrow_types import fields_of
from atio_core.errors import SchemaMismatchError
from atio_core.log.file_list import files_of
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry
from atio_core.storage.base import ObjectStore

_MOST = 2**63 - 1


def has_finer(before: pa.Schema, after: pa.Schema) -> bool:
    """Say whether a column of a table, or something inside it, has a finer unit of time in another schema of it."""
    return bool(_finer(before, after))


def require_room(store: ObjectStore, base: LogEntry, before: pa.Schema, after: pa.Schema) -> None:
    """Refuse a finer unit that some of a table's values don't fit into, or that partitions are told by.

    Args:
        store: The table's store.
        base: The version whose rows stay.
        before: Its schema.
        after: What it has grown to; each field of the table's has its id.

    Raises:
        MisfitError: A value has no place there, or the column partitions the table.
    """
    columns = _finer(before, after)
    fields = {field.column: field.name for field in base.partition_fields}
    for column in columns:
        if column in fields:
            raise MisfitError(
                f"column {fields[column]!r} partitions the table, so its unit of time stays",
                "give it in the table's unit, or overwrite the table with schema_mode='replace'",
            )
    schemas = {number: read_schema(store, ref, base.version) for number, ref in base.schemas.items()}
    for file in files_of(store, base):
        kept = {column_id(field): field.type for field in schemas[file.schema]}
        unsure = [field for column, field in columns.items() if not _has_room(file, column, kept, field.type)]
        if unsure:
            _read(store, base, file, pa.schema(unsure), schemas)


def _finer(before: pa.Schema, after: pa.Schema) -> dict[int, pa.Field]:
    """The columns, as they are to be, by their ids."""
    types = {column_id(field): field.type for field in before}
    kept = {column: field for field in after if (column := column_id(field)) in types}
    return {column: field for column, field in kept.items() if _unit_differs(types[column], field.type)}


def _unit_differs(old: pa.DataType, new: pa.DataType) -> bool:
    if pa.types.is_nested(old):
        inner = zip(fields_of(old), fields_of(new), strict=True) if pa.types.is_nested(new) else ()
        return any(_unit_differs(before.type, after.type) for before, after in inner)
    has_unit = pa.types.is_timestamp(old) or pa.types.is_duration(old) or pa.types.is_time(old)
    return has_unit and unit_ns(old) != unit_ns(new)


def _has_room(file: DataFile, column: int, kept: Mapping[int, pa.DataType], new: Any) -> bool:
    """Say whether a file's record tells that all of its values fit."""
    stats, old = file.stats.get(column), kept.get(column)
    if old is None or pa.types.is_time(old) or pa.types.is_null(old):
        return True
    if pa.types.is_nested(old) or stats is None:
        return False
    if stats.nulls == file.rows:
        return True
    steps = unit_ns(old) // unit_ns(new)
    bounds = (stats.low, stats.high)
    return all(isinstance(bound, int) and abs(bound * steps) <= _MOST for bound in bounds)


def _read(
    store: ObjectStore, base: LogEntry, file: DataFile, columns: pa.Schema, schemas: Mapping[int, pa.Schema]
) -> None:
    source = Source(store, columns, schemas, store.location, base.version)
    try:
        for _ in scan_portions(source, [file], None):
            pass
    except SchemaMismatchError as error:
        name = error.facts["column"]
        raise MisfitError(
            f"column {name!r} of the table holds times that {columns.field(name).type} has no place for",
            "give the data in the table's unit, or overwrite the table",
        ) from error
