"""What hangs on a table stays on it when its rows and columns are replaced, or is said to be lost."""

from typing import Any

import pyarrow as pa
import pytest

import atio_core as atio
from tests.support.servers import Database


def put(db: Database, obj: Any, mode: str = "replace", **options: Any) -> atio.WriteResult:
    """Write to the table t."""
    return atio.write(obj, format="sql", name="t", con=db.url, if_exists=mode, **options)


SAME = pa.table({"id": [1, 3], "name": ["A", "C"]})
OTHER = pa.table({"id": [1, 3], "price": [1.5, 2.5]})


@pytest.fixture
def rich(pg: Database) -> Database:
    """A table with all that can hang on one."""
    pg.run(
        "CREATE TABLE t (id SERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT 'none', CHECK (id > 0))",
        "CREATE INDEX by_name ON t (name)",
        "COMMENT ON TABLE t IS 'about t'",
        "COMMENT ON COLUMN t.name IS 'about name'",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    )
    return pg


def test_the_same_columns_keep_everything(rich: Database) -> None:
    """Views, grants, sequences, indexes, comments, defaults and triggers stand and follow the new rows."""
    role = f"reader_{rich.url[-6:]}".replace("=", "_").replace("D", "d").replace("%3", "")
    rich.run(
        "CREATE VIEW v AS SELECT name FROM t WHERE id > 1",
        f"CREATE ROLE {role}",
        f"GRANT SELECT ON t TO {role}",
    )
    before = rich.run("SELECT 't'::regclass::oid")
    result = put(rich, SAME)
    assert result.losses == ()
    assert rich.run("SELECT 't'::regclass::oid") == before
    assert rich.run("SELECT * FROM v") == [("C",)]
    assert rich.run(f"SELECT has_table_privilege('{role}', 't', 'SELECT')") == [(True,)]
    assert rich.run("SELECT obj_description('t'::regclass)") == [("about t",)]
    assert rich.run(
        "SELECT count(*) FROM pg_indexes WHERE tablename = 't' AND schemaname = current_schema()"
    ) == [(2,)]
    assert rich.run("SELECT pg_get_serial_sequence('t', 'id') IS NOT NULL") == [(True,)]
    rich.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_other_columns_keep_what_they_can(rich: Database) -> None:
    """What hangs on columns that stay is kept; what is lost is said."""
    before = rich.run("SELECT 't'::regclass::oid")
    result = put(rich, OTHER)
    lost = " ".join(map(str, result.losses))
    assert "index by_name" in lost
    assert "comment on column name" in lost
    assert "primary key" not in lost
    assert rich.run("SELECT * FROM t ORDER BY id") == [(1, 1.5), (3, 2.5)]
    assert rich.run("SELECT 't'::regclass::oid") == before
    assert rich.run("SELECT obj_description('t'::regclass)") == [("about t",)]
    with pytest.raises(atio.InvalidInputError, match="refused a row"):
        put(rich, OTHER, "append")


def test_strict_refuses_losses(rich: Database) -> None:
    """Nothing changes then."""
    with pytest.raises(atio.NotPreservableError, match="by_name"):
        put(rich, OTHER, strict=True)
    assert rich.run("SELECT * FROM t ORDER BY id") == [(1, "a"), (2, "b")]


def test_a_view_that_reads_a_column_that_would_go(db: Database) -> None:
    """The change is refused, and the view goes on."""
    db.run(
        "CREATE TABLE t (id INTEGER, name VARCHAR(20))",
        "INSERT INTO t VALUES (1, 'a')",
        "CREATE VIEW v AS SELECT name FROM t",
    )
    with pytest.raises(atio.AtioError, match=r"(?i)view"):
        put(db, OTHER)
    assert db.run("SELECT * FROM v") == [("a",)]
    put(db, SAME)
    assert sorted(db.run("SELECT * FROM v")) == [("A",), ("C",)]


