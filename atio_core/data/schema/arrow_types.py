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
| dictionary of text or bytes | dictionary of string or binary; inside another type its values |
| any other dictionary, run-end-encoded | its values |
| extension | its storage |
| fields inside lists and structs | nullable, without metadata; those of a list named "element" |

Unions, intervals, structs without fields, lists and bytes of fixed size 0 and decimals of negative scale can't be
stored; nor can what is nested so deep that readers of Parquet refuse it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.schema import depth
from atio_core.data.schema.labels import Json


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


def _require_shallow(t: pa.DataType) -> None:
    if (found := depth.levels(t)) > depth.MOST:
        said = f"{found} levels inside each other in Parquet, of which {depth.MOST} can be read back"
        raise UnknownTypeError(said)


def describe(t: pa.DataType) -> Json:
    """Return an Arrow type as JSON.

    Raises:
        UnknownTypeError: It can't be stored.

    Example:
        >>> describe(pa.timestamp("us", "UTC"))
        {'timestamp': ['us', 'UTC']}
    """
    _require_shallow(t)
    return _describe(t)


def _describe(t: pa.DataType) -> Json:
    if str(t) in _SIMPLE and t == _SIMPLE[str(t)]:
        return str(t)
    for name, (is_it, _) in _LISTS.items():
        if is_it(t):
            return {name: _describe_field(t.value_field)}
    if pa.types.is_timestamp(t):
        _require_zone(t)
        return {"timestamp": [t.unit, t.tz]}
    if pa.types.is_decimal(t) and t.scale >= 0:
        return {f"decimal{t.bit_width}": [t.precision, t.scale]}
    if pa.types.is_fixed_size_binary(t) and t.byte_width:
        return {"fixed_size_binary": t.byte_width}
    if pa.types.is_fixed_size_list(t) and t.list_size:
        return {"fixed_size_list": [_describe_field(t.value_field), t.list_size]}
    if pa.types.is_struct(t) and t.num_fields:
        return {"struct": [_describe_field(t.field(i)) for i in range(t.num_fields)]}
    if pa.types.is_map(t):
        return {"map": [_describe_field(t.key_field), _describe_field(t.item_field), t.keys_sorted]}
    return _describe_encoded(t)


def _require_zone(t: pa.TimestampType) -> None:
    """Refuse a time zone that Python doesn't know: Arrow takes any text for one, but nobody can show the values."""
    try:
        pa.scalar(0, t).as_py()
    except (LookupError, ValueError) as error:
        raise UnknownTypeError(f"Python knows no time zone {t.tz!r}") from error


def _describe_encoded(t: pa.DataType) -> Json:
    if pa.types.is_dictionary(t):
        return {"dictionary": [_describe(t.index_type), _describe(t.value_type), t.ordered]}
    if pa.types.is_run_end_encoded(t):
        return {"run_end_encoded": [_describe(t.run_end_type), _describe(t.value_type)]}
    if isinstance(t, pa.BaseExtensionType) and t.extension_name in _EXTENSIONS:
        parameters: Json = None
        if isinstance(t, pa.FixedShapeTensorType):
            parameters = [_describe(t.value_type), list(t.shape), t.dim_names, t.permutation]
        return {"extension": [t.extension_name, _describe(t.storage_type), parameters]}
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
    described: dict[str, Json] = {"name": field.name, "type": _describe(field.type)}
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
    return [
        [base64.b64encode(k).decode("ascii"), base64.b64encode(v).decode("ascii")]
        for k, v in metadata.items()
    ]


def metadata_from_json(described: Json) -> dict[bytes, bytes] | None:
    """Return the metadata that `metadata_to_json` gave this JSON for."""
    return {base64.b64decode(k): base64.b64decode(v) for k, v in described} if described else None


