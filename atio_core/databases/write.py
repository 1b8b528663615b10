"""Write rows to a table of a database, in one transaction: readers see the old table or the new one.

1. Read the options and the types of the columns; refuse what can't be.
2. Begin a transaction, or set a savepoint in the caller's.
3. Note the idempotency key; where it is known, all is done already.
4. Lock out other writers, look at the table, decide what to do, and refuse what doesn't fit.
5. Do it, chunk by chunk.
6. Commit, or leave that to the caller.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from atio_core.databases import keys, shadow
from atio_core.databases.conditions import of_matching
from atio_core.databases.connect import Session, connected, new_file_of
from atio_core.databases.dialect import Column, Dialect, Name, Table
from atio_core.databases.dialects import dialect_of
from atio_core.databases.failures import translated
from atio_core.databases.frames import rows_of
from atio_core.databases.modes import Plan, decide
from atio_core.databases.mysql import MySQL
from atio_core.databases.options import Request, read_options
from atio_core.databases.rows import Rows
from atio_core.databases.sql_types import UnfitError, fit
from atio_core.databases.transaction import is_begun, transaction
from atio_core.errors import (
    CommitConflictError,
    InvalidInputError,
    NotPreservableError,
    SchemaMismatchError,
    UnsupportedStoreError,
)
from atio_core.progress import Teller, Watched


@dataclass(slots=True)
class Written:
    """What was done.

    Attributes:
        table: The table's name.
        database: Which database it is in.
        rows: Rows written; 0 where the idempotency key was known.
        columns: Columns written.
        seconds: Time by phase: `prepare`, `load`, `commit`.
        losses: What could not be kept, one sentence each.
        committed: False where the caller's commit decides.
        done_before: When the write with this idempotency key was done, if it was before.
    """

    table: str
    database: str
    rows: int = 0
    columns: int = 0
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    losses: list[str] = field(default_factory=list[str])
    committed: bool = True
    done_before: str | None = None


def write_table(obj: Any, options: Mapping[str, Any], teller: Teller) -> Written:
    """Write a frame to a table of a database.

    Args:
        obj: A pandas or polars frame, an Arrow table, batch or reader, or an object that exports an Arrow stream.
        options: Those of `write` for databases.
        teller: Tells how far it is.

    Raises:
        InvalidInputError: Refused; nothing changed.
        AlreadyExistsError: The table is there, and that was to fail.
        CommitConflictError: Another change came first; nothing changed.
        CommitUnknownError: The commit's answer was lost.
        StorageError: The database failed; nothing changed.
    """
    start = time.perf_counter()
    request = read_options(options)
    rows = rows_of(obj, index=request.index, index_label=request.index_label)
    if (database := new_file_of(request.con)) is not None:
        _require_fit(dialect_of(database), request, rows)
    with connected(request.con) as session:
        dialect = dialect_of(session.database)
        done = Written(request.name, session.database, columns=len(rows.schema), losses=list(rows.losses))
        _check_names(dialect, request, rows)
        teller.step("%s: %s rows of %s columns", request.name, session.database, len(rows.schema))
        writing = _Writing(session, dialect, request, rows, done, start)
        watched = Watched(request.name, "rows", lambda: done.rows, rows.count)
        with translated(session, request.name), dialect.settings(session), teller.watch(watched):
            if isinstance(dialect, MySQL) and writing.by_shadow(dialect):
                return done
            with transaction(session, request.name) as around:
                done.committed = around.ours
                writing.run()
                before = time.perf_counter()
            done.seconds["commit"] = time.perf_counter() - before
    return done


def _require_fit(dialect: Dialect, request: Request, rows: Rows) -> None:
    """Refuse what can't be written to a new table, as far as the rows tell: connecting makes a file that stays."""
    _check_names(dialect, request, rows)
    plan = decide(dialect, request, None, rows)
    _require_kept(request, [*rows.losses, *plan.losses])
    for batch in rows.batches(request.chunk_rows) if rows.again else ():
        for values, column in zip(batch.columns, plan.columns, strict=True):
            _held(values, column, plan)


def _require_kept(request: Request, losses: Sequence[str]) -> None:
    if request.strict and losses:
        raise NotPreservableError(f"{' '.join(losses)} Nothing was written (strict=True).")


def _held(values: Any, column: Column, plan: Plan) -> Any:
    """Return values as a column holds them, or refuse them."""
    try:
        return fit(values, column.type, as_text=column.name in plan.as_text)
    except UnfitError as error:
        message = f"Column {column.name!r}: {error}. Nothing was written."
        made = column.name in plan.made
        raise (NotPreservableError if made else SchemaMismatchError)(message) from error


