"""What a CSV file doesn't keep: it has texts and no types, and readers guess."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from atio_core.data.losses import columns, floats, labels, texts
from atio_core.data.losses.columns import Column
from atio_core.data.losses.loss import Loss
from atio_core.data.losses.options import of_options
from atio_core.data.write_request import WriteRequest

_OF_PANDAS: dict[str, tuple[Any, ...]] = {
    "sep": (",",),
    "na_rep": ("",),
    "float_format": (None,),
    "columns": (None,),
    "header": (True,),
    "encoding": (None, "utf-8", "utf8", "utf-8-sig"),
    "errors": ("strict",),
    "quoting": (None, 0, 1, 2),
    "quotechar": ('"',),
    "lineterminator": (None, "\n", "\r\n", "\r"),
    "date_format": (None,),
    "doublequote": (True,),
    "escapechar": (None,),
    "decimal": (".",),
}
_OF_POLARS: dict[str, tuple[Any, ...]] = {
    "include_header": (True,),
    "separator": (",",),
    "line_terminator": ("\n",),
    "quote_char": ('"',),
    "datetime_format": (None,),
    "date_format": (None,),
    "time_format": (None,),
    "float_precision": (None,),
    "decimal_comma": (False,),
    "null_value": (None, ""),
    "quote_style": (None, "necessary", "non_numeric"),
}
_OF_ARROW: dict[str, tuple[Any, ...]] = {
    "write_options": (None,),
    "include_header": (True,),
    "delimiter": (",",),
    "quoting_style": ("needed", "all_valid"),
}


def of_pandas(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what pandas' `read_csv` won't find again.

    Args:
        frame: A `pandas.DataFrame`.
        request: How it is written.
    """
    return [*_of_index(frame, index=bool(request.options.get("index", True))), *_of_pandas(frame, request)]


