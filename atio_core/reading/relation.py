"""A version as a relation of DuckDB, which reads what a query needs.

DuckDB holds what Arrow's types hold, or refuses them itself, but for the digits of a duration below microseconds (all
times below microseconds before DuckDB 2), and names that differ in case alone, which it changes.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from atio_core.data.arrow_types import fields_of
from atio_core.errors import InvalidInputError

_NANOSECONDS = "_NS"  # in the names of DuckDB's types


def relation_of(dataset: Any) -> Any:
    """Return a relation over a dataset, of DuckDB's default connection.

    Raises:
        InvalidInputError: DuckDB would change a value, or the name of a column.
    """
    import duckdb

    schema: pa.Schema = dataset.schema
    relation: Any = duckdb.from_arrow(dataset)
    for field, name, made in zip(schema, relation.columns, relation.types, strict=True):
        if field.name != name:
            raise InvalidInputError(
                f"DuckDB would call the column {field.name!r} {name!r}, as names that differ in case alone are one to"
                " it; choose one of them by columns=[…]"
            )
        if _cuts(field.type, str(made)):
            raise InvalidInputError(
                f"column {field.name!r} is {field.type}, of which DuckDB keeps only microseconds ({made}); leave it"
                " out by columns=[…]"
            )
    return relation


def _cuts(t: pa.DataType, made: str) -> bool:
    """Whether DuckDB would drop digits of a type's values."""
    if pa.types.is_duration(t):
        return t.unit == "ns"
    if (pa.types.is_timestamp(t) or pa.types.is_time(t)) and t.unit == "ns":
        return _NANOSECONDS not in made
    return any(_cuts(field.type, made) for field in fields_of(t))
