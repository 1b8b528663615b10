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
from typing import Any

import pyarrow as pa

from atio_core.data.conform import field_id, storage_type
from atio_core.mirrors.contents import Contents
from atio_core.model.data_file import ColumnStats, DataFile, Scalar
from atio_core.model.partition import segment, value_segment

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - bounds of times without a zone too
_PER_SECOND = {"ms": 1_000, "us": 1_000_000}
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
_LONG_BITS = 63


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
        "stats": json.dumps(_stats(contents, file)),
    }


def _stats(contents: Contents, file: DataFile) -> dict[str, Any]:
    nulls: dict[str, int] = {}
    lows: dict[str, Any] = {}
    highs: dict[str, Any] = {}
    kept = {field_id(field): field for field in contents.schemas[file.schema]}
    for column, stats in file.stats.items():
        field = kept.get(column)
        if field is None:
            continue
        if stats.nulls is not None:
            nulls[field.name] = stats.nulls
        low, high = _bounds(storage_type(field.type), stats)
        if low is not None and high is not None:
            lows[field.name], highs[field.name] = low, high
    return {"numRecords": file.rows, "minValues": lows, "maxValues": highs, "nullCount": nulls}


def _bounds(t: Any, stats: ColumnStats) -> tuple[Any, Any]:
    """Bounds as Delta writes them; none where readers differ in how they take them."""
    low, high = stats.low, stats.high
    if low is None or high is None or isinstance(low, bool) or pa.types.is_decimal(t):
        return None, None
    if isinstance(low, float) and isinstance(high, float):
        return low or -0.0, high or 0.0  # -0.0 and 0.0 are equal, but not to every reader
    if not pa.types.is_temporal(t):
        return low, high
    try:
        return _moment(t, low), _moment(t, high)
    except OverflowError:  # a year that Python's calendar lacks
        return None, None


def _moment(t: Any, count: Any) -> str | None:
    if pa.types.is_date32(t):
        return (date(1970, 1, 1) + timedelta(days=count)).isoformat()
    if not pa.types.is_timestamp(t) or t.unit not in _PER_SECOND:
        return None
    seconds, rest = divmod(count, _PER_SECOND[t.unit])
    micros = rest * 1_000_000 // _PER_SECOND[t.unit]
    when = _EPOCH + timedelta(seconds=seconds, microseconds=micros)
    return when.isoformat(timespec="microseconds") + ("Z" if t.tz else "")
