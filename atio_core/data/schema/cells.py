"""Values of Arrow columns as JSON has them, exactly, and as text.

A number that JSON has is one; NaN and the infinities are texts, and so is what JSON lacks: decimals, dates, times,
durations (`1.5 s`, in seconds); bytes are base64. Lists are lists, structs are objects, maps lists of pairs.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_UNITS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def json_cells(column: Any) -> list[Any]:
    """Return a column's values as JSON has them.

    Example:
        >>> json_cells(pa.array([1.5, float("nan"), None]))
        [1.5, 'NaN', None]
    """
    t: Any = column.type
    if isinstance(t, pa.BaseExtensionType):
        return json_cells(column.storage)
    for fits, cells in _KINDS:
        if fits(t):
            return cells(column)
    return pc.cast(column, pa.string()).to_pylist()


def text_cells(column: Any) -> list[str | None]:
    """Return a column's values as text; a null is None."""
    return [None if value is None else _as_text(value) for value in json_cells(column)]


def json_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch as JSON objects."""
    names = batch.schema.names
    for row in zip(*(json_cells(column) for column in batch.columns), strict=True):
        yield dict(zip(names, row, strict=True))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_they_are(column: Any) -> list[Any]:
    return column.to_pylist()


def _floats(column: Any) -> list[Any]:
    return [_float(value) for value in column.to_pylist()]


def _float(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _durations(column: Any) -> list[Any]:
    units = _UNITS_PER_SECOND[column.type.unit]
    counts: list[int | None] = pc.cast(column, pa.int64()).to_pylist()
    return [None if count is None else f"{_seconds(count, units)} s" for count in counts]


def _seconds(count: int, units: int) -> str:
    seconds, rest = divmod(abs(count), units)
    sign = "-" if count < 0 else ""
    digits = len(str(units)) - 1
    return f"{sign}{seconds}.{rest:0{digits}}".rstrip("0").rstrip(".") if rest else f"{sign}{seconds}"


def _decimals(column: Any) -> list[Any]:
    values: list[Decimal | None] = column.to_pylist()
    return [None if value is None else f"{value:f}" for value in values]


def _times(column: Any) -> list[Any]:
    t: Any = column.type
    if t.tz is not None:
        column = column.cast(pa.timestamp(t.unit, _zone_in_arrow(t.tz)))
    return pc.cast(column, pa.string()).to_pylist()


@functools.cache
def _zone_in_arrow(zone: str) -> str:
    """A zone as Arrow's own database spells it: other libraries take small letters for capitals in its names."""
    spelled = (name for name in zoneinfo.available_timezones() if name.casefold() == zone.casefold())
    return zone if zone[0] in "+-" else next(spelled, zone)


def _bytes(column: Any) -> list[Any]:
    values: Iterable[bytes | None] = column.to_pylist()
    return [None if value is None else base64.b64encode(value).decode() for value in values]


def _dictionaries(column: Any) -> list[Any]:
    return json_cells(column.dictionary_decode())


def _encoded_runs(column: Any) -> list[Any]:
    return json_cells(pc.run_end_decode(column))


def _lists(column: Any) -> list[Any]:
    lengths: list[int | None] = pc.list_value_length(column).to_pylist()
    flat = iter(json_cells(pc.list_flatten(column)))
    return [None if length is None else [next(flat) for _ in range(length)] for length in lengths]


def _structs(column: Any) -> list[Any]:
    names = [field.name for field in column.type]
    # `flatten` lays the struct's own nulls over its fields.
    fields = [json_cells(field) for field in column.flatten()]
    valid: list[bool] = column.is_valid().to_pylist()
    rows = zip(*fields, strict=True) if fields else (() for _ in valid)
    return [dict(zip(names, row, strict=True)) if one else None for row, one in zip(rows, valid, strict=True)]


def _maps(column: Any) -> list[Any]:
    pair = pa.struct([pa.field("key", column.type.key_type), pa.field("value", column.type.item_type)])
    entries = column.values  # `keys` and `items` overlook where the entries begin
    pairs = pa.ListArray.from_arrays(
        column.offsets, pa.StructArray.from_arrays([entries.field(0), entries.field(1)], fields=list(pair))
    )
    valid: list[bool] = column.is_valid().to_pylist()
    return [
        [list(one.values()) for one in entries] if there else None
        for entries, there in zip(_lists(pairs), valid, strict=True)
    ]


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], list[Any]]], ...] = (
    (pa.types.is_boolean, _as_they_are),
    (pa.types.is_integer, _as_they_are),
    (pa.types.is_null, _as_they_are),
    (pa.types.is_string, _as_they_are),
    (pa.types.is_large_string, _as_they_are),
    (pa.types.is_string_view, _as_they_are),
    (pa.types.is_floating, _floats),
    (pa.types.is_decimal, _decimals),
    (pa.types.is_duration, _durations),
    (pa.types.is_timestamp, _times),
    (pa.types.is_binary, _bytes),
    (pa.types.is_large_binary, _bytes),
    (pa.types.is_fixed_size_binary, _bytes),
    (pa.types.is_binary_view, _bytes),
    (pa.types.is_dictionary, _dictionaries),
    (pa.types.is_run_end_encoded, _encoded_runs),
    (pa.types.is_map, _maps),
    (pa.types.is_list, _lists),
    (pa.types.is_large_list, _lists),
    (pa.types.is_fixed_size_list, _lists),
    (pa.types.is_list_view, _lists),
    (pa.types.is_large_list_view, _lists),
    (pa.types.is_struct, _structs),
)
