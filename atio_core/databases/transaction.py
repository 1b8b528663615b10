"""One transaction around one write: all of it, or nothing.

Ours is begun and committed here. In the caller's, a savepoint is set where the database has them and the transaction
is open already: a failure then undoes this write alone. Where a commit's answer is lost, the database is asked for its
outcome if it can tell; else the error says that it is unknown.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass, field

from atio_core.databases.connect import Session, leaves_it_to_us
from atio_core.databases.failures import is_unknown, stands_for, translate, translated
from atio_core.errors import CommitUnknownError, StorageError

_SAVEPOINT = "atio_write"
_ASKABLE = 130_000  # PostgreSQL 13 tells the outcome of a transaction


@dataclass(slots=True)
class Transaction:
    """What is known of a transaction.

    Attributes:
        ours: We commit it.
        savepoint: There is one, set before anything was written.
        token: By which the database knows it, to be asked after its outcome.
    """

    ours: bool
    savepoint: bool
    token: str | None = field(default=None)

    @property
    def stands(self) -> str:
        """What holds after a failure."""
        return stands_for(ours=self.ours, savepoint=self.savepoint)


def is_begun(session: Session) -> bool:
    """Say whether a transaction is open."""
    raw = session.raw
    match session.database:
        case "postgresql":
            return raw.info.transaction_status.name != "IDLE"
        case "sqlite":
            return bool(raw.in_transaction)
        case "mysql":
            return bool(raw.server_status & 1)  # SERVER_STATUS_IN_TRANS
        case "duckdb":
            return _duckdb_has_begun(session)


def _duckdb_has_begun(session: Session) -> bool:
    """DuckDB doesn't say; but outside a transaction each statement is one of its own, with a number of its own."""
    first, second = (session.execute("SELECT txid_current()") for _ in range(2))
    return first == second


@contextlib.contextmanager
def transaction(session: Session, table: str) -> Generator[Transaction]:
    """Write all that the block writes, or nothing.

    Args:
        session: The connection.
        table: What is written to, for messages.

    Raises:
        CommitUnknownError: The commit's answer was lost.
        AtioError: The database refused; see `failures`.
    """
    begun = is_begun(session)
    made = Transaction(ours=leaves_it_to_us(session, begun=begun), savepoint=False)
    try:
        with translated(session, table):
            made.savepoint = _begin(session, begun=begun, ours=made.ours)
        with translated(session, table, stands=made.stands):
            yield made
            if made.savepoint:
                session.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        if made.ours:
            with translated(session, table):
                made.token = _token(session)
            _commit(session, made, table)
    except BaseException:
        # Wherever Ctrl-C comes: a transaction left open in the caller's connection locks others out.
        _undo(session, made, begun=begun)
        raise


def _begin(session: Session, *, begun: bool, ours: bool) -> bool:
    """Begin, or set a savepoint in what has begun; say whether one was set."""
    if begun:
        if session.database == "duckdb":
            return False  # it has none; but what fails there takes the whole transaction with it
        session.execute(f"SAVEPOINT {_SAVEPOINT}")
        return True
    match session.database:
        case "postgresql":
            if session.raw.autocommit:
                session.execute("BEGIN")
            if ours:  # whoever writes must see what others committed while it waited for them
                session.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE")
        case "sqlite":
            session.execute("BEGIN IMMEDIATE")
        case "duckdb":
            session.execute("BEGIN TRANSACTION")
        case "mysql":
            if ours:  # gaps are locked at this level: two writers can't both fill an empty table
                session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            session.execute("START TRANSACTION")
    return False


def _undo(session: Session, made: Transaction, *, begun: bool) -> None:
    """Undo what was written. A connection that is gone has done so by itself."""
    with contextlib.suppress(Exception):
        if made.savepoint:
            session.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            session.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        elif not begun or session.database == "duckdb":
            session.execute("ROLLBACK")


def _token(session: Session) -> str | None:
    if session.database != "postgresql" or session.raw.info.server_version < _ASKABLE:
        return None
    return str(session.execute("SELECT pg_current_xact_id()::text")[0][0])


def _commit(session: Session, made: Transaction, table: str) -> None:
    try:
        session.execute("COMMIT")
    except Exception as error:
        outcome = _asked(session, made) if is_unknown(session, error) else False
        if outcome is True:
            return
        if outcome is None:
            raise CommitUnknownError(
                f"The answer to the commit of the write to {table} was lost: the table holds all of it or nothing. "
                "Look, or write again: that is safe for replace, truncate and upsert, and for append with an "
                "idempotency_key."
            ) from error
        failure = translate(session, error, table, made.stands)
        raise failure or StorageError(f"Writing to {table} failed: {error}. {made.stands}") from error


def _asked(session: Session, made: Transaction) -> bool | None:
    """Ask the database for the outcome of a transaction: committed, not committed, or not to be known."""
    if session.reconnect is None or made.token is None:
        return None
    try:
        with session.reconnect() as other:
            cursor = other.cursor()
            cursor.execute("SELECT pg_xact_status(%s::xid8)", (made.token,))
            (status,) = cursor.fetchone()
    except Exception as error:  # noqa: BLE001 - whatever kept us from asking: it stays unknown
        del error
        return None
    return {"committed": True, "aborted": False}.get(str(status))
