from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atio_core.errors import InvalidInputError, TableNotFoundError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import SMALL
from tests.support.row_filters import FILTERS, as_text, matches, rows, table_of


def table(*parts: Any) -> Table:
    """Return a table of a file for each part."""
    made = Table(store=MemoryStore(), limits=SMALL)
    for part in parts:
        made.append(part)
    return made


def column(found: Table, name: str = "a") -> list[Any]:
    """Return the values of a column."""
    return found.read(output_as="arrow")[name].to_pylist()


@pytest.mark.usefixtures("either_path")
@settings(max_examples=settings().max_examples // 2)
@given(st.lists(rows(), min_size=1, max_size=3), FILTERS)
def test_rows_that_match_are_set_and_no_others(parts: list[pa.Table], given_filter: list[Any]) -> None:
    """The rows that a read with the same filter gives get the values, each in its place; nothing else changes."""
    found = table_of(parts)
    before = found.read(output_as="arrow")
    snapshot = found.update(given_filter, {"i": 7, "c": "new", "s": pc.field("y").cast(pa.string())})
    expected = before.to_pylist()
    changed = [row for row in expected if matches(given_filter, row)]
    for row in changed:
        text = None if row["y"] is None else row["y"].decode()
        row |= {"i": 7, "c": "new", "s": text}
    after = found.read(output_as="arrow")
    assert as_text(after) == repr(expected)
    assert after.schema == before.schema
    assert snapshot.unchanged == (not changed)


def test_expressions_see_the_row_as_it_was() -> None:
    """Values are computed from those before the update, whatever other columns get."""
    found = table(pa.table({"a": [1, 2], "b": [10, 20]}))
    found.update([("a", "==", 2)], {"a": pc.field("b"), "b": pc.field("a")})
    assert (column(found), column(found, "b")) == ([1, 20], [10, 2])


def test_expressions_are_computed_for_rows_that_match_alone() -> None:
    """What can't be computed for another row is no failure."""
    found = table(pa.table({"a": [0, 2], "b": [1, 10]}))
    found.update([("a", ">", 0)], {"b": pc.divide(pc.field("b"), pc.field("a"))})
    assert column(found, "b") == [1, 5]
    with pytest.raises(InvalidInputError, match="divide by zero"):
        found.update([], {"b": pc.divide(pc.field("b"), pc.field("a"))})


def test_an_expression_that_does_not_fit_is_refused() -> None:
    """Numbers that don't fit, other kinds of values, and nulls where there are none, are refused by their type."""
    found = table(pd.DataFrame({"a": [1, 2], "s": ["x", "y"]}).astype({"a": "int8"}))
    for expression, told in [
        (pc.multiply(pc.field("a").cast(pa.int64()), 100), "not in range"),
        (pc.multiply(pc.field("a"), 0.5), "another kind of value"),
        (pc.field("s"), "another kind of value"),
        (pc.scalar(None), "has no nulls"),
        (pl.col("a") * 100.5, "another kind of value"),
        (pl.col("a").sum(), "may look at other rows"),
        (pc.field("z"), "can't be computed"),
        (pl.col("z"), "can't be computed"),
    ]:
        with pytest.raises(InvalidInputError, match=told):
            found.update([], {"a": expression})
    assert found.snapshot().version == 1
    found.update([], {"a": pc.multiply(pc.field("a").cast(pa.int64()), 50)})
    assert column(found) == [50, 100]


def test_polars_expressions() -> None:
    """Values that polars computes come in the column's type; a literal goes for each row."""
    found = table(pl.DataFrame({"a": [1, 2, 3], "s": ["x", None, "z"]}))
    found.update(pl.col("a") >= 2, {"s": pl.col("s").fill_null("none").str.to_uppercase(), "a": pl.lit(9)})
    assert (column(found), column(found, "s")) == ([1, 9, 9], ["x", "NONE", "Z"])


def test_categories_that_an_expression_gives() -> None:
    """A category that the column lacks is refused; one that it has is taken."""
    found = table(pd.DataFrame({"a": [1, 2], "c": pd.Categorical(["x", "y"]), "s": ["y", "z"]}))
    found.update([("a", "==", 1)], {"c": pc.field("s")})
    assert found.read()["c"].tolist() == ["y", "y"]
    with pytest.raises(InvalidInputError, match="no category 'z'"):
        found.update([], {"c": pc.field("s")})


def test_the_index_can_be_set_and_stays_otherwise() -> None:
    """A stored index is a column like others; a range keeps its labels, for no row goes."""
    keyed = table(pd.DataFrame({"a": [1, 2]}, index=pd.Index(["p", "q"], name="key")))
    keyed.update([("a", "==", 2)], {"key": "r"})
    assert keyed.read().index.tolist() == ["p", "r"]
    ranged = table(pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 9, 2)))
    ranged.update([("a", "==", 2)], {"a": 3})
    assert ranged.read().index.equals(pd.RangeIndex(5, 9, 2))


