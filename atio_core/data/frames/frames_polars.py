"""A polars frame as columns that Parquet keeps, exactly or not at all, and back.

| dtype | stored as |
|---|---|
| Int128, UInt128 | decimal128(38, 0), so not beyond 38 digits |
| Categorical, Enum | dictionary of string; inside lists, arrays and structs the text |
| any other | what polars hands to Arrow, with large_string and large_binary |

A type is polars' name of it ("Int64"), or an object with one key: `{"Datetime": [unit, zone]}`,
`{"Enum": [category, ...]}`, `{"List": type}`, …
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, cast

import pyarrow as pa

from atio_core.data.schema import arrow_types, depth
from atio_core.data.schema.labels import Json
from atio_core.data.schema.layout import Column, Layout, physical_names
from atio_core.data.schema.pieces import Piece, piece_of, table_of
from atio_core.errors import InvalidInputError, NotPreservableError

_SIMPLE = (
    *(
        "Boolean",
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "Int128",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "UInt128",
    ),
    *("Float16", "Float32", "Float64", "String", "Binary", "Date", "Time", "Null"),
)
_WIDE = ("Int128", "UInt128")


class UnknownDtypeError(TypeError):
    """A polars dtype that can't be kept; the message names it."""


def describe_dtype(dtype: Any) -> Json:
    """Return a polars dtype as JSON.

    Raises:
        UnknownDtypeError: It can't be kept.
    """
    name = type(dtype).__name__
    if name in _SIMPLE:
        return name
    match name:
        case "Datetime":
            return {name: [dtype.time_unit, dtype.time_zone]}
        case "Duration":
            return {name: dtype.time_unit}
        case "Decimal":
            return {name: [dtype.precision, dtype.scale]}
        case "Enum":
            return {name: dtype.categories.to_list()}
        case "Categorical":
            c = dtype.categories
            return {name: None if c.is_global() else [c.name(), c.namespace(), str(c.physical())]}
        case "List":
            return {name: describe_dtype(dtype.inner)}
        case "Array" if dtype.size:
            return {name: [describe_dtype(dtype.inner), dtype.size]}
        # With a NUL in a name, polars panics.
        case "Struct" if dtype.fields and not any("\0" in field.name for field in dtype.fields):
            return {name: [[field.name, describe_dtype(field.dtype)] for field in dtype.fields]}
        case _:
            raise UnknownDtypeError(str(dtype))


def build_dtype(described: Json) -> Any:
    """Return the dtype that `describe_dtype` gave this JSON for."""
    import polars as pl

    if isinstance(described, str):
        return getattr(pl, described)()
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "Categorical":
            if content is None:
                return pl.Categorical()
            return pl.Categorical(pl.Categories(content[0], content[1], getattr(pl, content[2])))
        case "List":
            return pl.List(build_dtype(content))
        case "Array":
            return pl.Array(build_dtype(content[0]), content[1])
        case "Struct":
            return pl.Struct({field: build_dtype(inner) for field, inner in content})
        case "Enum" | "Duration":
            return getattr(pl, name)(content)
        case _:
            return getattr(pl, name)(*content)


def _carrier(dtype: Any, *, inside: bool = False) -> Any:
    """Return the polars dtype in which values go to Arrow and come back."""
    import polars as pl

    match type(dtype).__name__:
        case "Int128" | "UInt128":
            return pl.Decimal(38, 0)
        case "Enum" | "Categorical":
            return pl.String() if inside else dtype
        case "List":
            return pl.List(_carrier(dtype.inner, inside=True))
        case "Array":
            return pl.Array(_carrier(dtype.inner, inside=True), dtype.size)
        case "Struct":
            return pl.Struct({field.name: _carrier(field.dtype, inside=True) for field in dtype.fields})
        case _:
            return dtype


def stored_as(described: Json) -> pa.DataType:
    """Return what the values of a type are stored as."""
    import polars as pl

    return _to_arrow(pl.Series([], dtype=build_dtype(described))).type


def to_piece(frame: Any) -> Piece:
    """Return a frame as a piece.

    Raises:
        NotPreservableError: Something in it couldn't come back equal.
    """
    import polars as pl

    if type(frame) is not pl.DataFrame:
        name = f"{type(frame).__module__}.{type(frame).__qualname__}"
        _refuse(f"the frame is a {name}, more than a polars frame", "write polars.DataFrame(frame) instead")
    names = physical_names(frame.columns)
    columns: list[Column] = []
    arrays: list[Any] = []
    for name, series in zip(names, frame.get_columns(), strict=True):
        columns.append(Column(name, series.name, _described(series)))
        arrays.append(_to_arrow(series))
    return piece_of(Layout("polars", tuple(columns)), arrays, [True] * len(columns), frame.height, {})


