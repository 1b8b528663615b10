"""Bounds and null counts of a file's columns, taken from what Parquet has just written.

They let a reader skip a file without opening it, so they may say too little, never too much:

- Only the first columns get any, and of those only columns without inner structure.
- A float column with a NaN in it gets no bounds: Parquet leaves NaN out of them, and libraries disagree on where it
  sorts. An infinite bound is left out too (JSON has none). -0.0 and 0.0 are equal, so bounds don't tell them apart.
- A text is cut to 32 characters. A cut upper bound has its last character raised, so that it stays above; where
  that can't be done there is none.
- Dates, times and timestamps are integers in the column's unit, decimals are strings. Other types have no bounds.
- If one row group lacks bounds, the file has none.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atio_core.data.schema.conform import field_id, leaf_count, storage_type
from atio_core.model.data_file import ColumnStats, Scalar

COLUMNS = 32  # of the first this many columns; each costs an entry of the log some 40 bytes
TEXT_CHARACTERS = 32

_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)  # no characters, and not encodable


def column_stats(metadata: pq.FileMetaData, table: pa.Table) -> dict[int, ColumnStats]:
    """Return the statistics of a file's first columns, by column id.

    Args:
        metadata: Of the Parquet file.
        table: The rows that are in it; their fields carry the column ids.
    """
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    stats: dict[int, ColumnStats] = {}
    leaf = 0
    for index, field in enumerate(table.schema):
        if index == COLUMNS:
            break
        column, leaves = field_id(field), leaf_count(field.type)
        if column is not None and not pa.types.is_nested(storage_type(field.type)):
            stats[column] = _of_column(table.column(index), [group.column(leaf) for group in groups])
        leaf += leaves
    return {column: found for column, found in stats.items() if found != ColumnStats()}


def stats_of_rows(table: pa.Table) -> dict[int, ColumnStats]:
    """Return the statistics that a file of these rows would have: Parquet takes them while it writes one in memory."""
    written = pa.BufferOutputStream()
    pq.write_table(table, written, compression="none", use_dictionary=False)
    return column_stats(pq.read_metadata(pa.BufferReader(written.getvalue())), table)


def group_stats(
    group: Any,
    wanted: Container[int | str],
    own: pa.Schema,
    kept: pa.Schema,
    of_file: Mapping[int, ColumnStats],
) -> dict[int, ColumnStats]:
    """Return the statistics of some of one row group's columns, by column id.

    Args:
        group: Its metadata.
        wanted: The ids of the columns that they are wanted of.
        own: The schema that Parquet has of the file.
        kept: The schema that the file was written with; the bounds are in its units.
        of_file: Those of the whole file. A float column without bounds there may hold a NaN: then it has none here.
    """
    types = {field_id(field): field.type for field in kept}
    stats: dict[int, ColumnStats] = {}
    leaf = 0
    for field in own:
        column, leaves = field_id(field), leaf_count(field.type)
        if (
            column is not None
            and column in wanted
            and column in types
            and leaves == 1
            and not pa.types.is_nested(storage_type(field.type))
        ):
            kind = types[column].value_type if pa.types.is_dictionary(types[column]) else types[column]
            known, whole = True, of_file.get(column, ColumnStats())
            if pa.types.is_floating(kind):
                known = whole.low is not None or whole.high is not None
            stats[column] = _of_chunks(kind, [group.column(leaf)], known=known)
        leaf += leaves
    return stats


def cut_below(text: str) -> str:
    """Return a text of at most 32 characters that isn't above `text`."""
    return text[:TEXT_CHARACTERS]


def cut_above(text: str) -> str | None:
    """Return a text of at most 32 characters that isn't below `text`, or None if there is none.

    Example:
        >>> cut_above("z" * 40) == "z" * 31 + "{"
        True
    """
    if len(text) <= TEXT_CHARACTERS:
        return text
    for length in range(TEXT_CHARACTERS, 0, -1):
        point = ord(text[length - 1]) + 1
        if point in _SURROGATES:
            point = _SURROGATES.stop
        if point <= _LAST_CHARACTER:
            return text[: length - 1] + chr(point)
    return None


def _of_column(values: pa.ChunkedArray, chunks: Iterable[Any]) -> ColumnStats:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    return _of_chunks(kind, chunks, known=not (pa.types.is_floating(kind) and _has_nan(values)))


def _of_chunks(kind: pa.DataType, chunks: Iterable[Any], *, known: bool) -> ColumnStats:
    """What is known of a column's chunks; bounds only if `known`."""
    nulls = 0
    lows: list[Any] = []
    highs: list[Any] = []
    for chunk in chunks:
        found = chunk.statistics
        if found is None or not found.has_null_count:
            return ColumnStats()
        nulls += found.null_count
        if found.has_min_max:
            lows.append(_scalar(kind, found.min_raw))
            highs.append(_scalar(kind, found.max_raw))
        elif found.null_count < chunk.num_values:
            known = False
    if not known or not lows or None in lows or None in highs:
        return ColumnStats(nulls)
    return ColumnStats(nulls, _written(min(lows), high=False), _written(max(highs), high=True))


def _has_nan(values: pa.ChunkedArray) -> bool:
    if pa.types.is_float16(values.type):
        return False  # has no bounds anyway
    return bool(pc.any(pc.is_nan(values)).as_py())


def _scalar(kind: pa.DataType, raw: Any) -> int | float | bool | str | Decimal | None:
    """What a bound in Parquet's physical form stands for, comparable within its column; None if it can't be used."""
    if pa.types.is_boolean(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return raw
    if pa.types.is_unsigned_integer(kind):
        return raw % (1 << kind.bit_width)
    if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        return raw
    if pa.types.is_decimal(kind):
        return Decimal(f"{int.from_bytes(raw, 'big', signed=True)}E{-kind.scale}")  # exact at any precision
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return raw.decode()
    return None


def _written(bound: Any, *, high: bool) -> Scalar:
    """The bound as JSON keeps it, still true."""
    match bound:
        case Decimal():
            return str(bound)
        case str():
            return cut_above(bound) if high else cut_below(bound)
        case float():
            return bound if math.isfinite(bound) else None
        case _:
            return bound