def test_keys_and_indexes_in_every_database(db: Database) -> None:
    """The primary key, unique constraints and indexes whose columns stay are kept."""
    db.run(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, code VARCHAR(10) NOT NULL, note VARCHAR(10), UNIQUE (code))",
        "CREATE INDEX by_note ON t (note)",
        "CREATE INDEX by_code ON t (code)",
    )
    result = put(db, pa.table({"price": [1.5], "code": ["x"], "id": [1]}))
    assert "by_note" in str(result.losses)
    assert "by_code" not in str(result.losses)
    for row in ({"price": [2.5], "code": ["y"], "id": [1]}, {"price": [2.5], "code": ["x"], "id": [2]}):
        with pytest.raises(atio.InvalidInputError):
            put(db, pa.table(row), "append")
    put(db, pa.table({"price": [2.5], "code": ["z"], "id": [1]}), "upsert", key=["id"])
    assert db.run("SELECT price, code, id FROM t") == [(2.5, "z", 1)]


@pytest.fixture
def referred(db: Database) -> Database:
    """A table that another one refers to."""
    if db.kind == "sqlite":
        pytest.skip("SQLite enforces foreign keys only where a connection asks for it")
    rule = "" if db.kind == "duckdb" else "ON DELETE CASCADE"
    db.run(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(20))",
        f"CREATE TABLE child (id BIGINT, FOREIGN KEY (id) REFERENCES t (id) {rule})",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO child VALUES (1)",
    )
    return db


@pytest.mark.parametrize("mode", ["replace", "truncate"])
def test_rows_that_others_refer_to_are_changed_in_place(referred: Database, mode: str) -> None:
    """A row whose key stays is never deleted, so nothing cascades from it."""
    put(referred, SAME, mode)
    assert sorted(referred.run("SELECT * FROM t")) == [(1, "A"), (3, "C")]
    assert referred.run("SELECT * FROM child") == [(1,)]


def test_rows_that_others_refer_to_and_that_go(referred: Database) -> None:
    """The foreign key decides: it cascades, or the write is refused."""
    gone = pa.table({"id": [2], "name": ["B"]})
    if referred.kind == "duckdb":
        with pytest.raises(atio.InvalidInputError, match="foreign key"):
            put(referred, gone)
        return
    put(referred, gone)
    assert referred.run("SELECT * FROM child") == []


def test_columns_that_others_refer_to(referred: Database) -> None:
    """They can't go; the reason is given before anything changes."""
    with pytest.raises(atio.AtioError, match=r"foreign key|depend"):
        put(referred, pa.table({"name": ["x"]}))
    assert sorted(referred.run("SELECT * FROM t")) == [(1, "a"), (2, "b")]


def test_foreign_keys_in_sqlite(lite: Database) -> None:
    """Where a connection enforces them, rows are changed in place too, and other columns refused."""
    lite.run(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE child (id BIGINT REFERENCES t (id) ON DELETE CASCADE)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO child VALUES (1), (2)",
    )
    connection = lite.connect()
    connection.execute("PRAGMA foreign_keys = ON")
    for name, mode in (("t", "replace"), ("t", "truncate")):
        atio.write(SAME, format="sql", name=name, con=connection, if_exists=mode)
    with pytest.raises(atio.InvalidInputError, match="foreign keys"):
        atio.write(OTHER, format="sql", name="t", con=connection, if_exists="replace")
    connection.close()
    assert lite.run("SELECT * FROM t ORDER BY id") == [(1, "A"), (3, "C")]
    assert lite.run("SELECT * FROM child") == [(1,)]


def test_sqlite_makes_triggers_and_defaults_again(lite: Database) -> None:
    """A table that is made anew gets back what its columns allow."""
    lite.run(
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE log (what TEXT)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'none', p INTEGER REFERENCES p, UNIQUE (name, id))",
        "CREATE TRIGGER told AFTER DELETE ON t BEGIN INSERT INTO log VALUES (OLD.name); END",
    )
    result = put(lite, pa.table({"id": [1], "name": ["a"], "new": [1]}))
    assert [str(loss) for loss in result.losses] == [
        "Could not be kept with the new columns: foreign key to p."
    ]
    lite.run("INSERT INTO t (new) VALUES (2)", "DELETE FROM t WHERE new = 2")
    assert lite.run("SELECT * FROM log") == [("none",)]


