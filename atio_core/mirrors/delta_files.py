"""The records of data files as Delta's log lists them: path, size, partition values and bounds.

Partition fields of columns are no partitions to Delta, since the columns stand in the files: their bounds do. External
fields are, and readers differ in where they take values from: some from the log, some from the names of folders. So
only values are carried that both say: texts that a folder's name has whole, and whole numbers. Fields' names in folders
some readers take as they are, without the escapes taken out.
"""

from __future__ import annotations

import json
import urllib.parse
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from atio_core.data.schema.arrow_types import is_text, is_text_or_bytes
from atio_core.data.schema.conform import field_id, storage_type
from atio_core.data.writing.stats import COLUMNS
from atio_core.mirrors.contents import Contents
from atio_core.model.data_file import ColumnStats, DataFile, Scalar
from atio_core.model.partition import segment, value_segment

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - bounds of times without a zone too
_PER_SECOND = {"ms": 1_000, "us": 1_000_000}
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
_LONG_BITS = 63
_MISREAD = "\U00100000"  # deltalake reads characters from here on as others


def partition_fields(contents: Contents) -> list[dict[str, Any]]:
    """Return the external partition fields as Delta's columns.

    Raises:
        NotPreservableError: Values can't be carried, or a column has the same name.
    """
    fields = contents.entry.partition_fields
    external = [(place, field) for place, field in enumerate(fields) if field.column is None]
    if external and len(external) < len(fields):
        contents.refuse(
            external[0][1].name,
            "can't be mirrored for Delta: it stands in no file, and other partition fields do; make it a column",
        )
    taken = {name.casefold() for name in contents.schema.names}
    found: list[dict[str, Any]] = []
    for place, field in external:
        if field.name.casefold() in taken:
            contents.refuse(
                field.name,
                "is a partition field, and another one or a column has the same name to Delta; rename one of them",
            )
        taken.add(field.name.casefold())
        if segment(field.name) != field.name:
            contents.refuse(
                field.name,
                "is an external partition field, and can't be mirrored for Delta, since folders have its name with"
                " escapes; give it one of ASCII letters, digits, '_' and '-', or make it a column",
            )
        values = {file.partition[place] for file in contents.files}
        kinds = {type(value) for value in values}
        if kinds - {str, int} or len(kinds) > 1 or not all(_is_told(field.name, value) for value in values):
            contents.refuse(
                field.name,
                "is an external partition field, and can't be mirrored for Delta but with values that are all whole"
                " numbers of 64 bits, or all texts of 1 to 100 characters (but for the one that stands for null in"
                f" folders, {_NULL_FOLDER!r}); make it a column",
            )
        kind = "long" if kinds == {int} else "string"
        found.append({"name": field.name, "type": kind, "nullable": True, "metadata": {}})
    return found


def _is_told(field: str, value: Scalar) -> bool:
    """Whether a folder's name says the value to those who know nothing of how atio cuts names, and the log does too."""
    if isinstance(value, int) and not -(1 << _LONG_BITS) <= value < 1 << _LONG_BITS:
        return False
    told = value_segment(field, value).partition("=")[2]
    return urllib.parse.unquote(told) == str(value) and value != _NULL_FOLDER


def add_of(contents: Contents, file: DataFile) -> dict[str, Any]:
    """Return what Delta's log says of a file."""
    fields = contents.entry.partition_fields
    return {
        "path": urllib.parse.quote(file.path),
        "partitionValues": {
            field.name: str(value)
            for field, value in zip(fields, file.partition, strict=True)
            if field.column is None
        },
        "size": file.size,
        "modificationTime": file.time_us // 1000,
        "dataChange": True,
        "stats": _stats(contents, file),
    }


def _stats(contents: Contents, file: DataFile) -> str:
    """Return what is known of a file's columns, as JSON.

    Either all columns of which readers look for bounds have some here, or none has: in deltalake a bound that lacks
    beside others is null, and its datasets pass over the rows of the file by it.
    """
    nulls: dict[str, str] = {}
    lows: dict[str, str] = {}
    highs: dict[str, str] = {}
    kept = {field_id(field) for field in contents.schemas[file.schema]}
    bounded = True
    for field in list(contents.schema)[:COLUMNS]:
        column = field_id(field)
        stats = ColumnStats() if column is None else file.stats.get(column, ColumnStats())
        if column not in kept:  # it came later
            stats = ColumnStats(nulls=file.rows)
        if stats.nulls is not None:
            nulls[field.name] = str(stats.nulls)
        bounds = _bounds(_plain(field.type), stats)
        if bounds is not None:
            lows[field.name], highs[field.name] = bounds
        elif _has_bounds(_plain(field.type)) and stats.nulls != file.rows:
            bounded = False
    told = {"numRecords": str(file.rows), "nullCount": _as_object(nulls)}
    if bounded:
        told |= {"minValues": _as_object(lows), "maxValues": _as_object(highs)}
    return _as_object(told)


def _as_object(values: dict[str, str]) -> str:
    """Return an object of JSON; its values are JSON already, as decimals have to be whole."""
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in values.items()) + "}"


def _plain(t: pa.DataType) -> Any:
    t = storage_type(t)
    return t.value_type if pa.types.is_dictionary(t) else t


def _has_bounds(t: Any) -> bool:
    """Say whether readers look for bounds of such columns: not of bytes, lists and maps."""
    return is_text(t) or not (
        is_text_or_bytes(t) or pa.types.is_fixed_size_binary(t) or pa.types.is_nested(t)
    )


def _bounds(t: Any, stats: ColumnStats) -> tuple[str, str] | None:
    """Bounds as Delta writes them, in JSON; None if there are none that all readers take alike."""
    low, high = stats.low, stats.high
    if pa.types.is_struct(t):
        return "{}", "{}"
    if low is None or high is None:
        return None
    if pa.types.is_decimal(t):
        return f"{Decimal(str(low)):f}", f"{Decimal(str(high)):f}"
    if isinstance(low, float) and isinstance(high, float):
        return json.dumps(low or -0.0), json.dumps(high or 0.0)  # these are equal, but not to every reader
    if isinstance(low, str) and isinstance(high, str):
        return None if max(low + high, default="") >= _MISREAD else (json.dumps(low), json.dumps(high))
    if not pa.types.is_temporal(t):
        return json.dumps(low), json.dumps(high)
    try:
        return json.dumps(_moment(t, low)), json.dumps(_moment(t, high))
    except OverflowError:  # a year that Python's calendar lacks
        return None


def _moment(t: Any, count: Any) -> str:
    if pa.types.is_date32(t):
        return (date(1970, 1, 1) + timedelta(days=count)).isoformat()
    seconds, rest = divmod(count, _PER_SECOND[t.unit])
    micros = rest * 1_000_000 // _PER_SECOND[t.unit]
    when = _EPOCH + timedelta(seconds=seconds, microseconds=micros)
    return when.isoformat(timespec="microseconds") + ("Z" if t.tz else "")
