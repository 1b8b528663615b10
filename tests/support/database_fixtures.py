"""Fixtures: the databases that tests write to. A conftest imports those that its tests need."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.servers import (
    Database,
    MariaDBServer,
    PostgreSQLServer,
    mariadb_server,
    postgresql_server,
)

KINDS = ("postgresql", "sqlite", "duckdb", "mysql")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    """A PostgreSQL."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDBServer]:
    """A MariaDB, where it is installed."""
    with mariadb_server() as server:
        yield server


Make = Callable[[str], Database]


@pytest.fixture(scope="session")
def database_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Make a new database of a kind."""

    def make(kind: str) -> Database:
        if kind == "postgresql":
            return request.getfixturevalue("postgresql").database()
        if kind == "mysql":
            return request.getfixturevalue("mariadb").database()
        return Database(kind, f"{kind}:///{tmp_path_factory.mktemp(kind)}/database.{kind}")

    return make


@pytest.fixture(params=KINDS)
def db(request: pytest.FixtureRequest, database_of: Make) -> Database:
    """A new database, of each kind in turn."""
    return database_of(request.param)


@pytest.fixture
def pg(database_of: Make) -> Database:
    """A new database of PostgreSQL."""
    return database_of("postgresql")


@pytest.fixture
def lite(database_of: Make) -> Database:
    """A new database of SQLite."""
    return database_of("sqlite")
