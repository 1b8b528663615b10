"""Whose transaction a write is part of, and what stands when one fails."""

import contextlib
import logging
import pickle
import sqlite3
import threading
from collections.abc import Callable, Generator
from typing import Any

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy
from psycopg.rows import dict_row

import atio_core as atio
from atio_core.databases import transaction
from atio_core.databases.connect import connected
from tests.support.interrupts import interrupted_anywhere
from tests.support.servers import Database

OLD = pa.table({"id": [1, 2], "name": ["a", "b"]})
NEW = pa.table({"id": [3], "name": ["c"]})
BAD = pa.table({"id": [4, None], "name": ["d", "e"]})


def put(con: Any, obj: Any, mode: str, **options: Any) -> atio.WriteResult:
    """Write to the table t."""
    return atio.write(obj, format="sql", name="t", con=con, if_exists=mode, **options)


@contextlib.contextmanager
def driver(db: Database) -> Generator[Any]:
    """Open a driver's connection that doesn't commit by itself."""
    connection = db.connect()
    if db.kind == "postgresql":
        connection.autocommit = False
    elif db.kind == "sqlite":
        connection.isolation_level = ""
    elif db.kind == "mysql":
        connection.autocommit(False)  # noqa: FBT003 - PyMySQL's
    try:
        yield connection
    finally:
        connection.close()


def begin(db: Database, connection: Any) -> None:
    """Begin a transaction, with a row written in it."""
    # A cursor of DuckDB is another connection.
    with (
        contextlib.nullcontext(connection)
        if db.kind == "duckdb"
        else contextlib.closing(connection.cursor()) as cursor
    ):
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO other VALUES (1)")


@pytest.fixture
def both(db: Database) -> Database:
    """A database with a table to be written to, and another one."""
    db.run("CREATE TABLE t (id BIGINT NOT NULL, name VARCHAR(10))", "CREATE TABLE other (n BIGINT)")
    put(db.url, OLD, "append")
    return db


def state(db: Database) -> tuple[list[Any], int]:
    """Return the rows of both tables."""
    return sorted(row[0] for row in db.run("SELECT id FROM t")), db.run("SELECT count(*) FROM other")[0][0]


@pytest.mark.parametrize("mode", ["append", "truncate", "replace"])
def test_the_callers_commit_decides(both: Database, mode: str) -> None:
    """In a transaction of the caller's, nothing is to be seen before its commit, and all goes with its rollback."""
    expected = [1, 2, 3] if mode == "append" else [3]
    for end in ("rollback", "commit"):
        with driver(both) as connection:
            begin(both, connection)
            assert not put(connection, NEW, mode).committed
            if both.kind != "duckdb":
                assert state(both) == ([1, 2], 0)
            getattr(connection, end)()
        assert state(both) == (([1, 2], 0) if end == "rollback" else (expected, 1))


def test_a_failure_undoes_the_write_alone(both: Database) -> None:
    """The caller's transaction goes on, without the write that failed; in DuckDB it can only be rolled back."""
    with driver(both) as connection:
        begin(both, connection)
        with pytest.raises(atio.InvalidInputError, match=r"(?i)your transaction"):
            put(connection, BAD, "replace")
        if both.kind == "duckdb":
            with contextlib.suppress(Exception):
                connection.commit()
            expected = ([1, 2], 0)
        else:
            put(connection, NEW, "append")
            connection.commit()
            expected = ([1, 2, 3], 1)
    assert state(both) == expected


def test_a_connection_without_a_transaction(both: Database) -> None:
    """Its next commit decides, unless it commits by itself."""
    if both.kind == "duckdb":
        pytest.skip("a connection of DuckDB always commits by itself")
    with driver(both) as connection:
        assert not put(connection, NEW, "append").committed
        connection.rollback()
        assert not put(connection, NEW, "append").committed
        connection.commit()
    connection = both.connect()
    assert put(connection, NEW, "append").committed
    connection.close()
    assert state(both)[0] == [1, 2, 3, 3]


def test_an_interrupt_anywhere_leaves_no_transaction_open(both: Database) -> None:
    """Wherever Ctrl-C comes, a connection that commits by itself is left with nothing that locks others out."""
    with contextlib.closing(both.connect()) as connection:

        def begin_anew() -> Callable[[], object]:
            return lambda: put(connection, NEW, "append")

        lines = 0
        for lines in interrupted_anywhere(begin_anew, transaction):
            with connected(connection) as session:
                assert not transaction.is_begun(session), lines
        assert lines > 20
    rows, _ = state(both)
    assert rows[:2] == [1, 2]
    assert set(rows[2:]) == {3}


