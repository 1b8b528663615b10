"""What the databases have in common, and where each differs: a table as its catalog tells it, and the SQL around it.

Names are always quoted, values always parameters or loaded as data: nothing is interpolated.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from atio_core.data.schema.arrow_types import is_text
from atio_core.databases.connect import Session
from atio_core.databases.sql_types import SqlType, UnfitError, is_binary
from atio_core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: As the table has it.
        type: What it holds.
        required: It takes no NULL and has no default: whoever adds a row has to give it.
        computed: The database computes it; it can't be written.
    """

    name: str
    type: SqlType
    required: bool = False
    computed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the catalog tells it.

    Attributes:
        sql: Its name, quoted, with its schema.
        label: Its name for messages.
        columns: In the table's order.
        keys: Sets of columns of which each is unique, the primary key first.
        referenced: Columns that foreign keys of other tables refer to; empty if none do.
        transactional: Rows in it are changed by transactions.
    """

    sql: str
    label: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    referenced: tuple[str, ...] = ()
    transactional: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """How the columns of a table become those that are written.

    Attributes:
        gone: Names of columns that go.
        changed: Columns with their new types.
        new: Columns that come.
        columns: All that the table then has, in the order of what is written.
    """

    gone: tuple[str, ...] = ()
    changed: tuple[Column, ...] = ()
    new: tuple[Column, ...] = ()
    columns: tuple[Column, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.gone or self.changed or self.new)


Name = tuple[str | None, str]
"""A table's schema, None for the connection's own, and its name."""


class Dialect(ABC):
    """A database.

    Attributes:
        mark: What stands for a parameter.
        folds_case: Names that differ in case alone are the same.
        longest_name: In bytes.
        transactional_ddl: A rollback undoes changes of tables too.
        sqlalchemy_name: What SQLAlchemy calls it.
        insert_new: Adds a row, unless its key is there.
    """

    mark = "?"
    folds_case = True
    longest_name = 1 << 16
    transactional_ddl = True
    sqlalchemy_name = ""
    insert_new = "INSERT INTO {sql} VALUES ({marks}) ON CONFLICT DO NOTHING"
    types: Mapping[str, SqlType]

    def quote(self, name: str) -> str:
        """Return a name as an identifier."""
        return '"' + name.replace('"', '""') + '"'

    def quoted(self, names: Iterable[str]) -> str:
        """Return names as identifiers, with commas between."""
        return ", ".join(self.quote(name) for name in names)

    def check_name(self, name: str, what: str) -> None:
        """Refuse a name that the database would cut or can't have."""
        if not name or "\0" in name:
            raise InvalidInputError(
                f"{what} {name!r} is no name in a database. Rename it. Nothing was written."
            )
        try:
            size = len(name.encode())
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"{what} {name!r} isn't Unicode. Rename it. Nothing was written."
            ) from error
        if size > self.longest_name:
            message = (
                f"{what} {name!r} is longer than {self.longest_name} bytes. Shorten it. Nothing was written."
            )
            raise InvalidInputError(message)

    def fold(self, name: str) -> str:
        """Return what two names of the same thing have in common."""
        return name.lower() if self.folds_case else name

    def type_for(self, t: pa.DataType, *, key: bool) -> SqlType:
        """Return the type of a new column for values of an Arrow type, however they are encoded.

        Args:
            t: The values' type.
            key: The column is part of a key.

        Raises:
            UnfitError: There is none that holds every value exactly.
        """
        if pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t):
            return self.type_for(t.value_type, key=key)
        found = self.types.get(_class_of(t))
        if found is None:
            raise UnfitError(f"the type {t} has no exact counterpart in {type(self).__name__}")
        return found

    def settings(self, session: Session) -> contextlib.AbstractContextManager[None]:
        """Set the connection up, until the end of a block."""
        return contextlib.nullcontext()

    def beside_marks(self, sql: str) -> str:
        """Return SQL without parameters as it stands in a statement that has some."""
        return sql.replace("%", "%%") if self.mark == "%s" else sql

    def compared(self, column: str, held: SqlType) -> tuple[str, str]:
        """Return how a column, quoted, and a parameter are written to be compared exactly."""
        del held
        return column, self.mark

    def bound(self, values: pa.Array, held: SqlType) -> list[Any]:
        """Return values, as `sql_types.fit` returns them, as parameters."""
        del held
        return values.to_pylist()

    def selected(self, column: str, held: SqlType) -> str:
        """Return how a column, quoted, is written to be read as its family says."""
        del held
        return column

    @abstractmethod
    def parse(self, declared: str) -> SqlType:
        """Return a type as the catalog or `CREATE TABLE` spells it."""

    @abstractmethod
    def qualified(self, session: Session, name: Name) -> str:
        """Return where a table of this name would be made, quoted."""

    @abstractmethod
    def describe(self, session: Session, name: Name) -> Table | None:
        """Return what the catalog tells of a table, None if there is none.

        Raises:
            InvalidInputError: It is no table: a view, a foreign table.
        """

    @abstractmethod
    def claim(self, session: Session, name: Name) -> None:
        """Keep others from making the same table, until the end of the transaction."""

    @abstractmethod
    def lock(self, session: Session, table: Table, *, alone: bool) -> None:
        """Keep others from changing a table's columns, and if alone its rows, until the end of the transaction."""

    def create(self, session: Session, sql: str, columns: Sequence[Column], key: Sequence[str]) -> None:
        """Make a table."""
        parts = [f"{self.quote(c.name)} {c.type.ddl}{' NOT NULL' if c.required else ''}" for c in columns]
        if key:
            parts.append(f"PRIMARY KEY ({self.quoted(key)})")
        session.execute(f"CREATE TABLE {sql} ({', '.join(parts)})")

    def create_index(self, session: Session, name: Name, sql: str, columns: Sequence[str]) -> None:
        """Make the index that `to_sql` makes of a frame's."""
        index = self.quote(self.index_name(name, columns))
        session.execute(f"CREATE INDEX {index} ON {sql} ({self.quoted(columns)})")

    def index_name(self, name: Name, columns: Sequence[str]) -> str:
        """Name an index as `to_sql` does, or by a digest where that is too long."""
        full = "_".join(("ix", name[1], *columns))
        if len(full.encode()) <= self.longest_name:
            return full
        return f"ix_{hashlib.sha256(full.encode()).hexdigest()[:32]}"

    @abstractmethod
    def traits(self, session: Session, table: Table) -> frozenset[str]:
        """Return what hangs on a table, each as a few words: what is missing after a change was lost."""

    @abstractmethod
    def reshape(self, session: Session, table: Table, shape: Shape) -> None:
        """Change the columns of a table whose rows are gone already."""

    @abstractmethod
    def load(
        self, session: Session, sql: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]
    ) -> None:
        """Add rows to a table; the batches hold the columns as `sql_types.fit` returns them."""

    def stage(self, session: Session, table: Table, columns: Sequence[Column]) -> str:
        """Make a temporary table of some columns of a table; return its name, quoted."""
        name = self.quote(f"atio_stage_{hashlib.sha256(table.sql.encode()).hexdigest()[:16]}")
        session.execute(f"DROP TABLE IF EXISTS {self.temporary}{name}")
        of = self.quoted(c.name for c in columns)
        session.execute(f"CREATE TEMPORARY TABLE {name} AS SELECT {of} FROM {table.sql} WHERE 1 = 0")
        return f"{self.temporary}{name}"

    temporary = ""

    def merge(
        self, session: Session, table: Table, staged: str, columns: Sequence[str], key: Sequence[str]
    ) -> None:
        """Put staged rows into a table: those whose key is there in their place, the others beside them."""
        others = [name for name in columns if name not in key]
        sets = ", ".join(f"{self.quote(name)} = EXCLUDED.{self.quote(name)}" for name in others)
        do = f"UPDATE SET {sets}" if others else "NOTHING"
        names = self.quoted(columns)
        session.execute(
            f"INSERT INTO {table.sql} ({names}) {self.overriding}SELECT {names} FROM {staged} WHERE 1 = 1 "
            f"ON CONFLICT ({self.quoted(key)}) DO {do}"
        )

    overriding = ""

    def drop(self, session: Session, staged: str) -> None:
        """Drop a temporary table."""
        session.execute(f"DROP TABLE {staged}")


