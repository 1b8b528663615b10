"""SQLite. Rows are loaded by prepared inserts; a table whose columns change is made anew, in the same transaction.

A column's declared type only hints at what it holds. Times and dates are held as text, as SQLAlchemy writes them;
truth values as 0 and 1. There are no decimals, no durations and no times with a zone, and NaN is NULL.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from atio_core.databases.connect import Session
from atio_core.databases.dialect import Column, Dialect, Name, Shape, Table, split_type
from atio_core.databases.sql_types import SqlType, UnfitError
from atio_core.errors import InvalidInputError

_BIG = SqlType("BIGINT", "int", bool_as_int=True)  # whatever it is called, it has 64 bits
_INTEGER = dataclasses.replace(_BIG, ddl="INTEGER")
_SMALL = dataclasses.replace(_BIG, ddl="SMALLINT")
_FLOAT = SqlType("FLOAT", "float", nan=False)
_TEXT = SqlType("TEXT", "text")
_TYPES: dict[str, SqlType] = {
    "int8": _SMALL,
    "int16": _SMALL,
    "int32": _INTEGER,
    "int64": _BIG,
    "uint8": _SMALL,
    "uint16": _INTEGER,
    "uint32": _BIG,
    "uint64": _BIG,  # the values decide
    "halffloat": _FLOAT,
    "float": _FLOAT,
    "double": _FLOAT,
    "bool": SqlType("BOOLEAN", "bool"),
    "text": _TEXT,
    "null": _TEXT,
    "bytes": SqlType("BLOB", "bytes"),
    "date": SqlType("DATE", "date"),
    "time": SqlType("TIME", "time"),
    "timestamp": SqlType("DATETIME", "timestamp"),
    "uuid": SqlType("TEXT", "text"),
}
_INSTEAD = {
    "interval": "there are no durations in SQLite; write a number: .dt.total_seconds()",
    "timestamptz": "SQLite would drop the time zone; convert to UTC, then drop the zone, or give dtype= a text",
    "decimal": "SQLite would hold decimals as floats; give dtype= a text, or convert to float",
}


class SQLite(Dialect):
    """SQLite, by Python's sqlite3."""

    sqlalchemy_name = "sqlite"
    types = _TYPES
    temporary = "temp."

    def type_for(self, t: pa.DataType, *, key: bool) -> SqlType:
        """Return the type of a new column."""
        what = "decimal" if pa.types.is_decimal(t) else "interval" if pa.types.is_duration(t) else ""
        if pa.types.is_timestamp(t) and t.tz is not None:
            what = "timestamptz"
        if what:
            raise UnfitError(_INSTEAD[what])
        return super().type_for(t, key=key)

    def parse(self, declared: str) -> SqlType:
        """Return a type by its declaration: by name where SQLAlchemy uses it, else by SQLite's rules of affinity."""
        name, _, _, _ = split_type(declared)
        declared = declared.upper()
        known = {"boolean": "bool", "bool": "bool", "date": "date", "time": "time"}.get(name)
        if name in {"datetime", "timestamp"}:
            known = "timestamp"
        if known is not None:
            return dataclasses.replace(_TYPES[known], ddl=declared)
        if "int" in name:
            return dataclasses.replace(_BIG, ddl=declared)
        if "json" in name:
            return SqlType(declared, "json")
        if any(part in name for part in ("char", "clob", "text")):
            return dataclasses.replace(_TEXT, ddl=declared)
        if "blob" in name:
            return dataclasses.replace(_TYPES["bytes"], ddl=declared)
        if any(part in name for part in ("real", "floa", "doub")):
            return dataclasses.replace(_FLOAT, ddl=declared)
        # NUMERIC, or nothing: a text that looks like a number would become one
        return SqlType(declared, "float" if name else "other", nan=False)

    def compared(self, column: str, held: SqlType) -> tuple[str, str]:
        """Compare texts byte by byte: a column's own order may fold case."""
        return (f"{column} COLLATE BINARY" if held.family == "text" else column), self.mark

    def bound(self, values: pa.Array, held: SqlType) -> list[Any]:
        """Return values as they are loaded."""
        return _bound(values, held).to_pylist()

    def claim(self, session: Session, name: Name) -> None:
        """Nothing is needed: the transaction has begun immediate."""

    def lock(self, session: Session, table: Table, *, alone: bool) -> None:
        """Nothing is needed either."""

    def qualified(self, session: Session, name: Name) -> str:
        """Return a new table's name; its schema is the name of an attached database."""
        schema, table = name
        return f"{self.quote(schema or 'main')}.{self.quote(table)}"

    def describe(self, session: Session, name: Name) -> Table | None:
        """Return what SQLite tells of a table."""
        schema, table = name[0] or "main", name[1]
        of = self.quote(schema)
        found = session.execute(
            f"SELECT type, name FROM {of}.sqlite_master WHERE lower(name) = lower(?) AND type IN ('table', 'view')",
            (table,),
        )
        if not found:
            return None
        kind, table = found[0]
        if kind != "table":
            raise InvalidInputError(f"{table} is a view: write to a table. Nothing was written.")
        rows = session.execute(
            'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?, ?)',
            (table, schema),
        )
        return Table(
            f"{of}.{self.quote(table)}",
            table if schema == "main" else f"{schema}.{table}",
            tuple(
                Column(n, self.parse(t), bool(notnull) and default is None, hidden in {2, 3})
                for n, t, notnull, default, _, hidden in rows
            ),
            self._keys(session, schema, table, rows),
            self._referenced(session, schema, table),
        )

    def create_index(self, session: Session, name: Name, sql: str, columns: Sequence[str]) -> None:
        """Make the index; here its name bears the schema, and the table's none."""
        schema = self.quote(name[0] or "main")
        index, table = self.quote(self.index_name(name, columns)), self.quote(name[1])
        session.execute(f"CREATE INDEX {schema}.{index} ON {table} ({self.quoted(columns)})")

    @staticmethod
    def _keys(
        session: Session, schema: str, table: str, rows: list[tuple[Any, ...]]
    ) -> tuple[tuple[str, ...], ...]:
        primary = tuple(row[0] for row in sorted(rows, key=lambda row: row[4]) if row[4])
        indexes = session.execute(
            'SELECT name FROM pragma_index_list(?, ?) WHERE "unique" AND NOT partial', (table, schema)
        )
        others: list[tuple[str, ...]] = []
        for (index,) in indexes:
            names = tuple(
                row[0]
                for row in session.execute(
                    "SELECT name FROM pragma_index_info(?, ?) ORDER BY seqno", (index, schema)
                )
            )
            if None not in names and names != primary:
                others.append(names)
        return ((primary,) if primary else ()) + tuple(others)

    @staticmethod
    def _referenced(session: Session, schema: str, table: str) -> tuple[str, ...]:
        """Return the columns that foreign keys refer to, where they are enforced."""
        if session.execute("PRAGMA foreign_keys") != [(1,)]:
            return ()
        rows = session.execute(
            f'SELECT f.id, m.name, f."to" FROM {SQLite().quote(schema)}.sqlite_master m '
            "JOIN pragma_foreign_key_list(m.name, ?) f WHERE m.type = 'table' AND lower(f.\"table\") = lower(?) "
            "AND lower(m.name) <> lower(?) ORDER BY m.name, f.id, f.seq",
            (schema, table, table),
        )
        if not rows:
            return ()
        names = tuple(row[2] for row in rows if row[:2] == rows[0][:2])
        if None not in names:
            return names
        primary = session.execute(
            "SELECT name FROM pragma_table_info(?, ?) WHERE pk ORDER BY pk", (table, schema)
        )
        return tuple(row[0] for row in primary)

    def _attached(self, table: Table) -> tuple[str, str]:
        """Return the schema and the name of a table, quoted."""
        schema, _, name = table.sql.partition('".')
        return f'{schema}"', name

    def traits(self, session: Session, table: Table) -> frozenset[str]:
        """Ask the catalog."""
        schema, name = (part[1:-1].replace('""', '"') for part in self._attached(table))
        found = session.execute(
            f"SELECT type, name FROM {self.quote(schema)}.sqlite_master "
            "WHERE lower(tbl_name) = lower(?) AND type IN ('index', 'trigger') AND sql IS NOT NULL",
            (name,),
        )
        traits = {f"{kind} {called}" for kind, called in found}
        for names in self._keys(session, schema, name, self._columns(session, schema, name))[:1]:
            traits.add(f"unique key ({', '.join(names)})")
        for column, default in session.execute(
            "SELECT name, dflt_value FROM pragma_table_xinfo(?, ?) WHERE dflt_value IS NOT NULL",
            (name, schema),
        ):
            traits.add(f"default {default} of column {column}")
        for (parent,) in session.execute(
            'SELECT DISTINCT "table" FROM pragma_foreign_key_list(?, ?)', (name, schema)
        ):
            traits.add(f"foreign key to {parent}")
        made = session.execute(
            f"SELECT sql FROM {self.quote(schema)}.sqlite_master WHERE type = 'table' AND lower(name) = lower(?)",
            (name,),
        )[0][0].upper()
        traits |= {
            word.lower()
            for word in ("CHECK", "AUTOINCREMENT", "COLLATE", "STRICT", "WITHOUT ROWID")
            if word in made
        }
        return frozenset(traits)

    @staticmethod
    def _columns(session: Session, schema: str, table: str) -> list[tuple[Any, ...]]:
        return session.execute(
            'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?, ?)',
            (table, schema),
        )

    def reshape(self, session: Session, table: Table, shape: Shape) -> None:
        """Make the table anew, with what its columns allow of its keys, indexes and triggers."""
        if table.referenced:
            raise InvalidInputError(
                f"{table.label} is referred to by foreign keys, so its columns can't be changed in one step. "
                "Use if_exists='truncate', or change the table first. Nothing was written."
            )
        quoted, _ = self._attached(table)
        schema, name = (part[1:-1].replace('""', '"') for part in self._attached(table))
        hanging = session.execute(
            f"SELECT type, name, sql FROM {quoted}.sqlite_master "
            "WHERE lower(tbl_name) = lower(?) AND type IN ('index', 'trigger') AND sql IS NOT NULL",
            (name,),
        )
        working = self._working_views(session, quoted)
        parts = self._definition(session, schema, name, shape)
        session.execute(f"DROP TABLE {table.sql}")
        session.execute(f"CREATE TABLE {table.sql} ({', '.join(parts)})")
        for _, _, sql in hanging:
            self._again(session, sql, schema)
        for view in working - self._working_views(session, quoted):
            raise InvalidInputError(
                f"The view {view} reads columns of {table.label} that would go. Drop it, or keep them. "
                "Nothing was written."
            )

    def _definition(self, session: Session, schema: str, name: str, shape: Shape) -> list[str]:
        """Return the columns and keys of the new table."""
        stays = {self.fold(c.name) for c in shape.columns} - {
            self.fold(c.name) for c in (*shape.changed, *shape.new)
        }
        old = {self.fold(row[0]): row for row in self._columns(session, schema, name)}
        parts: list[str] = []
        for column in shape.columns:
            _, _, notnull, default, _, _ = (
                old[self.fold(column.name)] if self.fold(column.name) in stays else [None] * 6
            )
            rest = f"{' NOT NULL' if notnull else ''}{f' DEFAULT ({default})' if default is not None else ''}"
            parts.append(f"{self.quote(column.name)} {column.type.ddl}{rest}")
        primary = tuple(row[0] for row in sorted(old.values(), key=lambda row: row[4]) if row[4])
        unique = {
            names: "PRIMARY KEY" if names == primary else "UNIQUE"
            for names in self._constraints(session, schema, name, primary)
        }
        there = {self.fold(column.name) for column in shape.columns}
        for names, word in unique.items():
            if {self.fold(n) for n in names} <= there:
                parts.append(f"{word} ({self.quoted(names)})")
        return parts + self._foreign_keys(session, schema, name, there)

    @staticmethod
    def _constraints(
        session: Session, schema: str, table: str, primary: tuple[str, ...]
    ) -> list[tuple[str, ...]]:
        found = [primary] if primary else []
        for (index,) in session.execute(
            "SELECT name FROM pragma_index_list(?, ?) WHERE origin = 'u'", (table, schema)
        ):
            rows = session.execute("SELECT name FROM pragma_index_info(?, ?) ORDER BY seqno", (index, schema))
            found.append(tuple(row[0] for row in rows))
        return found

    def _foreign_keys(self, session: Session, schema: str, table: str, there: set[str]) -> list[str]:
        rows = session.execute(
            'SELECT id, "table", "from", "to", on_update, on_delete '
            "FROM pragma_foreign_key_list(?, ?) ORDER BY id, seq",
            (table, schema),
        )
        parts: list[str] = []
        for number in dict.fromkeys(row[0] for row in rows):
            group = [row for row in rows if row[0] == number]
            if not {self.fold(row[2]) for row in group} <= there:
                continue
            to = "" if group[0][3] is None else f" ({self.quoted(row[3] for row in group)})"
            parts.append(
                f"FOREIGN KEY ({self.quoted(row[2] for row in group)}) REFERENCES {self.quote(group[0][1])}{to} "
                f"ON UPDATE {group[0][4]} ON DELETE {group[0][5]}"
            )
        return parts

    def _again(self, session: Session, sql: str, schema: str) -> None:
        """Make an index or a trigger again, unless it needs a column that is gone."""
        if schema != "main":
            return  # its text doesn't name the database it was made in; the loss is told
        session.execute("SAVEPOINT atio_again")
        try:
            session.execute(sql)
        except sqlite3.OperationalError:
            session.execute("ROLLBACK TO SAVEPOINT atio_again")  # what is missing afterwards is told
        session.execute("RELEASE SAVEPOINT atio_again")

    def _working_views(self, session: Session, quoted: str) -> set[str]:
        working: set[str] = set()
        for (view,) in session.execute(f"SELECT name FROM {quoted}.sqlite_master WHERE type = 'view'"):
            try:
                session.execute(f"SELECT * FROM {quoted}.{self.quote(view)} LIMIT 0")
            except sqlite3.OperationalError:
                continue
            working.add(view)
        return working

    def load(
        self, session: Session, sql: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]
    ) -> None:
        """Insert the rows by one prepared statement."""
        marks = ", ".join("?" * len(columns))
        order = f"INSERT INTO {sql} ({self.quoted(c.name for c in columns)}) VALUES ({marks})"
        with session.cursor() as cursor:
            for batch in batches:
                values = [_bound(v, c.type).to_pylist() for v, c in zip(batch.columns, columns, strict=True)]
                cursor.executemany(order, zip(*values, strict=True))


def _bound(values: Any, to: SqlType) -> Any:
    """Return values as SQLite holds them: numbers, text, bytes."""
    match to.family:
        case "bool":
            return values.cast(pa.int8())
        case "date" | "time" | "timestamp":
            return values.cast(pa.string())
        case _:
            return values