def test_sqlalchemy_connections(both: Database) -> None:
    """They are the caller's too: begun or not, the caller commits."""
    if both.kind == "duckdb":
        pytest.skip("SQLAlchemy has no DuckDB")
    engine = both.engine()
    with engine.connect() as connection:
        put(connection, NEW, "append")
    assert state(both)[0] == [1, 2]
    with engine.connect() as connection:
        assert "not committed yet" in str(put(connection, NEW, "append"))
        connection.commit()
    assert state(both)[0] == [1, 2, 3]
    with pytest.raises(KeyError), engine.begin() as connection:  # noqa: PT012 - the block is what is tested
        connection.execute(sqlalchemy.text("INSERT INTO other VALUES (1)"))
        put(connection, NEW, "replace")
        raise KeyError
    assert state(both) == ([1, 2, 3], 0)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO other VALUES (1)"))
        put(connection, NEW, "replace")
        with pytest.raises(atio.InvalidInputError):
            put(connection, BAD, "replace")
    assert state(both) == ([3], 1)
    auto = engine.execution_options(isolation_level="AUTOCOMMIT")
    with auto.connect() as connection:
        assert put(connection, NEW, "append").committed
    assert put(engine, NEW, "append").committed
    assert put(engine.url, NEW, "append").committed
    assert state(both) == ([3, 3, 3, 3], 1)


def test_mariadb_never_commits_for_the_caller(database_of: Any) -> None:
    """What would commit the caller's open transaction is refused."""
    maria = database_of("mysql")
    maria.run("CREATE TABLE other (n BIGINT)")
    with (
        maria.engine().begin() as connection,
        pytest.raises(atio.InvalidInputError, match="would be committed"),
    ):
        put(connection, NEW, "append")
    with driver(maria) as connection:
        begin(maria, connection)
        with pytest.raises(atio.InvalidInputError, match="would be committed"):
            put(connection, NEW, "replace")
        connection.rollback()
    assert maria.run("SELECT * FROM other") == []
    put(maria.url, NEW, "append")
    with driver(maria) as connection:
        begin(maria, connection)
        with pytest.raises(atio.InvalidInputError, match="atio_keys"):
            put(connection, NEW, "append", idempotency_key="a")
        connection.rollback()


def test_rows_of_any_shape(both: Database) -> None:
    """A connection that gives its rows as dictionaries is taken as well."""
    connection = both.connect()
    if both.kind == "postgresql":
        connection.row_factory = dict_row
    elif both.kind == "sqlite":
        connection.row_factory = lambda _, row: {"x": row}
    elif both.kind == "mysql":
        import pymysql

        connection.cursorclass = pymysql.cursors.DictCursor
    put(connection, NEW, "replace")
    put(connection, pa.table({"id": [1], "other": [2]}), "replace")
    connection.close()
    assert both.run("SELECT id, other FROM t") == [(1, 2)]


def test_a_retry_changes_nothing(both: Database) -> None:
    """With an idempotency key, rows are added once, however often the write is tried."""
    first = put(both.url, NEW, "append", idempotency_key="load 7")
    again = put(both.url, NEW, "append", idempotency_key="load 7")
    assert (first.rows, first.done_before) == (1, None)
    assert again.rows == 0
    assert again.done_before is not None
    assert again.done_before in str(again)
    assert state(both)[0] == [1, 2, 3]
    put(both.url, NEW, "append", idempotency_key="load 8")
    assert state(both)[0] == [1, 2, 3, 3]


def test_a_failed_write_leaves_its_key_free(both: Database) -> None:
    """The key is noted with the rows, or not at all."""
    with pytest.raises(atio.InvalidInputError):
        put(both.url, BAD, "append", idempotency_key="k")
    assert put(both.url, NEW, "append", idempotency_key="k").rows == 1


def test_two_at_once_with_one_key(both: Database) -> None:
    """Of two tries at the same time, one adds the rows."""
    put(both.url, NEW, "append", idempotency_key="first")
    barrier = threading.Barrier(2)
    found: list[Any] = []

    def add() -> None:
        barrier.wait()
        try:
            found.append(put(both.url, NEW, "append", idempotency_key="k").rows)
        except atio.CommitConflictError as error:
            found.append(error)

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = sum(one for one in found if isinstance(one, int))
    assert rows == 1, found
    assert state(both)[0] == [1, 2, 3, 3]


