"""DuckDB. Rows are scanned from Arrow; a table whose columns change is made anew, in the same transaction.

DuckDB finds out late that two transactions changed the same: the one that comes second fails and is to be run again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa

from atio_core.databases.connect import Session
from atio_core.databases.dialect import Column, Dialect, Name, Shape, Table, integers, split_type
from atio_core.databases.sql_types import SqlType, array_of
from atio_core.errors import InvalidInputError

_INTEGERS = integers(
    {
        "int8": "TINYINT",
        "int16": "SMALLINT",
        "int32": "INTEGER",
        "int64": "BIGINT",
        "uint8": "UTINYINT",
        "uint16": "USMALLINT",
        "uint32": "UINTEGER",
        "uint64": "UBIGINT",
    }
)
_TEXT = SqlType("VARCHAR", "text")
_TYPES: dict[str, SqlType] = {
    **_INTEGERS,
    "halffloat": SqlType("FLOAT", "float", bits=32),
    "float": SqlType("FLOAT", "float", bits=32),
    "double": SqlType("DOUBLE", "float"),
    "bool": SqlType("BOOLEAN", "bool"),
    "text": _TEXT,
    "null": _TEXT,
    "bytes": SqlType("BLOB", "bytes"),
    "date": SqlType("DATE", "date"),
    "time": SqlType("TIME", "time"),
    "timestamp": SqlType("TIMESTAMP", "timestamp"),
    "timestamptz": SqlType("TIMESTAMP WITH TIME ZONE", "timestamptz"),
    "interval": SqlType("INTERVAL", "interval"),
    "uuid": SqlType("UUID", "uuid"),
}
_NANOSECONDS = SqlType("TIMESTAMP_NS", "timestamp", precision=9)
_BY_NAME: dict[str, SqlType] = {t.ddl.lower(): t for t in _TYPES.values()} | {
    "real": _TYPES["float"],
    "int": _INTEGERS["int32"],
    "double precision": _TYPES["double"],
    "timestamptz": _TYPES["timestamptz"],
    "datetime": _TYPES["timestamp"],
    "timestamp without time zone": _TYPES["timestamp"],
    "time without time zone": _TYPES["time"],
    "bytea": _TYPES["bytes"],
    "text": _TEXT,
    "timestamp_ns": _NANOSECONDS,
    "timestamp_s": SqlType("TIMESTAMP_S", "timestamp", precision=0),
    "timestamp_ms": SqlType("TIMESTAMP_MS", "timestamp", precision=3),
    "json": SqlType("JSON", "json"),
}
_GENERATED = re.compile(r'[(,] *("(?:[^"]|"")*"|\w+) [^,]*?GENERATED ALWAYS AS')
_WHERE = "WHERE database_name = current_database() AND schema_name = ? AND table_name = ?"


class DuckDB(Dialect):
    """DuckDB."""

    sqlalchemy_name = "postgresql"  # whose types it reads
    types = _TYPES

    def type_for(self, t: pa.DataType, *, key: bool) -> SqlType:
        """Return the type of a new column."""
        if pa.types.is_decimal(t) and 0 <= t.scale <= t.precision <= 38:  # noqa: PLR2004 - the most it has
            return self.parse(f"decimal({t.precision},{t.scale})")
        if pa.types.is_timestamp(t) and t.unit == "ns" and t.tz is None:
            return _NANOSECONDS
        if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
            return array_of(self.type_for(t.value_type, key=False))
        return super().type_for(t, key=key)

    def parse(self, declared: str) -> SqlType:
        """Return a type as the catalog spells it."""
        name, first, second, dimensions = split_type(declared)
        if dimensions:
            return array_of(self.parse(declared[: declared.rindex("[")]))
        if name in {"decimal", "numeric"}:
            precision, scale = (18, 3) if first is None else (first, second or 0)
            return SqlType(f"DECIMAL({precision},{scale})", "decimal", precision=precision, scale=scale)
        if name in {"varchar", "character varying", "char"}:
            return _TEXT  # DuckDB ignores the length
        if name in _BY_NAME:
            return _BY_NAME[name]
        if name == "hugeint":
            return SqlType("HUGEINT", "decimal", precision=38, scale=0)
        return SqlType(declared, "other")

    def qualified(self, session: Session, name: Name) -> str:
        """Return a new table's name."""
        return f"{self.quote(self._schema(session, name))}.{self.quote(name[1])}"

    @staticmethod
    def _schema(session: Session, name: Name) -> str:
        return name[0] or str(session.execute("SELECT current_schema()")[0][0])

    def describe(self, session: Session, name: Name) -> Table | None:
        """Return what the catalog tells of a table."""
        schema = self._schema(session, name)
        found = session.execute(
            "SELECT schema_name, table_name, 'table' FROM duckdb_tables() WHERE database_name = current_database() "
            "AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?) "
            "UNION ALL SELECT schema_name, view_name, 'view' FROM duckdb_views() WHERE database_name = "
            "current_database() AND lower(schema_name) = lower(?) AND lower(view_name) = lower(?)",
            (schema, name[1], schema, name[1]),
        )
        if not found:
            return None
        schema, table, kind = found[0]
        if kind == "view":
            raise InvalidInputError(f"{table} is a view: write to a table. Nothing was written.")
        columns = session.execute(
            "SELECT column_name, data_type, NOT is_nullable AND column_default IS NULL "
            f"FROM duckdb_columns() {_WHERE} ORDER BY column_index",
            (schema, table),
        )
        keys = session.execute(
            f"SELECT constraint_column_names FROM duckdb_constraints() {_WHERE} "
            "AND constraint_type IN ('PRIMARY KEY', 'UNIQUE') ORDER BY constraint_type",
            (schema, table),
        )
        computed = self._computed(session, schema, table)
        label = table if schema == "main" else f"{schema}.{table}"
        return Table(
            f"{self.quote(schema)}.{self.quote(table)}",
            label,
            tuple(
                Column(n, self.parse(t), bool(required), n.lower() in computed) for n, t, required in columns
            ),
            tuple(tuple(names) for (names,) in keys) + self._unique_indexes(session, schema, table),
            self._referenced(session, schema, table),
        )

    @staticmethod
    def _computed(session: Session, schema: str, table: str) -> frozenset[str]:
        """Return the generated columns: only the statement that would make the table again tells of them."""
        ((sql,),) = session.execute(f"SELECT sql FROM duckdb_tables() {_WHERE}", (schema, table))
        return frozenset(
            (quoted[1:-1].replace('""', '"') if quoted.startswith('"') else quoted).lower()
            for quoted in _GENERATED.findall(sql)
        )

    @staticmethod
    def _unique_indexes(session: Session, schema: str, table: str) -> tuple[tuple[str, ...], ...]:
        found = session.execute(
            f"SELECT expressions FROM duckdb_indexes() {_WHERE} AND is_unique", (schema, table)
        )
        return tuple(_names(expressions) for (expressions,) in found)

    @staticmethod
    def _referenced(session: Session, schema: str, table: str) -> tuple[str, ...]:
        found = session.execute(
            "SELECT referenced_column_names FROM duckdb_constraints() WHERE database_name = current_database() "
            "AND schema_name = ? AND constraint_type = 'FOREIGN KEY' AND lower(referenced_table) = lower(?)",
            (schema, table),
        )
        return tuple(found[0][0]) if found else ()

    def _schema_and_name(self, table: Table) -> tuple[str, str]:
        schema, _, name = table.sql.partition('"."')
        return schema[1:].replace('""', '"'), name[:-1].replace('""', '"')

    def claim(self, session: Session, name: Name) -> None:
        """Nothing is needed: of two that make the same table, one fails."""

    def lock(self, session: Session, table: Table, *, alone: bool) -> None:
        """Change the comment to itself: of two that do so at the same time, one fails."""
        if alone:
            where = self._schema_and_name(table)
            ((comment,),) = session.execute(f"SELECT comment FROM duckdb_tables() {_WHERE}", where)
            session.execute(f"COMMENT ON TABLE {table.sql} IS {_literal(comment)}")

    def traits(self, session: Session, table: Table) -> frozenset[str]:
        """Ask the catalog."""
        where = self._schema_and_name(table)
        rows = session.execute(f"SELECT 'index ' || index_name FROM duckdb_indexes() {_WHERE}", where)
        rows += session.execute(
            f"SELECT lower(constraint_text) FROM duckdb_constraints() {_WHERE} AND constraint_type <> 'NOT NULL'",
            where,
        )
        rows += session.execute(
            "SELECT 'comment on column ' || column_name FROM duckdb_columns() "
            f"{_WHERE} AND comment IS NOT NULL UNION ALL SELECT 'default of column ' || column_name "
            f"FROM duckdb_columns() {_WHERE} AND column_default IS NOT NULL",
            (*where, *where),
        )
        return frozenset(str(row[0]) for row in rows)

    def reshape(self, session: Session, table: Table, shape: Shape) -> None:
        """Make the table anew, with what its columns allow of its keys, indexes, defaults and comments."""
        if table.referenced:
            raise InvalidInputError(
                f"{table.label} is referred to by foreign keys, so its columns can't be changed in one step. "
                "Use if_exists='truncate', or change the table first. Nothing was written."
            )
        where = self._schema_and_name(table)
        views = self._working_views(session)
        indexes = session.execute(f"SELECT expressions, sql FROM duckdb_indexes() {_WHERE}", where)
        comments = session.execute(
            f"SELECT column_name, comment FROM duckdb_columns() {_WHERE} AND comment IS NOT NULL", where
        )
        ((comment,),) = session.execute(f"SELECT comment FROM duckdb_tables() {_WHERE}", where)
        parts = self._definition(session, where, shape)
        session.execute(f"DROP TABLE {table.sql}")
        session.execute(f"CREATE TABLE {table.sql} ({', '.join(parts)})")
        there = {self.fold(column.name) for column in shape.columns}
        for expressions, sql in indexes:
            if {self.fold(name) for name in _names(expressions)} <= there:
                session.execute(sql)
        if comment is not None:
            session.execute(f"COMMENT ON TABLE {table.sql} IS {_literal(comment)}")
        for name, text in comments:
            if self.fold(name) in there:
                session.execute(f"COMMENT ON COLUMN {table.sql}.{self.quote(name)} IS {_literal(text)}")
        self._check_views(session, views, table)

    def _definition(self, session: Session, where: tuple[str, str], shape: Shape) -> list[str]:
        """Return the columns and keys of the new table."""
        fresh = {self.fold(column.name) for column in (*shape.changed, *shape.new)}
        old = {
            self.fold(name): (required, default)
            for name, required, default in session.execute(
                f"SELECT column_name, NOT is_nullable, column_default FROM duckdb_columns() {_WHERE}", where
            )
        }
        parts: list[str] = []
        for column in shape.columns:
            name = self.fold(column.name)
            required, default = (False, None) if name in fresh else old[name]
            rest = (
                f"{' NOT NULL' if required else ''}{f' DEFAULT ({default})' if default is not None else ''}"
            )
            parts.append(f"{self.quote(column.name)} {column.type.ddl}{rest}")
        there = {self.fold(column.name) for column in shape.columns}
        for names, text in session.execute(
            f"SELECT constraint_column_names, constraint_text FROM duckdb_constraints() {_WHERE} "
            "AND constraint_type <> 'NOT NULL'",
            where,
        ):
            if {self.fold(name) for name in names} <= there:
                parts.append(text)
        return parts

    def _working_views(self, session: Session) -> list[str]:
        """Return the views that work, asked on another connection: here an error would end the transaction."""
        import duckdb

        working: list[str] = []
        with session.raw.cursor() as other:
            for schema, view in other.execute(
                "SELECT schema_name, view_name FROM duckdb_views() "
                "WHERE NOT internal AND database_name = current_database()"
            ).fetchall():
                quoted = f"{self.quote(schema)}.{self.quote(view)}"
                try:
                    other.execute(f"SELECT * FROM {quoted} LIMIT 0")
                except duckdb.Error:
                    continue
                working.append(quoted)
        return working

    @staticmethod
    def _check_views(session: Session, views: Sequence[str], table: Table) -> None:
        import duckdb

        for view in views:
            try:
                session.execute(f"SELECT * FROM {view} LIMIT 0")
            except duckdb.Error as error:
                raise InvalidInputError(
                    f"The view {view} reads columns of {table.label} that would go or change. Drop it, or keep them. "
                    "Nothing was written."
                ) from error

    def load(
        self, session: Session, sql: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]
    ) -> None:
        """Let DuckDB scan the batches."""
        first = next(batches, None)
        if first is None:
            return
        stream = _Stream(first, batches)
        reader = pa.RecordBatchReader.from_batches(first.schema, stream)
        names = self.quoted(column.name for column in columns)
        casts = ", ".join(f"CAST({self.quote(str(i))} AS {c.type.ddl})" for i, c in enumerate(columns))
        session.raw.register("atio_rows", reader)
        try:
            session.execute(f"INSERT INTO {sql} ({names}) SELECT {casts} FROM atio_rows")
        except Exception:
            # The transaction is over, and with it the name "atio_rows".
            if stream.failure is not None:
                raise stream.failure from None
            raise
        session.raw.unregister("atio_rows")

    def merge(
        self, session: Session, table: Table, staged: str, columns: Sequence[str], key: Sequence[str]
    ) -> None:
        """Change what is there in its place, which foreign keys don't mind, and add the others."""
        same = " AND ".join(f"s.{self.quote(name)} = t.{self.quote(name)}" for name in key)
        others = [name for name in columns if name not in key]
        if others:
            sets = ", ".join(f"{self.quote(name)} = s.{self.quote(name)}" for name in others)
            session.execute(f"UPDATE {table.sql} t SET {sets} FROM {staged} s WHERE {same}")
        names = self.quoted(columns)
        session.execute(
            f"INSERT INTO {table.sql} ({names}) SELECT {names} FROM {staged} s "
            f"WHERE NOT EXISTS (SELECT 1 FROM {table.sql} t WHERE {same})"
        )


class _Stream:
    """The batches, and what went wrong with them: Arrow's streams between libraries hand on only its text."""

    def __init__(self, first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> None:
        self.failure: BaseException | None = None
        self._next: pa.RecordBatch | None = first
        self._rest = rest

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> pa.RecordBatch:
        if self._next is not None:
            batch, self._next = self._next, None
            return batch
        try:
            return next(self._rest)
        except StopIteration:
            raise
        except BaseException as error:
            self.failure = error
            raise


def _literal(text: str | None) -> str:
    """Return a text as SQL: comments take no parameters."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def _names(expressions: str) -> tuple[str, ...]:
    """Return the columns of an index, as the catalog lists them."""
    parts = [part.strip().strip("'").strip('"') for part in expressions.strip("[]").split(",")]
    return tuple(part for part in parts if part)
