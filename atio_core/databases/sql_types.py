"""What the columns of a database hold, and Arrow values as such a column holds them: exactly, or refused.

A value is never rounded, cut, wrapped or moved to another time zone. Where the type of a column can hold more or less
than the values at hand, the values decide: 64-bit integers fit a 32-bit column as long as each of them does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.schema.arrow_types import is_text, is_text_or_bytes

Family = Literal[
    "bool", "int", "float", "decimal", "text", "bytes", "date", "time", "timestamp", "timestamptz",
    "interval", "uuid", "json", "array", "other",
]  # fmt: skip


class UnfitError(ValueError):
    """Values that a column can't hold exactly; the message says which and why."""


@dataclass(frozen=True, slots=True)
class SqlType:
    """A type of a database, in terms that are the same for all of them.

    Attributes:
        ddl: As it is written in `CREATE TABLE`.
        family: What its values are.
        low: Smallest integer.
        high: Largest integer.
        bits: Width of a float.
        precision: Digits of a decimal; None for any number.
        scale: Digits of it behind the point; None for any number.
        length: Most characters of a text, or bytes; None for any number.
        padded: A shorter text comes back with spaces behind it, and shorter bytes with zeros.
        trimmed: A text comes back without the spaces at its end.
        nan: A float may be NaN.
        infinite: A float may be infinite.
        nul: A text may hold the character NUL.
        bool_as_int: Truth values are held as 0 and 1.
        item: What an array holds.
    """

    ddl: str
    family: Family
    low: int = -(1 << 63)
    high: int = (1 << 63) - 1
    bits: int = 64
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    padded: bool = False
    trimmed: bool = False
    nan: bool = True
    infinite: bool = True
    nul: bool = True
    bool_as_int: bool = False
    item: SqlType | None = None


def array_of(item: SqlType) -> SqlType:
    """Return the type of arrays that hold values of a type."""
    return SqlType(f"{item.ddl}[]", "array", item=item)


def fit(values: Any, to: SqlType, *, as_text: bool = False) -> Any:
    """Return values as a column holds them.

    Args:
        values: A `pyarrow.Array`.
        to: The column's type.
        as_text: Into a column of text, write numbers, times and the like as text: the caller asked for that.

    Returns:
        An array of the type that stands for the family: int64, uint64 or a decimal; float32 or float64; large_string;
        large_binary; date32; time64[us]; timestamp[us], in UTC for "timestamptz"; duration[us]; a list.

    Raises:
        UnfitError: A value wouldn't be held exactly.

    Example:
        >>> fit(pa.array([1, 2], pa.int8()), SqlType("BIGINT", "int")).type
        DataType(int64)
    """
    values = plain(values)
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), CARRIERS[to.family])
    try:
        return _FITS[to.family](values, to, as_text)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError) as error:
        raise UnfitError(f"a value of type {values.type} doesn't fit {to.ddl} exactly ({error})") from error


def plain(values: Any) -> Any:
    """Return an array without dictionaries, run lengths and extensions, but for UUIDs as their text."""
    t = values.type
    if pa.types.is_dictionary(t):
        return plain(values.dictionary_decode())
    if pa.types.is_run_end_encoded(t):
        return plain(pc.run_end_decode(values))
    if isinstance(t, pa.UuidType):
        return pa.array([None if v is None else str(v) for v in values.to_pylist()], pa.large_string())
    if isinstance(t, pa.BaseExtensionType):
        if t.extension_name not in {"arrow.json", "arrow.bool8"}:
            raise UnfitError(f"the type {t} is unknown to databases")
        return values.storage.cast(pa.bool_()) if t.extension_name == "arrow.bool8" else plain(values.storage)
    return values


def _refuse(values: Any, to: SqlType) -> Any:
    raise UnfitError(f"values of type {values.type} don't belong into {to.ddl}")


