"""Partition values and the folder names that people see.

A value of an external field stands in records as it was given: a text, a number, true or false, or null. One of a
column has one form in which equal values are equal, whatever rows it came from:

| column | value |
|---|---|
| whole numbers, booleans, texts | themselves |
| floats | themselves; -0.0 is 0.0; `"nan"` (there is one), `"inf"`, `"-inf"` |
| decimals | text without exponent and without zeros at its end |
| dates, times, timestamps, durations | whole numbers in the column's unit, as for bounds |
| bytes | hexadecimal text |

Folder names are for people and lists; the truth is in the records. Each distinct value still gets a name of its own:

- a value is percent-encoded (UTF-8) but for `[A-Za-z0-9_-]`;
- null is `%null` and the empty string `%empty`, which no encoding gives;
- a name of more than 100 characters is cut, and a digest of the value is put behind it.
"""

from __future__ import annotations

import hashlib
import math
import string
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, cast

from atio_core.arguments import refusal, require_list, require_text, require_whole, shown
from atio_core.errors import InvalidInputError
from atio_core.model.data_file import Scalar

NAN = "nan"
"""What stands for not-a-number among the values of a column of floats."""

_LOWER = frozenset((string.ascii_lowercase + string.digits + "_-").encode())
_PLAIN = _LOWER | frozenset(string.ascii_uppercase.encode())
_LONGEST = 100


def partition_fields(names: object, *, least: int = 1) -> tuple[str, ...]:
    """Return the names of partition fields that a caller gave.

    Args:
        names: What was given.
        least: How many there must be at least.

    Raises:
        InvalidInputError: They are no list of distinct texts.
    """
    fields = [
        require_text("each name in partition_by", one) for one in require_list("partition_by", names, "names")
    ]
    if len(fields) < least or len(set(fields)) != len(fields) or "" in fields:
        raise refusal("partition_by", "a list of distinct names", names)
    return tuple(fields)


def partition_values(key: object, fields: Collection[str]) -> tuple[Scalar, ...]:
    """Return a partition's values that a caller gave, one for each field, as Python's own types.

    Args:
        key: A tuple of values; for a single field the value will do.
        fields: The names of the fields.

    Raises:
        InvalidInputError: There are more or fewer, or one can't be a value.

    Example:
        >>> partition_values("2013-01-01", ["day"]), partition_values((1, None), ["a", "b"])
        (('2013-01-01',), (1, None))
    """
    return tuple(_plain(field, value) for field, value in zip(fields, as_tuple(key, fields), strict=True))


def as_tuple(key: object, fields: Collection[str]) -> tuple[object, ...]:
    """Return what a caller gave for each field. Raises `InvalidInputError` if it is more or fewer."""
    values = (key,) if not isinstance(key, tuple) else cast("tuple[object, ...]", key)
    if len(values) != len(fields):
        message = (
            f"a partition by {', '.join(fields)} has one value for each: {shown(values)} has {len(values)}"
        )
        raise InvalidInputError(message)
    return values


def by_partition(data: object, fields: tuple[str, ...]) -> dict[tuple[Scalar, ...], Any]:
    """Return the frames that a caller gave, by the values of their partitions.

    Raises:
        InvalidInputError: It is no mapping, or an empty one, or one partition is there twice.
    """
    if not isinstance(data, Mapping):
        raise refusal("data", "a mapping of each partition's value to its frame", data)
    frames: dict[tuple[Scalar, ...], Any] = {}
    for key, frame in cast("Mapping[object, Any]", data).items():
        values = partition_values(key, fields)
        if values in frames:
            raise InvalidInputError(
                f"data holds the partition {values} twice: give it once, with all of its rows"
            )
        frames[values] = frame
    if not frames:
        raise InvalidInputError("data holds no partition: give at least one, with an empty frame to empty it")
    return frames


def column_scalar(value: str | bytes | float | bool | Decimal) -> Scalar:  # noqa: FBT001 - a value, no flag
    """Return a value of a column as records have it; of temporal columns, a count of the column's unit.

    Example:
        >>> (
        ...     column_scalar(Decimal("1.50")),
        ...     column_scalar(b"a/"),
        ...     column_scalar(-0.0),
        ...     column_scalar(float("-inf")),
        ... )
        ('1.5', '612f', 0.0, '-inf')
    """
    match value:
        case Decimal():
            text = format(value, "f")
            text = text.rstrip("0").rstrip(".") if "." in text else text
            return "0" if text == "-0" else text
        case bytes():
            return value.hex()
        case float():
            return value + 0.0 if math.isfinite(value) else str(value)
        case _:
            return value


def _plain(field: str, value: object) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    name = f"the value of the partition field {field!r}"
    if isinstance(value, str):
        return require_text(name, value)
    if isinstance(value, float):
        if not math.isfinite(value):  # not a number equals nothing, and JSON has neither
            raise refusal(name, "a finite number", value)
        return float(value) + 0.0  # no -0.0, which equals 0.0
    if hasattr(value, "__index__"):
        return require_whole(name, cast("Any", value))
    raise refusal(name, "a text, a number, true or false, or None", value)


def segment(text: str) -> str:
    """Return text as one part of a path, safe on every file system, and another's only where case is folded.

    Example:
        >>> segment("a/b c")
        'a%2Fb%20c'
    """
    return _encoded(text, _PLAIN)


def folded_segment(text: str) -> str:
    """Return text as one part of a path that is no other text's, where file systems fold case either.

    Example:
        >>> folded_segment("Run 7"), folded_segment("run 7")
        ('%52un%207', 'run%207')
    """
    return _encoded(text, _LOWER)


def _encoded(text: str, plain: frozenset[int]) -> str:
    if not text:
        return "%empty"
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{text!r} is not valid Unicode text: a lone surrogate can't be stored"
        ) from error
    encoded = "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in raw)
    if len(encoded) <= _LONGEST:
        return encoded
    return f"{encoded[:_LONGEST]}%-{hashlib.blake2b(raw, digest_size=12).hexdigest()}"


def value_segment(field: str, value: Scalar) -> str:
    """Return `<field>=<value>` as one part of a path.

    Example:
        >>> value_segment("day", "2013-01-01"), value_segment("day", None)
        ('day=2013-01-01', 'day=%null')
    """
    return f"{segment(field)}={'%null' if value is None else segment(str(value))}"