_PATTERN = re.compile(
    r"\s*([a-z_][a-z0-9_ ]*)(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*([a-z ]*)((?:\[\d*\])*)\s*"
)


def split_type(declared: str) -> tuple[str, int | None, int | None, int]:
    """Return the name of a declared type, its two numbers, and the dimensions of an array.

    Example:
        >>> split_type("timestamp(3) with time zone[]")
        ('timestamp with time zone', 3, None, 1)
    """
    found = _PATTERN.fullmatch(declared.lower())
    if found is None:
        return declared.lower(), None, None, 0
    name, first, second, rest, brackets = found.groups()
    words = f"{name.strip()} {rest}".strip()
    return words, int(first) if first else None, int(second) if second else None, brackets.count("[")


def _class_of(t: pa.DataType) -> str:
    """Return the key of an Arrow type in `Dialect.types`."""
    if is_text(t):
        return "text"
    if is_binary(t):
        return "bytes"
    if pa.types.is_timestamp(t):
        return "timestamptz" if t.tz else "timestamp"
    if isinstance(t, pa.UuidType):
        return "uuid"
    if pa.types.is_date(t):
        return "date"
    if pa.types.is_time(t):
        return "time"
    if pa.types.is_duration(t):
        return "interval"
    return str(t)


def integers(names: Mapping[str, str]) -> dict[str, SqlType]:
    """Return the integer types of a database.

    Args:
        names: By "int16" or "uint8", how the database spells it.
    """
    made: dict[str, SqlType] = {}
    for name, ddl in names.items():
        bits = int(name.removeprefix("u").removeprefix("int"))
        low, high = (0, (1 << bits) - 1) if name[0] == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)
        made[name] = SqlType(ddl, "int", low=low, high=high)
    return made