@pytest.mark.parametrize("times", range(3))
def test_replacements_at_once(db: Database, times: int) -> None:
    """Of several at the same time the table holds one, whole; also where it was empty or missing."""
    if times == 0:
        db.run("CREATE TABLE t (id BIGINT)")
    barrier = threading.Barrier(4)
    failures: list[Any] = []

    def replace(number: int) -> None:
        barrier.wait()
        try:
            put(db.url, pa.table({"id": [number] * 1_000}), "replace")
        except (atio.CommitConflictError, atio.StorageError) as error:
            failures.append(error)

    threads = [threading.Thread(target=replace, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) < 4, failures
    assert all(isinstance(error, atio.CommitConflictError) for error in failures), failures
    assert len(db.run("SELECT DISTINCT id FROM t")) == 1
    assert db.run("SELECT count(*) FROM t") == [(1_000,)]


@pytest.mark.parametrize("times", range(3))
def test_one_of_several_makes_the_table(db: Database, times: int) -> None:
    """With `fail`, exactly one of several at the same time succeeds; the others say so."""
    barrier = threading.Barrier(4)
    found: list[Any] = []

    def make(number: int) -> None:
        barrier.wait()
        try:
            found.append(put(db.url, pa.table({"id": [number]}), "fail").rows)
        except atio.AtioError as error:
            found.append(type(error))

    threads = [threading.Thread(target=make, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(1) == 1, found
    assert set(found) <= {1, atio.AlreadyExistsError, atio.CommitConflictError}, found
    assert db.run("SELECT count(*) FROM t") == [(1,)]


def test_a_deadlock_is_a_conflict(pg: Database) -> None:
    """The error says that another change came first, and nothing was changed."""
    pg.run("CREATE TABLE t (id BIGINT)", "CREATE TABLE other (n BIGINT)", "INSERT INTO t VALUES (1)")
    with (
        psycopg.connect(pg.url.replace("+psycopg", "")) as ours,
        psycopg.connect(pg.url.replace("+psycopg", "")) as theirs,
    ):
        ours.execute("LOCK TABLE other")
        theirs.execute("LOCK TABLE t IN EXCLUSIVE MODE")
        failed: list[Any] = []

        def wait() -> None:
            try:
                theirs.execute("LOCK TABLE other")
            except psycopg.errors.DeadlockDetected as error:
                failed.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            put(ours, pa.table({"id": [2]}), "replace")
        except atio.CommitConflictError as error:
            failed.append(error)
        ours.rollback()
        thread.join()
    assert len(failed) == 1
    assert pg.run("SELECT * FROM t") == [(1,)]


def test_a_locked_sqlite_is_a_conflict(lite: Database) -> None:
    """Whoever waited in vain may try again."""
    put(lite.url, OLD, "fail")
    other = lite.connect()
    other.execute("BEGIN IMMEDIATE")
    connection = sqlite3.connect(str(sqlalchemy.make_url(lite.url).database), timeout=0)
    with pytest.raises(atio.CommitConflictError, match="write again"):
        put(connection, NEW, "replace")
    other.close()
    put(connection, NEW, "replace")
    connection.commit()
    connection.close()


SECRET = "s3cr3t-p@ss"  # noqa: S105 - nobody has it


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:{}@127.0.0.1:1/db",
        "mysql://user:{}@127.0.0.1:1/db",
        "postgresql://user@127.0.0.1:1/db?password={}",
        "nosuch://user:{}@host/db",
        "postgresql://user:{}@127.0.0.1:notaport/db",
        "user:{}@host",
    ],
)
@pytest.mark.parametrize("quoted", [True, False])
def test_passwords_are_never_shown(url: str, quoted: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001
    """Neither in an error nor in what caused it nor in the log."""
    caplog.set_level(logging.DEBUG)
    secret = SECRET.replace("@", "%40") if quoted else SECRET
    with pytest.raises(atio.AtioError) as caught:
        put(url.format(secret), NEW, "append", verbose=True)
    shown = [str(caught.value), repr(pickle.loads(pickle.dumps(caught.value)))]
    cause: BaseException | None = caught.value
    while cause is not None:
        shown += [str(cause), repr(cause)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    for text in [*shown, caplog.text]:
        assert "s3cr3t" not in text
        assert "p@ss" not in text


@pytest.mark.parametrize(
    "con",
    [None, 7, "just text", "oracle://host/db", object(), b"sqlite://", ["sqlite://"]],
    ids=["none", "number", "text", "unknown", "object", "bytes", "list"],
)
def test_what_is_no_connection(con: Any) -> None:
    """It is refused, with what can be handed in."""
    with pytest.raises(atio.InvalidInputError, match=r"con="):
        put(con, NEW, "append")


def test_unknown_drivers_are_refused() -> None:
    """Nothing can be promised there."""

    class Connection:
        def cursor(self) -> None:
            """As the DB-API has it."""

    with pytest.raises(atio.UnsupportedStoreError, match="isn't known"):
        put(Connection(), NEW, "append")


@pytest.mark.parametrize(
    "options",
    [
        {"if_exists": "overwrite"},
        {"nosuch": 1},
        {"chunksize": 0},
        {"chunksize": "many"},
        {"index": "yes"},
        {"key": []},
        {"if_exists": "upsert"},
        {"if_exists": "append", "key": ["id"]},
        {"method": len},
        {"idempotency_key": ""},
        {"idempotency_key": 7},
        {"table_name": "u"},
        {"connection_uri": "sqlite://"},
        {"if_exists": "append", "if_table_exists": "fail"},
        {"schema": 7},
        {"index": True},
    ],
    ids=str,
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    """They are refused before a connection is made."""
    write: Any = atio.write
    with pytest.raises(atio.InvalidInputError):
        write(NEW, format="sql", **{"name": "t", "con": "sqlite://"} | options)


def test_missing_options() -> None:
    """The error names what is missing."""
    with pytest.raises(atio.InvalidInputError, match="name="):
        atio.write(NEW, format="sql", con="sqlite://")
    with pytest.raises(atio.InvalidInputError, match="con="):
        atio.write(NEW, format="database", table_name="t")
    for polars_name in ("a.b.c", ".b", 'a."b'):
        with pytest.raises(atio.InvalidInputError, match="schema"):
            atio.write(NEW, format="database", table_name=polars_name, connection_uri="sqlite://")


@pytest.mark.parametrize(
    "obj", [7, [1], {"a": [1]}, "text", pa.array([1])], ids=lambda obj: type(obj).__name__
)
def test_what_has_no_rows(obj: Any) -> None:
    """It is refused by its type."""
    with pytest.raises(atio.UnsupportedFormatError, match="pandas"):
        put("sqlite://", obj, "append")


def test_frames_that_make_no_table() -> None:
    """A table needs columns, each once."""
    with pytest.raises(atio.InvalidInputError, match="has none"):
        put("sqlite://", pa.table({}), "append")
    with pytest.raises(atio.InvalidInputError, match="more than once"):
        put("sqlite://", pa.table([pa.array([1])] * 2, names=["a", "a"]), "append")


def test_no_rows(db: Database) -> None:
    """An empty frame empties a table, or makes an empty one."""
    for mode in ("fail", "append", "replace", "truncate"):
        assert put(db.url, OLD.slice(0, 0), mode).rows == 0
    put(db.url, OLD, "append")
    put(db.url, OLD.slice(0, 0), "replace")
    assert db.run("SELECT * FROM t") == []


def test_a_failure_leaves_the_engine_as_it_was(database_of: Any) -> None:
    """A pool gets its connection back: that of a database in memory is the database, and settings are as before."""
    memory = sqlalchemy.create_engine("sqlite://")
    put(memory, OLD, "fail")
    with pytest.raises(atio.AtioError):
        put(memory, NEW, "fail")
    assert put(memory, NEW, "append").rows == 1
    memory.dispose()
    engine = sqlalchemy.create_engine(database_of("mysql").url, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        before = connection.exec_driver_sql("SELECT @@sql_mode, @@time_zone").all()
    put(engine, OLD, "fail")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT @@sql_mode, @@time_zone").all() == before
    engine.dispose()


def test_rows_that_a_policy_hides(pg: Database) -> None:
    """A replacement that couldn't delete them is refused, or it would mix old rows and new ones."""
    role = f"limited{pg.url[-4:]}".replace("=", "").replace("%", "").replace("D", "")
    schema = pg.run("SELECT current_schema()::text")[0][0]
    pg.run(
        "CREATE TABLE t (id BIGINT)",
        "INSERT INTO t VALUES (1), (2)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON t USING (id = 1) WITH CHECK (true)",
        f"CREATE ROLE {role}",
        f"GRANT ALL ON t TO {role}",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
    )
    connection = pg.connect()
    connection.execute(f"SET ROLE {role}")
    with pytest.raises(atio.StorageError, match="row-level security"):
        put(connection, pa.table({"id": [3]}), "replace")
    connection.close()
    assert pg.run("SELECT count(*) FROM t") == [(2,)]
    pg.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_lazy_frame_that_fails(lite: Database) -> None:
    """What polars raises in the middle is an error of ours, and the old rows stand."""
    import polars as pl

    put(lite.url, OLD, "fail")
    lazy = pl.LazyFrame({"id": [1], "name": ["x"]}).with_columns(
        pl.col("name").cast(pl.Int64).cast(pl.String)
    )
    with pytest.raises(atio.InvalidInputError, match="lazy frame"):
        put(lite.url, lazy, "replace")
    assert len(lite.run("SELECT * FROM t")) == 2
