"""The databases that the tests of this folder write to."""

from tests.support.database_fixtures import KINDS, Make, database_of, db, lite, mariadb, pg, postgresql

__all__ = ["KINDS", "Make", "database_of", "db", "lite", "mariadb", "pg", "postgresql"]
