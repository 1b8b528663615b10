"""Readers see the old table or the new one, whatever happens to the writer, the server or the disk."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.databases import connect, shadow
from tests.support.servers import Database

ROWS = 1_000
Look = Callable[[Any], Any]


def put(con: Any, obj: Any, mode: str, **options: Any) -> atio.WriteResult:
    """Write to the table t."""
    return atio.write(obj, format="sql", name="t", con=con, if_exists=mode, **options)


def version(number: int, *, other: bool = False) -> pa.Table:
    """Return the rows of a version: all are the same; every second version may have another column."""
    columns = {"id": [number] * ROWS}
    return pa.table(columns | {"more": [number] * ROWS} if other and number % 2 else columns)


@contextlib.contextmanager
def readers(db: Database, levels: list[str], failures: list[Any]) -> Generator[None]:
    """Look at the table t all the time, at each level of isolation."""
    done = threading.Event()

    def look(level: str) -> None:
        connection = db.connect()
        cursor = connection if db.kind == "duckdb" else connection.cursor()
        try:
            while not done.is_set():
                for statement in level.split(";"):
                    cursor.execute(statement)
                for _ in range(2):
                    cursor.execute("SELECT count(*), min(id), max(id) FROM t")
                    count, low, high = cursor.fetchone()
                    if (count, low) != (ROWS, high):
                        failures.append((level, count, low, high))
                cursor.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - it fails the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=look, args=[level]) for level in levels]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


LEVELS = {
    "postgresql": [
        f"BEGIN ISOLATION LEVEL {level}" for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
    ],
    "sqlite": ["BEGIN"],
    "duckdb": ["BEGIN", "BEGIN"],
    "mysql": [
        f"SET TRANSACTION ISOLATION LEVEL {level};BEGIN"
        for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
    ],
}


@pytest.mark.parametrize("other", [False, True], ids=["same", "other"])
def test_a_reader_sees_old_or_new(db: Database, other: bool) -> None:  # noqa: FBT001
    """At any level of isolation a reader never sees an empty, missing, partial or mixed table."""
    if db.kind == "sqlite":
        db.run("PRAGMA journal_mode = WAL")
    put(db.url, version(0), "fail")
    failures: list[Any] = []
    with readers(db, LEVELS[db.kind], failures):
        for number in range(1, 16):
            put(db.url, version(number, other=other), "replace")
    assert failures == []


@pytest.mark.parametrize("mode", ["replace", "truncate"])
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_snapshot_sees_the_old_rows(pg: Database, mode: str, level: str) -> None:
    """A reader whose snapshot was taken before sees the old rows, not none, though it first looks after the write."""
    put(pg.url, version(1), "fail")
    reader = pg.connect()
    reader.execute(f"BEGIN ISOLATION LEVEL {level}")
    reader.execute("SELECT 1 FROM pg_class LIMIT 1")
    put(pg.url, version(2), mode)
    assert reader.execute("SELECT count(*), min(id), max(id) FROM t").fetchall() == [(ROWS, 1, 1)]
    reader.close()


def test_an_old_snapshot_in_mariadb(database_of: Any) -> None:
    """The same, with the snapshot of InnoDB."""
    maria = database_of("mysql")
    put(maria.url, version(1), "fail")
    with contextlib.closing(maria.connect()) as reader:
        cursor = reader.cursor()
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        put(maria.url, version(2), "replace")
        cursor.execute("SELECT count(*), min(id), max(id) FROM t")
        assert cursor.fetchall() == ((ROWS, 1, 1),)


SNAPSHOTS = {
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "sqlite": "BEGIN",
    "duckdb": "BEGIN",
    "mysql": "START TRANSACTION WITH CONSISTENT SNAPSHOT",
}


@pytest.mark.parametrize("new", [{"id": [2], "w": [2]}, {"id": ["x"], "v": [2]}], ids=["columns", "types"])
def test_an_old_snapshot_and_other_columns(db: Database, new: dict[str, list[Any]]) -> None:
    """What `docs/promises.md` says of a reader that first looks after the columns were changed."""
    if db.kind == "sqlite":
        db.run("PRAGMA journal_mode = WAL")
    db.run("CREATE TABLE other (n BIGINT)")
    put(db.url, pa.table({"id": [1, 1], "v": [1, 1]}), "fail")
    with contextlib.closing(db.connect()) as reader:
        cursor = reader if db.kind == "duckdb" else reader.cursor()
        cursor.execute(SNAPSHOTS[db.kind])
        cursor.execute("SELECT count(*) FROM other")
        cursor.fetchall()
        put(db.url, pa.table(new), "replace")
        if db.kind == "mysql":
            with pytest.raises(Exception, match="definition has changed"):
                cursor.execute("SELECT * FROM t")
            return
        cursor.execute("SELECT * FROM t")
        found = cursor.fetchall()
    if db.kind == "postgresql":
        assert found == ([(1, None), (1, None)] if "w" in new else [])
    else:
        assert found == [(1, 1), (1, 1)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("mode", ["replace", "reshape", "append", "truncate", "upsert", "fail"])
def test_a_killed_writer_leaves_the_old_table(db: Database, mode: str) -> None:
    """Killed before any of its statements, a writer leaves the old table or the new one, and the next write works."""
    old: list[tuple[Any, ...]] = [] if mode == "fail" else [(1, 1), (2, 2)]
    if mode in {"replace", "truncate", "append"}:
        old = [(1,), (2,)]
    if old:
        start = pa.table({"id": [1, 2]} | ({"v": [1, 2]} if len(old[0]) > 1 else {}))
        put(db.url, start, "upsert", key=["id"]) if mode == "upsert" else put(db.url, start, "fail")
    command = [sys.executable, "-m", "tests.support.database_kills", db.url, mode]
    kills = 0
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as child:
        assert child.stdin
        assert child.stdout
        while (line := child.stdout.readline().strip()).isdigit():
            kills += 1
            found = held(db)
            assert found == old or finished(found), line
            if finished(found):
                break
            child.stdin.write("\n")
            child.stdin.flush()
        else:
            assert line == "done"
        child.kill()
    assert kills > 1
    assert finished(held(db))
    put(db.url, pa.table({"id": [5]}), "replace")
    assert db.run("SELECT id FROM t") == [(5,)]
    check_no_shadows(db)


def test_a_shadow_of_the_dead_goes_with_any_write(database_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the table was before stays if the connection ends behind the rename; the next write of any kind drops it."""
    maria = database_of("mysql")
    put(maria.url, pa.table({"id": [1]}), "fail")
    monkeypatch.setattr(shadow, "_drop", lambda *_: None)
    put(maria.url, pa.table({"id": [2], "more": [2]}), "replace")
    monkeypatch.undo()
    assert len(maria.run("SHOW TABLES")) == 2
    put(maria.url, pa.table({"id": [3], "more": [3]}), "append")
    check_no_shadows(maria)
    assert sorted(maria.run("SELECT id FROM t")) == [(2,), (3,)]