def test_duckdb_keeps_comments(database_of: Any) -> None:
    """A table that is made anew has its comments and defaults again."""
    duck = database_of("duckdb")
    duck.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR DEFAULT 'it''s')",
        "COMMENT ON TABLE t IS 'it''s t'",
        "COMMENT ON COLUMN t.name IS 'it''s name'",
    )
    assert put(duck, pa.table({"id": [1], "name": ["a"], "new": [1]})).losses == ()
    assert duck.run("SELECT comment FROM duckdb_tables() WHERE table_name = 't'") == [("it's t",)]
    duck.run("INSERT INTO t (id) VALUES (2)")
    assert duck.run("SELECT name FROM t WHERE id = 2") == [("it's",)]


def test_mariadb_refuses_triggers(database_of: Any) -> None:
    """They would be lost with the old table."""
    maria = database_of("mysql")
    maria.run(
        "CREATE TABLE t (id INTEGER, name VARCHAR(20))",
        "CREATE TRIGGER told BEFORE INSERT ON t FOR EACH ROW SET NEW.name = UPPER(NEW.name)",
    )
    with pytest.raises(atio.InvalidInputError, match="told"):
        put(maria, OTHER)
    put(maria, pa.table({"id": [1], "name": ["a"]}))
    assert maria.run("SELECT * FROM t") == [(1, "A")]


def test_mariadb_keeps_foreign_keys_and_comments(database_of: Any) -> None:
    """The shadow has those of the old table."""
    maria = database_of("mysql")
    maria.run(
        "CREATE TABLE p (id BIGINT PRIMARY KEY)",
        "INSERT INTO p VALUES (1)",
        "CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'key', p BIGINT, name VARCHAR(20), "
        "FOREIGN KEY (p) REFERENCES p (id)) COMMENT 'about t'",
    )
    result = put(maria, pa.table({"id": [1], "p": [1], "new": ["x"]}))
    assert result.losses == ()
    assert "about t" in maria.run("SHOW CREATE TABLE t")[0][1]
    with pytest.raises(atio.InvalidInputError, match="foreign key"):
        put(maria, pa.table({"id": [2], "p": [2]}), "append")
    assert (
        maria.run("SELECT table_name FROM information_schema.tables WHERE table_name LIKE '\\_atio%'") == []
    )


def test_mariadb_tables_without_transactions(database_of: Any) -> None:
    """They are replaced by a shadow; what can't be atomic there is refused."""
    maria = database_of("mysql")
    maria.run("CREATE TABLE t (id BIGINT, name VARCHAR(20)) ENGINE=MyISAM", "INSERT INTO t VALUES (1, 'a')")
    put(maria, SAME)
    assert sorted(maria.run("SELECT * FROM t")) == [(1, "A"), (3, "C")]
    with pytest.raises(atio.UnsupportedStoreError, match="InnoDB"):
        put(maria, SAME, "append")


def test_views_and_others_are_no_tables(db: Database) -> None:
    """Only tables are written to."""
    db.run("CREATE VIEW t AS SELECT 1 AS id")
    with pytest.raises(atio.InvalidInputError, match="view"):
        put(db, SAME)


def test_computed_columns(pg: Database) -> None:
    """The database fills them; they go with a replacement that doesn't have them, which is said."""
    pg.run(
        "CREATE TABLE t (id BIGINT GENERATED ALWAYS AS IDENTITY, x INT, y INT GENERATED ALWAYS AS (x * 2) STORED)"
    )
    put(pg, pa.table({"x": [1]}), "append")
    assert pg.run("SELECT * FROM t") == [(1, 1, 2)]
    with pytest.raises(atio.SchemaMismatchError, match="computed"):
        put(pg, pa.table({"x": [1], "y": [2]}), "append")
    put(pg, pa.table({"id": [5], "x": [1]}), "append")
    assert len(put(pg, pa.table({"x": [1]})).losses) > 0


