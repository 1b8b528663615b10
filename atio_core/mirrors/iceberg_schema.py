"""A version's columns as Iceberg describes them; what its readers couldn't read exactly is refused.

Iceberg finds columns by the ids that stand in the files too, so renamed ones are no matter, and one that was added
again is another. Inside lists, structs and maps the files have no ids: what lies there couldn't be found.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from atio_core.data.arrow_types import is_text, is_text_or_bytes
from atio_core.data.conform import field_id, storage_type
from atio_core.mirrors.contents import Contents

_SIMPLE = {
    pa.bool_(): "boolean",
    pa.int8(): "int",
    pa.int16(): "int",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.uint8(): "int",
    pa.uint16(): "int",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.time64("us"): "time",
}
_GROWS = {("int", "long"), ("float", "double")}
_UTC = ("UTC", "Etc/UTC", "+00:00")
_EXACT_UNITS = ("ms", "us")
_ADVICE = "cast it, or leave it out of what is mirrored"


class _NotCarriedError(TypeError):
    """A type that Iceberg's readers can't read exactly; the message says why."""


def iceberg_schema(contents: Contents) -> dict[str, Any]:
    """Return the columns as Iceberg's metadata lists them.

    Raises:
        NotPreservableError: One of them can't be carried.
    """
    for one in contents.entry.partition_fields:
        if one.column is None:
            contents.refuse(
                one.name,
                "is an external partition field, in no file, and can't be mirrored for Iceberg; make it a column",
            )
    fields: list[dict[str, Any]] = []
    for field in contents.schema:
        try:
            told = iceberg_type(field.type)
        except _NotCarriedError as error:
            contents.refuse(
                field.name, f"of type {field.type} can't be mirrored for Iceberg: {error}; {_ADVICE}"
            )
        fields.append({"id": field_id(field), "name": field.name, "required": False, "type": told})
    _require_grown(contents, fields)
    return {"type": "struct", "schema-id": contents.entry.schema, "fields": fields}


def iceberg_type(t: pa.DataType) -> str:
    """Return what Iceberg calls a type.

    Raises:
        TypeError: It has none for it that readers would read exactly.
    """
    t = storage_type(t)
    if t in _SIMPLE:
        return _SIMPLE[t]
    if pa.types.is_dictionary(t):
        return iceberg_type(t.value_type)
    if is_text_or_bytes(t):
        return "string" if is_text(t) else "binary"
    if pa.types.is_fixed_size_binary(t):
        return f"fixed[{t.byte_width}]"
    if pa.types.is_timestamp(t):
        return _timestamp(t)
    if pa.types.is_decimal128(t):
        if t.scale > t.precision:
            raise _NotCarriedError("it has more places than digits")
        return f"decimal({t.precision}, {t.scale})"
    if pa.types.is_nested(t):
        raise _NotCarriedError("what lies inside has no ids in the files")
    raise _NotCarriedError("it has no such type")


def _timestamp(t: Any) -> str:
    if t.unit not in _EXACT_UNITS:
        raise _NotCarriedError("its times are in microseconds")
    if t.tz is not None and t.tz not in _UTC:
        raise _NotCarriedError(f"it knows no zone but UTC, and would lose {t.tz}")
    return "timestamp" if t.tz is None else "timestamptz"


def _require_grown(contents: Contents, fields: list[dict[str, Any]]) -> None:
    """Refuse columns that have another type in a file, but for one that Iceberg lets grow into theirs."""
    wanted = {field["id"]: (field["name"], field["type"]) for field in fields}
    for kept in contents.schemas.values():
        for field in kept:
            if (column := field_id(field)) not in wanted:
                continue
            name, told = wanted[column]
            try:
                there = iceberg_type(field.type)
            except _NotCarriedError:
                there = str(field.type)
            if there != told and (there, told) not in _GROWS:
                contents.refuse(
                    name,
                    f"can't be mirrored for Iceberg: it is {told}, and {there} in files from before; overwrite the"
                    " table with its own rows",
                )
