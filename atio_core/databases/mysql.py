"""MySQL and MariaDB. Rows are loaded by inserts of many rows each.

A change of tables commits whatever is open, so a table is made or changed beside the one that readers see, and put in
its place by one `RENAME` (`shadow.py`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pyarrow as pa

from atio_core.databases.connect import Session
from atio_core.databases.dialect import Column, Dialect, Name, Shape, Table, integers, split_type
from atio_core.databases.sql_types import SqlType, UnfitError
from atio_core.errors import InvalidInputError

_INTEGERS = integers(
    {
        "int8": "TINYINT",
        "int16": "SMALLINT",
        "int32": "INT",
        "int64": "BIGINT",
        "uint8": "TINYINT UNSIGNED",
        "uint16": "SMALLINT UNSIGNED",
        "uint32": "INT UNSIGNED",
        "uint64": "BIGINT UNSIGNED",
    }
)
# A FLOAT is shown with six digits, whatever it holds.
_DOUBLE = SqlType("DOUBLE", "float", nan=False, infinite=False)
_TEXT = SqlType("LONGTEXT CHARACTER SET utf8mb4", "text")
_KEY_TEXT = SqlType("VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "text", length=255)
_TYPES: dict[str, SqlType] = {
    **_INTEGERS,
    "halffloat": _DOUBLE,
    "float": _DOUBLE,
    "double": _DOUBLE,
    "bool": SqlType("TINYINT(1)", "bool"),
    "text": _TEXT,
    "null": _TEXT,
    "bytes": SqlType("LONGBLOB", "bytes"),
    "date": SqlType("DATE", "date"),
    "time": SqlType("TIME(6)", "time", precision=6),
    "timestamp": SqlType("DATETIME(6)", "timestamp", precision=6),
    "uuid": SqlType("VARCHAR(36) CHARACTER SET utf8mb4", "text", length=36),
}
_MEDIUM = {
    ddl.removesuffix(" unsigned") + rest: dataclasses.replace(
        SqlType(f"{ddl.upper()}{rest.upper()}", "int", low=low, high=high), bool_as_int=True
    )
    for ddl, rest, low, high in (
        ("mediumint", "", -(1 << 23), (1 << 23) - 1),
        ("mediumint", " unsigned", 0, (1 << 24) - 1),
    )
}
_BY_NAME: dict[str, SqlType] = {
    **{t.ddl.lower(): dataclasses.replace(t, bool_as_int=True) for t in _INTEGERS.values()},
    **_MEDIUM,
    "integer": dataclasses.replace(_INTEGERS["int32"], bool_as_int=True),
    "bool": _TYPES["bool"],
    "double": _DOUBLE,
    "double precision": _DOUBLE,
    "date": _TYPES["date"],
    "longtext": _TEXT,
    "mediumtext": SqlType("MEDIUMTEXT", "text", length=(1 << 24) - 1),
    "text": SqlType("TEXT", "text", length=(1 << 16) - 1),
    "tinytext": SqlType("TINYTEXT", "text", length=255),
    "longblob": _TYPES["bytes"],
    "mediumblob": SqlType("MEDIUMBLOB", "bytes", length=(1 << 24) - 1),
    "blob": SqlType("BLOB", "bytes", length=(1 << 16) - 1),
    "tinyblob": SqlType("TINYBLOB", "bytes", length=255),
    "json": SqlType("JSON", "json"),
}
_TRANSACTIONAL = ("innodb", "rocksdb", "ndbcluster", "ndb")
_INSTEAD = {
    "interval": "a TIME ends at 838 hours; write a number: .dt.total_seconds()",
    "timestamptz": "there are no times with a zone in MySQL; convert to UTC, then drop the zone",
}
_COLUMNS = """
SELECT column_name, column_type, is_nullable = 'NO' AND column_default IS NULL AND extra NOT LIKE '%%auto_increment%%',
       extra LIKE '%%GENERATED%%', column_comment, is_nullable
FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"""
_INDEXES = """
SELECT index_name, non_unique, column_name, sub_part
FROM information_schema.statistics WHERE table_schema = %s AND table_name = %s
ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index"""
_FOREIGN_KEYS = """
SELECT k.constraint_name, k.column_name, k.referenced_table_schema, k.referenced_table_name, k.referenced_column_name,
       r.update_rule, r.delete_rule
FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = %s AND k.table_name = %s AND k.referenced_table_name IS NOT NULL
ORDER BY k.constraint_name, k.ordinal_position"""
_REFERENCED = """
SELECT constraint_name, referenced_column_name FROM information_schema.key_column_usage
WHERE referenced_table_schema = %s AND referenced_table_name = %s AND table_name <> referenced_table_name
ORDER BY table_schema, table_name, constraint_name, ordinal_position"""


class MySQL(Dialect):
    """MySQL and MariaDB, by PyMySQL."""

    mark = "%s"
    longest_name = 64
    transactional_ddl = False
    sqlalchemy_name = "mysql"
    insert_new = "INSERT IGNORE INTO {sql} VALUES ({marks})"
    types = _TYPES

    def quote(self, name: str) -> str:
        """Return a name as an identifier."""
        return "`" + name.replace("`", "``") + "`"

    def type_for(self, t: pa.DataType, *, key: bool) -> SqlType:
        """Return the type of a new column."""
        if pa.types.is_decimal(t) and 0 <= t.scale <= min(t.precision, 30) and t.precision <= 65:  # noqa: PLR2004 - its most
            return self.parse(f"decimal({t.precision},{t.scale})")
        if pa.types.is_duration(t):
            raise UnfitError(_INSTEAD["interval"])
        if pa.types.is_timestamp(t) and t.tz is not None:
            raise UnfitError(_INSTEAD["timestamptz"])
        found = super().type_for(t, key=key)
        if key and found.family == "text":
            return _KEY_TEXT
        return SqlType("VARBINARY(255)", "bytes", length=255) if key and found.family == "bytes" else found

    def parse(self, declared: str) -> SqlType:
        """Return a type as the catalog or SQLAlchemy spells it."""
        name, first, second, _ = split_type(declared)
        name = name.partition(" character set")[0].removesuffix(" zerofill")
        if (name, first) == ("tinyint", 1):
            return _TYPES["bool"]
        if name in _BY_NAME:
            return _BY_NAME[name]
        if name in {"decimal", "numeric"}:
            precision, scale = first or 10, second or 0
            return SqlType(f"DECIMAL({precision},{scale})", "decimal", precision=precision, scale=scale)
        if name in {"varchar", "char"}:
            ddl = f"{name.upper()}({first or 1})"
            return SqlType(ddl, "text", length=first or 1, trimmed=name == "char")
        if name in {"varbinary", "binary"}:
            return SqlType(
                f"{name.upper()}({first or 1})", "bytes", length=first or 1, padded=name == "binary"
            )
        if name in {"datetime", "timestamp", "time"}:
            family = {"datetime": "timestamp", "timestamp": "timestamptz", "time": "time"}[name]
            digits = first or 0
            return SqlType(f"{name.upper()}({digits})", family, precision=digits)  # pyright: ignore[reportArgumentType] - one of them
        if name == "float":
            return SqlType("FLOAT", "float", bits=32, nan=False, infinite=False)
        return SqlType(declared, "other")

    @contextlib.contextmanager
    def settings(self, session: Session) -> Generator[None]:
        """Refuse what would be cut or replaced, and take times as UTC, until the end of the block."""
        ((mode, zone),) = session.execute("SELECT @@SESSION.sql_mode, @@SESSION.time_zone")
        strict = ",".join(dict.fromkeys([*filter(None, str(mode).split(",")), "STRICT_ALL_TABLES"]))
        session.execute("SET SESSION sql_mode = %s, SESSION time_zone = '+00:00'", (strict,))
        try:
            yield
        finally:
            with contextlib.suppress(Exception):  # a connection that is gone has no settings
                session.execute("SET SESSION sql_mode = %s, SESSION time_zone = %s", (mode, zone))

    @staticmethod
    def schema(session: Session, name: Name) -> str:
        """Return the schema that a name means."""
        schema = name[0] or session.execute("SELECT DATABASE()")[0][0]
        if schema is None:
            raise InvalidInputError("The connection is to no database. Give schema=. Nothing was written.")
        return str(schema)

    def compared(self, column: str, held: SqlType) -> tuple[str, str]:
        """Compare texts byte by byte: a column's own order may fold case, accents, and spaces at the end."""
        if held.family != "text":
            return column, self.mark
        return (
            f"CAST(CONVERT({column} USING utf8mb4) AS BINARY)",
            f"CAST(CONVERT({self.mark} USING utf8mb4) AS BINARY)",
        )

    def qualified(self, session: Session, name: Name) -> str:
        """Return a new table's name."""
        return f"{self.quote(self.schema(session, name))}.{self.quote(name[1])}"

    def describe(self, session: Session, name: Name) -> Table | None:
        """Return what the catalog tells of a table."""
        where = (self.schema(session, name), name[1])
        found = session.execute(
            "SELECT table_type, engine FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
            where,
        )
        if not found:
            return None
        kind, engine = found[0]
        label = f"{where[0]}.{where[1]}"
        if "TABLE" not in kind or kind == "SYSTEM VIEW":
            raise InvalidInputError(f"{label} is a {kind.lower()}: write to a table. Nothing was written.")
        columns = session.execute(_COLUMNS, where)
        keys = tuple(
            names for unique, names, whole in self.indexes(session, where).values() if unique and whole
        )
        referenced = session.execute(_REFERENCED, where)
        return Table(
            self.qualified(session, name),
            label,
            tuple(
                Column(n, self.parse(t), bool(required), bool(made)) for n, t, required, made, _, _ in columns
            ),
            keys,
            tuple(column for constraint, column in referenced if constraint == referenced[0][0]),
            str(engine).lower() in _TRANSACTIONAL,
        )

    @staticmethod
    def indexes(session: Session, where: tuple[str, str]) -> dict[str, tuple[bool, tuple[str, ...], bool]]:
        """Return the indexes of a table: whether unique, of which columns, and whether of all of each."""
        found: dict[str, tuple[bool, tuple[str, ...], bool]] = {}
        for index, non_unique, column, part in session.execute(_INDEXES, where):
            _, names, whole = found.get(index, (False, (), True))
            found[index] = (not non_unique, (*names, column), whole and part is None and column is not None)
        return found

    def claim(self, session: Session, name: Name) -> None:
        """Nothing is needed: `RENAME` refuses a name that is taken."""

    def lock(self, session: Session, table: Table, *, alone: bool) -> None:
        """Touch the table: its columns can't be changed until the transaction ends. Rows are locked as they go."""
        session.execute(f"SELECT 1 FROM {table.sql} LIMIT 0")

    def where(self, table: Table) -> tuple[str, str]:
        """Return a table's schema and name."""
        schema, _, name = table.sql.partition("`.`")
        return schema[1:].replace("``", "`"), name[:-1].replace("``", "`")

    def traits(self, session: Session, table: Table) -> frozenset[str]:
        """Ask the catalog."""
        where = self.where(table)
        traits = {
            f"{'primary key' if index == 'PRIMARY' else f'index {index}'} ({', '.join(map(str, names))})"
            for index, (_, names, _) in self.indexes(session, where).items()
        }
        for columns, schema, parent, _, _ in self._foreign_keys(session, where):
            traits.add(f"foreign key ({', '.join(columns)}) to {schema}.{parent}")
        for name, _, _, _, comment, _ in session.execute(_COLUMNS, where):
            if comment:
                traits.add(f"comment on column {name}")
        for (name,) in session.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
            "AND column_default IS NOT NULL AND column_default <> 'NULL'",
            where,
        ):
            traits.add(f"default of column {name}")
        return frozenset(traits)

    @staticmethod
    def _foreign_keys(
        session: Session, where: tuple[str, str]
    ) -> list[tuple[list[str], str, str, list[str], str]]:
        """Return the foreign keys of a table: columns, schema, table and columns there, and the rules."""
        rows = session.execute(_FOREIGN_KEYS, where)
        found: list[tuple[list[str], str, str, list[str], str]] = []
        for constraint in dict.fromkeys(row[0] for row in rows):
            group = [row for row in rows if row[0] == constraint]
            rules = f"ON UPDATE {group[0][5]} ON DELETE {group[0][6]}"
            found.append(
                ([row[1] for row in group], group[0][2], group[0][3], [row[4] for row in group], rules)
            )
        return found

    def like(self, session: Session, table: Table, sql: str) -> None:
        """Make an empty table like another one, its foreign keys included."""
        session.execute(f"CREATE TABLE {sql} LIKE {table.sql}")

    def add_foreign_keys(self, session: Session, table: Table, sql: str, there: set[str]) -> None:
        """Give a table the foreign keys of another one, as far as it has the columns."""
        for columns, schema, parent, parents, rules in self._foreign_keys(session, self.where(table)):
            if {self.fold(name) for name in columns} <= there:
                session.execute(
                    f"ALTER TABLE {sql} ADD FOREIGN KEY ({self.quoted(columns)}) REFERENCES "
                    f"{self.quote(schema)}.{self.quote(parent)} ({self.quoted(parents)}) {rules}"
                )

    def reshape(self, session: Session, table: Table, shape: Shape) -> None:
        """Alter a table that nobody sees. An index goes with the first of its columns: a part of it means another."""
        gone = {self.fold(name) for name in shape.gone}
        unindexable = {self.fold(c.name) for c in shape.changed if c.type.family in {"text", "bytes", "json"}}
        steps: list[str] = []
        for index, (_, names, _) in self.indexes(session, self.where(table)).items():
            if {self.fold(str(name)) for name in names} & (gone | unindexable):
                steps.append("DROP PRIMARY KEY" if index == "PRIMARY" else f"DROP INDEX {self.quote(index)}")
        old = {self.fold(row[0]): row for row in session.execute(_COLUMNS, self.where(table))}
        comments: list[Any] = []
        steps += [f"DROP COLUMN {self.quote(name)}" for name in shape.gone]
        for column in shape.changed:
            row = old[self.fold(column.name)]
            required = " NOT NULL" if row[5] == "NO" else ""
            steps.append(f"MODIFY COLUMN {self.quote(column.name)} {column.type.ddl}{required} COMMENT %s")
            comments.append(row[4])
        steps += [f"ADD COLUMN {self.quote(column.name)} {column.type.ddl}" for column in shape.new]
        if not steps:
            return
        # New columns first, for a table can't be without any.
        steps.sort(key=lambda step: not step.startswith("ADD"))
        order = ", ".join(steps)
        session.execute(
            f"ALTER TABLE {table.sql} {order if comments else order.replace('%', '%%')}", tuple(comments)
        )

    def load(
        self, session: Session, sql: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]
    ) -> None:
        """Insert the rows, as many at once as a packet holds."""
        names = self.quoted(column.name for column in columns).replace("%", "%%")
        marks = ", ".join(["%s"] * len(columns))
        order = f"INSERT INTO {sql.replace('%', '%%')} ({names}) VALUES ({marks})"
        with session.cursor() as cursor:
            for batch in batches:
                values = [_bound(v, c.type).to_pylist() for v, c in zip(batch.columns, columns, strict=True)]
                cursor.executemany(order, list(zip(*values, strict=True)))

    def merge(
        self, session: Session, table: Table, staged: str, columns: Sequence[str], key: Sequence[str]
    ) -> None:
        """Change rows in their place and add the others: `ON DUPLICATE KEY` would take any unique key for this one."""
        same = " AND ".join(f"s.{self.quote(name)} = t.{self.quote(name)}" for name in key)
        others = [name for name in columns if name not in key]
        if others:
            sets = ", ".join(f"t.{self.quote(name)} = s.{self.quote(name)}" for name in others)
            session.execute(f"UPDATE {table.sql} t JOIN {staged} s ON {same} SET {sets}")
        names = self.quoted(columns)
        chosen = ", ".join(f"s.{self.quote(name)}" for name in columns)
        first = self.quote(key[0])
        session.execute(
            f"INSERT INTO {table.sql} ({names}) SELECT {chosen} FROM {staged} s "
            f"LEFT JOIN {table.sql} t ON {same} WHERE t.{first} IS NULL"
        )

    def stage(self, session: Session, table: Table, columns: Sequence[Column]) -> str:
        """Make a temporary table; by an outer join, so that its columns take NULL."""
        name = self.quote(f"atio_stage_{hashlib.sha256(table.sql.encode()).hexdigest()[:16]}")
        session.execute(f"DROP TEMPORARY TABLE IF EXISTS {name}")
        of = ", ".join(f"t.{self.quote(column.name)}" for column in columns)
        session.execute(
            f"CREATE TEMPORARY TABLE {name} AS SELECT {of} FROM (SELECT 1) one LEFT JOIN {table.sql} t ON 1 = 0 "
            "WHERE 1 = 0"
        )
        return name

    def drop(self, session: Session, staged: str) -> None:
        """Drop a temporary table, which commits nothing."""
        session.execute(f"DROP TEMPORARY TABLE {staged}")


def _bound(values: Any, to: SqlType) -> Any:
    """Return values as PyMySQL writes them exactly."""
    match to.family:
        case "bool":
            return values.cast(pa.int8())
        case "date" | "time" | "timestamp":
            return values.cast(pa.string())
        case "timestamptz":
            return values.cast(pa.timestamp("us")).cast(pa.string())
        case _:
            return values
