"""Which dialect a database speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from atio_core.databases.connect import Database
from atio_core.databases.dialect import Dialect
from atio_core.databases.duckdb import DuckDB
from atio_core.databases.mysql import MySQL
from atio_core.databases.postgresql import PostgreSQL
from atio_core.databases.sqlite import SQLite

_DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "postgresql": PostgreSQL,
    "sqlite": SQLite,
    "duckdb": DuckDB,
    "mysql": MySQL,
}


def dialect_of(database: Database) -> Dialect:
    """Return the dialect of a database."""
    return _DIALECTS[database]()
