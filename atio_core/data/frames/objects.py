"""Columns of Python objects (pandas' object dtype) as Arrow and back, each value with its exact type.

All values of one of these types, but for missing ones, are stored as:

| values | type | stored as |
|---|---|---|
| str, bytes | `{"object": "str"}`, … | large_string, large_binary |
| bool, int, float | | bool, int64, float64 |
| date, time, timedelta | | date32, time64[us], duration[us] |
| datetime | `{"object": ["datetime", zone]}` | timestamp[us]; all in one zone, or all without |
| Decimal | `{"object": ["decimal", scale]}` | decimal128(38, scale); all with as many places |
| UUID | `{"object": "uuid"}` | fixed_size_binary(16) |
| one-dimensional NumPy array | `{"object": ["array", dtype]}` | large_list; all of one dtype of numbers |
| only missing ones | `{"object": "null"}` | null |
| any mix of str, int, float, bool, and lists and dicts of these and None | `{"object": "json"}` | JSON text |

A missing value is None, NaN, pandas.NA or NaT. Which one it is belongs to the piece, not to the type, and a piece may
have only one of them in a column (NaN is a value among floats, and in JSON). Any other value is refused by its type.
"""

from __future__ import annotations

import datetime as dt
import json
import struct
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa

from atio_core.data.schema.labels import Json, UnknownValueError, zone_from_json, zone_to_json

NONE, NAN, NA, NAT = "None", "NaN", "NA", "NaT"
ARRAY_DTYPES = frozenset(
    [
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64"),
    ]
)
_DIGITS = 38  # of decimal128


