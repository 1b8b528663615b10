"""A version's columns as Delta describes them; what its readers couldn't read exactly is refused.

Delta finds columns by name, and knows no unsigned numbers: 8 to 32 bits become the next wider ones, which hold them
all. Times are in microseconds.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from atio_core.data.schema.arrow_types import fields_of, is_text, is_text_or_bytes
from atio_core.data.schema.conform import field_id, storage_type
from atio_core.mirrors.contents import Contents, ids_by_name

_NTZ = "timestamp_ntz"
_SIMPLE = {
    pa.bool_(): "boolean",
    pa.int8(): "byte",
    pa.int16(): "short",
    pa.int32(): "integer",
    pa.int64(): "long",
    pa.uint8(): "short",
    pa.uint16(): "integer",
    pa.uint32(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
}
_UTC = ("UTC", "Etc/UTC", "+00:00")
_EXACT_UNITS = ("ms", "us")
_ADVICE = "cast it, or leave it out of what is mirrored"


class _NotCarriedError(TypeError):
    """A type that Delta's readers can't read exactly; the message says why."""


def delta_fields(contents: Contents) -> list[dict[str, Any]]:
    """Return the columns as Delta's metadata lists them.

    Raises:
        NotPreservableError: One of them can't be carried.
    """
    fields: list[dict[str, Any]] = []
    for field in contents.schema:
        try:
            fields.append(_field(field.name, field.type))
        except _NotCarriedError as error:
            contents.refuse(
                field.name, f"of type {field.type} can't be mirrored for Delta: {error}; {_ADVICE}"
            )
    _require_alike(contents)
    return fields


def needs_ntz(fields: list[dict[str, Any]]) -> bool:
    """Say whether readers have to know timestamps without a zone."""
    return f'"{_NTZ}"' in json.dumps(fields)


def _field(name: str, t: pa.DataType) -> dict[str, Any]:
    return {"name": name, "type": _type(t), "nullable": True, "metadata": {}}


def _type(t: pa.DataType) -> Any:
    t = storage_type(t)
    if t in _SIMPLE:
        return _SIMPLE[t]
    if pa.types.is_dictionary(t):
        return _type(t.value_type)
    if is_text_or_bytes(t) or pa.types.is_fixed_size_binary(t):
        return "string" if is_text(t) else "binary"
    if pa.types.is_timestamp(t):
        return _timestamp(t)
    if pa.types.is_decimal128(t) or pa.types.is_decimal32(t) or pa.types.is_decimal64(t):
        if t.scale > t.precision:
            raise _NotCarriedError("it has more places than digits")
        return f"decimal({t.precision},{t.scale})"
    return _nested(t)


def _timestamp(t: pa.DataType) -> str:
    if t.unit not in _EXACT_UNITS:
        raise _NotCarriedError("its times are in microseconds")
    if t.tz is None:
        return _NTZ
    if t.tz not in _UTC:
        raise _NotCarriedError(f"it knows no zone but UTC, and would lose {t.tz}")
    return "timestamp"


def _nested(t: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(t):
        inner = fields_of(t)
        if len({one.name.casefold() for one in inner}) < len(inner):
            raise _NotCarriedError("names in it differ in upper and lower case alone, or not at all")
        return {"type": "struct", "fields": [_field(one.name, one.type) for one in inner]}
    if pa.types.is_map(t):
        return {
            "type": "map",
            "keyType": _type(t.key_type),
            "valueType": _type(t.item_type),
            "valueContainsNull": True,
        }
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return {"type": "array", "elementType": _type(t.value_type), "containsNull": True}
    raise _NotCarriedError("it has no such type")


def _require_alike(contents: Contents) -> None:
    """Refuse columns that are called otherwise in a file, or are of another type there: Delta goes by name and type."""
    for kept in contents.schemas.values():
        ids = ids_by_name(kept)
        names = {column: name for name, column in ids.items()}
        for field in contents.schema:
            column = field_id(field)
            if names.get(column, field.name) != field.name or ids.get(field.name, column) != column:
                other = names.get(column, "another column")
                contents.refuse(
                    field.name,
                    f"can't be mirrored for Delta, which finds columns by name: files from before it was renamed or"
                    f" added have {other!r} there; overwrite the table with its own rows",
                )
            if column in names and _type(kept.field(field.name).type) != _type(field.type):
                contents.refuse(
                    field.name,
                    f"can't be mirrored for Delta: it is {field.type}, and {kept.field(field.name).type} in files from"
                    " before; overwrite the table with its own rows",
                )
