"""PostgreSQL. Rows are loaded by `COPY`, as CSV that Arrow writes: the cheapest way there is.

Columns are changed by `ALTER TABLE`, so that the table stays the same one, with all that hangs on it.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from atio_core.databases.connect import Session
from atio_core.databases.dialect import Column, Dialect, Name, Shape, Table, integers, split_type
from atio_core.databases.sql_types import SqlType, array_of, plain
from atio_core.errors import InvalidInputError

_INTEGERS = integers({"int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT"})
_TEXT = SqlType("TEXT", "text", nul=False)
_DOUBLE = SqlType("DOUBLE PRECISION", "float")
_REAL = SqlType("REAL", "float", bits=32)
_BOOL = SqlType("BOOLEAN", "bool")
_BYTES = SqlType("BYTEA", "bytes")
_DATE = SqlType("DATE", "date")
_TIME = SqlType("TIME", "time")
_STAMP = SqlType("TIMESTAMP", "timestamp")
_STAMPTZ = SqlType("TIMESTAMP WITH TIME ZONE", "timestamptz")
_INTERVAL = SqlType("INTERVAL", "interval")
_UUID = SqlType("UUID", "uuid")

_TYPES: dict[str, SqlType] = {
    **_INTEGERS,
    "int8": _INTEGERS["int16"],
    "uint8": _INTEGERS["int16"],
    "uint16": _INTEGERS["int32"],
    "uint32": _INTEGERS["int64"],
    "uint64": SqlType("NUMERIC(20, 0)", "decimal", precision=20, scale=0),
    "halffloat": _REAL,
    "float": _REAL,
    "double": _DOUBLE,
    "bool": _BOOL,
    "text": _TEXT,
    "null": _TEXT,
    "bytes": _BYTES,
    "date": _DATE,
    "time": _TIME,
    "timestamp": _STAMP,
    "timestamptz": _STAMPTZ,
    "interval": _INTERVAL,
    "uuid": _UUID,
}
_BY_NAME: dict[str, SqlType] = {
    "smallint": _INTEGERS["int16"],
    "integer": _INTEGERS["int32"],
    "int": _INTEGERS["int32"],
    "bigint": _INTEGERS["int64"],
    "smallserial": _INTEGERS["int16"],
    "serial": _INTEGERS["int32"],
    "bigserial": _INTEGERS["int64"],
    "real": _REAL,
    "double precision": _DOUBLE,
    "boolean": _BOOL,
    "bool": _BOOL,
    "text": _TEXT,
    "bytea": _BYTES,
    "date": _DATE,
    "uuid": _UUID,
    "json": SqlType("JSON", "json", nul=False),
    "jsonb": SqlType("JSONB", "json", nul=False),
}
_WITH_DIGITS: dict[str, SqlType] = {
    "time": _TIME,
    "time without time zone": _TIME,
    "timestamp": _STAMP,
    "timestamp without time zone": _STAMP,
    "timestamp with time zone": _STAMPTZ,
    "timestamptz": _STAMPTZ,
    "interval": _INTERVAL,
}
_UNLIMITED = SqlType("NUMERIC", "decimal")

_RELATION = """
SELECT oid, relkind::text, relnamespace::regnamespace::text, relname::text
FROM pg_class WHERE oid = to_regclass(%s)"""
_COLUMNS = """
SELECT a.attname::text,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod)
            WHEN t.typtype = 'e' THEN 'enum' ELSE format_type(a.atttypid, a.atttypmod) END,
       (a.attnotnull OR t.typnotnull) AND NOT a.atthasdef AND a.attidentity = '',
       a.attgenerated <> ''
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_KEYS = """
SELECT i.indisprimary, array_agg(a.attname::text ORDER BY k.n)
FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
  AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary ORDER BY i.indisprimary DESC, i.indexrelid"""
_REFERENCED = """
SELECT array_agg(a.attname::text ORDER BY k.n) FROM pg_constraint c
CROSS JOIN LATERAL unnest(c.confkey) WITH ORDINALITY AS k(attnum, n)
JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum
WHERE c.contype = 'f' AND c.confrelid = %s GROUP BY c.oid ORDER BY c.oid LIMIT 1"""
_TRAITS = """
SELECT 'index ' || indexrelid::regclass FROM pg_index WHERE indrelid = %(oid)s
UNION ALL SELECT CASE contype WHEN 'p' THEN 'primary key ' WHEN 'f' THEN 'foreign key ' WHEN 'c' THEN 'check '
                 WHEN 'u' THEN 'unique constraint ' WHEN 'n' THEN 'not null ' ELSE 'constraint ' END || conname
          FROM pg_constraint WHERE conrelid = %(oid)s
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = %(oid)s AND NOT tgisinternal
UNION ALL SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = %(oid)s
UNION ALL SELECT 'comment on column ' || a.attname FROM pg_description d
          JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
          WHERE d.objoid = %(oid)s AND d.classoid = 'pg_class'::regclass AND NOT a.attisdropped
UNION ALL SELECT 'grants on column ' || attname FROM pg_attribute
          WHERE attrelid = %(oid)s AND attacl IS NOT NULL AND NOT attisdropped
UNION ALL SELECT 'default of column ' || a.attname FROM pg_attrdef d
          JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = %(oid)s
UNION ALL SELECT 'statistics ' || stxname FROM pg_statistic_ext WHERE stxrelid = %(oid)s
UNION ALL SELECT 'sequence ' || s.oid::regclass FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
          WHERE d.refobjid = %(oid)s AND d.deptype IN ('a', 'i')
"""


