"""Where a change of tables commits by itself: a table made beside the one that readers see, put in place by one rename.

1. Take a lock of our own for the table's name; nobody else of us makes a shadow of it meanwhile.
2. Drop what a killed writer left.
3. Make the shadow: like the table, with its columns changed, or new. Load it and commit.
4. `RENAME`: at one moment the old table goes and the shadow has its name.
5. Drop the old table. On any failure before step 4 the shadow is dropped, and the table stands.

What would be lost by it is refused beforehand: a table that others' foreign keys refer to, or that has triggers, or
whose views read a column that would go.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Generator

from atio_core.databases.connect import Session
from atio_core.databases.dialect import Name, Table
from atio_core.databases.failures import is_unknown
from atio_core.databases.modes import Plan
from atio_core.databases.mysql import MySQL
from atio_core.errors import CommitConflictError, CommitUnknownError, InvalidInputError

_WAIT_SECONDS = 50  # as long as InnoDB waits for a row
_STANDS = "Nothing was written."


def clean(session: Session, dialect: MySQL, name: Name) -> None:
    """Drop what a killed writer left of a table that needs no shadow now, unless somebody is at work on one.

    Args:
        session: The connection, without an open transaction.
        dialect: The database.
        name: Of the table.
    """
    schema, *names = _names(session, dialect, name)
    there = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name IN (%s, %s)"
    if session.execute(there, (schema, *names)):
        with contextlib.suppress(CommitConflictError), alone(session, dialect, name, wait_seconds=0):
            _drop(session, dialect, schema, *names)


def _names(session: Session, dialect: MySQL, name: Name) -> tuple[str, str, str]:
    """The schema of a table, and in it the names of its shadow, and of what it was before."""
    digest = _digest(dialect.qualified(session, name))
    return dialect.schema(session, name), f"_atio_new_{digest}", f"_atio_old_{digest}"


def _drop(session: Session, dialect: MySQL, schema: str, *names: str) -> None:
    listed = ", ".join(dialect.qualified(session, (schema, name)) for name in names)
    session.execute(f"DROP TABLE IF EXISTS {listed}")


@contextlib.contextmanager
def alone(
    session: Session, dialect: MySQL, name: Name, *, wait_seconds: int = _WAIT_SECONDS
) -> Generator[None]:
    """Be the only one of us who makes a shadow of a table.

    Args:
        session: The connection.
        dialect: The database.
        name: Of the table.
        wait_seconds: How long somebody else may take.

    Raises:
        CommitConflictError: Somebody else does so, and takes long.
    """
    key = f"atio {_digest(dialect.qualified(session, name))}"
    if session.execute("SELECT GET_LOCK(%s, %s)", (key, wait_seconds)) != [(1,)]:
        raise CommitConflictError(f"Another write to {name[1]} is under way. {_STANDS} Write again.")
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # a connection that is gone has let go of it
            session.execute("SELECT RELEASE_LOCK(%s)", (key,))


def check(session: Session, dialect: MySQL, table: Table, plan: Plan) -> None:
    """Refuse what a shadow couldn't keep."""
    where = dialect.where(table)
    if table.referenced:
        raise InvalidInputError(
            f"{table.label} is referred to by foreign keys of other tables, which would follow the old table, so its "
            f"columns can't be changed in one step. Use if_exists='truncate', or drop them first. {_STANDS}"
        )
    triggers = session.execute(
        "SELECT trigger_name FROM information_schema.triggers "
        "WHERE event_object_schema = %s AND event_object_table = %s",
        where,
    )
    if triggers:
        raise InvalidInputError(
            f"{table.label} has triggers ({triggers[0][0]}), which would be lost with its old columns. "
            f"Use if_exists='truncate', or drop them first. {_STANDS}"
        )
    views = session.execute(
        "SELECT table_schema, table_name, view_definition FROM information_schema.views "
        "WHERE view_definition LIKE CONCAT('%%', %s, '%%')",
        (where[1],),
    )
    for view_schema, view, definition in views:
        for column in plan.shape.gone:
            if table.sql in definition and dialect.quote(column) in definition:
                raise InvalidInputError(
                    f"The view {view_schema}.{view} reads column {column!r} of {table.label}, which would go. "
                    f"Drop it, or keep the column. {_STANDS}"
                )


@contextlib.contextmanager
def made(session: Session, dialect: MySQL, name: Name, table: Table | None, plan: Plan) -> Generator[Table]:
    """Make a table with the plan's columns, to be filled by the block, and then put it in place.

    Args:
        session: The connection, without an open transaction.
        dialect: The database.
        name: Of the table.
        table: As it stands; None if it isn't there.
        plan: What it becomes.
    """
    final = dialect.qualified(session, name)
    schema, *names = _names(session, dialect, name)
    shadow, old = (dialect.qualified(session, (schema, one)) for one in names)
    _drop(session, dialect, schema, *names)
    try:
        new = Table(shadow, final, plan.columns, (plan.key,) if plan.key else ())
        if table is None:
            dialect.create(session, shadow, plan.columns, plan.key)
        else:
            dialect.like(session, table, shadow)
            dialect.reshape(session, dataclasses.replace(table, sql=shadow), plan.shape)
            there = {dialect.fold(column.name) for column in plan.columns}
            dialect.add_foreign_keys(session, table, shadow, there)
        yield new
        before = "" if table is None else f"{final} TO {old}, "
        _publish(session, f"RENAME TABLE {before}{shadow} TO {final}", name)
    except BaseException:
        with contextlib.suppress(Exception):  # a connection that is gone: the next write drops it
            session.execute(f"DROP TABLE IF EXISTS {shadow}")
        raise
    with contextlib.suppress(Exception):  # the new table is there; the next write drops the old one
        _drop(session, dialect, schema, names[1])


def _publish(session: Session, rename: str, name: Name) -> None:
    try:
        session.execute(rename)
    except Exception as error:
        if is_unknown(session, error):
            raise CommitUnknownError(
                f"The answer to the last step of the write to {name[1]} was lost: the table is the old one or the new "
                "one, whole. Look, or write again."
            ) from error
        raise


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
