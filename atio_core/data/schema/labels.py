"""Python values as JSON and back, to the type: column labels, names, categories, `attrs`.

Text, whole numbers, booleans and None stand for themselves, and a list for a list. Any other value is an object with
one key, the name of its type:

| value | JSON |
|---|---|
| float | `{"float": "0.1"}`; not-a-number by its bits, `{"nan": "7ff8000000000000"}` |
| tuple, dict | `{"tuple": [...]}`, `{"dict": [[key, value], ...]}` |
| bytes | `{"bytes": "<base64>"}` |
| date | `{"date": "2020-01-31"}` |
| time, datetime | `{"time": ["01:30:00"]}`; zone and fold follow: `{"datetime": ["2020-01-31T00:00:00", "UTC", 0]}` |
| timedelta | `{"timedelta": [days, seconds, microseconds]}` |
| Decimal, UUID | `{"decimal": "1.10"}`, `{"uuid": "..."}` |
| NumPy scalar | `{"numpy": ["int8", 3]}` |
| pandas.NA, NaT | `{"pandas": "NA"}`, `{"pandas": "NaT"}` |
| Timestamp, Timedelta | `{"timestamp": [count, unit, zone]}`, `{"timedelta64": [count, unit]}` |
| Period, Interval | `{"period": [ordinal, freq]}`, `{"interval": [left, right, closed]}` |
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import struct
import uuid
import zoneinfo
from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import Any, cast

Json = Any
"""What `json.loads` returns."""

_MOST_BITS = 14_000  # Python reads no whole number of more than 4,300 digits, unless told to


class UnknownValueError(TypeError):
    """A value that has no JSON form here."""


def canonical_json(value: Json) -> bytes:
    """Return the one spelling of a JSON value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def to_json(value: object) -> Json:
    """Return the JSON form of a value.

    Raises:
        UnknownValueError: The value, or one inside it, is of no known type.

    Example:
        >>> to_json(("a", 1.5))
        {'tuple': ['a', {'float': '1.5'}]}
    """
    try:
        return _to_json(value)
    except RecursionError:
        raise UnknownValueError(
            f"{type(value).__qualname__} that holds itself, or is nested too deep"
        ) from None


def _to_json(value: object) -> Json:
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return _short(cast("int", value))
    if kind is list:
        return [_to_json(item) for item in cast("list[object]", value)]
    writer = _WRITERS.get(kind)
    if writer is not None:
        return writer(value)
    module = kind.__module__.partition(".")[0]
    if module == "numpy" and kind.__name__ in NUMPY_NUMBERS:
        return _numpy_to_json(value)
    if module == "pandas" and (found := _pandas_to_json(value)) is not None:
        return found
    raise UnknownValueError(f"{kind.__module__}.{kind.__qualname__}")


def _short(number: int) -> int:
    if number.bit_length() > _MOST_BITS:
        raise UnknownValueError(f"int of {number.bit_length()} bits")
    return number


def from_json(value: Json) -> Any:
    """Return the value whose JSON form this is.

    Example:
        >>> from_json({"tuple": ["a", {"float": "1.5"}]})
        ('a', 1.5)
    """
    if isinstance(value, list):
        return [from_json(item) for item in cast("list[Json]", value)]
    if not isinstance(value, dict):
        return value
    ((name, content),) = cast("dict[str, Json]", value).items()
    return _READERS[name](content)


def label_key(label: object) -> Hashable:
    """Return what two labels share only if they are the same label: 1, 1.0 and True differ.

    A NumPy number or text counts as Python's, since users get either from an index.
    """
    if isinstance(label, str):
        label = str.__str__(label)
    try:
        encoded = to_json(label)
    except UnknownValueError:
        return (type(label), id(label))
    if isinstance(encoded, dict) and "numpy" in encoded:
        encoded = to_json(cast("Any", label).item())
    return canonical_json(encoded)


def zone_to_json(zone: dt.tzinfo | None) -> str | None:
    """Return a time zone's name: an IANA key, "UTC" or "+HH:MM".

    Raises:
        UnknownValueError: The zone has no name that leads back to it.
    """
    if zone is None:
        return None
    if isinstance(zone, zoneinfo.ZoneInfo):
        key = cast("str | None", zone.key)  # a zone that was read from a file has none
        if key is not None:
            return key
    if type(zone) is dt.timezone:
        return _fixed_zone_name(zone)
    raise UnknownValueError(f"time zone {zone!r}")


def zone_from_json(name: str | None) -> dt.tzinfo | None:
    """Return the time zone of a name that `zone_to_json` gave."""
    if name is None:
        return None
    if name[0] not in "+-":
        return zoneinfo.ZoneInfo(name)
    hours, minutes = name[1:].split(":")
    offset = dt.timedelta(hours=int(hours), minutes=int(minutes))
    return dt.timezone(offset if name[0] == "+" else -offset)