def _traits_lost(traits: frozenset[str]) -> list[str]:
    return [f"Could not be kept with the new columns: {trait}." for trait in sorted(traits)]


def _check_names(dialect: Dialect, request: Request, rows: Rows) -> None:
    dialect.check_name(request.name, "The table")
    if request.schema is not None:
        dialect.check_name(request.schema, "The schema")
    seen: dict[str, str] = {}
    for name in rows.schema.names:
        dialect.check_name(name, "The column")
        other = seen.setdefault(dialect.fold(name), name)
        if other != name:
            raise InvalidInputError(
                f"Columns {other!r} and {name!r} are the same to this database. Rename one. Nothing was written."
            )


@dataclass(frozen=True, slots=True)
class _Writing:
    """One write, inside its transaction."""

    session: Session
    dialect: Dialect
    request: Request
    rows: Rows
    done: Written
    start: float

    @property
    def name(self) -> Name:
        return (self.request.schema, self.request.name)

    def run(self) -> None:
        """Write, inside a transaction."""
        if self.request.idempotency_key is not None:
            keys.prepare(self.session, self.dialect, self.request.schema)
            before = keys.note(self.session, self.dialect, self.name, self.request.idempotency_key)
            if before is not None:
                self.done.done_before = before
                return
        table = self._locked()
        plan = decide(self.dialect, self.request, table, self.rows)
        if not self.dialect.transactional_ddl and plan.step in {"create", "reshape"}:
            raise CommitConflictError(
                f"{self.request.name} was changed meanwhile. Nothing was written. Write again."
            )
        before_load = time.perf_counter()
        self.done.seconds["prepare"] = before_load - self.start
        self._lose(plan.losses)
        self._apply(table, plan)
        self.done.seconds["load"] = time.perf_counter() - before_load

    def _locked(self) -> Table | None:
        """Return the table, which nobody else changes until the transaction ends."""
        table = self.dialect.describe(self.session, self.name)
        if table is None:
            self.dialect.claim(self.session, self.name)
            table = self.dialect.describe(self.session, self.name)
        if table is None:
            return None
        self.dialect.lock(self.session, table, alone=self.request.mode != "append")
        return self.dialect.describe(self.session, self.name)

    def by_shadow(self, dialect: MySQL) -> bool:
        """Write by a shadow table where a table is to be made or changed; say whether it was."""
        session, name = self.session, self.name
        table = dialect.describe(session, name)
        plan = decide(dialect, self.request, table, self.rows)
        swaps = plan.step in {"create", "reshape"}
        if table is not None and not table.transactional:
            if plan.step in {"add", "upsert", "overwrite"}:
                raise UnsupportedStoreError(
                    f"{table.label} has an engine without transactions: half of the rows could stay. "
                    f"Nothing was written. ALTER TABLE {table.sql} ENGINE=InnoDB, or use if_exists='replace'."
                )
            swaps = True
        begun = session.open or is_begun(session)
        self._check_callers(swaps=swaps, begun=begun)
        if not swaps:
            if not begun:
                shadow.clean(session, dialect, name)
            if self.request.idempotency_key is not None:
                keys.prepare(session, dialect, self.request.schema)
            return False
        with shadow.alone(session, dialect, name):
            table = dialect.describe(session, name)
            plan = decide(dialect, self.request, table, self.rows)
            if table is not None:
                shadow.check(session, dialect, table, plan)
            before = time.perf_counter()
            self.done.seconds["prepare"] = before - self.start
            self._lose(plan.losses)
            with shadow.made(session, dialect, name, table, plan) as new:
                self._fill(new, plan)
                if table is not None:
                    self._lose(_traits_lost(dialect.traits(session, table) - dialect.traits(session, new)))
            self.done.seconds["load"] = time.perf_counter() - before
        return True

    def _check_callers(self, *, swaps: bool, begun: bool) -> None:
        """Refuse what would commit a transaction of the caller's."""
        key = self.request.idempotency_key
        if swaps and key is not None:
            raise InvalidInputError(
                "Here an idempotency_key can't be noted in the same step in which a table is made or its columns "
                "change. Make the table first. Nothing was written."
            )
        missing = (
            key is not None and self.dialect.describe(self.session, (self.name[0], keys.KEYS_TABLE)) is None
        )
        if begun and (swaps or missing):
            what = (
                f"the table {keys.KEYS_TABLE} has to be made"
                if missing
                else "a table has to be made or changed"
            )
            raise InvalidInputError(
                f"In this database your open transaction would be committed by it: {what}. Nothing was written. "
                "Commit first, or hand in an engine."
            )

    def _fill(self, made: Table, plan: Plan) -> None:
        """Load a shadow."""
        # Inserts into a table that nobody sees need no lock; what is open is committed by the rename at the latest.
        self.session.execute("START TRANSACTION")
        if plan.key and self.request.mode == "upsert":
            self._merge(made, plan)
        else:
            self._load(made.sql, plan)
            self._check_where(made.sql, plan.columns)
        self.session.execute("COMMIT")
        if plan.step == "create" and self.rows.index and self.rows.index != plan.key:
            self.dialect.create_index(self.session, self.name, made.sql, self.rows.index)

    def _apply(self, table: Table | None, plan: Plan) -> None:
        if table is None:
            self._create(plan)
        elif plan.step == "reshape":
            self._reshape(table, plan)
        elif plan.step in {"upsert", "merge"}:
            self._merge(table, plan)
        else:
            if plan.step == "clear":
                self.session.execute(f"DELETE FROM {table.sql}")
            if plan.step == "overwrite":
                start = f"DELETE FROM {table.sql}"
                self.session.execute(*of_matching(self.dialect, start, table.columns, self.request.where))
            self._load(table.sql, plan)
            self._check_where(table.sql, table.columns)

    def _create(self, plan: Plan) -> None:
        sql = self.dialect.qualified(self.session, self.name)
        self.dialect.create(self.session, sql, plan.columns, plan.key)
        if plan.key and self.request.mode == "upsert":
            self._merge(Table(sql, self.request.name, plan.columns, (plan.key,)), plan)
        else:
            self._load(sql, plan)
            self._check_where(sql, plan.columns)
        if self.rows.index and self.rows.index != plan.key:
            self.dialect.create_index(self.session, self.name, sql, self.rows.index)

    def _reshape(self, table: Table, plan: Plan) -> None:
        before = self.dialect.traits(self.session, table)
        self.session.execute(f"DELETE FROM {table.sql}")
        self.dialect.reshape(self.session, table, plan.shape)
        self._load(table.sql, plan)
        self._lose(_traits_lost(before - self.dialect.traits(self.session, table)))

    def _lose(self, losses: Sequence[str]) -> None:
        """Say what can't be kept, or refuse it."""
        self.done.losses += losses
        _require_kept(self.request, self.done.losses)

    def _merge(self, table: Table, plan: Plan) -> None:
        staged = self.dialect.stage(self.session, table, plan.columns)
        self._load(staged, plan)
        self._check_keys(staged, plan)
        if plan.step == "merge":
            same = " AND ".join(
                f"s.{self.dialect.quote(name)} = {table.sql}.{self.dialect.quote(name)}" for name in plan.key
            )
            self.session.execute(
                f"DELETE FROM {table.sql} WHERE NOT EXISTS (SELECT 1 FROM {staged} s WHERE {same})"
            )
        self.dialect.merge(self.session, table, staged, [c.name for c in plan.columns], plan.key)
        self.dialect.drop(self.session, staged)

    def _check_keys(self, staged: str, plan: Plan) -> None:
        names = self.dialect.quoted(plan.key)
        null = " OR ".join(f"{self.dialect.quote(name)} IS NULL" for name in plan.key)
        if self.session.execute(f"SELECT 1 FROM {staged} WHERE {null} LIMIT 1"):
            raise InvalidInputError(
                f"A key ({', '.join(plan.key)}) is missing in a row. Fill it. Nothing was written."
            )
        twice = self.session.execute(
            f"SELECT {names} FROM {staged} GROUP BY {names} HAVING count(*) > 1 LIMIT 1"
        )
        if twice:
            key = ", ".join(f"{name}={value!r}" for name, value in zip(plan.key, twice[0], strict=True))
            raise InvalidInputError(
                f"The key {key} is there more than once. Keep one row of it. Nothing was written."
            )

    def _load(self, sql: str, plan: Plan) -> None:
        with contextlib.closing(self._batches(plan)) as batches:
            self.dialect.load(self.session, sql, plan.columns, batches)

    def _check_where(self, sql: str, columns: Sequence[Column]) -> None:
        """Refuse rows that don't match: the next overwrite wouldn't replace them."""
        if not self.request.where:
            return
        start = f"SELECT count(*) FROM {sql}"
        ((count,),) = self.session.execute(*of_matching(self.dialect, start, columns, self.request.where))
        if count != self.done.rows:
            raise InvalidInputError(
                f"{self.done.rows - count:,} of {self.done.rows:,} rows don't match where=. Nothing was written."
            )

    def _batches(self, plan: Plan) -> Generator[pa.RecordBatch]:
        names = [str(i) for i in range(len(plan.columns))]
        for batch in self.rows.batches(self.request.chunk_rows):
            held = [_held(batch.column(i), column, plan) for i, column in enumerate(plan.columns)]
            yield pa.RecordBatch.from_arrays(held, names=names)
            self.done.rows += batch.num_rows
