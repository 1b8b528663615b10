"""Arrow types as JSON and back, and the type that each is stored as, since Parquet can't hold every one.

A type without parameters is its name, as Arrow prints it ("int64", "large_string", "date32[day]"). Any other is an
object with one key: `{"timestamp": [unit, zone]}`, `{"decimal128": [precision, scale]}`, `{"list": field}`,
`{"struct": [field, ...]}`, … A field is `{"name", "type"}`, with `"nullable": false` and `"metadata"` where they differ
from the default.

| type | stored as |
|---|---|
| timestamp[s], time32[s] | the same in milliseconds |
| date64 | date32 |
| string_view, binary_view | large_string, large_binary |
| dictionary of strings or bytes | dictionary of string or binary |
| any other dictionary, run-end-encoded | its values |
| extension | its storage |
| fields inside lists, structs, maps | nullable |

Unions, intervals, structs without fields, lists of fixed size 0 and decimals of negative scale can't be stored.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.labels import Json


class UnknownTypeError(TypeError):
    """An Arrow type that can't be stored; the message names it and says what to do."""


_SIMPLE: dict[str, pa.DataType] = {
    str(t): t
    for t in (
        *(pa.null(), pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()),
        *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()),
        *(pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
        *(pa.duration("s"), pa.duration("ms"), pa.duration("us"), pa.duration("ns")),
    )
}

_LISTS: dict[str, tuple[Callable[[pa.DataType], bool], Callable[[Any], pa.DataType]]] = {
    "list": (pa.types.is_list, pa.list_),
    "large_list": (pa.types.is_large_list, pa.large_list),
    "list_view": (pa.types.is_list_view, pa.list_view),
    "large_list_view": (pa.types.is_large_list_view, pa.large_list_view),
}

_DECIMALS: dict[str, Callable[[int, int], pa.DataType]] = {
    "decimal32": pa.decimal32,
    "decimal64": pa.decimal64,
    "decimal128": pa.decimal128,
    "decimal256": pa.decimal256,
}

_EXTENSIONS = ("arrow.uuid", "arrow.json", "arrow.bool8", "arrow.fixed_shape_tensor")


def describe(t: pa.DataType) -> Json:
    """Return an Arrow type as JSON.

    Raises:
        UnknownTypeError: It can't be stored.

    Example:
        >>> describe(pa.timestamp("us", "UTC"))
        {'timestamp': ['us', 'UTC']}
    """
    if str(t) in _SIMPLE and t == _SIMPLE[str(t)]:
        return str(t)
    for name, (is_it, _) in _LISTS.items():
        if is_it(t):
            return {name: _describe_field(t.value_field)}
    if pa.types.is_timestamp(t):
        return {"timestamp": [t.unit, t.tz]}
    if pa.types.is_decimal(t) and t.scale >= 0:
        return {f"decimal{t.bit_width}": [t.precision, t.scale]}
    if pa.types.is_fixed_size_binary(t):
        return {"fixed_size_binary": t.byte_width}
    if pa.types.is_fixed_size_list(t) and t.list_size:
        return {"fixed_size_list": [_describe_field(t.value_field), t.list_size]}
    if pa.types.is_struct(t) and t.num_fields:
        return {"struct": [_describe_field(t.field(i)) for i in range(t.num_fields)]}
    if pa.types.is_map(t):
        return {"map": [_describe_field(t.key_field), _describe_field(t.item_field), t.keys_sorted]}
    return _describe_encoded(t)


def _describe_encoded(t: pa.DataType) -> Json:
    if pa.types.is_dictionary(t):
        return {"dictionary": [describe(t.index_type), describe(t.value_type), t.ordered]}
    if pa.types.is_run_end_encoded(t):
        return {"run_end_encoded": [describe(t.run_end_type), describe(t.value_type)]}
    if isinstance(t, pa.BaseExtensionType) and t.extension_name in _EXTENSIONS:
        parameters: Json = None
        if isinstance(t, pa.FixedShapeTensorType):
            parameters = [describe(t.value_type), list(t.shape), t.dim_names, t.permutation]
        return {"extension": [t.extension_name, describe(t.storage_type), parameters]}
    raise UnknownTypeError(str(t))


def build(description: Json) -> pa.DataType:
    """Return the Arrow type that `describe` gave this JSON for."""
    if isinstance(description, str):
        return _SIMPLE[description]
    ((name, content),) = cast("dict[str, Json]", description).items()
    if name in _LISTS:
        return _LISTS[name][1](_build_field(content))
    if name in _DECIMALS:
        return _DECIMALS[name](*content)
    return _BUILDERS[name](content)


def _build_extension(content: Json) -> pa.DataType:
    name, storage, parameters = content
    match name:
        case "arrow.uuid":
            return pa.uuid()
        case "arrow.json":
            return pa.json_(build(storage))
        case "arrow.bool8":
            return pa.bool8()
        case _:
            value_type, shape, dim_names, permutation = parameters
            return pa.fixed_shape_tensor(build(value_type), shape, dim_names, permutation)


_BUILDERS: dict[str, Callable[[Any], pa.DataType]] = {
    "timestamp": lambda c: pa.timestamp(*c),
    "fixed_size_binary": pa.binary,
    "fixed_size_list": lambda c: pa.list_(_build_field(c[0]), c[1]),
    "struct": lambda c: pa.struct([_build_field(field) for field in c]),
    "map": lambda c: pa.map_(_build_field(c[0]), _build_field(c[1]), keys_sorted=c[2]),
    "dictionary": lambda c: pa.dictionary(build(c[0]), build(c[1]), ordered=c[2]),
    "run_end_encoded": lambda c: pa.run_end_encoded(build(c[0]), build(c[1])),
    "extension": _build_extension,
}