class UnknownObjectError(TypeError):
    """Values that can't be kept: `what` they are, and what to do as `advice`."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Encoded:
    """Values as Arrow, their type, and which missing value its nulls are (NONE if there are none)."""

    values: pa.Array
    type: Json
    missing: str = NONE


def encode(values: Any) -> Encoded:
    """Return an object array as Arrow.

    Args:
        values: A NumPy array of dtype object with one dimension.

    Raises:
        UnknownObjectError: A value couldn't come back equal.
    """
    types: set[type] = set(map(type, values))
    sentinels = {kind: name for kind in types if (name := _sentinel_of(kind)) is not None}
    kinds = types - sentinels.keys()
    # Beside None, NaN is a value where it can be one: among floats, and in JSON.
    if float in kinds and (not sentinels or not kinds <= _JSON_TYPES) and _only_plain_nans(values):
        kinds -= {float}
        sentinels[float] = NAN
    if len(sentinels) > 1:
        advice = "keep one of them: {column} = {column}.where({column}.notna(), None)"
        raise UnknownObjectError(f"holds {_several(sorted(sentinels.values()))} as missing values", advice)
    missing = next(iter(sentinels.values()), NONE)
    mask = _mask_of(values, sentinels)
    return _encode_kinds(values, mask, kinds, missing)


def _encode_kinds(values: Any, mask: Any, kinds: set[type], missing: str) -> Encoded:
    if not kinds:
        return Encoded(pa.nulls(len(values)), {"object": "null"}, missing)
    if len(kinds) == 1:
        (kind,) = kinds
        writer = _WRITERS.get(kind) or (_write_arrays if _is_array(kind) else None)
        if writer is not None:
            array, described = writer(values, mask)
            return Encoded(array, described, missing)
    if kinds <= _JSON_TYPES:
        return Encoded(_write_json(values, mask), {"object": "json"}, missing)
    names = sorted(f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.") for kind in kinds)
    advice = "convert it to one dtype, or to text: {column} = {column}.astype('str')"
    raise UnknownObjectError(f"holds values of {_several(names)}", advice)


def _several(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} together"


def _sentinel_of(kind: type) -> str | None:
    if kind is type(None):
        return NONE
    return (
        {"NAType": NA, "NaTType": NAT}.get(kind.__name__)
        if kind.__module__.partition(".")[0] == "pandas"
        else None
    )


def missing_value(name: str) -> Any:
    """Return the missing value of a name: None, NaN, pandas.NA or NaT."""
    import pandas as pd

    return {NONE: None, NAN: float("nan"), NA: pd.NA, NAT: pd.NaT}[name]


_PLAIN_NAN = struct.pack("<d", float("nan"))


def _is_plain_nan(value: float) -> bool:
    return struct.pack("<d", value) == _PLAIN_NAN


def _only_plain_nans(values: Any) -> bool:
    return all(_is_plain_nan(value) for value in values if type(value) is float)


def _mask_of(values: Any, sentinels: dict[type, str]) -> Any:
    import numpy as np

    if not sentinels:
        return None
    return np.fromiter((type(value) in sentinels for value in values), dtype=bool, count=len(values))


def _is_array(kind: type) -> bool:
    return kind.__module__ == "numpy" and kind.__name__ == "ndarray"


def _plain(described: Json, t: pa.DataType) -> Callable[[Any, Any], tuple[pa.Array, Json]]:
    def write(values: Any, mask: Any) -> tuple[pa.Array, Json]:
        return _arrow(values, mask, t), described

    return write


def _arrow(values: Any, mask: Any, t: pa.DataType) -> pa.Array:
    try:
        array = pa.array(values, type=t, mask=mask, from_pandas=False)
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError) as error:
        raise UnknownObjectError(
            f"holds a value that doesn't fit ({error})", "take it out or change it"
        ) from error
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _present(values: Any, mask: Any) -> Any:
    return values if mask is None else values[~mask]


def _write_ints(values: Any, mask: Any) -> tuple[pa.Array, Json]:
    low, high = min(_present(values, mask)), max(_present(values, mask))
    if low < -(2**63) or high >= 2**63:
        return _write_json(values, mask), {"object": "json"}
    return _arrow(values, mask, pa.int64()), {"object": "int"}


def _write_times(values: Any, mask: Any) -> tuple[pa.Array, Json]:
    if any(value.tzinfo is not None or value.fold for value in _present(values, mask)):
        raise UnknownObjectError("holds times with a zone or a fold", "use datetimes, or text")
    return _arrow(values, mask, pa.time64("us")), {"object": "time"}


def _write_datetimes(values: Any, mask: Any) -> tuple[pa.Array, Json]:
    present = _present(values, mask)
    advice = "use one zone and one dtype: {column} = pandas.to_datetime({column}, utc=True)"
    try:
        zones = {zone_to_json(value.tzinfo) for value in present}
    except UnknownValueError as error:
        raise UnknownObjectError(f"holds datetimes in a {error}, which has no name", advice) from error
    if len(zones) > 1:
        names = sorted(zone or "no zone" for zone in zones)
        raise UnknownObjectError(f"holds datetimes of several time zones, {_several(names)}", advice)
    (zone,) = zones
    array = _arrow(values, mask, pa.timestamp("us", zone))
    back = _read_datetimes(array.drop_null(), zone)
    if any(_clock(a) != _clock(b) for a, b in zip(present, back, strict=True)):
        raise UnknownObjectError("holds datetimes with a fold, or that their zone has not", advice)
    return array, {"object": ["datetime", zone]}


def _clock(value: dt.datetime | None) -> tuple[object, ...]:
    """What two datetimes share only if they are the same: they compare equal by the instant alone."""
    if value is None:
        return ()
    return value.replace(tzinfo=None, fold=0), value.fold, type(value.tzinfo), value.tzinfo


def _write_decimals(values: Any, mask: Any) -> tuple[pa.Array, Json]:
    present = _present(values, mask)
    exponents = {value.as_tuple().exponent for value in present}
    exponent = next(iter(exponents))
    if len(exponents) > 1 or not isinstance(exponent, int) or not -_DIGITS <= exponent <= 0:
        advice = "give all as many: {column} = {column}.map(lambda d: d.quantize(Decimal('0.01')), na_action='ignore')"
        raise UnknownObjectError("holds Decimals that don't all have the same number of places", advice)
    if any(value.is_zero() and value.is_signed() for value in present):
        raise UnknownObjectError("holds the Decimal -0", "replace it with 0")
    return _arrow(values, mask, pa.decimal128(_DIGITS, -exponent)), {"object": ["decimal", -exponent]}


def _write_uuids(values: Any, mask: Any) -> tuple[pa.Array, Json]:
    plain = [None if hidden else value.bytes for value, hidden in _with_mask(values, mask)]
    return pa.array(plain, pa.binary(16)), {"object": "uuid"}


def _with_mask(values: Any, mask: Any) -> Iterable[tuple[Any, bool]]:
    return zip(values, mask if mask is not None else [False] * len(values), strict=True)


def _write_arrays(values: Any, mask: Any) -> tuple[pa.Array, Json]:
    import numpy as np

    present = list(_present(values, mask))
    dtypes = {array.dtype for array in present}
    dtype = next(iter(dtypes))
    if len(dtypes) > 1 or dtype.name not in ARRAY_DTYPES or any(array.ndim != 1 for array in present):
        advice = "convert them to lists: {column} = {column}.map(lambda a: a.tolist(), na_action='ignore')"
        raise UnknownObjectError(
            "holds NumPy arrays that are not all flat and of one dtype of numbers", advice
        )
    lengths = [0 if hidden else len(value) for value, hidden in _with_mask(values, mask)]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths, dtype="int64")]), pa.int64())
    flat = pa.array(np.concatenate(present), from_pandas=False)
    hidden = None if mask is None else pa.array(mask)
    lists = pa.large_list(pa.field("element", flat.type))
    return pa.LargeListArray.from_arrays(offsets, flat, type=lists, mask=hidden), {
        "object": ["array", dtype.name]
    }


_WRITERS: dict[type, Callable[[Any, Any], tuple[pa.Array, Json]]] = {
    str: _plain({"object": "str"}, pa.large_string()),
    bytes: _plain({"object": "bytes"}, pa.large_binary()),
    bool: _plain({"object": "bool"}, pa.bool_()),
    int: _write_ints,
    float: _plain({"object": "float"}, pa.float64()),
    dt.date: _plain({"object": "date"}, pa.date32()),
    dt.time: _write_times,
    dt.timedelta: _plain({"object": "timedelta"}, pa.duration("us")),
    dt.datetime: _write_datetimes,
    Decimal: _write_decimals,
    uuid.UUID: _write_uuids,
}

_JSON_TYPES: frozenset[type] = frozenset([str, int, float, bool, list, dict])
_JSON_LEAVES: frozenset[type] = frozenset([str, int, bool, type(None)])


def json_text(value: object) -> str:
    """Return the JSON text that stands for a value; NaN and infinities are `NaN`, `Infinity`, `-Infinity`."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _write_json(values: Any, mask: Any) -> pa.Array:
    try:
        for value in _present(values, mask):
            _require_json(value)
        texts = [None if hidden else json_text(value) for value, hidden in _with_mask(values, mask)]
        return pa.array(texts, pa.large_string())
    except (
        RecursionError,
        ValueError,
    ) as error:  # ValueError: a lone surrogate, or a number of too many digits
        raise UnknownObjectError(
            f"holds a value that JSON can't tell ({error})", "change it, or write text"
        ) from error


