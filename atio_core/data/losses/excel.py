"""What an Excel sheet doesn't keep: it has numbers of 15 digits, booleans, texts and days, and readers guess."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from atio_core.data.losses import columns, floats, labels, texts
from atio_core.data.losses.columns import Column
from atio_core.data.losses.csv import of_shape, untyped
from atio_core.data.losses.loss import Loss
from atio_core.data.losses.options import of_options
from atio_core.data.write_request import WriteRequest

_OF_PANDAS: dict[str, tuple[Any, ...]] = {
    "na_rep": ("",),
    "float_format": (None,),
    "columns": (None,),
    "header": (True,),
    "startrow": (0,),
    "startcol": (0,),
}
_OF_POLARS: dict[str, tuple[Any, ...]] = {
    "position": ("A1", (0, 0)),
    "include_header": (True,),
    "formulas": (None,),
    "row_totals": (None, False),
    "column_totals": (None, False),
    "sparklines": (None,),
}
_EXACT = 2**53
_BECOMES_FORMULA = r"^(=|\{=)"
_BECOMES_LINK = r"^(internal:|external:|mailto:|file:|ftp://|https?://)"
_NO_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"


def of_sheet(
    name: str | None, frame: Any, request: WriteRequest, *, index: bool, converted: bool
) -> Iterator[Loss]:
    """Yield what pandas' `read_excel` won't find again in a sheet.

    Args:
        name: The sheet's, where there are several.
        frame: A `pandas.DataFrame`.
        request: How it is written.
        index: Whether its index is written.
        converted: Whether the frame was another library's.
    """
    for loss in _of_pandas(frame, request, index=index, converted=converted):
        yield (
            loss
            if name is None
            else Loss(f"sheet {name!r}" + (f", {loss.where}" if loss.where else ""), loss.what)
        )


def of_polars(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what won't be found again of a polars frame.

    Args:
        frame: A `polars.DataFrame`.
        request: How it is written.
    """
    found = columns.of_polars(frame)
    names = labels.of_names(column.label for column in found)
    return [
        *of_options(request, _OF_POLARS),
        *names,
        *of_shape(found),
        *_of_gaps(found),
        *(loss for column in found for loss in _of_column(column, request)),
    ]


def _of_pandas(frame: Any, request: WriteRequest, *, index: bool, converted: bool) -> Iterator[Loss]:
    yield from of_options(request, _OF_PANDAS)
    if index:
        yield Loss("the index", "comes back as a column; index=False leaves it out")
    elif not labels.has_plain_index(frame):
        yield Loss("the index", "isn't written")
    yield from labels.of_labels(frame)
    found = columns.of_pandas(frame, converted=converted)
    yield from of_shape(found)
    yield from _of_gaps(found)
    for column in found:
        yield from _of_column(column, request)


def _of_gaps(found: list[Column]) -> Iterator[Loss]:
    if found and found[0].rows and all(column.nulls() for column in found):
        yield Loss(None, "rows without any value may be dropped when they are read")


def _of_column(column: Column, request: WriteRequest) -> Iterator[Loss]:
    if column.values is None or column.guessed == "other":
        yield _of_other(column)
        return
    if column.rows and column.nulls() == column.rows:
        yield Loss(column.where, "nothing but missing values, from which no type is guessed")
        return
    values = column.values()
    if column.guessed == "integer":
        yield from _of_integers(column, values)
    elif column.guessed == "float":
        yield from _of_floats(column, values)
    elif column.guessed == "text":
        yield from _of_texts(column, values, request)
    elif column.nulls():
        yield Loss(column.where, f"{column.type} with gaps comes back as floats or objects")


def _of_other(column: Column) -> Loss:
    if column.type.startswith(("datetime64", "timestamp", "Datetime", "date", "Date")):
        what = "isn't kept: days and times are written to the millisecond, none before 1900 as it was"
        return Loss(column.where, f"{column.type} {what}")
    return untyped(column)


def _of_integers(column: Column, values: Any) -> Iterator[Loss]:
    import pyarrow.compute as pc

    ends = pc.min_max(values).as_py()
    if ends["min"] is not None and not -_EXACT <= ends["min"] <= ends["max"] <= _EXACT:
        yield Loss(column.where, "integers over 2^53 are rounded")
    if column.nulls():
        yield Loss(column.where, f"{column.type} with gaps comes back as floats")


def _of_floats(column: Column, values: Any) -> Iterator[Loss]:
    if (found := floats.some_not_15_digits(values)) is not None:
        yield Loss(column.where, f"floats are rounded to 15 digits: {found!r}")
    if floats.only_whole(values):
        yield Loss(column.where, "whole floats come back as integers")
    if (found := floats.some_infinite(values)) is not None:
        yield Loss(column.where, f"{found!r} is written as text or as an error")


def _of_texts(column: Column, values: Any, request: WriteRequest) -> Iterator[Loss]:
    if (found := texts.some_missing(values)) is not None:
        yield Loss(column.where, f"{found!r} comes back as missing")
    if (found := texts.some_like(values, _BECOMES_FORMULA)) is not None:
        yield Loss(column.where, f"{found[:40]!r} becomes a formula")
    if (found := texts.some_like(values, _BECOMES_LINK)) is not None:
        yield Loss(column.where, f"{found[:40]!r} becomes a link")
    if (found := texts.some_with(values, "\r")) is not None:
        yield Loss(column.where, f"carriage returns come back as new lines: {found[:40]!r}")
    if (found := texts.some_like(values, _NO_XML)) is not None:
        yield Loss(column.where, f"control characters are refused or escaped: {found[:40]!r}")
    if (found := texts.some_like(values, "_x[0-9A-Fa-f]{4}_")) is not None:
        yield Loss(column.where, f"{found[:40]!r} is taken for an escaped character")
    if (found := texts.some_value(column, strict=request.strict)) is not None:
        yield Loss(column.where, f"texts like {found[:40]!r} may come back as another type")