def _describe_field(field: pa.Field) -> Json:
    described: dict[str, Json] = {"name": field.name, "type": describe(field.type)}
    if not field.nullable:
        described["nullable"] = False
    if field.metadata:
        described["metadata"] = metadata_to_json(field.metadata)
    return described


def _build_field(described: dict[str, Json]) -> pa.Field:
    return pa.field(
        described["name"],
        build(described["type"]),
        nullable=described.get("nullable", True),
        metadata=metadata_from_json(described.get("metadata")),
    )


def metadata_to_json(metadata: dict[bytes, bytes]) -> Json:
    """Return Arrow key-value metadata as JSON; its bytes need not be text."""
    return [[base64.b64encode(k).decode("ascii"), base64.b64encode(v).decode("ascii")] for k, v in metadata.items()]


def metadata_from_json(described: Json) -> dict[bytes, bytes] | None:
    """Return the metadata that `metadata_to_json` gave this JSON for."""
    return {base64.b64decode(k): base64.b64decode(v) for k, v in described} if described else None


def stored_type(t: pa.DataType) -> pa.DataType:
    """Return the type that values of a type are stored as.

    Raises:
        UnknownTypeError: It can't be stored.
    """
    if pa.types.is_dictionary(t):
        return _stored_dictionary(t)
    if pa.types.is_run_end_encoded(t):
        return stored_type(t.value_type)
    if isinstance(t, pa.BaseExtensionType):
        return stored_type(t.storage_type)
    return _stored_plain(t)


def _stored_plain(t: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(t) and t.unit == "s":
        return pa.timestamp("ms", t.tz)
    if pa.types.is_string_view(t):
        return pa.large_string()
    if pa.types.is_binary_view(t):
        return pa.large_binary()
    if t in _OTHER_UNIT:
        return _OTHER_UNIT[t]
    if pa.types.is_list_view(t) or pa.types.is_large_list_view(t):
        return _unchanged_inside(t, t.value_type)
    if pa.types.is_list(t):
        return pa.list_(_stored_inside(t.value_type))
    if pa.types.is_large_list(t):
        return pa.large_list(_stored_inside(t.value_type))
    if pa.types.is_fixed_size_list(t):
        return pa.list_(_stored_inside(t.value_type), t.list_size)
    if pa.types.is_struct(t):
        return pa.struct([pa.field(f.name, _stored_inside(f.type)) for f in (t.field(i) for i in range(t.num_fields))])
    if pa.types.is_map(t):
        return pa.map_(_stored_inside(t.key_type), _stored_inside(t.item_type), keys_sorted=t.keys_sorted)
    return t


_OTHER_UNIT = {pa.time32("s"): pa.time32("ms"), pa.date64(): pa.date32()}


def _stored_dictionary(t: pa.DataType) -> pa.DataType:
    if _is_text(t.value_type):
        return pa.dictionary(t.index_type, pa.string(), ordered=t.ordered)
    if pa.types.is_binary(t.value_type) or pa.types.is_large_binary(t.value_type):
        return pa.dictionary(t.index_type, pa.binary(), ordered=t.ordered)
    return stored_type(t.value_type)


def _stored_inside(t: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t) or isinstance(t, pa.BaseExtensionType):
        return _unchanged_inside(t, t)
    return _stored_plain(t)


def _unchanged_inside(t: pa.DataType, inner: pa.DataType) -> pa.DataType:
    # Arrow's casts don't reach into these, so what lies in them can only be stored as it is.
    if stored_type(inner) != inner or (pa.types.is_dictionary(inner) and inner.ordered):
        raise UnknownTypeError(str(t))
    return t


def _is_text(t: pa.DataType) -> bool:
    return pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t)


def store(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as their stored type, without a copy where that is the same.

    Raises:
        UnknownTypeError: The type can't be stored.
        pyarrow.ArrowInvalid: A value doesn't fit into the stored type.
    """
    target = stored_type(values.type)
    if values.type == target:
        return values
    if isinstance(values.type, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in values.chunks]
        return store(pa.chunked_array(chunks, values.type.storage_type))
    if pa.types.is_run_end_encoded(values.type):
        chunks = [pc.run_end_decode(chunk) for chunk in values.chunks]
        return store(pa.chunked_array(chunks, values.type.value_type))
    if pa.types.is_dictionary(values.type):
        return _store_dictionary(values, target)
    return values.cast(target)


def _store_dictionary(values: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(target):
        return store(pa.chunked_array([chunk.dictionary_decode() for chunk in values.chunks], values.type.value_type))
    chunks = [
        pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(target.value_type), ordered=target.ordered)
        for chunk in values.chunks
    ]
    return pa.chunked_array(chunks, target)


def restore(values: pa.ChunkedArray, t: pa.DataType) -> pa.ChunkedArray:
    """Return stored values as the type that they had."""
    if values.type == t:
        return values
    if isinstance(t, pa.BaseExtensionType):
        stored = restore(values, t.storage_type)
        return pa.chunked_array([pa.ExtensionArray.from_storage(t, chunk) for chunk in stored.chunks], t)
    if pa.types.is_run_end_encoded(t):
        plain = restore(values, t.value_type)
        return pa.chunked_array([pc.run_end_encode(chunk, run_end_type=t.run_end_type) for chunk in plain.chunks], t)
    if pa.types.is_dictionary(t) and not pa.types.is_dictionary(values.type):
        return restore(values, t.value_type).dictionary_encode().cast(t)
    return values.cast(t)