def stored_type(t: pa.DataType, *, inside: bool = False) -> pa.DataType:
    """Return the type that values of a type are stored as.

    Args:
        t: The type.
        inside: Whether it is a part of another.
    """
    if pa.types.is_dictionary(t) and not inside and is_text_or_bytes(t.value_type):
        # Chunks with small indices may each have all the entries that these can count, a row group has them together.
        return pa.dictionary(pa.int32(), pa.string() if is_text(t.value_type) else pa.binary())
    if pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t):
        return stored_type(t.value_type, inside=True)
    if isinstance(t, pa.BaseExtensionType):
        return stored_type(t.storage_type, inside=True)
    if pa.types.is_timestamp(t) and t.unit == "s":
        return pa.timestamp("ms", t.tz)
    return _stored_nested(t) if pa.types.is_nested(t) else _STORED_AS.get(t, t)


_STORED_AS = {
    pa.time32("s"): pa.time32("ms"),
    pa.date64(): pa.date32(),
    pa.string_view(): pa.large_string(),
    pa.binary_view(): pa.large_binary(),
}


def _stored_nested(t: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(t):
        return pa.struct(
            [pa.field(field.name, stored_type(field.type, inside=True)) for field in fields_of(t)]
        )
    if pa.types.is_map(t):
        key, item = stored_type(t.key_type, inside=True), stored_type(t.item_type, inside=True)
        return pa.map_(key, item, keys_sorted=t.keys_sorted)
    element = pa.field("element", stored_type(t.value_type, inside=True))  # what Parquet calls it anyway
    if pa.types.is_fixed_size_list(t):
        return pa.list_(element, t.list_size)
    for is_it, make in _LISTS.values():
        if is_it(t):
            return make(element)
    raise UnknownTypeError(str(t))


def fields_of(t: pa.DataType) -> list[pa.Field]:
    """Return the fields inside a type."""
    return [t.field(position) for position in range(t.num_fields)]


def list_like(t: pa.DataType, element: pa.Field) -> pa.DataType:
    """Return a list of the same kind and size as another, with other elements."""
    if pa.types.is_fixed_size_list(t):
        return pa.list_(element, t.list_size)
    return next(make(element) for is_it, make in _LISTS.values() if is_it(t))


def count_type(t: pa.DataType) -> pa.DataType:
    """Return the whole numbers that values of a temporal type are in memory."""
    return pa.int32() if t.bit_width == pa.int32().bit_width else pa.int64()


def is_text(t: pa.DataType) -> bool:
    """Say whether values of a type are text, however it lies in memory."""
    return pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t)


def is_text_or_bytes(t: pa.DataType) -> bool:
    """Say whether values of a type are text or bytes of any length."""
    return is_text(t) or pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_binary_view(t)


