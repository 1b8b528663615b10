"""From the conditions of a typed filter to those of `Table.read`: columns by their labels, values by their types."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from atio_core.cli.filter_text import Condition, Lists, Value
from atio_core.cli.options import duration_of
from atio_core.data.schema.layout import layout_of
from atio_core.errors import InvalidInputError
from atio_core.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

_WHOLE = re.compile(r"[+-]?\d+")
_BELOW_MICROSECONDS = re.compile(r"\.\d{6}\d*[1-9]")
_TRUTHS = {"true": True, "false": False}


def labels_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return the labels of a version's columns, by what they look like in text."""
    return {str(column.value): column.value for column in layout_of(snapshot.schema).columns}


def label_named(snapshot: Snapshot, name: str) -> Any:
    """Return the label of a column.

    Raises:
        InvalidInputError: There is none.
    """
    labels = labels_of(snapshot)
    if name not in labels:
        there = ", ".join(labels)
        raise InvalidInputError(f"there is no column {name!r} in {snapshot.table}; its columns: {there}")
    return labels[name]


def labels_named(snapshot: Snapshot, given: Sequence[str]) -> list[Any]:
    """Return the labels of columns, each given for itself, or several with commas between them.

    Raises:
        InvalidInputError: There is no such column.
    """
    labels = labels_of(snapshot)
    names = [name for text in given for name in ([text] if text in labels else text.split(","))]
    return [label_named(snapshot, name if name in labels else name.strip()) for name in names]


def as_filter(snapshot: Snapshot, lists: Lists) -> list[list[tuple[Any, ...]]]:
    """Return a typed filter as `Table.read` takes it.

    Raises:
        InvalidInputError: There is no such column, or a value isn't of its type.
    """
    return [[_condition(snapshot, one) for one in all_of] for all_of in lists]


def _condition(snapshot: Snapshot, condition: Condition) -> tuple[Any, ...]:
    name = condition.column
    external = name in snapshot.partition_fields and name not in labels_of(snapshot)
    label = name if external else label_named(snapshot, name)
    if condition.operator.startswith("is "):
        return (label, condition.operator)
    read = _reader_of(None if external else _type_of(snapshot, label))
    values = [_read(condition, value, read) for value in condition.values]
    return (label, condition.operator, values if condition.operator.endswith("in") else values[0])


def _type_of(snapshot: Snapshot, label: Any) -> pa.DataType:
    from atio_core.data.frames.columns import field_of

    return field_of(snapshot.schema, label).type


def _read(condition: Condition, value: Value, read: Callable[[Value], Any]) -> Any:
    try:
        return read(value)
    except (ValueError, InvalidOperation) as error:
        why = str(error) if isinstance(error, InvalidInputError) else "that is no value of its type"
        raise InvalidInputError(
            f"--filter can't compare the column {condition.column!r} with {value.text!r}: {why}"
        ) from error


def _reader_of(t: pa.DataType | None) -> Callable[[Value], Any]:
    """What makes a literal of a value, for a column of a type; None for a partition field without a column."""
    import pyarrow as pa

    if t is None:
        return _plain
    if pa.types.is_dictionary(t):
        t = t.value_type
    readers: Sequence[tuple[Callable[[pa.DataType], bool], Callable[[Value], Any]]] = (
        (pa.types.is_decimal, lambda value: Decimal(_bare(value))),
        (pa.types.is_integer, lambda value: _number(_bare(value))),
        (pa.types.is_floating, lambda value: _number(_bare(value))),
        (pa.types.is_boolean, lambda value: _TRUTHS[_known_truth(value)]),
        (pa.types.is_date, lambda value: dt.date.fromisoformat(value.text)),
        (pa.types.is_timestamp, _moment),
        (pa.types.is_time, lambda value: dt.time.fromisoformat(_exact(value.text))),
        (pa.types.is_duration, lambda value: duration_of("a duration", value.text)),
    )
    return next((read for fits, read in readers if fits(t)), _text)


def _plain(value: Value) -> Any:
    if value.quoted:
        return value.text
    if value.text.lower() in _TRUTHS:
        return _TRUTHS[value.text.lower()]
    return _number(value.text)


def _text(value: Value) -> str:
    if not value.quoted:
        raise InvalidInputError(f"put a text in quotes: '{value.text}'")
    return value.text


def _bare(value: Value) -> str:
    if value.quoted:
        raise InvalidInputError("a number has no quotes")
    return value.text


def _number(text: str) -> int | float:
    return int(text) if _WHOLE.fullmatch(text) else float(text)


def _known_truth(value: Value) -> str:
    if value.quoted or value.text.lower() not in _TRUTHS:
        raise InvalidInputError("give true or false")
    return value.text.lower()


def _moment(value: Value) -> dt.datetime:
    return dt.datetime.fromisoformat(_exact(value.text))


def _exact(text: str) -> str:
    """A time that Python holds whole: it would drop digits below the microsecond."""
    if _BELOW_MICROSECONDS.search(text):
        raise InvalidInputError("a time is given to the microsecond at most")
    return text