def _fit_bool(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    return values if pa.types.is_boolean(values.type) else _refuse(values, to)


def _fit_int(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    t = values.type
    if pa.types.is_boolean(t) and to.bool_as_int:
        return values.cast(pa.int64())
    if not (pa.types.is_integer(t) or (pa.types.is_decimal(t) and t.scale == 0)):
        return _refuse(values, to)
    ends = pc.min_max(values).as_py()
    if ends["min"] is not None and not to.low <= ends["min"] <= ends["max"] <= to.high:
        worst = ends["min"] if ends["min"] < to.low else ends["max"]
        raise UnfitError(f"{worst} is beyond {to.ddl} ({to.low} to {to.high})")
    return values.cast(pa.uint64() if to.high >= 1 << 63 else pa.int64())


def _fit_float(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    t = values.type
    if pa.types.is_integer(t):
        return values.cast(pa.float32() if to.bits == 32 else pa.float64())  # noqa: PLR2004 - it refuses inexact ones
    if not pa.types.is_floating(t):
        return _refuse(values, to)
    if not to.nan and pc.any(pc.is_nan(values)).as_py():
        raise UnfitError(f"NaN can't be told from NULL in {to.ddl}; make it null, or a number")
    if not to.infinite and pc.any(pc.is_inf(values)).as_py():
        raise UnfitError(f"{to.ddl} has no infinite values")
    if to.bits == 64 or t.bit_width <= 32:  # noqa: PLR2004
        return values.cast(pa.float32() if to.bits == 32 else pa.float64())  # noqa: PLR2004
    narrow = values.cast(pa.float32(), safe=False)
    same = pc.or_(pc.equal(narrow.cast(pa.float64()), values), pc.is_nan(values))
    if not pc.all(same).as_py():
        raise UnfitError(f"a value would be rounded by {to.ddl}")
    return narrow


def _fit_decimal(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    t = values.type
    if pa.types.is_integer(t):
        values = values.cast(pa.decimal128(20, 0))
    elif not pa.types.is_decimal(t):
        return _refuse(values, to)
    if to.precision is None or to.scale is None:
        return values
    wide = pa.decimal128 if to.precision <= 38 else pa.decimal256  # noqa: PLR2004 - digits of decimal128
    return values.cast(wide(min(to.precision, 76), to.scale))


def _fit_text(values: Any, to: SqlType, as_text: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    t = values.type
    if is_text(t):
        texts = values.cast(pa.large_string())
    elif as_text:
        texts = _written(values, to)
    else:
        return _refuse(values, to)
    if not to.nul and pc.any(pc.match_substring(texts, "\0")).as_py():
        raise UnfitError(f"a text holds the character NUL, which {to.ddl} can't hold")
    if to.length is not None:
        longest = pc.max(pc.utf8_length(texts)).as_py()
        if longest is not None and longest > to.length:
            raise UnfitError(f"a text of {longest} characters is longer than {to.ddl}")
        _check_padding(pc.min(pc.utf8_length(texts)).as_py(), to)
    if to.trimmed and pc.any(pc.ends_with(texts, " ")).as_py():
        raise UnfitError(f"{to.ddl} would take away the spaces at the end of a text")
    return texts


def _check_padding(shortest: int | None, to: SqlType) -> None:
    if to.padded and to.length is not None and shortest is not None and shortest < to.length:
        raise UnfitError(f"a value of length {shortest} would be padded by {to.ddl}")


def _written(values: Any, to: SqlType) -> Any:
    """Return values as text that says all of them."""
    t = values.type
    if pa.types.is_nested(t):
        return _fit_json(values, to, True)  # noqa: FBT003 - as `_FITS` calls it
    if pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_duration(t):
        return _refuse(values, to)
    if pa.types.is_timestamp(t) and t.tz is not None:
        return pc.strftime(values.cast(pa.timestamp(t.unit, "UTC")), "%Y-%m-%d %H:%M:%S+00:00").cast(
            pa.large_string()
        )
    return values.cast(pa.string()).cast(pa.large_string())


def _fit_bytes(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    t = values.type
    if not is_binary(t):
        return _refuse(values, to)
    held = values.cast(pa.large_binary())
    longest = pc.max(pc.binary_length(held)).as_py()
    if to.length is not None and longest is not None and longest > to.length:
        raise UnfitError(f"a value of {longest} bytes is longer than {to.ddl}")
    _check_padding(pc.min(pc.binary_length(held)).as_py(), to)
    return held


def _fit_date(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    if not pa.types.is_date(values.type):
        return _refuse(values, to)
    dates = values.cast(pa.date32())
    _within(dates.cast(pa.int32()), _FIRST_DAY, _LAST_DAY, to)
    return dates


def _fit_time(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    if not pa.types.is_time(values.type):
        return _refuse(values, to)
    return _whole(values.cast(pa.time64("us")), to)


def _fit_timestamp(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    t = values.type
    if not pa.types.is_timestamp(t):
        return _refuse(values, to)
    if t.tz is not None and to.family == "timestamp":
        raise UnfitError(f"{to.ddl} would drop the time zone {t.tz}; convert to UTC, then drop the zone")
    if t.tz is None and to.family == "timestamptz":
        raise UnfitError(f"times without a time zone would be given one by {to.ddl}; give them theirs")
    if to.precision == 9:  # noqa: PLR2004 - digits of nanoseconds
        return values.cast(pa.timestamp("ns"))
    zone = "UTC" if to.family == "timestamptz" else None
    times = values.cast(pa.timestamp("us", zone))
    _within(times.cast(pa.int64()), _FIRST_DAY * _DAY, _LAST_DAY * _DAY + _DAY - 1, to)
    return _whole(times, to)


def _whole(times: Any, to: SqlType) -> Any:
    """Refuse a part of a second that the column would round."""
    if to.precision is not None and to.precision < 6:  # noqa: PLR2004 - digits of microseconds
        step = 10 ** (6 - to.precision)
        numbers = times.cast(pa.int64())
        whole = pc.multiply(pc.divide(numbers, step), step)
        if not pc.all(pc.equal(numbers, whole)).as_py():
            raise UnfitError(f"a part of a second would be rounded by {to.ddl}")
    return times


def _fit_interval(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    return values.cast(pa.duration("us")) if pa.types.is_duration(values.type) else _refuse(values, to)


def _fit_uuid(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    return values.cast(pa.large_string()) if is_text(values.type) else _refuse(values, to)


def _fit_json(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    if is_text(values.type):
        return values.cast(pa.large_string())
    if not pa.types.is_nested(values.type):
        return _refuse(values, to)
    try:
        texts = [
            None if value is None else json.dumps(value, allow_nan=False, ensure_ascii=False)
            for value in values.to_pylist()
        ]
    except (TypeError, ValueError) as error:
        raise UnfitError(f"a value can't be written as JSON ({error})") from error
    return pa.array(texts, pa.large_string())


def _fit_array(values: Any, to: SqlType, _: bool) -> Any:  # noqa: FBT001 - the shape of `_FITS`
    t = values.type
    if to.item is None or not (
        pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t)
    ):
        return _refuse(values, to)
    lists = values.cast(pa.large_list(t.value_type))
    # The items between the first and the last offset, whatever the slice.
    offsets = lists.offsets
    items = lists.values.slice(offsets[0].as_py(), offsets[-1].as_py() - offsets[0].as_py())
    held = fit(items, to.item)
    moved = pc.subtract(offsets, offsets[0])
    return pa.LargeListArray.from_arrays(moved, held, mask=lists.is_null())


def _within(numbers: Any, low: int, high: int, to: SqlType) -> None:
    ends = pc.min_max(numbers).as_py()
    if ends["min"] is not None and not low <= ends["min"] <= ends["max"] <= high:
        raise UnfitError(f"a date before the year 1 or after the year 9999 can't be written to {to.ddl}")


def is_binary(t: Any) -> bool:
    """Say whether an Arrow type is bytes."""
    return pa.types.is_fixed_size_binary(t) or (is_text_or_bytes(t) and not is_text(t))


_DAY = 86_400_000_000  # in microseconds
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # the years 1 to 9999, in days since 1970
_FITS: dict[Family, Callable[[Any, SqlType, bool], Any]] = {
    "bool": _fit_bool,
    "int": _fit_int,
    "float": _fit_float,
    "decimal": _fit_decimal,
    "text": _fit_text,
    "other": _fit_text,
    "bytes": _fit_bytes,
    "date": _fit_date,
    "time": _fit_time,
    "timestamp": _fit_timestamp,
    "timestamptz": _fit_timestamp,
    "interval": _fit_interval,
    "uuid": _fit_uuid,
    "json": _fit_json,
    "array": _fit_array,
}
CARRIERS: dict[Family, Any] = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "decimal": pa.decimal128(38, 0),
    "bytes": pa.large_binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "interval": pa.duration("us"),
    "array": pa.large_list(pa.null()),
    "text": pa.large_string(),
    "other": pa.large_string(),
    "uuid": pa.large_string(),
    "json": pa.large_string(),
}