def store(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as their stored type, without a copy where that is the same.

    Raises:
        UnknownTypeError: The type can't be stored.
        pyarrow.ArrowInvalid: A value doesn't fit into the stored type, or is none: readers would crash or guess at text
            that isn't UTF-8.
    """
    _require_shallow(values.type)
    target = stored_type(values.type)
    if not pa.types.is_primitive(values.type):
        values.validate(full=True)
    if is_same(values.type, target):
        return values
    try:
        stored = restore(values, target)
        # Tried out now, not when the data is needed.
        restore(pa.chunked_array([pa.nulls(0, target)]), values.type)
    except pa.ArrowNotImplementedError as error:
        raise UnknownTypeError(str(values.type)) from error
    return stored


def restore(values: pa.ChunkedArray, t: pa.DataType) -> pa.ChunkedArray:
    """Return stored values as the type that they had, without a copy where that is the same."""
    if is_same(values.type, t):
        return values
    if pa.types.is_dictionary(t):
        return pa.chunked_array([part for chunk in values.chunks for part in _with_few_entries(chunk, t)], t)
    return pa.chunked_array([_convert(chunk, t) for chunk in values.chunks], t)


def _with_few_entries(array: pa.Array, t: pa.DataType) -> list[pa.Array]:
    """Return an array as dictionaries, cut until the entries of each are few enough for its indices."""
    try:
        return [_convert(array, t)]
    except pa.ArrowInvalid:
        if len(array) <= 1:
            raise
    plain, half = _convert(array, t.value_type), len(array) // 2
    return [*_with_few_entries(plain.slice(0, half), t), *_with_few_entries(plain.slice(half), t)]


def is_same(a: pa.DataType, b: pa.DataType) -> bool:
    """Say whether two types are the same, inner names and metadata included, which Arrow's `==` overlooks."""
    return a.equals(b, check_metadata=True) and str(a) == str(b)


def _convert(array: pa.Array, t: pa.DataType) -> pa.Array:
    """Arrow's cast, for every type inside every other; values that don't fit raise."""
    if is_same(array.type, t):
        return array
    if isinstance(array.type, pa.BaseExtensionType):
        return _convert(array.storage, t)
    if isinstance(t, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(t, _convert(array, t.storage_type))
    if pa.types.is_run_end_encoded(array.type):
        return _convert(pc.run_end_decode(array), t)
    if pa.types.is_run_end_encoded(t):
        return pc.run_end_encode(_convert(array, t.value_type), run_end_type=t.run_end_type)
    if pa.types.is_dictionary(array.type) or pa.types.is_dictionary(t):
        return _convert_dictionary(array, t)
    return _convert_nested(array, t) if pa.types.is_nested(t) else array.cast(t)


def wide_decimals(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return decimals of 128 bits for those of fewer, which many of Arrow's functions don't take; else the values."""
    t: Any = values.type
    narrow = pa.types.is_decimal32(t) or pa.types.is_decimal64(t)
    return values.cast(pa.decimal128(t.precision, t.scale)) if narrow else values


def _convert_dictionary(array: pa.Array, t: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(t):
        # Its entries first: there are fewer of them, and Arrow can't decode all types.
        return pa.DictionaryArray.from_arrays(
            array.indices, _convert(array.dictionary, t)
        ).dictionary_decode()
    if not pa.types.is_dictionary(array.type):
        array = _convert(array, t.value_type).dictionary_encode()
    indices, values = array.indices.cast(t.index_type), _convert(array.dictionary, t.value_type)
    return pa.DictionaryArray.from_arrays(indices, values, ordered=t.ordered)


def _convert_nested(array: pa.Array, t: pa.DataType) -> pa.Array:
    if _shape(array.type) == _shape(t):
        return _convert_struct(array, t) if pa.types.is_struct(t) else _convert_elements(array, t)
    if pa.types.is_list(array.type) and pa.types.is_large_list(t):
        offsets, make = array.offsets.cast(pa.int64()), pa.LargeListArray.from_arrays
    elif pa.types.is_large_list(array.type) and pa.types.is_list(t):
        offsets, make = array.offsets.cast(pa.int32()), pa.ListArray.from_arrays
    else:
        raise pa.ArrowNotImplementedError(f"{array.type} as {t}")
    return make(offsets, _convert(array.values, t.value_type), type=t, mask=array.is_null())


def _shape(t: pa.DataType) -> tuple[object, ...]:
    """Return what two nested types share if the one differs from the other only in what lies inside."""
    names = [field.name for field in fields_of(t)] if pa.types.is_struct(t) else []
    return t.id, getattr(t, "list_size", None), names


def _convert_struct(array: pa.Array, t: pa.DataType) -> pa.Array:
    children = [_convert(array.field(i), field.type) for i, field in enumerate(fields_of(t))]
    return pa.StructArray.from_arrays(children, fields=fields_of(t), mask=array.is_null())


def _convert_elements(array: pa.Array, t: pa.DataType) -> pa.Array:
    """Return a list or map with the same offsets into other elements."""
    if pa.types.is_map(t):
        pairs = array.values  # `keys` and `items` overlook where the entries begin
        entries = [_convert(pairs.field(0), t.key_type), _convert(pairs.field(1), t.item_type)]
        child = pa.StructArray.from_arrays(entries, fields=[t.key_field, t.item_field])
    else:
        child = _convert(array.values, t.value_type)
    own = array.buffers()[: _OWN_BUFFERS.get(t.id, 2)]  # those of the elements come after them
    return pa.Array.from_buffers(t, len(array), own, array.null_count, array.offset, [child])


_OWN_BUFFERS = {
    pa.list_(pa.null(), 1).id: 1,
    pa.list_view(pa.null()).id: 3,
    pa.large_list_view(pa.null()).id: 3,
}
