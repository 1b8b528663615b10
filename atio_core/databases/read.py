"""Read the rows of a database's table as Arrow, each column as its type says: the way back of `write.py`.

One statement reads them, so that they are of one moment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.databases.conditions import Where, of_matching, read_where
from atio_core.databases.connect import Session, connected, new_file_of
from atio_core.databases.dialect import Column, Dialect, Table
from atio_core.databases.dialects import dialect_of
from atio_core.databases.failures import told_of_reading
from atio_core.databases.options import CHUNK_ROWS
from atio_core.databases.sql_types import CARRIERS, SqlType
from atio_core.errors import InvalidInputError, TableNotFoundError

_DAY = 86_400_000_000  # microseconds


def read_rows(
    con: Any,
    name: str,
    *,
    schema: str | None = None,
    columns: Sequence[str] | None = None,
    where: object = None,
    limit: int | None = None,
) -> pa.Table:
    """Read a table.

    Args:
        con: As for `write`.
        name: The table's.
        schema: Its schema; None for the connection's own.
        columns: Names of columns, in order; None for all.
        where: Which rows, as for `write` with `if_exists="overwrite"`; None for all.
        limit: At most so many rows: with 0, the columns' types alone.

    Returns:
        The rows, in no order that is promised.

    Raises:
        TableNotFoundError: There is no such table.
        InvalidInputError: There is no such column, or a value isn't what its column's type says.
        StorageError: The database failed.

    Example:
        >>> import sqlite3, atio_core as atio
        >>> con = sqlite3.connect(":memory:")
        >>> _ = atio.write(pa.table({"n": [1, 2]}), format="sql", name="t", con=con)
        >>> read_rows(con, "t", where=[("n", ">", 1)]).to_pylist()
        [{'n': 2}]
        >>> con.close()
    """
    wanted: Where = () if where is None else read_where(where)
    if (database := new_file_of(con)) is not None:  # which connecting would make
        raise TableNotFoundError(
            f"There is no table {name} in this {database} database, whose file isn't there. Write it first.",
            table=name,
        )
    with connected(con) as session, told_of_reading(session, name):
        dialect = dialect_of(session.database)
        with dialect.settings(session):
            table = dialect.describe(session, (schema, name))
            if table is None:
                raise TableNotFoundError(
                    f"There is no table {name} in this {session.database} database"
                    f"{'' if schema is None else f', schema {schema}'}. Write it first.",
                    table=name,
                )
            chosen = _chosen(dialect, table, columns)
            return _read(session, table, chosen, *_statement(dialect, table, chosen, wanted, limit))


def _chosen(dialect: Dialect, table: Table, names: Sequence[str] | None) -> list[Column]:
    if names is None:
        return list(table.columns)
    there = {dialect.fold(column.name): column for column in table.columns}
    if lacking := [name for name in names if dialect.fold(name) not in there]:
        known = ", ".join(repr(column.name) for column in table.columns)
        raise InvalidInputError(f"Table {table.label} has no column {lacking[0]!r}, only {known}.")
    return [there[dialect.fold(name)] for name in names]


def _statement(
    dialect: Dialect, table: Table, columns: list[Column], where: Where, limit: int | None
) -> tuple[str, tuple[Any, ...]]:
    shown = ", ".join(dialect.selected(dialect.quote(c.name), c.type) for c in columns)
    sql, parameters = f"SELECT {shown} FROM {table.sql}", ()
    if where:
        sql, parameters = of_matching(dialect, sql, table.columns, where)
    return sql + ("" if limit is None else f" LIMIT {int(limit)}"), parameters


def _read(
    session: Session, table: Table, columns: list[Column], sql: str, parameters: tuple[Any, ...]
) -> pa.Table:
    names = [column.name for column in columns]
    if session.database == "duckdb":
        found = session.raw.sql(sql, params=parameters or None).to_arrow_table().rename_columns(names)
        arrays = [_as_written(found.column(i), column, table) for i, column in enumerate(columns)]
        return pa.Table.from_arrays(arrays, names=names)
    chunks: list[list[pa.Array]] = [[] for _ in columns]
    for rows in _fetched(session, sql, parameters):
        for number, values in enumerate(zip(*rows, strict=True)):
            chunks[number].append(_array(list(values), columns[number], table))
    return pa.Table.from_arrays(
        [_joined(chunk, column.type) for chunk, column in zip(chunks, columns, strict=True)], names=names
    )


def _fetched(session: Session, sql: str, parameters: tuple[Any, ...]) -> Iterator[list[tuple[Any, ...]]]:
    with session.cursor() as cursor:
        cursor.execute(sql, parameters) if parameters else cursor.execute(sql)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield rows


def _as_written(values: pa.ChunkedArray, column: Column, table: Table) -> pa.ChunkedArray:
    """What DuckDB gives, with instants in UTC, whatever zone the session shows, and intervals as durations."""
    t = values.type
    if pa.types.is_timestamp(t) and t.tz:
        return values.cast(pa.timestamp(t.unit, "UTC"))
    if t != pa.month_day_nano_interval():
        return values
    spans = values.to_pylist()
    if any(span is not None and span.months for span in spans):
        raise InvalidInputError(
            f"Column {column.name!r} of {table.label} holds an interval of months, which last differently long."
        )
    lasting = [None if span is None else span.days * _DAY + span.nanoseconds // 1_000 for span in spans]
    return pa.chunked_array([pa.array(lasting, pa.duration("us"))])


def _joined(chunks: list[pa.Array], held: SqlType) -> pa.ChunkedArray:
    if not chunks:
        return pa.chunked_array([], _type_of(held) or pa.string())
    types = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
    if len(types) > 1:  # what chunks were taken for by their values differs
        wide = pa.unify_schemas(
            [pa.schema([("", one)]) for one in types], promote_options="permissive"
        ).field(0)
        return pa.chunked_array([chunk.cast(wide.type) for chunk in chunks], wide.type)
    only = types.pop() if types else pa.null()
    return pa.chunked_array([chunk.cast(only) for chunk in chunks], only)


def _array(values: list[Any], column: Column, table: Table) -> pa.Array:
    held = column.type
    try:
        return _of_family(values, held)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise InvalidInputError(
            f"Column {column.name!r} of {table.label} holds a value that isn't a {held.ddl}: {error}."
        ) from error


def _of_family(values: list[Any], held: SqlType) -> pa.Array:
    wanted = _type_of(held)
    first = next((value for value in values if value is not None), None)
    match held.family:
        case "bool" if all(value in (None, 0, 1) for value in values):
            return pa.array([None if value is None else bool(value) for value in values], pa.bool_())
        case "bool":  # a TINYINT(1) of MySQL may hold any small number
            return pa.array(values, pa.int8())
        case "time" if isinstance(first, str):
            times = [None if value is None else dt.time.fromisoformat(value) for value in values]
            return pa.array(times, wanted)
        case "date" | "timestamp" if isinstance(first, str):
            return pa.array(values, pa.string()).cast(wanted)
        case "time" if hasattr(first, "total_seconds"):  # PyMySQL's way
            return pc.cast(pa.array(values, pa.duration("us")).cast(pa.int64()), wanted)
        case "other":
            return _guessed(values)
        case _:
            return pa.array(values, wanted)


def _guessed(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _type_of(held: SqlType) -> pa.DataType | None:
    """The Arrow type of a column; None if its values tell."""
    match held.family:
        case "int":
            signed = "int" if held.low < 0 else "uint"
            size = (held.high - held.low).bit_length()
            return getattr(pa, f"{signed}{next(bits for bits in (8, 16, 32, 64) if size <= bits)}")()
        case "float":
            return pa.float32() if held.bits == 32 else pa.float64()  # noqa: PLR2004
        case "decimal" if held.precision is not None and held.precision <= 76:  # noqa: PLR2004 - digits of decimal256
            wide = pa.decimal128 if held.precision <= 38 else pa.decimal256  # noqa: PLR2004 - digits of decimal128
            return wide(held.precision, held.scale or 0)
        case "text" | "uuid" | "json":
            return pa.string()
        case "bytes":
            return pa.binary()
        case "array" if held.item is not None:
            item = _type_of(held.item)
            return None if item is None else pa.list_(item)
        case "decimal" | "other" | "array":
            return None
        case family:
            return CARRIERS[family]