class PostgreSQL(Dialect):
    """PostgreSQL, by psycopg."""

    mark = "%s"
    folds_case = False
    longest_name = 63
    sqlalchemy_name = "postgresql"
    types = _TYPES
    temporary = "pg_temp."
    overriding = "OVERRIDING SYSTEM VALUE "

    def type_for(self, t: pa.DataType, *, key: bool) -> SqlType:
        """Return the type of a new column; decimals and lists have types of their own."""
        if pa.types.is_decimal(t) and 0 <= t.scale <= t.precision:
            return self.parse(f"numeric({t.precision},{t.scale})")
        is_list = pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t)
        if is_list and not pa.types.is_nested(t.value_type):
            return array_of(self.type_for(t.value_type, key=False))
        return super().type_for(t, key=key)

    def parse(self, declared: str) -> SqlType:
        """Return a type as `format_type` or SQLAlchemy spells it."""
        name, first, second, dimensions = split_type(declared)
        if dimensions:
            return array_of(self.parse(declared[: declared.rindex("[")]))
        if name in _BY_NAME:
            return _BY_NAME[name]
        if name in _WITH_DIGITS:
            known = _WITH_DIGITS[name]
            word, _, rest = known.ddl.partition(" ")
            digits = "" if first is None else f"({first})"
            return dataclasses.replace(known, ddl=f"{word}{digits} {rest}".strip(), precision=first)
        if name in {"numeric", "decimal"}:
            if first is None:
                return _UNLIMITED
            return SqlType(f"NUMERIC({first}, {second or 0})", "decimal", precision=first, scale=second or 0)
        if name in {"character varying", "varchar"}:
            return (
                _TEXT if first is None else dataclasses.replace(_TEXT, ddl=f"VARCHAR({first})", length=first)
            )
        if name in {"character", "char"}:
            return dataclasses.replace(_TEXT, ddl=f"CHAR({first or 1})", length=first or 1, padded=True)
        if name == "float":
            return _REAL if first is not None and first <= 24 else _DOUBLE  # noqa: PLR2004 - digits of a REAL
        return SqlType(declared, "other", nul=False)

    def selected(self, column: str, held: SqlType) -> str:
        """Read as text what has no other form here."""
        return f"{column}::text" if held.family in {"json", "uuid", "other"} else column

    def qualified(self, session: Session, name: Name) -> str:
        """Return a new table's name, in the first schema of the search path if none is named."""
        schema, table = name
        if schema is None:
            ((schema,),) = session.execute("SELECT current_schema()::text")
        if schema is None:
            raise InvalidInputError("No schema of the search path exists. Give schema=. Nothing was written.")
        return f"{self.quote(schema)}.{self.quote(table)}"

    def describe(self, session: Session, name: Name) -> Table | None:
        """Return what the catalog tells of a table."""
        found = self._find(session, ".".join(self.quote(part) for part in name if part is not None))
        if found is None:
            return None
        oid, kind, schema, table = found
        label = f"{schema}.{table}"
        if kind not in {"r", "p"}:
            what = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}.get(kind, "no table")
            raise InvalidInputError(f"{label} is {what}: write to a table. Nothing was written.")
        columns = session.execute(_COLUMNS, (oid,))
        keys = tuple(tuple(names) for _, names in session.execute(_KEYS, (oid,)))
        referenced = session.execute(_REFERENCED, (oid,))
        return Table(
            # regnamespace quotes by itself where that is needed
            f"{schema}.{self.quote(table)}",
            label,
            tuple(Column(n, self.parse(t), required, computed) for n, t, required, computed in columns),
            keys,
            tuple(referenced[0][0]) if referenced else (),
        )

    @staticmethod
    def _find(session: Session, quoted: str) -> tuple[Any, ...] | None:
        found = session.execute(_RELATION, (quoted,))
        return found[0] if found else None

    def claim(self, session: Session, name: Name) -> None:
        """Let one at a time make a table of this name."""
        sql = self.qualified(session, name)
        session.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"atio {sql}",))

    def lock(self, session: Session, table: Table, *, alone: bool) -> None:
        """Lock out other writers; readers go on. Rows that a policy hides would stand: that is an error here."""
        mode = "SHARE ROW EXCLUSIVE" if alone else "ROW EXCLUSIVE"
        session.execute(f"LOCK TABLE {table.sql} IN {mode} MODE")
        if session.execute(
            "SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(%s)", (table.sql,)
        ) == [(True,)]:
            session.execute("SET LOCAL row_security = off")

    def traits(self, session: Session, table: Table) -> frozenset[str]:
        """Ask the catalog."""
        oid = self._oid(session, table)
        with session.cursor() as cursor:
            cursor.execute(_TRAITS, {"oid": oid})
            return frozenset(str(row[0]) for row in cursor.fetchall())

    def _oid(self, session: Session, table: Table) -> int:
        found = self._find(session, table.sql)
        if found is None:
            raise InvalidInputError(f"{table.label} is gone. Write again.")
        return int(found[0])

    def reshape(self, session: Session, table: Table, shape: Shape) -> None:
        """Alter the table, which stays the same one: what reads a column that goes refuses that."""
        steps = [f"DROP COLUMN {self.quote(name)}" for name in shape.gone]
        for column in shape.changed:
            name = self.quote(column.name)
            # No row is left to be converted, and a default would have to be.
            steps += [
                f"ALTER COLUMN {name} DROP DEFAULT",
                f"ALTER COLUMN {name} TYPE {column.type.ddl} USING NULL::{column.type.ddl}",
            ]
        steps += [f"ADD COLUMN {self.quote(column.name)} {column.type.ddl}" for column in shape.new]
        session.execute(f"ALTER TABLE {table.sql} {', '.join(steps)}")

    def load(
        self, session: Session, sql: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]
    ) -> None:
        """Copy the rows in."""
        order = f"COPY {sql} ({self.quoted(c.name for c in columns)}) FROM STDIN (FORMAT csv)"
        # One chunk is made into CSV, on another core, while the one before is sent.
        with ThreadPoolExecutor(1) as maker, session.cursor() as cursor, cursor.copy(order) as copy:
            made: Future[bytes] | None = None
            for batch in batches:
                before, made = made, maker.submit(_csv, batch, columns)
                if before is not None:
                    copy.write(before.result())
            if made is not None:
                copy.write(made.result())


