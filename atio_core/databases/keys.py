"""Idempotency keys: which writes are done already, in a small table that is written in the same transaction.

A key is noted first: who comes second with it waits for the first one's outcome, and then finds it there, or is free
to go on.
"""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from atio_core.databases.connect import Session
from atio_core.databases.dialect import Column, Dialect, Name
from atio_core.errors import CommitConflictError

KEYS_TABLE = "atio_keys"


def prepare(session: Session, dialect: Dialect, schema: str | None) -> None:
    """Make the table of keys in a schema, unless it is there."""
    name: Name = (schema, KEYS_TABLE)
    if dialect.describe(session, name) is not None:
        return
    dialect.claim(session, name)
    if dialect.describe(session, name) is None:
        text = dialect.type_for(pa.string(), key=True)
        columns = [
            Column(name, text, required=True) for name in ("table_name", "idempotency_key", "written_at")
        ]
        dialect.create(session, dialect.qualified(session, name), columns, ("table_name", "idempotency_key"))


def note(session: Session, dialect: Dialect, name: Name, key: str) -> str | None:
    """Note a key for a table, or say when it was noted before.

    Args:
        session: The connection, with the transaction of the write.
        dialect: The database.
        name: The table that is written to.
        key: The caller's.

    Returns:
        None if the key is new; else the time of the write that it belongs to.
    """
    table = dialect.describe(session, (name[0], KEYS_TABLE))
    sql = dialect.qualified(session, (name[0], KEYS_TABLE)) if table is None else table.sql
    mark = dialect.mark
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    statement = dialect.insert_new.format(sql=sql, marks=", ".join([mark] * 3))
    try:
        added = session.run(statement, (dialect.fold(name[1]), key, now))[1]
    except Exception as error:
        # DuckDB leaves out a key that is there, but not one that another transaction has just noted.
        if type(error).__name__ != "ConstraintException":
            raise
        raise CommitConflictError(
            f"another write to {name[1]} with the idempotency_key {key!r} came first. Nothing was written. Write again."
        ) from error
    found = session.execute(
        f"SELECT written_at FROM {sql} WHERE table_name = {mark} AND idempotency_key = {mark}",
        (dialect.fold(name[1]), key),
    )
    return None if added == 1 else str(found[0][0]) if found else "another time"