def _described(series: Any) -> Json:
    if _is_too_deep(series.dtype):
        many = f"more than {depth.MOST} levels inside each other in Parquet, which can't be read back"
        _refuse(f"column {series.name!r} has {many}", "flatten it")
    try:
        return describe_dtype(series.dtype)
    except UnknownDtypeError as error:
        what = f"column {series.name!r} has the dtype {error}, which can't be kept"
        _refuse(what, f"cast it, for example pl.col({series.name!r}).cast(pl.String)", error)


def _is_too_deep(dtype: Any) -> bool:
    """Say whether a dtype has more levels than `depth.levels` may find, which is seen too late in its Arrow type."""
    below = [(dtype, 1)]
    while below:
        inner, level = below.pop()
        if level > depth.MOST:
            return True
        match type(inner).__name__:
            case "List" | "Array":
                below.append((inner.inner, level + 2))
            case "Struct":
                below += [(field.dtype, level + 1) for field in inner.fields]
            case _:
                pass
    return False


def _to_arrow(series: Any) -> pa.ChunkedArray:
    import polars as pl

    carrier = _carrier(series.dtype)
    try:
        carried = series if carrier == series.dtype else series.cast(carrier)
        # Without its name: polars panics at one with a NUL.
        (values,) = carried.alias("").to_frame().to_arrow().columns
        return arrow_types.store(values)
    except (pl.exceptions.PolarsError, pa.ArrowInvalid) as error:
        what = f"column {series.name!r} of dtype {series.dtype} holds a value that can't be stored ({error})"
        _refuse(what, f"cast it, for example pl.col({series.name!r}).cast(pl.String)", error)


def _refuse(what: str, advice: str, error: Exception | None = None) -> NoReturn:
    raise NotPreservableError(
        f"{what}, so it wouldn't come back equal; {advice}. Nothing was written"
    ) from error


def to_frame(table: pa.Table, columns: Sequence[Column], rows: int) -> Any:
    """Return the polars frame that was written, or some of its columns."""
    import polars as pl

    if not columns:
        return pl.DataFrame(height=rows)
    if len({column.value for column in columns}) < len(columns):
        raise InvalidInputError("a polars frame can't have a column twice; name each one once in columns=[…]")
    # By name: a list of series would get "column_0" for a name that is empty.
    return pl.DataFrame({column.value: _from_arrow(table.column(column.name), column) for column in columns})


def _from_arrow(values: pa.ChunkedArray, column: Column) -> Any:
    import polars as pl

    dtype = build_dtype(column.type)
    # polars would have pyarrow make an empty array, which releases before 24 can't of every dictionary.
    if not len(values):
        return pl.Series([], dtype=dtype)
    if pa.types.is_dictionary(values.type) and dtype != pl.Categorical():
        # Else its texts would become categories that all of the process knows.
        values = values.cast(pa.large_string())
    series: Any = pl.from_arrow(values)
    return series if series.dtype == dtype else series.cast(dtype)


def to_arrow(table: pa.Table, columns: Sequence[Column], rows: int) -> pa.Table:
    """Return the columns of a polars frame as plain Arrow types; categories inside others are text there."""
    frame = to_frame(table, columns, rows)
    carried = frame.cast({name: _carrier(dtype) for name, dtype in frame.schema.items()})
    unnamed = carried.rename({name: str(place) for place, name in enumerate(frame.columns)})
    made = unnamed.to_arrow()  # polars panics at a name with a NUL
    fields = [pa.field(name, t) for name, t in zip(frame.columns, made.schema.types, strict=True)]
    return table_of(made.columns, pa.schema(fields), rows)


def is_plain(described: Json) -> bool:
    """Say whether a polars type means no more than the Arrow type it is stored as."""
    if isinstance(described, str):
        return described not in _WIDE
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "Enum" | "Categorical":
            return False
        case "List":
            return is_plain(content)
        case "Array":
            return is_plain(content[0])
        case "Struct":
            return all(is_plain(inner) for _, inner in content)
        case _:
            return True
