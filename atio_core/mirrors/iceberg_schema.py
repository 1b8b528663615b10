"""A version's columns as Iceberg describes them; what its readers couldn't read exactly is refused.

Iceberg finds columns by the ids that stand in the files too, so renamed ones are no matter, and one that was added
again is another. So it does inside lists, structs and maps: files that have no ids there are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias, cast

import pyarrow as pa

from atio_core.data.schema.arrow_types import fields_of, is_text, is_text_or_bytes
from atio_core.data.schema.conform import field_id, storage_type
from atio_core.data.schema.inner_ids import MOST, inner_ids, is_marked, marked
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
_OWN_ROWS = "overwrite the table with its own rows"
_Type: TypeAlias = "str | dict[str, Any]"


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
        _require_inner_ids(contents, field)
        try:
            told = _type(field.type, inner_ids(field))
        except _NotCarriedError as error:
            contents.refuse(
                field.name, f"of type {field.type} can't be mirrored for Iceberg: {error}; {_ADVICE}"
            )
        fields.append({"id": field_id(field), "name": field.name, "required": False, "type": told})
    _require_own_names(contents, fields)
    _require_grown(contents, fields)
    return {"type": "struct", "schema-id": contents.entry.schema, "fields": fields}


def highest_id(schemas: Iterable[dict[str, Any]]) -> int:
    """Return the highest id in schemas, those inside columns among them."""
    ids = (id_ for schema in schemas for field in schema["fields"] for _, id_ in _ways(field))
    return max(ids, default=0)


def _type(t: pa.DataType, ids: Iterator[int]) -> _Type:
    """Return what Iceberg calls a type whose inner fields have these ids, in the order of the walk."""
    t = storage_type(t)
    if t in _SIMPLE:
        return _SIMPLE[t]
    if pa.types.is_dictionary(t):
        return _type(t.value_type, ids)
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
    return _nested(t, ids)


def _nested(t: pa.DataType, ids: Iterator[int]) -> dict[str, Any]:
    if pa.types.is_struct(t):
        inner = [
            {"id": next(ids), "name": one.name, "required": False, "type": _inner_type(one.type, ids)}
            for one in fields_of(t)
        ]
        return {"type": "struct", "fields": inner}
    if pa.types.is_map(t):
        return {
            "type": "map",
            "key-id": next(ids),
            "key": _key_type(t.key_type, ids),
            "value-id": next(ids),
            "value-required": False,
            "value": _inner_type(t.item_type, ids),
        }
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        element = {"element-id": next(ids), "element-required": False}
        return {"type": "list", **element, "element": _inner_type(t.value_type, ids)}
    raise _NotCarriedError("it has no such type")


def _inner_type(t: pa.DataType, ids: Iterator[int]) -> _Type:
    """As `_type`, of what lies in a column, where nothing tells whether times are in the range of microseconds."""
    if pa.types.is_timestamp(t) and t.unit != "us":
        raise _NotCarriedError("its times are in microseconds")
    return _type(t, ids)


def _key_type(t: pa.DataType, ids: Iterator[int]) -> _Type:
    if pa.types.is_integer(t) and t.bit_width < pa.int32().bit_width:
        raise _NotCarriedError("not all its readers widen the keys of maps")
    return _inner_type(t, ids)


def _timestamp(t: Any) -> str:
    if t.unit not in _EXACT_UNITS:
        raise _NotCarriedError("its times are in microseconds")
    if t.tz is not None and t.tz not in _UTC:
        raise _NotCarriedError(f"it knows no zone but UTC, and would lose {t.tz}")
    return "timestamp" if t.tz is None else "timestamptz"


def _require_inner_ids(contents: Contents, column: pa.Field) -> None:
    """Refuse a column with fields inside that have no ids in some files."""
    for kept in contents.schemas.values():
        for field in kept:
            nested = pa.types.is_nested(storage_type(field.type)) and not is_marked(field)
            if nested and field_id(field) == field_id(column):
                had = is_marked(marked(field))
                contents.refuse(
                    column.name,
                    "can't be mirrored for Iceberg, which finds what lies inside by ids: "
                    + (
                        f"files from before have none there; {_OWN_ROWS}"
                        if had
                        else f"it has more than {MOST}"
                    ),
                )


def _require_own_names(contents: Contents, fields: list[dict[str, Any]]) -> None:
    """Refuse columns in which two fields have the same way to them, to readers who write ways with dots."""
    seen = set[str]()
    for field in fields:
        for way, _ in _ways(field):
            if way.casefold() in seen:
                contents.refuse(
                    field["name"],
                    f"can't be mirrored for Iceberg: {way!r} names another field too, or differs from its name in upper"
                    " and lower case alone; rename one of them",
                )
            seen.add(way.casefold())


def _ways(field: dict[str, Any], above: str = "") -> Iterator[tuple[str, int]]:
    """Yield the way to a field, and to all that are inside, each with its id."""
    way, told = f"{above}{field['name']}", field["type"]
    yield way, field["id"]
    if isinstance(told, str):
        return
    inside = told.get("fields") or [
        {"name": name, "id": told[f"{name}-id"], "type": told[name]}
        for name in ("element", "key", "value")
        if name in told
    ]
    for one in inside:
        yield from _ways(one, f"{way}.")


def _require_grown(contents: Contents, fields: list[dict[str, Any]]) -> None:
    """Refuse columns that have another type in a file, but for one that Iceberg lets grow into theirs."""
    wanted = {field["id"]: (field["name"], field["type"]) for field in fields}
    for kept in contents.schemas.values():
        for field in kept:
            if (column := field_id(field)) not in wanted:
                continue
            name, told = wanted[column]
            try:
                there = _type(field.type, inner_ids(field))
            except _NotCarriedError:
                there = str(field.type)
            if not _may_grow(there, told):
                contents.refuse(
                    name,
                    f"can't be mirrored for Iceberg: it is {told}, and {there} in files from before;"
                    f" {_OWN_ROWS}",
                )


def _may_grow(there: object, told: object) -> bool:
    """Say whether a type is another's, or what lies in it may grow into what lies in the other."""
    if isinstance(there, dict) and isinstance(told, dict):
        old, new = cast("dict[str, object]", there), cast("dict[str, object]", told)
        grown = all(_may_grow(old[key], new[key]) for key in old.keys() & new.keys())
        return grown and old.keys() == new.keys() and old.get("key") == new.get("key")
    if isinstance(there, list) and isinstance(told, list):
        olds, news = cast("list[object]", there), cast("list[object]", told)
        return len(olds) == len(news) and all(map(_may_grow, olds, news))
    return there == told or (there, told) in _GROWS
