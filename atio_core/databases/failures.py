"""What a database or its driver raised, as an error of ours that says what stands and what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

from atio_core.databases.connect import Session, hidden
from atio_core.errors import (
    AtioError,
    CommitConflictError,
    InvalidInputError,
    SchemaMismatchError,
    StorageError,
)

_STANDS = "The table stands as it was."
_CALLERS = "The table stands as it was, and your transaction goes on without this write."
_ABORTED = "Your transaction can only be rolled back; then the table stands as it was."
# MySQL's numbers: lock wait timeout, deadlock, record changed since
_MYSQL_CONFLICTS = (1205, 1213, 1020)
_SQLITE_CONFLICTS = ("SQLITE_BUSY", "SQLITE_LOCKED")


@contextlib.contextmanager
def translated(session: Session, table: str, *, stands: str = _STANDS) -> Generator[None]:
    """Turn what a driver raises into an error of ours.

    Args:
        session: The connection.
        table: What is written to, for the message.
        stands: What holds after a failure.
    """
    try:
        yield
    except AtioError:
        raise
    except Exception as error:
        made = translate(session, error, table, stands)
        if made is None:
            raise
        raise made from (error if made.__cause__ is None and not _tells(error, session) else None)


@contextlib.contextmanager
def told_of_reading(session: Session, table: str) -> Generator[None]:
    """Turn what a driver raises while a table is read into an error of ours."""
    try:
        yield
    except AtioError:
        raise
    except Exception as error:
        if _kind_of(error) is None:
            raise
        text = " ".join(hidden(str(error), session.secrets).split()).rstrip(".")
        message = f"Reading {table} failed: {text}. See to the database, then read again."
        raise StorageError(message) from (None if _tells(error, session) else error)


def translate(session: Session, error: BaseException, table: str, stands: str) -> AtioError | None:
    """Return the error of ours for a driver's, or None if it is no driver's."""
    kind = _kind_of(error)
    if kind is None:
        return None
    text = " ".join(hidden(str(error), session.secrets).split()).rstrip(".")
    what = f"Writing to {table} failed: {text}. {stands}"
    if is_conflict(session, error):
        return CommitConflictError(f"{what} Another change came first; write again.")
    if kind == "IntegrityError":
        return InvalidInputError(f"{what} A rule of the table refused a row; mend the data.")
    if kind == "DataError":
        return SchemaMismatchError(f"{what} A value doesn't fit its column; mend the data or the table.")
    return StorageError(f"{what} See to the database, then write again.")


def _kind_of(error: BaseException) -> str | None:
    """Return the name that the DB-API gives a driver's error."""
    names = {made.__name__ for made in type(error).__mro__ if made.__module__.partition(".")[0] in _MODULES}
    if not names:
        return None
    return next(
        (name for name in ("IntegrityError", "DataError", "OperationalError") if name in names), "Error"
    )


_MODULES = ("psycopg", "sqlite3", "duckdb", "_duckdb", "pymysql")


def _tells(error: BaseException, session: Session) -> bool:
    return any(secret in str(error) for secret in session.secrets)


def is_conflict(session: Session, error: BaseException) -> bool:
    """Say whether another change came in between, so that the same call may succeed now."""
    match session.database:
        case "postgresql":
            return str(getattr(error, "sqlstate", None)) in {"40001", "40P01", "55P03"}
        case "sqlite":
            return str(getattr(error, "sqlite_errorname", "")).startswith(_SQLITE_CONFLICTS)
        case "mysql":
            return bool(error.args) and error.args[0] in _MYSQL_CONFLICTS
        case "duckdb":
            text = str(error)  # a rule found broken at the commit alone was broken by another change
            if "Failed to commit" in text and "onstraint" in text:
                return True
            return "onflict" in text or "another transaction" in text


def is_unknown(session: Session, error: BaseException) -> bool:
    """Say whether a commit that raised this may have taken effect."""
    match session.database:
        case "postgresql":
            state: Any = getattr(error, "sqlstate", None)
            return state is None or str(state).startswith(("08", "57", "58", "XX"))
        case "sqlite":
            return str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_IOERR")
        case "mysql":
            return not error.args or error.args[0] in {0, 2006, 2013, 2014, 2055, 1053}
        case "duckdb":
            return type(error).__name__ in {"FatalException", "IOException", "InternalException"}


def stands_for(*, ours: bool, savepoint: bool) -> str:
    """Return the sentence on what holds after a failure."""
    if ours:
        return _STANDS
    return _CALLERS if savepoint else _ABORTED
