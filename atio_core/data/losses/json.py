"""What a JSON file doesn't keep: it has numbers, texts, lists and dicts, and readers guess the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, cast

from atio_core.data.losses import columns, floats, labels, texts
from atio_core.data.losses.columns import Column
from atio_core.data.losses.csv import of_schema, of_shape, unseen, untyped
from atio_core.data.losses.loss import Loss, refuse
from atio_core.data.losses.options import of_options
from atio_core.data.write_request import WriteRequest

_LOOKED_AT = 10_000  # values of a JSON value; all of them when strict
_DIGITS = 10  # pandas' own default


def of_pandas(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what pandas' `read_json` won't find again, told the same `orient`, with `precise_float=True`.

    Args:
        frame: A `pandas.DataFrame`.
        request: How it is written.
    """
    orient = request.options.get("orient") or "columns"
    return [*of_options(request, {"lines": (False,)}), *_of_pandas(frame, request, orient)]


def of_pandas_lines(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return the same for JSON lines.

    Args:
        frame: A `pandas.DataFrame`.
        request: How it is written.
    """
    return [*of_options(request, {"lines": (True,)}), *_of_pandas(frame, request, "records")]


def of_polars(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what polars' `read_json` and `read_ndjson` won't find again.

    Args:
        frame: A polars frame, a lazy one too: its values are not looked at.
        request: How it is written.
    """
    found = columns.of_polars(frame)
    names = labels.of_names(column.label for column in found)
    return [*names, *of_shape(found), *(loss for column in found for loss in _of_polars(column, request))]


def of_arrow(table: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what pandas' `read_json`, turned into Arrow, won't find again.

    Args:
        table: A `pyarrow.Table`.
        request: How it is written.
    """
    found = columns.of_arrow(table)
    losses = [*of_shape(found), *of_schema(table.schema), *labels.of_dates_by_name(table.schema.names)]
    for column in found:
        if column.guessed in {"integer", "boolean"} and column.nulls():
            losses.append(Loss(column.where, f"{column.type} with nulls comes back as floats or objects"))
        else:
            losses += _of_column(
                column, request, digits=request.options.get("double_precision", 15), guesses=True
            )
    return losses


def of_stream(reader: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return the same for a stream, of which only the types are known.

    Args:
        reader: A `pyarrow.RecordBatchReader`.
        request: How it is written.
    """
    found = columns.of_arrow(reader)
    return [
        *of_schema(reader.schema),
        *(untyped(column) for column in found if column.guessed == "other"),
        *(loss for column in found for loss in unseen(column, request)),
    ]


def of_value(value: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what of a JSON value `json.load` won't find again: its first ten thousand values, all when strict.

    Args:
        value: What `json.dump` takes.
        request: How it is written.

    Raises:
        NotPreservableError: Two keys of a dict become one.
    """
    return [*dict.fromkeys(_walk(value, None if request.strict else _LOOKED_AT))]


def _of_pandas(frame: Any, request: WriteRequest, orient: str) -> Iterator[Loss]:
    yield from labels.of_labels(frame)
    if orient in {"records", "values", "table"}:
        if not labels.has_plain_index(frame):
            yield Loss("the index", "isn't kept")
    else:
        yield Loss("the index", "comes back as an index of the texts or numbers that are written")
    if orient == "values":
        yield Loss("the column labels", "aren't written")
    guesses = orient != "table"
    if guesses:
        yield from labels.of_dates_by_name(frame.columns)
    digits = request.options.get("double_precision", _DIGITS)
    found = columns.of_pandas(frame)
    if guesses:
        yield from of_shape(found)
    for column in found:
        yield from _of_column(column, request, digits=digits, guesses=guesses)


def _of_column(column: Column, request: WriteRequest, *, digits: int, guesses: bool) -> Iterator[Loss]:
    """What pandas loses of a column."""
    if column.guessed == "other" or column.values is None:
        yield untyped(column)
    elif column.guessed == "float":
        yield from _of_floats(column, digits=digits, guesses=guesses)
    elif column.guessed == "text" and guesses:
        if column.rows and column.nulls() == column.rows:
            yield Loss(column.where, "nothing but missing texts, from which no type is guessed")
        elif (found := texts.some_value(column, strict=request.strict)) is not None:
            yield Loss(column.where, f"texts like {found[:40]!r} may come back as another type")


def _of_floats(column: Column, *, digits: int, guesses: bool) -> Iterator[Loss]:
    assert column.values is not None  # noqa: S101 - for the type checker
    values = column.values()
    if (found := floats.some_unrounded(values, digits)) is not None:
        yield Loss(column.where, f"floats are written with {digits} digits: {found!r}")
    if (found := floats.some_infinite(values)) is not None:
        yield Loss(column.where, f"{found!r} is written as null")
    if guesses and floats.only_whole(values):
        yield Loss(column.where, "whole floats come back as integers")


def _of_polars(column: Column, request: WriteRequest) -> Iterator[Loss]:
    if column.guessed == "other":
        yield untyped(column)
    elif column.values is None:
        yield from unseen(column, request)
    elif column.rows and all(value is None for value in column.head()):
        yield Loss(column.where, "begins with nothing but nulls, from which no type is guessed")
    elif column.guessed == "float":
        values = column.values()
        if floats.some_nan(values) or floats.some_infinite(values) is not None:
            yield Loss(column.where, "NaN and infinities are written as null")


def _walk(value: Any, limit: int | None) -> Iterator[Loss]:
    numpy: Any = sys.modules.get("numpy")
    waiting, seen = [value], 0
    while waiting and (limit is None or seen < limit):
        found, seen = waiting.pop(), seen + 1
        if isinstance(found, dict):
            inside = cast("dict[Any, Any]", found)
            yield from _of_keys(inside)
            waiting += inside.values()
        elif isinstance(found, list | tuple):
            if isinstance(found, tuple):
                yield Loss(None, "tuples come back as lists")
            waiting += found
        elif type(found) not in {str, int, float, bool, type(None)}:
            what = (
                "NumPy's"
                if numpy is not None and isinstance(found, numpy.ndarray | numpy.generic)
                else "other"
            )
            kind = f"{type(found).__module__}.{type(found).__qualname__}"
            yield Loss(None, f"{what} values come back as Python's own: {kind}")


def _of_keys(found: dict[Any, Any]) -> Iterator[Loss]:
    others = [key for key in found if type(key) is not str]
    if others:
        yield Loss(None, f"keys come back as text: {others[0]!r}")
        if len({_as_text(key) for key in found}) < len(found):
            refuse(
                None,
                f"two keys of a dict are written alike, as {others[0]!r} is",
                "Give each key another text",
            )


def _as_text(key: object) -> str:
    """As json writes it."""
    match key:
        case True:
            return "true"
        case False:
            return "false"
        case None:
            return "null"
        case _:
            return str(key)