def test_what_says_where_rows_lie_can_not_be_set() -> None:
    """A row doesn't move between partitions; other columns of a partition are set there."""
    found = Table(store=MemoryStore())
    found.overwrite_partitions({day: pd.DataFrame({"a": [1, 2]}) for day in "xy"}, partition_by=["day"])
    with pytest.raises(InvalidInputError, match="'day' says in which partition rows lie"):
        found.update([], {"day": "z"})
    found.update([("day", "==", "y"), ("a", "==", 2)], {"a": 5})
    assert found.read(partitions=["y"])["a"].tolist() == [1, 5]
    assert found.snapshot().partitions() == [("x",), ("y",)]


@pytest.mark.parametrize("given_set", [None, {}, [("a", 1)], {"b": 1}, {"a": "x"}, {0: 1}], ids=repr)
def test_what_is_no_assignment_is_refused(given_set: Any, tmp_path: Path) -> None:
    """What can't be meant is refused before anything is written."""
    found = Table(tmp_path)
    found.append(pd.DataFrame({"a": [1]}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InvalidInputError):
        found.update([], given_set)
    assert sorted(tmp_path.rglob("*")) == before


def test_there_must_be_a_table(tmp_path: Path) -> None:
    """An update makes no table."""
    with pytest.raises(TableNotFoundError):
        Table(tmp_path).update([], {"a": 1})


def test_the_content_tells_what_was_set() -> None:
    """Equal updates of equal tables give equal content, others don't."""
    contents = [
        table(pa.table({"a": [1, 2]})).update([("a", "==", 1)], {"a": value}).content
        for value in (5, 5, 6, pc.field("a") + 1, pc.field("a") + 1, pc.field("a") + 2, pl.col("a") + 1)
    ]
    assert contents[0] == contents[1]
    assert contents[3] == contents[4]
    assert len(set(contents)) == 5


def test_two_updates_of_one_row() -> None:
    """No update is lost: whoever comes last computes from what the other has left."""
    store = MemoryStore()
    one, other = Table(store=store), Table(store=store)
    one.append(pa.table({"a": [1, 2]}))
    other.update([], {"a": pc.field("a") + 1})
    one.update([], {"a": pc.field("a") * 10})
    assert column(one) == [20, 30]


def test_what_stopped_a_change_is_told_though_cleaning_up_fails_too() -> None:
    """Somebody who interrupts it gets the interrupt, with a note on what is left behind."""
    store = MemoryStore()
    made = Table(store=store)
    made.append(pa.table({"a": [1]}))
    made.append(pa.table({"a": [2]}))
    stopped = Fault("open_write", at=2, error=KeyboardInterrupt)
    failing = Table(store=FaultyStore(store, stopped, Fault("delete", error=refusal)))
    with pytest.raises(KeyboardInterrupt) as caught:
        failing.update([], {"a": 0})
    assert "Cleaning up failed too" in caught.value.__notes__[0]
    assert column(made) == [1, 2]
