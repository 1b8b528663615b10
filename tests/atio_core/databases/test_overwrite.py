"""Overwriting the rows that match: all of it in one transaction, and nothing else is touched."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

import atio_core as atio
from tests.support.servers import Database

DAYS = pa.array([dt.date(2024, 1, day) for day in (1, 1, 2, 3)])
OLD = pa.table({"day": DAYS, "n": [1, 2, 3, 4]})
SECOND = dt.date(2024, 1, 2)


def put(db: Database, obj: object, where: object, **options: Any) -> atio.WriteResult:
    """Overwrite rows of the table t."""
    return atio.write(obj, format="sql", name="t", con=db.url, if_exists="overwrite", where=where, **options)


def numbers(db: Database, table: str = "t") -> list[int]:
    """The column n of a table."""
    return sorted(int(row[0]) for row in db.run(f"SELECT n FROM {table}"))


@pytest.fixture
def filled(db: Database) -> Database:
    """A table of three days, in each database."""
    atio.write(OLD, format="sql", name="t", con=db.url)
    return db


@pytest.mark.parametrize(
    "where",
    [
        [("day", "==", SECOND)],
        [("day", "in", [SECOND])],
        [("day", "in", ["2024-01-02"])],
        [("day", ">=", SECOND), ("day", "<", dt.date(2024, 1, 3))],
        [[("day", "==", SECOND)], [("n", ">", 100)]],
    ],
    ids=["equal", "in", "text", "range", "any"],
)
def test_just_the_rows_that_match_are_replaced(filled: Database, where: object) -> None:
    """Rows that match go, the new ones come, all others stay; once more gives the same."""
    new = pa.table({"day": [SECOND, SECOND], "n": [30, 31]})
    for _ in range(2):
        assert put(filled, new, where).rows == 2
    assert numbers(filled) == [1, 2, 4, 30, 31]


def test_no_rows_empty_what_matches(filled: Database) -> None:
    """Without new rows, those that match are gone."""
    put(filled, OLD.slice(0, 0), [("day", "<", SECOND)])
    assert numbers(filled) == [3, 4]


def test_rows_that_do_not_match_are_refused(filled: Database) -> None:
    """A row that the next overwrite wouldn't replace is refused, and the old rows stand."""
    with pytest.raises(atio.InvalidInputError, match="1 of 2 rows don't match where="):
        put(filled, pa.table({"day": [SECOND, dt.date(2024, 1, 3)], "n": [30, 40]}), [("day", "==", SECOND)])
    assert numbers(filled) == [1, 2, 3, 4]


def test_a_failed_insert_leaves_the_rows(filled: Database) -> None:
    """A value that the table refuses leaves all rows, those that match too."""
    filled.run("CREATE UNIQUE INDEX only_once ON t (n)")
    with pytest.raises(atio.InvalidInputError):
        put(filled, pa.table({"day": [SECOND, SECOND], "n": [30, 1]}), [("day", "==", SECOND)])
    assert numbers(filled) == [1, 2, 3, 4]


def test_parts_replaced_at_once(filled: Database) -> None:
    """Writers that replace different rows at the same time all succeed, if those that another came before try again."""

    def replace(number: int) -> None:
        day = dt.date(2024, 1, number)
        rows = pa.table({"day": [day] * 50, "n": [100 * number] * 50})
        for left in reversed(range(50)):
            try:
                put(filled, rows, [("day", "==", day)])
            except atio.CommitConflictError:
                if not left:
                    raise
            else:
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, [1, 2, 3, 4]))
    assert numbers(filled) == sorted([100, 200, 300, 400] * 50)


def test_a_missing_table_is_made(db: Database) -> None:
    """A table that isn't there is made, of rows that match alone."""
    where = [("day", "==", SECOND)]
    with pytest.raises(atio.InvalidInputError, match="don't match"):
        put(db, OLD, where)
    put(db, OLD.slice(2, 1), where)
    assert numbers(db) == [3]