def test_odd_names(db: Database) -> None:
    """Every name is quoted: quotes, percent signs, keywords, spaces and Unicode are just characters."""
    names = [
        "select",
        'a"b',
        "a`b",
        "per%s",
        "per%(x)s",
        " x y",
        "漢",
        "a;b--",
        "?",
        ":x",
        "{y}",
        "a.b",
        "a'b",
        "[z]",
    ]
    if db.kind == "mysql":
        names = [name for name in names if name == name.strip()]
    for table in ('t"; DROP TABLE x; --', "order", "t%s`é"):
        for mode in ("replace", "append", "truncate", "replace"):
            rows = pa.table({name: [i] for i, name in enumerate(names)})
            atio.write(rows, format="sql", name=table, con=db.url, if_exists=mode)
        more = rows.append_column("other", pa.array([1]))
        atio.write(more, format="sql", name=table, con=db.url, if_exists="replace")
        key = names[:2]
        atio.write(rows, format="sql", name=f"{table}2", con=db.url, if_exists="upsert", key=key)
        assert (
            atio.write(rows, format="sql", name=f"{table}2", con=db.url, if_exists="upsert", key=key).rows
            == 1
        )


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 70_000, "\ud800"])
def test_impossible_names(db: Database, name: str) -> None:
    """They are refused, before the database cuts them."""
    with pytest.raises(atio.InvalidInputError):
        atio.write(SAME, format="sql", name=name, con=db.url)


def test_long_names(pg: Database) -> None:
    """PostgreSQL would cut a name at 63 bytes."""
    with pytest.raises(atio.InvalidInputError, match="63 bytes"):
        put(pg, pa.table({"é" * 32: [1]}))
    put(pg, pa.table({"é" * 31: [1]}))


def test_names_that_differ_in_case(db: Database) -> None:
    """They are two columns in PostgreSQL, and refused elsewhere."""
    table = pa.table({"a": [1], "A": [2]})
    if db.kind == "postgresql":
        put(db, table)
        assert db.run('SELECT a, "A" FROM t') == [(1, 2)]
    else:
        with pytest.raises(atio.InvalidInputError, match="same to this database"):
            put(db, table)


def test_names_fit_columns_in_any_case(db: Database) -> None:
    """Where case means nothing, a column is found whatever its case."""
    if db.kind == "postgresql":
        pytest.skip("there it does")
    db.run(
        "CREATE TABLE T (ID BIGINT PRIMARY KEY, Name VARCHAR(9))"
        if db.kind != "mysql"
        else "CREATE TABLE t (ID BIGINT PRIMARY KEY, Name VARCHAR(9))"
    )
    put(db, SAME, "append")
    put(db, SAME, "replace")
    put(db, SAME, "upsert", key=["id"])
    assert sorted(db.run("SELECT * FROM t")) == [(1, "A"), (3, "C")]


def test_schemas(pg: Database) -> None:
    """A table is made where schema= says, or polars' "schema.table"."""
    import polars as pl

    with pytest.raises(atio.StorageError, match="nowhere"):
        put(pg, SAME, schema="nowhere")
    schema = "S " + pg.url[-6:].replace("=", "")
    pg.run(f'CREATE SCHEMA "{schema}"')
    put(pg, SAME, schema=schema)
    atio.write(
        pl.DataFrame({"a": [1]}), format="database", table_name=f'"{schema}"."u.v"', connection_uri=pg.url
    )
    assert pg.run(f'SELECT count(*) FROM "{schema}".t') == [(2,)]
    assert pg.run(f'SELECT a FROM "{schema}"."u.v"') == [(1,)]
