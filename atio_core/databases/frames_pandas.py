"""The rows of a pandas frame. What pandas calls missing (NaN in a NumPy column, None, NaT, NA) is null.

The types of the columns are settled beforehand, those of object columns by a look at all of their values; the values
are converted chunk by chunk.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Iterator
from typing import Any, NoReturn

import pyarrow as pa

from atio_core.arguments import refusal, require_text
from atio_core.databases.rows import Rows
from atio_core.errors import InvalidInputError


def rows_of(frame: Any, *, index: bool, index_label: Any) -> Rows:
    """Return the rows of a pandas frame.

    Args:
        frame: A `pandas.DataFrame`.
        index: Write its index as columns, before the others.
        index_label: Their names; by default as pandas' `to_sql` names them.

    Raises:
        InvalidInputError: A column can't be written; the message names it.
    """
    labels = _index_names(frame, index_label) if index else []
    levels = [frame.index.get_level_values(i).to_series() for i in range(len(labels))]
    columns = [*levels, *(frame.iloc[:, i] for i in range(frame.shape[1]))]
    names = [*labels, *(str(label) for label in frame.columns)]
    losses: list[str] = []
    fields = [pa.field(n, _arrow_type(n, c, losses)) for n, c in zip(names, columns, strict=True)]
    schema = pa.schema(fields)

    def batches(size: int) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(frame), size):
            parts = [
                _array(column.iloc[start : start + size], field)
                for column, field in zip(columns, fields, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(parts, schema=schema)

    return Rows(schema, batches, again=True, count=len(frame), index=tuple(labels), losses=tuple(losses))


def _index_names(frame: Any, index_label: Any) -> list[str]:
    """Name the index's columns as `to_sql` does."""
    names: list[Any] = list(frame.index.names)
    if index_label is not None:
        given: list[Any] = [*index_label] if isinstance(index_label, (list, tuple)) else [index_label]
        if len(given) != len(names):
            raise InvalidInputError(
                f"index_label has {len(given)} names for an index of {len(names)} levels."
            )
        for name in given:
            if not isinstance(name, str | int):
                raise refusal("index_label", "text, or a list of texts", name)
        return [require_text("index_label", str(name)) for name in given]
    if names == [None] and "index" not in frame.columns:
        return ["index"]
    return [f"level_{i}" if name is None else str(name) for i, name in enumerate(names)]


def _arrow_type(name: str, column: Any, losses: list[str]) -> pa.DataType:
    """Settle the Arrow type of a column."""
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories.to_series()
        return _arrow_type(name, categories, losses)
    if isinstance(dtype, (pd.PeriodDtype, pd.IntervalDtype, pd.SparseDtype)) or dtype.kind in "cV":
        _refuse(name, f"has the dtype {dtype}, which no database has", f"df[{name!r}].astype('str')")
    if dtype.kind == "O" and not isinstance(dtype, (pd.StringDtype, pd.ArrowDtype)):
        return _object_type(name, column, losses)
    try:
        made = pa.array(column.iloc[:0])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        _refuse(
            name, f"has the dtype {dtype}, which has no Arrow type ({error})", f"df[{name!r}].astype('str')"
        )
    return made.type


_FAMILIES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "truth values"),
    (int, "numbers"),
    (float, "numbers"),
    (str, "texts"),
    ((bytes, bytearray, memoryview), "bytes"),
    (decimal.Decimal, "decimals"),
    (dt.datetime, "times"),
    (dt.date, "dates"),
    (dt.time, "times of day"),
    (dt.timedelta, "durations"),
    (uuid.UUID, "UUIDs"),
    ((list, tuple), "lists"),
    (dict, "dictionaries"),
)


def _object_type(name: str, column: Any, losses: list[str]) -> pa.DataType:
    """Settle the type of a column of Python objects by a look at all of them."""
    missing = column.isna()
    kinds: set[type] = set(map(type, column[missing]))
    held = column[~missing]
    types: set[type] = set(map(type, held))
    families = {_family(name, value_type) for value_type in types}
    if len(families) > 1:
        _refuse(name, f"holds {' and '.join(sorted(families))}", f"df[{name!r}].astype('str')")
    if not families:
        return pa.null()
    if len(kinds) > 1:
        losses.append(
            f"Column {name!r}: its missing values are all NULL ({', '.join(sorted(k.__name__ for k in kinds))})."
        )
    (family,) = families
    if family == "numbers" and (wide := _wide_integers(held)) is not None:
        return wide
    if family == "times":
        return _times_type(name, held)
    if family == "durations" and any(getattr(value, "nanoseconds", 0) for value in held):
        return pa.duration("ns")
    try:
        return pa.infer_type(held.to_numpy(), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        _refuse(name, f"holds values that don't go together ({error})", f"df[{name!r}].astype('str')")


def _family(name: str, value_type: type) -> str:
    for types, family in _FAMILIES:
        if issubclass(value_type, types):
            return family
    kind = getattr(value_type, "__name__", "")
    for start, family in (
        ("int", "numbers"),
        ("uint", "numbers"),
        ("float", "numbers"),
        ("bool", "truth values"),
    ):
        if value_type.__module__ == "numpy" and kind.startswith(start):
            return family
    if value_type.__module__ == "numpy" and kind in {"ndarray", "str_", "bytes_"}:
        return {"ndarray": "lists", "str_": "texts", "bytes_": "bytes"}[kind]
    return _refuse(
        name,
        f"holds a {value_type.__module__}.{value_type.__qualname__}, which no database can",
        f"df[{name!r}].astype('str')",
    )


def _wide_integers(held: Any) -> pa.DataType | None:
    """Return the type of integers of which one is beyond 64 bits."""
    values = [value for value in held if isinstance(value, int)]
    if len(values) < len(held) or -(1 << 63) <= min(values) <= max(values) < 1 << 63:
        return None
    if min(values) >= 0 and max(values) < 1 << 64:
        return pa.uint64()
    return pa.decimal256(76, 0)


def _times_type(name: str, held: Any) -> pa.DataType:
    aware = {value.tzinfo is not None for value in held}
    if len(aware) > 1:
        _refuse(
            name, "holds times with and without a time zone", f"pandas.to_datetime(df[{name!r}], utc=True)"
        )
    unit = "ns" if any(getattr(value, "nanosecond", 0) for value in held) else "us"
    return pa.timestamp(unit, "UTC" if aware == {True} else None)


def _array(column: Any, field: pa.Field) -> pa.Array:
    import pandas as pd

    try:
        if isinstance(column.dtype, pd.CategoricalDtype):
            return pa.array(column).dictionary_decode().cast(field.type)
        values = _wide(column) if pa.types.is_decimal256(field.type) else column
        made = pa.array(values, field.type, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        _refuse(field.name, f"holds a value that isn't {field.type} ({error})", "take it out or change it")
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _wide(column: Any) -> Any:
    """Integers of Python become decimals, which Arrow takes."""
    return [decimal.Decimal(value) if isinstance(value, int) else value for value in column]


def _refuse(name: str, what: str, advice: str) -> NoReturn:
    raise InvalidInputError(f"Column {name!r} {what}. Convert it first: {advice}. Nothing was written.")