@pytest.mark.parametrize("key", ["a", "A", "a ", "ä", "%s", "'; DROP TABLE t; --", "a%"])
def test_texts_are_told_apart(db: Database, key: str) -> None:
    """Keys that differ in case, accents or a space at the end are different, whatever the database's order says."""
    keys = ["a", "A", "a ", "ä", "%s", "'; DROP TABLE t; --", "a%"]
    atio.write(pa.table({"key": keys, "n": range(7)}), format="sql", name="t", con=db.url)
    put(db, pa.table({"key": [key], "n": [100]}), [("key", "==", key)])
    assert numbers(db) == sorted({0, 1, 2, 3, 4, 5, 6, 100} - {keys.index(key)})


def test_odd_names(db: Database) -> None:
    """Names with percent signs and quotes are names."""
    frame = pa.table({"100% 'a'": ["x", "y"], "n": [1, 2]})
    options: dict[str, Any] = {"format": "sql", "name": "5% of", "con": db.url}
    atio.write(frame, **options)
    where = [("100% 'a'", "==", "x")]
    atio.write(frame.slice(0, 1), **options, if_exists="overwrite", where=where)
    quote = "`" if db.kind == "mysql" else '"'
    assert numbers(db, f"{quote}5% of{quote}") == [1, 2]


def test_times(db: Database) -> None:
    """Times are compared as times."""
    hours = [dt.datetime(2024, 1, 1, hour) for hour in range(4)]  # noqa: DTZ001 - a clock without a zone
    frame = pa.table({"at": pa.array(hours, pa.timestamp("us")), "n": range(4)})
    atio.write(frame, format="sql", name="t", con=db.url)
    put(db, frame.slice(0, 0), [("at", ">=", hours[1]), ("at", "<", hours[3])])
    assert numbers(db) == [0, 3]
    put(db, frame.slice(0, 0), [("at", "<", dt.date(2024, 1, 2))])
    assert numbers(db) == []


def test_what_foreign_keys_refer_to_is_refused(pg: Database) -> None:
    """Rows of other tables would follow those that are deleted."""
    pg.run("CREATE TABLE t (n INTEGER PRIMARY KEY)", "CREATE TABLE other (n INTEGER REFERENCES t (n))")
    with pytest.raises(atio.SchemaMismatchError, match="upsert"):
        put(pg, pa.table({"n": [1]}), [("n", "==", 1)])


@pytest.mark.parametrize(
    ("where", "match"),
    [
        (None, "overwrite needs where="),
        ([], "takes comparisons"),
        ("n = 1", "takes comparisons"),
        ([("n", "==")], "takes comparisons"),
        ([["n", "==", 1]], "takes comparisons"),
        ([[]], "takes comparisons"),
        ([("n", "like", 1)], "compares by"),
        ([("n", "in", "ab")], "list of values"),
        ([("n", "in", 3)], "list of values"),
        ([("n", "in", [])], "compared with nothing"),
        ([("n", "==", None)], "compared with nothing"),
        ([("m", "==", 1)], "and there is none"),
        ([("n", "==", "x")], "can't hold"),
        ([("n", "==", object())], "can't hold"),
        ([("n", "in", [1, "x"])], "can't hold"),
        ([("n", "<", 2**70)], "can't hold"),
        ([("n", "==", "\ud800")], "can't hold"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_a_filter_that_makes_no_sense(lite: Database, where: object, match: str) -> None:
    """It is refused, and nothing is written."""
    atio.write(OLD, format="sql", name="t", con=lite.url)
    with pytest.raises(atio.InvalidInputError, match=match):
        put(lite, OLD, where)
    assert numbers(lite) == [1, 2, 3, 4]


def test_a_filter_is_for_overwrites(lite: Database) -> None:
    """Other modes take none: it would be thought to limit them."""
    with pytest.raises(atio.InvalidInputError, match="where= is for overwrite"):
        atio.write(OLD, format="sql", name="t", con=lite.url, if_exists="replace", where=[("n", "==", 1)])


def test_strict_is_yes_or_no(lite: Database) -> None:
    """A word for it would be taken for yes."""
    with pytest.raises(atio.InvalidInputError, match="strict must be True or False"):
        atio.write(OLD, format="sql", name="t", con=lite.url, strict="no")  # pyright: ignore[reportArgumentType] - odd
