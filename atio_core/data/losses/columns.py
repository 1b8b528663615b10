"""The columns of a frame of any library as the rules of formats without types see them.

Readers of such formats guess types from what is written. Four types come back by themselves, whatever the library:
64-bit integers, 64-bit floats, booleans and text. Only for these the values are looked at, as Arrow arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Guessed = Literal["integer", "float", "boolean", "text", "other"]

_POLARS: dict[str, Guessed] = {"Int64": "integer", "Float64": "float", "Boolean": "boolean", "String": "text"}
_ARROW: dict[str, Guessed] = {
    "int64": "integer",
    "double": "float",
    "bool": "boolean",
    "string": "text",
}
_NUMPY: dict[str, Guessed] = {"int64": "integer", "float64": "float", "bool": "boolean"}
HEAD = 100
"""How far polars looks to guess a type, and how many values suffice to see most things."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose values are at hand, or stream by and can't be looked at.

    Attributes:
        label: Its name.
        type: Its dtype, for messages.
        guessed: As which readers know it.
        rows: How many values.
        values: All of them, as an Arrow array; None if they stream by.
        head: The first `HEAD`, as Python's.
        nulls: How many are missing.
    """

    label: Any
    type: str
    guessed: Guessed
    rows: int = 0
    values: Callable[[], Any] | None = None
    head: Callable[[], list[Any]] = list
    nulls: Callable[[], int] = int

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"column {self.label!r}"


def of_pandas(frame: Any, *, converted: bool = False) -> list[Column]:
    """Return the columns of a pandas frame, without its index.

    Args:
        frame: A `pandas.DataFrame`.
        converted: It was another library's, so that Arrow's types in it are no loss.
    """
    return [_of_series(label, series, converted=converted) for label, series in frame.items()]


def _of_series(label: Any, series: Any, *, converted: bool) -> Column:
    import numpy as np
    import pandas as pd

    dtype = series.dtype
    guessed: Guessed = "other"
    if converted and isinstance(dtype, pd.ArrowDtype):
        return _of_arrow(label, _small(series.array.__arrow_array__()))
    if isinstance(dtype, np.dtype):
        guessed = _NUMPY.get(dtype.name, "other")
    elif dtype.name == "str" and getattr(dtype, "storage", None) == "pyarrow":
        guessed = "text"

    def values() -> Any:
        import pyarrow as pa

        return series.array.__arrow_array__() if guessed == "text" else pa.array(series.to_numpy())

    def head() -> list[Any]:
        return series.iloc[:HEAD].tolist()

    name = str(series.dtype)
    return Column(label, name, guessed, len(series), values, head, lambda: int(series.isna().sum()))


def of_polars(frame: Any) -> list[Column]:
    """Return the columns of a polars frame; those of a lazy one have no values."""
    schema = frame.collect_schema()
    if not hasattr(frame, "get_column"):
        return [Column(name, str(dtype), _POLARS.get(str(dtype), "other")) for name, dtype in schema.items()]
    return [_of_polars(name, str(dtype), frame.get_column(name)) for name, dtype in schema.items()]


def _of_polars(name: str, dtype: str, series: Any) -> Column:
    guessed = _POLARS.get(dtype, "other")
    rows = len(series)
    return Column(
        name, dtype, guessed, rows, series.to_arrow, lambda: series.head(HEAD).to_list(), series.null_count
    )


def of_arrow(table: Any) -> list[Column]:
    """Return the columns of an Arrow table; those of a reader have no values."""
    if not hasattr(table, "columns"):
        return [Column(f.name, str(f.type), _ARROW.get(str(f.type), "other")) for f in table.schema]
    return [_of_arrow(field.name, values) for field, values in zip(table.schema, table.columns, strict=True)]


def _of_arrow(name: Any, values: Any) -> Column:
    kind = str(values.type)
    return Column(
        name,
        kind,
        _ARROW.get(kind, "other"),
        len(values),
        lambda: values,
        lambda: values.slice(0, HEAD).to_pylist(),
        lambda: values.null_count,
    )


def _small(values: Any) -> Any:
    """Large text as text: what was polars' has no other."""
    import pyarrow as pa

    return values.cast(pa.string()) if pa.types.is_large_string(values.type) else values
