"""A version as a relation of DuckDB, which reads what a query needs.

DuckDB holds what most of Arrow's types hold, but for the digits of a duration below microseconds (all times below
microseconds before DuckDB 2), and names that are empty or differ in case alone, which it changes. It has no tables
without columns.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from atio_core.data.schema.arrow_types import fields_of
from atio_core.errors import InvalidInputError

_NANOSECONDS = "_NS"  # in the names of DuckDB's types


def relation_of(dataset: Any) -> Any:
    """Return a relation over a dataset, of DuckDB's default connection.

    Raises:
        InvalidInputError: DuckDB would change a value, or the name of a column; or it has no type for one.
    """
    import duckdb

    schema: pa.Schema = dataset.schema
    if not schema.names:
        raise InvalidInputError(
            "DuckDB has no tables without columns: choose one by columns=[…], or read with output_as='arrow'"
        )
    try:
        relation: Any = duckdb.from_arrow(dataset)
    except (duckdb.Error, pa.ArrowException) as error:
        raise _unheld(schema, error) from error
    for field, name, made in zip(schema, relation.columns, relation.types, strict=True):
        if field.name != name:
            why = "names that differ in case alone are one to it" if field.name else "it has no empty names"
            raise InvalidInputError(
                f"DuckDB would call the column {field.name!r} {name!r}, as {why}; leave it out by columns=[…]"
            )
        if _renames(field.type):
            raise InvalidInputError(
                f"column {field.name!r} is {field.type}, and DuckDB has no empty names for fields; leave it out by"
                " columns=[…]"
            )
        if _cuts(field.type, str(made)):
            raise InvalidInputError(
                f"column {field.name!r} is {field.type}, of which DuckDB keeps only microseconds ({made}); leave it"
                " out by columns=[…]"
            )
    return relation


def _unheld(schema: pa.Schema, error: Exception) -> InvalidInputError:
    """Return why there is no relation of columns: which ones DuckDB has no type for."""
    import duckdb

    for field in schema:
        try:
            duckdb.from_arrow(pa.schema([field]).empty_table())
        # Of either: Arrow makes no columns of some types that it reads.
        except (duckdb.Error, pa.ArrowException):
            return InvalidInputError(
                f"column {field.name!r} of type {field.type} holds what DuckDB has no type for ({error}); read with"
                " output_as='arrow', or leave the column out with columns=[…]"
            )
    return InvalidInputError(f"DuckDB refused the rows ({error}); read with output_as='arrow'")


def _renames(t: pa.DataType) -> bool:
    """Whether DuckDB would change the name of a struct's field."""
    unnamed = pa.types.is_struct(t) and any(not field.name for field in fields_of(t))
    return unnamed or any(_renames(field.type) for field in fields_of(t))


def _cuts(t: pa.DataType, made: str) -> bool:
    """Whether DuckDB would drop digits of a type's values."""
    if pa.types.is_duration(t):
        return t.unit == "ns"
    if (pa.types.is_timestamp(t) or pa.types.is_time(t)) and t.unit == "ns":
        return _NANOSECONDS not in made
    return any(_cuts(field.type, made) for field in fields_of(t))