def _require_json(value: object) -> None:
    kind = type(value)
    if kind in _JSON_LEAVES:
        return
    if kind is float:
        number = cast("float", value)
        if number == number or _is_plain_nan(number):  # noqa: PLR0124 # only NaN differs from itself
            return
    elif kind is list:
        for item in cast("list[object]", value):
            _require_json(item)
        return
    elif kind is dict:
        for key, item in cast("dict[object, object]", value).items():
            if type(key) is not str:
                raise UnknownObjectError(
                    f"holds dicts with keys of type {type(key).__name__}", "use text as keys"
                )
            _require_json(item)
        return
    advice = "use lists, dicts, text and plain numbers inside, or a nested Arrow dtype"
    raise UnknownObjectError(
        f"holds values of type {kind.__module__}.{kind.__qualname__} inside others", advice
    )


def decode(values: pa.ChunkedArray, described: dict[str, Json]) -> Any:
    """Return stored values as an object array; nulls are None.

    Args:
        values: As they are stored.
        described: Their type, as `encode` gave it.
    """
    import numpy as np

    kind, parameter = kind_and_parameter(described)
    reader = _READERS.get(kind)
    plain = values.to_pylist() if reader is None else reader(values, parameter)
    return np.fromiter(plain, dtype=object, count=len(values))


def kind_and_parameter(described: dict[str, Json]) -> tuple[str, Json]:
    """Return what kind of objects a type means, and its parameter if it has one.

    Example:
        >>> kind_and_parameter({"object": ["decimal", 2]})
        ('decimal', 2)
    """
    content = described["object"]
    return (content, None) if isinstance(content, str) else (content[0], content[1])


def _read_datetimes(values: Any, name: str | None) -> list[dt.datetime | None]:
    zone = zone_from_json(name)
    naive = values.cast(pa.timestamp("us")).to_pylist()
    if zone is None:
        return naive
    return [None if v is None else v.replace(tzinfo=dt.UTC).astimezone(zone) for v in naive]


def _read_arrays(values: Any, _dtype: Json) -> Iterable[Any]:
    for chunk in values.chunks:
        # A copy, since arrays that users get can be written to.
        flat = chunk.values.to_numpy(zero_copy_only=False).copy()  # noqa: PD011 # an Arrow list's
        offsets = chunk.offsets.to_numpy()
        valid = chunk.is_valid().to_numpy(zero_copy_only=False)
        for position, there in enumerate(valid):
            yield flat[offsets[position] : offsets[position + 1]] if there else None


_READERS: dict[str, Callable[[Any, Any], Iterable[Any]]] = {
    "datetime": _read_datetimes,
    "uuid": lambda values, _: [None if v is None else uuid.UUID(bytes=v) for v in values.to_pylist()],
    "array": _read_arrays,
    "json": lambda values, _: [None if v is None else json.loads(v) for v in values.to_pylist()],
}