def of_array(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return the same for a frame that was an array: it has no index to lose.

    Args:
        frame: A `pandas.DataFrame`.
        request: How it is written.
    """
    return [*_of_pandas(frame, replace(request, options=request.without("columns")))]


def of_polars(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what polars' `read_csv` won't find again.

    Args:
        frame: A polars frame, a lazy one too: its values are not looked at.
        request: How it is written.
    """
    found = columns.of_polars(frame)
    names = labels.of_names(column.label for column in found)
    return [
        *of_options(request, _OF_POLARS),
        *names,
        *of_shape(found),
        *(loss for column in found for loss in _of_polars(column, request, len(found))),
    ]


def of_arrow(table: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what pyarrow's `read_csv` won't find again.

    Args:
        table: A `pyarrow.Table`.
        request: How it is written.
    """
    found = columns.of_arrow(table)
    return [
        *of_options(request, _OF_ARROW),
        *of_shape(found),
        *of_schema(table.schema),
        *(loss for column in found for loss in _of_arrow(column, request, len(found))),
    ]


def of_stream(reader: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return the same for a stream, of which only the types are known.

    Args:
        reader: A `pyarrow.RecordBatchReader`.
        request: How it is written.
    """
    found = columns.of_arrow(reader)
    return [
        *of_options(request, _OF_ARROW),
        *of_schema(reader.schema),
        *(loss for column in found for loss in _of_arrow(column, request, len(found))),
    ]


def of_schema(schema: Any) -> Iterator[Loss]:
    """Yield what is lost of an Arrow schema beside the types.

    Args:
        schema: A `pyarrow.Schema`.
    """
    if schema.metadata or any(field.metadata for field in schema):
        yield Loss(None, "the schema's metadata isn't kept")
    if not all(field.nullable for field in schema):
        yield Loss(None, "that columns hold no nulls isn't kept")
    if len(set(schema.names)) < len(schema.names):
        yield Loss("the column labels", "are not unique")
    yield from labels.of_names(schema.names)


def untyped(column: Column) -> Loss:
    """Return the loss of a type that readers don't guess.

    Args:
        column: With the type.
    """
    return Loss(column.where, f"{column.type} isn't kept; readers guess the type")


def unseen(column: Column, request: WriteRequest) -> Iterator[Loss]:
    """Yield the loss, if any is to be refused, of values that can't be looked at beforehand.

    Args:
        column: Without values.
        request: How it is written.
    """
    if request.strict and column.guessed in {"float", "text", "boolean", "integer"}:
        yield Loss(column.where, "its values stream by, and readers guess the type from them")


def _of_index(frame: Any, *, index: bool) -> Iterator[Loss]:
    if index:
        yield Loss("the index", "comes back as a column; index=False leaves it out")
    elif not labels.has_plain_index(frame):
        yield Loss("the index", "isn't written")


def of_shape(found: list[Column]) -> Iterator[Loss]:
    """Yield what is lost where there is nothing to guess a type from.

    Args:
        found: All columns.
    """
    if not found:
        yield Loss(None, "a frame without columns doesn't come back")
    elif found[0].values is not None and not found[0].rows:
        yield Loss(None, "the types of a frame without rows aren't kept")


def _of_pandas(frame: Any, request: WriteRequest) -> Iterator[Loss]:
    yield from of_options(request, _OF_PANDAS)
    yield from labels.of_labels(frame)
    found = columns.of_pandas(frame)
    if found and not len(frame):
        yield Loss(None, "the types of a frame without rows aren't kept")
        return
    for column in found:
        if column.guessed == "other":
            yield untyped(column)
        elif column.guessed == "text":
            yield from _of_pandas_text(column, request)


def _of_pandas_text(column: Column, request: WriteRequest) -> Iterator[Loss]:
    assert column.values is not None  # noqa: S101 - for the type checker: pandas has them
    values = column.values()
    if values.null_count == len(values):
        yield Loss(column.where, "all of it is missing, and comes back as float64")
        return
    if (found := texts.some_missing(values)) is not None:
        yield Loss(column.where, f"{found!r} comes back as missing")
    if (found := texts.some_with(values, "\r")) is not None:
        yield Loss(column.where, f"a carriage return ends the row when it is read: {found[:40]!r}")
    if (found := texts.some_value(column, strict=request.strict)) is not None:
        yield Loss(column.where, f"texts like {found[:40]!r} may come back as another type")


def _of_polars(column: Column, request: WriteRequest, width: int) -> Iterator[Loss]:
    if column.guessed == "other":
        yield untyped(column)
    elif column.values is None:
        yield from unseen(column, request)
    elif column.rows and all(value is None for value in column.head()):
        yield Loss(column.where, "begins with nothing but nulls, from which no type is guessed")
    elif width == 1 and column.nulls():
        yield Loss(column.where, "a null alone in its row is an empty line")
    elif column.guessed == "text" and (found := texts.some_value(column, strict=request.strict)) is not None:
        yield Loss(column.where, f"texts like {found[:40]!r} may come back as another type")


def _of_arrow(column: Column, request: WriteRequest, width: int) -> Iterator[Loss]:
    if column.guessed == "other":
        yield untyped(column)
        return
    if column.values is None:
        yield from unseen(column, request)
        return
    if column.nulls():
        if width == 1:
            yield Loss(column.where, "a null alone in its row is an empty line, which readers skip")
        elif column.guessed == "text":
            yield Loss(column.where, "nulls come back as empty text")
        elif column.nulls() == column.rows:
            yield Loss(column.where, "nothing but nulls, from which no type is guessed")
    if column.guessed == "float":
        yield from _of_arrow_floats(column)
    elif column.guessed == "text":
        yield from _of_arrow_texts(column, request)


def _of_arrow_floats(column: Column) -> Iterator[Loss]:
    assert column.values is not None  # noqa: S101 - for the type checker
    values = column.values()
    if floats.only_whole(values):
        yield Loss(column.where, "whole floats come back as integers")
    if floats.some_nan(values):
        yield Loss(column.where, "NaN comes back as null")


def _of_arrow_texts(column: Column, request: WriteRequest) -> Iterator[Loss]:
    assert column.values is not None  # noqa: S101 - for the type checker
    if (found := texts.some_value(column, strict=request.strict)) is not None:
        yield Loss(column.where, f"texts like {found[:40]!r} may come back as another type")
    if request.strict and (found := texts.some_like(column.values(), "[\r\n]")) is not None:
        yield Loss(column.where, f"read_csv finds {found[:40]!r} only with newlines_in_values=True")
