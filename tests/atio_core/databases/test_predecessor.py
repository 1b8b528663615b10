"""The documented examples of atio 3 for databases, unchanged but for the import and the address of the server."""

import pandas as pd
import polars as pl
from sqlalchemy import create_engine

import atio_core as atio
from tests.support.servers import Database


def test_products(pg: Database) -> None:
    """The first one: a frame replaces a table."""
    df = pd.DataFrame(
        {
            "product_id": [101, 102, 103],
            "product_name": ["Laptop", "Mouse", "Keyboard"],
            "price": [1200, 25, 75],
        }
    )
    engine = create_engine(pg.url)
    for _ in range(2):
        atio.write(df, format="sql", name="products", con=engine, if_exists="replace")
    with engine.connect() as connection:
        found = pd.read_sql("SELECT * FROM products ORDER BY index", connection)
    engine.dispose()
    pd.testing.assert_frame_equal(found, df.reset_index(), check_dtype=False)


def test_users(pg: Database) -> None:
    """The second one: over a table that has more on it."""
    pg.run(
        "CREATE TABLE users (user_id INTEGER PRIMARY KEY, username TEXT, old TEXT)",
        "CREATE INDEX ON users (username)",
    )
    engine = create_engine(pg.url)
    df = pd.DataFrame(
        {
            "user_id": [1, 2, 3],
            "username": ["john", "jane", "bob"],
            "email": ["john@example.com", "jane@example.com", "bob@example.com"],
        }
    )
    atio.write(df, format="sql", name="users", con=engine, if_exists="replace")
    engine.dispose()
    assert pg.run("SELECT email FROM users WHERE username = 'jane'") == [("jane@example.com",)]


def test_the_table_of_formats(pg: Database) -> None:
    """The calls of its table of formats."""
    df = pd.DataFrame({"a": [1]})
    engine = create_engine(pg.url)
    atio.write(df, format="sql", name="table", con=engine)
    engine.dispose()
    atio.write(pl.DataFrame({"a": [1]}), format="database", table_name="table2", connection_uri=pg.url)
    assert pg.run('SELECT a FROM "table" UNION ALL SELECT a FROM table2') == [(1,), (1,)]
