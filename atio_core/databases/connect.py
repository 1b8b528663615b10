"""What users hand in as `con`: engines, connections, URLs and drivers' own connections, all as one `Session`.

Whose is the transaction? With an engine or a URL it is ours. With a connection it is the caller's: what is written is
part of the caller's transaction, and the caller's commit decides. Only a connection in autocommit mode, on which no
transaction is open, leaves it to us.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn
from urllib.parse import quote, quote_plus

from atio_core.errors import InvalidInputError, StorageError, UnsupportedStoreError

Database = Literal["postgresql", "sqlite", "duckdb", "mysql"]

_DRIVERS: dict[str, Database] = {
    "psycopg": "postgresql",
    "sqlite3": "sqlite",
    "duckdb": "duckdb",
    "_duckdb": "duckdb",
    "pymysql": "mysql",
}
_SCHEMES: dict[str, str] = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "sqlite": "sqlite+pysqlite",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
_NO_FILE = re.compile(r":memory:|[A-Za-z]{2,}:")  # one letter is a drive
# A second thread would get the database before the first one has taught it to scan Arrow.
_OPENING_DUCKDB = threading.Lock()
_TAKEN = (
    "con= takes a SQLAlchemy engine, connection or URL, or a connection of sqlite3, psycopg, duckdb or pymysql, "
    "for PostgreSQL, SQLite, DuckDB, MySQL and MariaDB"
)


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to a database.

    Attributes:
        raw: The driver's own connection.
        database: Which one it is.
        ours: We opened it, so the transaction is ours.
        reconnect: Opens another connection to the same database, where that is known.
        secrets: Passwords, which no message may hold.
        open: SQLAlchemy says that the caller has begun a transaction, though the database may not know yet.
    """

    raw: Any
    database: Database
    ours: bool
    reconnect: Callable[[], contextlib.AbstractContextManager[Any]] | None = None
    secrets: tuple[str, ...] = ()
    open: bool = False

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows, none if it has none."""
        return self.run(sql, parameters)[0]

    def run(self, sql: str, parameters: tuple[Any, ...] = ()) -> tuple[list[tuple[Any, ...]], int]:
        """Run a statement and return its rows, and how many it touched."""
        with self.cursor() as cursor:
            # psycopg and pymysql look for % only where there are parameters
            cursor.execute(sql, parameters) if parameters else cursor.execute(sql)
            return ([tuple(row) for row in cursor.fetchall()] if cursor.description else []), cursor.rowcount

    def cursor(self) -> contextlib.AbstractContextManager[Any]:
        """Return a cursor, to be closed by `with`, whose rows are tuples, whatever the connection's are."""
        match self.database:
            case "postgresql":
                from psycopg.rows import tuple_row

                return contextlib.closing(self.raw.cursor(row_factory=tuple_row))
            case "mysql":
                import pymysql

                return contextlib.closing(self.raw.cursor(pymysql.cursors.Cursor))
            case "sqlite":
                cursor = self.raw.cursor()
                cursor.row_factory = None
                return contextlib.closing(cursor)
            case "duckdb":
                # A cursor of DuckDB is a connection with a transaction of its own.
                return contextlib.nullcontext(self.raw)


@contextlib.contextmanager
def connected(con: Any) -> Generator[Session]:
    """Open what was handed in, and close what was opened.

    Args:
        con: See the module.

    Raises:
        InvalidInputError: It is no connection, or to a database in a way that isn't known.
        StorageError: The database can't be reached.
    """
    kind, secrets = _kind_of(con), _secrets_of(con)
    if kind == "url":
        with _of_url(con, secrets) as session:
            yield session
    elif kind == "engine":
        with _of_engine(con, secrets) as session:
            yield session
    elif kind == "connection":
        raw = _driver_of(con.connection.driver_connection)
        begun = bool(con.in_transaction())
        # Else SQLAlchemy wouldn't know that there is something to commit.
        if not begun and not _autocommits(raw):
            con.begin()
        yield Session(raw, _database_of(raw), ours=False, secrets=secrets, open=begun)
    else:
        raw = _driver_of(con)
        yield Session(raw, _database_of(raw), ours=False, secrets=secrets)


def new_file_of(con: Any) -> Database | None:
    """Return of which database connecting would make a file; None if it is there, or there is none.

    Args:
        con: As for `connected`.
    """
    kind = _kind_of(con)
    url: Any = con.url if kind == "engine" else con
    if kind not in ("url", "engine") or (isinstance(url, str) and (url := _parsed(url)) is None):
        return None
    scheme, path = url.drivername.partition("+")[0], url.database
    if scheme not in ("sqlite", "duckdb") or not path or _NO_FILE.match(path) or Path(path).exists():
        return None
    return scheme


def _kind_of(con: Any) -> Literal["url", "engine", "connection", "driver"]:
    if isinstance(con, str):
        return "url"
    sqlalchemy: Any = sys.modules.get("sqlalchemy")
    if sqlalchemy is not None:
        if isinstance(con, sqlalchemy.engine.URL):
            return "url"
        if isinstance(con, sqlalchemy.engine.Engine):
            return "engine"
        if isinstance(con, sqlalchemy.engine.Connection):
            return "connection"
        if type(con).__module__.startswith("sqlalchemy"):
            raise InvalidInputError(
                f"con= is a {type(con).__qualname__}, which can't be used here. {_TAKEN}. "
                "(Of an ORM session: session.connection().)"
            )
    return "driver"