def _fixed_zone_name(zone: dt.timezone) -> str:
    offset = zone.utcoffset(None)
    minutes, rest = divmod(offset, dt.timedelta(minutes=1))
    if rest or zone != dt.timezone(offset) or zone.tzname(None) != dt.timezone(offset).tzname(None):
        raise UnknownValueError(f"time zone {zone!r}")
    sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{size // 60:02}:{size % 60:02}"


def _float_to_json(value: float) -> Json:
    # A NaN's sign and payload are part of its bits, and Python's own text doesn't show them.
    return {"nan": struct.pack(">d", value).hex()} if value != value else {"float": repr(value)}  # noqa: PLR0124


def _clock_to_json(name: str) -> Callable[[Any], Json]:
    def write(value: dt.datetime | dt.time) -> Json:
        text = value.replace(tzinfo=None).isoformat()
        if value.tzinfo is None and not value.fold:
            return {name: [text]}
        return {name: [text, zone_to_json(value.tzinfo), value.fold]}

    return write


def _clock_from_json(parse: Callable[[str], Any]) -> Callable[[list[Any]], Any]:
    def read(content: list[Any]) -> Any:
        text, zone, fold = content if len(content) > 1 else (content[0], None, 0)
        return parse(text).replace(tzinfo=zone_from_json(zone), fold=fold)

    return read


_WRITERS: dict[type, Callable[[Any], Json]] = {
    float: _float_to_json,
    tuple: lambda v: {"tuple": [_to_json(item) for item in v]},
    dict: lambda v: {"dict": [[_to_json(key), _to_json(item)] for key, item in v.items()]},
    bytes: lambda v: {"bytes": base64.b64encode(v).decode("ascii")},
    dt.date: lambda v: {"date": v.isoformat()},
    dt.datetime: _clock_to_json("datetime"),
    dt.time: _clock_to_json("time"),
    dt.timedelta: lambda v: {"timedelta": [v.days, v.seconds, v.microseconds]},
    Decimal: lambda v: {"decimal": str(v)},
    uuid.UUID: lambda v: {"uuid": str(v)},
}

NUMPY_NUMBERS = frozenset(
    {"bool", "float16", "float32", "float64"}
    | {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
)
"""NumPy's dtypes of plain numbers."""


def _numpy_to_json(value: Any) -> Json:
    name: str = value.dtype.name
    return {"numpy": [name, value.tobytes().hex() if name.startswith("float") else value.item()]}


def _numpy_from_json(content: list[Any]) -> Any:
    import numpy as np

    name, value = content
    if isinstance(value, str):
        return np.frombuffer(bytes.fromhex(value), dtype=np.dtype(name).newbyteorder("<"))[0]
    return np.dtype(name).type(value)


def _pandas_to_json(value: Any) -> Json:
    match type(value).__name__:
        case "NAType" | "NaTType" as name:
            return {"pandas": name.removesuffix("Type")}
        case "Timestamp":
            count = int(value.to_numpy().astype("int64"))
            return {"timestamp": [count, value.unit, zone_to_json(value.tzinfo)]}
        case "Timedelta":
            return {"timedelta64": [int(value.to_numpy().astype("int64")), value.unit]}
        case "Period":
            return {"period": [value.ordinal, value.freqstr]}
        case "Interval":
            return {"interval": [_to_json(value.left), _to_json(value.right), value.closed]}
        case _:
            return None


def _timestamp_from_json(content: list[Any]) -> Any:
    import numpy as np

    count, unit, zone = content
    naive = _pandas().Timestamp(np.datetime64(count, unit))
    return naive if zone is None else naive.tz_localize("UTC").tz_convert(zone_from_json(zone))


def _timedelta64_from_json(content: list[Any]) -> Any:
    import numpy as np

    return _pandas().Timedelta(np.timedelta64(*content))


def _pandas() -> Any:
    import pandas as pd

    return pd


_READERS: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "nan": lambda c: struct.unpack(">d", bytes.fromhex(c))[0],
    "tuple": lambda c: tuple(from_json(item) for item in c),
    "dict": lambda c: {from_json(key): from_json(item) for key, item in c},
    "bytes": base64.b64decode,
    "date": dt.date.fromisoformat,
    "datetime": _clock_from_json(dt.datetime.fromisoformat),
    "time": _clock_from_json(dt.time.fromisoformat),
    "timedelta": lambda c: dt.timedelta(*c),
    "decimal": Decimal,
    "uuid": uuid.UUID,
    "numpy": _numpy_from_json,
    "pandas": lambda c: getattr(_pandas(), c),
    "timestamp": _timestamp_from_json,
    "timedelta64": _timedelta64_from_json,
    "period": lambda c: _pandas().Period(ordinal=c[0], freq=c[1]),
    "interval": lambda c: _pandas().Interval(from_json(c[0]), from_json(c[1]), closed=c[2]),
}