def check_no_shadows(db: Database) -> None:
    """Nothing but the table is left, where one is made beside it for a while."""
    if db.kind == "mysql":
        tables = db.run("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
        assert tables == [("t",)]


def held(db: Database) -> list[tuple[Any, ...]]:
    """Return the rows of the table t; none if it isn't there."""
    with contextlib.suppress(Exception):
        return sorted(db.run("SELECT * FROM t"), key=repr)
    return []


def finished(found: list[tuple[Any, ...]]) -> bool:
    """Say whether a table is the one that `database_kills` writes."""
    news = [row for row in found if 99 in row]
    olds = len(found) - len(news)
    return (len(news), olds) in {(3, 0), (3, 2), (1, 2)}


def test_a_writer_killed_in_the_middle_of_the_load(db: Database, tmp_path: Path) -> None:
    """Half of the rows have been sent when it dies: none of them stays."""
    put(db.url, version(1), "fail")
    code = (
        "import sys, pyarrow as pa, atio_core as atio\n"
        "def batches():\n"
        "    for _ in range(2):\n"
        "        yield pa.record_batch({'id': [2] * 100_000})\n"
        "    print('sent', flush=True)\n"
        "    sys.stdin.readline()\n"
        "reader = pa.RecordBatchReader.from_batches(pa.schema([('id', pa.int64())]), batches())\n"
        "atio.write(reader, format='sql', name='t', con=sys.argv[1], if_exists='replace')\n"
    )
    command = [sys.executable, "-c", code, db.url]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "sent\n"
        child.kill()
    assert db.run("SELECT count(*), min(id), max(id) FROM t") == [(ROWS, 1, 1)]
    put(db.url, version(2), "replace")
    assert db.run("SELECT count(*), min(id), max(id) FROM t") == [(ROWS, 2, 2)]


class _LostError(psycopg.OperationalError):
    """As the driver says that a connection is gone."""


@pytest.mark.parametrize("sent", [True, False])
def test_a_lost_answer_to_a_commit(pg: Database, monkeypatch: pytest.MonkeyPatch, sent: bool) -> None:  # noqa: FBT001
    """The server is asked for the outcome of the transaction, and that is what the caller gets."""
    put(pg.url, version(1), "fail")
    lose(monkeypatch, sent=sent)
    if sent:
        assert put(pg.url, version(2), "replace").committed
    else:
        with pytest.raises(atio.StorageError, match="stands as it was"):
            put(pg.url, version(2), "replace")
    monkeypatch.undo()
    assert pg.run("SELECT DISTINCT id FROM t") == [(2 if sent else 1,)]


def test_an_outcome_that_nobody_can_tell(pg: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server can't be asked, the error says that the outcome is unknown and what to do."""
    put(pg.url, version(1), "fail")
    lose(monkeypatch, sent=True)
    connection = pg.connect()
    with pytest.raises(atio.CommitUnknownError, match="idempotency_key"):
        put(connection, version(2), "append", idempotency_key="k")
    monkeypatch.undo()
    connection.close()
    assert put(pg.url, version(2), "append", idempotency_key="k").done_before is not None
    assert pg.run("SELECT count(*) FROM t") == [(2 * ROWS,)]


def lose(monkeypatch: pytest.MonkeyPatch, *, sent: bool) -> None:
    """Lose the connection at the commit, before or after it took effect."""
    whole = connect.Session.run

    def run(self: connect.Session, sql: str, parameters: tuple[Any, ...] = ()) -> Any:
        if sql != "COMMIT":
            return whole(self, sql, parameters)
        whole(self, "COMMIT" if sent else "ROLLBACK")
        raise _LostError("server closed the connection unexpectedly")

    monkeypatch.setattr(connect.Session, "run", run)