def _secrets_of(con: Any) -> tuple[str, ...]:
    """Return what must not be shown, as far as it can be known."""
    if isinstance(con, str):
        rest = con.partition("://")[2].rpartition("@")[0]
        password = rest.partition(":")[2]
        made = _parsed(con)
        found = {password, "" if made is None or made.password is None else str(made.password)}
        found |= _in_query(made)
    else:
        url: Any = (
            con if hasattr(con, "render_as_string") else getattr(getattr(con, "engine", con), "url", None)
        )
        info: Any = getattr(con, "info", None)
        found = {str(getattr(url, "password", None) or ""), str(getattr(info, "password", None) or "")}
        found |= _in_query(url)
    spelled = {form(text) for text in found if text for form in (str, quote, quote_plus)}
    return tuple(sorted(spelled, key=len, reverse=True))


def _in_query(url: Any) -> set[str]:
    query: Mapping[str, Any] = getattr(url, "query", {})
    return {str(value) for name, value in query.items() if "pass" in name.lower()}


def _parsed(url: str) -> Any:
    try:
        import sqlalchemy

        return sqlalchemy.make_url(url)
    except Exception as error:  # noqa: BLE001 - whatever it is: its text may hold the password, and ours says enough
        del error
        return None


@contextlib.contextmanager
def _of_url(url: Any, secrets: tuple[str, ...]) -> Generator[Session]:
    made = _parsed(url) if isinstance(url, str) else url
    if made is None:
        _explain_url()
    scheme = made.drivername.partition("+")[0]
    if scheme == "duckdb":
        with _of_duckdb(made.database) as session:
            yield session
        return
    if scheme not in _SCHEMES:
        raise InvalidInputError(f"{scheme!r} is an unknown database: nothing is promised there. {_TAKEN}.")
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(
            made.set(drivername=_SCHEMES[scheme]), poolclass=sqlalchemy.NullPool
        )
    except ImportError as error:
        extra = "mysql" if "mysql" in _SCHEMES[scheme] else "postgresql"
        raise InvalidInputError(f"The driver for {scheme} is missing: pip install 'atio[{extra}]'") from error
    with _of_engine(engine, secrets) as session:
        yield session


def _explain_url() -> NoReturn:
    try:
        import sqlalchemy
    except ImportError as error:
        raise InvalidInputError("URLs of databases need SQLAlchemy: pip install 'atio[sql]'") from error
    del sqlalchemy
    raise InvalidInputError(
        f"con= is a text that is no URL of a database. {_TAKEN}. A URL: 'sqlite:///shop.db'."
    )


@contextlib.contextmanager
def _of_duckdb(path: str | None) -> Generator[Session]:
    try:
        import duckdb
    except ImportError as error:
        raise InvalidInputError("The driver for DuckDB is missing: pip install 'atio[duckdb]'") from error
    where = path or ":memory:"
    try:
        with _OPENING_DUCKDB:
            raw = duckdb.connect(where)
    except duckdb.Error as error:
        raise StorageError(f"DuckDB can't open {where!r}: {error}. Nothing was written.") from error
    with contextlib.closing(raw):
        yield Session(raw, "duckdb", ours=True)


@contextlib.contextmanager
def _of_engine(engine: Any, secrets: tuple[str, ...]) -> Generator[Session]:
    from sqlalchemy.exc import DBAPIError

    def connect() -> Any:
        return engine.raw_connection()

    where = hidden(engine.url.render_as_string(hide_password=True), secrets)
    try:
        pooled = connect()
    except Exception as error:
        if not isinstance(error, (DBAPIError, engine.dialect.loaded_dbapi.Error, OSError)):
            raise
        text = hidden(str(getattr(error, "orig", None) or error), secrets)
        message = f"{where} can't be reached: {text.strip()}. Nothing was written."
        raise StorageError(message) from None  # the cause may show the password
    try:
        raw = _driver_of(pooled.driver_connection)
        yield Session(
            raw,
            _database_of(raw),
            ours=True,
            reconnect=lambda: contextlib.closing(connect()),
            secrets=secrets,
        )
    finally:
        if _is_gone(pooled.driver_connection):
            pooled.invalidate()
        pooled.close()  # the pool rolls back what may be open


def _is_gone(raw: Any) -> bool:
    """Say whether a connection is known to be lost."""
    return bool(getattr(raw, "closed", False)) or getattr(raw, "open", True) is False


def hidden(text: str, secrets: tuple[str, ...]) -> str:
    """Return a text without the secrets in it."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _driver_of(con: Any) -> Any:
    """Return a connection whose driver is known, or refuse it."""
    if type(con).__module__.partition(".")[0] in _DRIVERS and hasattr(con, "cursor"):
        if type(con).__name__.startswith("Async"):
            raise InvalidInputError(f"con= is asynchronous, which isn't possible here. {_TAKEN}.")
        return con
    if not hasattr(con, "cursor"):
        raise InvalidInputError(f"con= is a {type(con).__module__}.{type(con).__qualname__}. {_TAKEN}.")
    raise UnsupportedStoreError(
        f"The driver {type(con).__module__} isn't known, so nothing can be promised. {_TAKEN}. "
        "(In the URL of an engine: postgresql+psycopg, mysql+pymysql.) Nothing was written."
    )


def _database_of(raw: Any) -> Database:
    return _DRIVERS[type(raw).__module__.partition(".")[0]]


def _autocommits(raw: Any) -> bool:
    """Say whether each statement is a transaction of its own, unless one is begun."""
    database = _database_of(raw)
    if database == "postgresql":
        return bool(raw.autocommit)
    if database == "sqlite":
        mode = getattr(raw, "autocommit", -1)  # since Python 3.12; -1 is the old way
        return mode is True or (mode == -1 and raw.isolation_level is None)
    return database == "duckdb" or bool(raw.get_autocommit())


def leaves_it_to_us(session: Session, *, begun: bool) -> bool:
    """Say whether we end the transaction.

    Args:
        session: The connection.
        begun: A transaction is open on it.
    """
    return session.ours or (_autocommits(session.raw) and not begun)