_OPTIONS = pa_csv.WriteOptions(include_header=False, batch_size=1 << 16)


def _csv(batch: pa.RecordBatch, columns: Sequence[Column]) -> bytes:
    arrays = [_writable(values, column.type) for values, column in zip(batch.columns, columns, strict=True)]
    names = [str(i) for i in range(len(arrays))]
    out = io.BytesIO()
    pa_csv.write_csv(pa.RecordBatch.from_arrays(arrays, names=names), out, _OPTIONS)
    return out.getvalue()


def _writable(values: Any, to: SqlType) -> Any:
    """Return values as CSV can say them to PostgreSQL."""
    match to.family:
        case "bytes":
            return pa.array([None if v is None else "\\x" + v.hex() for v in values.to_pylist()], pa.string())
        case "interval":
            return pa.array(
                [None if v is None else _interval(v) for v in values.cast(pa.int64()).to_pylist()],
                pa.string(),
            )
        case "decimal" if pa.types.is_decimal(values.type):
            return values.cast(pa.string())
        case "array":
            return pa.array([None if v is None else _array(v) for v in _items(values, to)], pa.string())
        case _:
            return values


def _interval(microseconds: int) -> str:
    """Hours, minutes and seconds: days are no 24 hours where the clock is put forward."""
    sign = "-" if microseconds < 0 else ""
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:06}"


def _items(values: Any, to: SqlType) -> Iterator[list[str | None] | None]:
    """Yield the items of each list as text."""
    if to.item is None or pa.types.is_null(values.type.value_type):
        for size in values.value_lengths().to_pylist():
            yield None if size is None else [None] * size
        return
    items = _writable(plain(values.flatten()), to.item)
    if pa.types.is_timestamp(items.type) and items.type.tz is not None:
        texts = pc.strftime(items, "%Y-%m-%d %H:%M:%SZ").to_pylist()
    else:
        texts = items.cast(pa.string()).to_pylist()
    start = 0
    for size in values.value_lengths().to_pylist():
        yield None if size is None else texts[start : start + size]
        start += size or 0


def _array(items: Sequence[str | None]) -> str:
    return "{" + ",".join("NULL" if item is None else f'"{_escaped(item)}"' for item in items) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
