"""The old rows stand when a server dies under a write, or its disk is full."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pymysql
import pytest

import atio_core as atio
from tests.support.servers import (
    Database,
    MariaDBServer,
    PostgreSQLServer,
    mariadb_server,
    postgresql_server,
)

ROWS = 1_000

mounts = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts small disks, on Linux"
)


def put(db: Database, obj: Any, mode: str = "replace") -> atio.WriteResult:
    """Write to the table t."""
    return atio.write(obj, format="sql", name="t", con=db.url, if_exists=mode)


def version(number: int) -> pa.Table:
    """Return the rows of a version: all are the same."""
    return pa.table({"id": [number] * ROWS})


def held(db: Database) -> list[tuple[Any, ...]]:
    """Return how many rows there are, and of which version."""
    return db.run("SELECT count(*), min(id), max(id) FROM t")


def interrupted(happens: Callable[[], None]) -> pa.RecordBatchReader:
    """Return rows of version 2, and more of them, between which something happens."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield from version(2).to_batches()
        happens()
        for _ in range(100):
            yield pa.record_batch({"id": [2] * 100_000})

    return pa.RecordBatchReader.from_batches(version(2).schema, batches())


@pytest.fixture(scope="module")
def postgresql_to_die() -> Iterator[PostgreSQLServer]:
    """A PostgreSQL to be killed."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="module")
def mariadb_to_die() -> Iterator[MariaDBServer]:
    """A MariaDB to be killed."""
    with mariadb_server() as server:
        yield server


def test_a_postgresql_that_dies(postgresql_to_die: PostgreSQLServer) -> None:
    """Its backend, or all of it, killed in the middle of the load: the old rows stand, and the error says so."""
    db = postgresql_to_die.database()
    put(db, version(1), "fail")

    def kill_backend() -> None:
        sql = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY %'"
        os.kill(db.run(sql)[0][0], signal.SIGKILL)

    def kill_server() -> None:
        pid = int((postgresql_to_die.folder / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(db.url.replace("+psycopg", "")).close()
                continue
            return

    for kill in (kill_backend, kill_server):
        with pytest.raises(atio.StorageError, match="stands as it was"):
            put(db, interrupted(kill))
        if kill is kill_server:
            postgresql_to_die.start_again()
        await_answer(db)
        assert held(db) == [(ROWS, 1, 1)]
    put(db, version(2))


def await_answer(db: Database) -> None:
    """Wait until a PostgreSQL has recovered."""
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            db.run("SELECT 1")
            return


@pytest.mark.parametrize("reshaped", [False, True], ids=["same", "other"])
def test_a_mariadb_that_dies(mariadb_to_die: MariaDBServer, reshaped: bool) -> None:  # noqa: FBT001
    """Its connection, or all of it, killed in the middle of the load: the old rows stand, and the error says so."""
    db = mariadb_to_die.database()
    old = version(1).append_column("more", [[0] * ROWS]) if reshaped else version(1)
    put(db, old, "fail")

    def kill_connection() -> None:
        ours = "id <> CONNECTION_ID() AND db = DATABASE()"
        ((number,),) = db.run(f"SELECT id FROM information_schema.processlist WHERE {ours}")
        db.run(f"KILL {number}")

    for kill in (kill_connection, mariadb_to_die.kill):
        with pytest.raises(atio.StorageError, match="stands as it was"):
            put(db, interrupted(kill))
        if kill == mariadb_to_die.kill:
            mariadb_to_die.start_again()
        assert held(db) == [(ROWS, 1, 1)]
        assert len(db.run("SELECT * FROM t LIMIT 1")[0]) == 1 + reshaped
    put(db, version(2))
    assert held(db) == [(ROWS, 2, 2)]
    assert db.run("SHOW TABLES") == [("t",)]


def test_a_mariadb_that_dies_at_the_commit(
    mariadb_to_die: MariaDBServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can be asked for the outcome: the error says so, and that the table holds all of it or nothing."""
    db = mariadb_to_die.database()
    put(db, version(1), "fail")
    whole = pymysql.connections.Connection.query

    def query(self: Any, sql: Any, *rest: Any) -> Any:
        if sql in ("COMMIT", b"COMMIT"):
            mariadb_to_die.kill()
        return whole(self, sql, *rest)

    monkeypatch.setattr(pymysql.connections.Connection, "query", query)
    with pytest.raises(atio.CommitUnknownError, match="all of it or nothing"):
        put(db, version(2))
    monkeypatch.undo()
    mariadb_to_die.start_again()
    assert held(db) == [(ROWS, 1, 1)]


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Generator[Path]:
    """Mount a small disk."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting isn't allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@mounts
def test_a_full_postgresql(postgresql_to_die: PostgreSQLServer) -> None:
    """When its disk is full, the old rows stand, and the error says so."""
    db = postgresql_to_die.database()
    with small_disk(postgresql_to_die.folder / "small", 8) as small:
        (small / "space").mkdir()
        stat = postgresql_to_die.folder.stat()
        os.chown(small / "space", stat.st_uid, stat.st_gid)
        db.run(
            f"CREATE TABLESPACE small LOCATION '{small}/space'",
            "CREATE TABLE t (id BIGINT) TABLESPACE small",
        )
        put(db, version(1), "append")
        with pytest.raises(atio.StorageError, match="stands as it was"):
            put(db, pa.table({"id": range(1_000_000)}))
        assert held(db) == [(ROWS, 1, 1)]
        db.run("DROP TABLE t", "DROP TABLESPACE small")


@mounts
def test_a_full_mariadb(mariadb_to_die: MariaDBServer) -> None:
    """When the disk of its table is full, the old rows stand, and the error says so."""
    db = mariadb_to_die.database()
    with small_disk(mariadb_to_die.folder / "small", 8) as small:
        db.run(f"CREATE TABLE t (id BIGINT) DATA DIRECTORY='{small}'")
        put(db, version(1), "append")
        with pytest.raises(atio.StorageError, match=r"full.*stands as it was"):
            put(db, pa.table({"id": range(1_000_000)}))
        assert held(db) == [(ROWS, 1, 1)]
        db.run("DROP TABLE t")


@mounts
@pytest.mark.parametrize("mode", ["replace", "append", "truncate"])
def test_a_full_duckdb(tmp_path: Path, mode: str) -> None:
    """When its disk is full, the old rows stand, and the error says so."""
    with small_disk(tmp_path / "small", 8) as small:
        db = Database("duckdb", f"duckdb:///{small}/database.duckdb")
        put(db, version(1), "fail")
        with pytest.raises(atio.StorageError, match="stands as it was"):
            put(db, pa.table({"id": [hash(str(number)) for number in range(2_000_000)]}), mode)
        assert held(db) == [(ROWS, 1, 1)]
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        put(db, version(2))
        assert held(db) == [(ROWS, 2, 2)]


def test_a_full_sqlite(tmp_path: Path) -> None:
    """When no page is left, the old rows stand."""
    db = Database("sqlite", f"sqlite:///{tmp_path}/database.sqlite")
    put(db, version(1), "fail")
    with contextlib.closing(db.connect()) as connection:
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        with pytest.raises(atio.StorageError, match=r"full.*stands as it was"):
            atio.write(
                pa.table({"id": range(500_000)}), format="sql", name="t", con=connection, if_exists="append"
            )
        assert connection.execute("SELECT count(*), min(id), max(id) FROM t").fetchall() == [(ROWS, 1, 1)]
        atio.write(version(2), format="sql", name="t", con=connection, if_exists="replace")
    assert held(db) == [(ROWS, 2, 2)]
