# pyright: reportCallIssue=false, reportArgumentType=false
# ^ pandas' stubs know its usual arguments only
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atio_core as atio
from atio_core.changes.columns import drop, rename
from atio_core.changes.schema import column_id
from atio_core.log.commit_log import CommitLog
from atio_core.model.entry import PartitionField
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import assert_frames_equal

ABC = pd.DataFrame({"a": ["x"], "b": ["y"], "c": ["z"]})


def table(*frames: Any) -> Table:
    """Return a new table to which frames were appended."""
    made = Table(store=MemoryStore("t"))
    for frame in frames:
        made.append(frame)
    return made


def labels(of: Table) -> list[Any]:
    """Return the labels of the latest version."""
    return of.read().columns.tolist()


FRAMES: dict[str, Any] = {
    "pandas": ABC,
    "polars": pl.DataFrame({"a": [1], "b": [None], "c": [[1]]}),
    "arrow": pa.table({"a": [1], "b": pa.array(["s"]).dictionary_encode(), "c": [None]}),
}


@pytest.mark.parametrize("library", list(FRAMES))
def test_columns_change_without_a_file(library: Any) -> None:
    """A column is renamed, moved and dropped by its schema alone; old and new rows come back under the new labels."""
    frame = FRAMES[library]
    made = table(frame)
    made.rename_column("b", "new")
    made.move_column("new", to=0)
    made.drop_column("c")
    assert made.snapshot().files == 1
    if library == "arrow":
        expected = frame.rename_columns(["a", "new", "c"]).select(["new", "a"])
    else:
        expected = (
            frame.rename({"b": "new"}) if library == "polars" else frame.rename(columns={"b": "new"})
        )[["new", "a"]]
    assert_frames_equal(expected, made.read(output_as=library))
    assert_frames_equal(frame, made.read(version=1, output_as=library))
    made.append(expected)
    assert made.read(columns=["new"], output_as="arrow").num_rows == 2
    told = [(one.operation, one.added.files, one.removed.files) for one in made.history()]
    assert told[1:4] == [("drop_column", 0, 0), ("move_column", 0, 0), ("rename_column", 0, 0)]


def test_a_column_is_moved_before_behind_or_to_a_place() -> None:
    """The place is told by another column, or by a number that may count from the end."""
    made = table(ABC)
    moves: list[tuple[dict[str, Any], list[str]]] = [
        ({"before": "a"}, ["c", "a", "b"]),
        ({"after": "a"}, ["a", "c", "b"]),
        ({"to": 2}, ["a", "b", "c"]),
        ({"to": 0}, ["c", "a", "b"]),
        ({"to": -1}, ["a", "b", "c"]),
        ({"to": -3}, ["c", "a", "b"]),
    ]
    for place, expected in moves:
        made.move_column("c", **place)
        assert labels(made) == expected
    for place in (
        {},
        {"to": 0, "before": "a"},
        {"to": 3},
        {"to": -4},
        {"to": "a"},
        {"before": "c"},
        {"after": "d"},
    ):
        with pytest.raises(
            atio.InvalidInputError,
            match=r"exactly one|no place|whole number|there is no column|before or after itself",
        ):
            made.move_column("c", **place)


def test_what_changes_nothing_makes_no_version() -> None:
    """A column that has the label, or stands there, already: nothing is committed."""
    made = table(ABC)
    for snapshot in (
        made.rename_column("a", "a"),
        made.move_column("a", to=0),
        made.move_column("b", after="a"),
    ):
        assert (snapshot.version, snapshot.unchanged) == (1, True)


def test_a_dropped_label_that_comes_back_is_another_column() -> None:
    """Old values never come back under an old label, nor are they found by a filter."""
    made = table(ABC)
    made.drop_column("b")
    made.append(pd.DataFrame({"a": ["x2"], "c": ["z2"], "b": ["new"]}), schema_mode="add")
    made.append(pd.DataFrame({"a": ["x3"], "c": ["z3"], "b": [None]}, dtype="str"))
    assert made.read()["b"].tolist() == [np.nan, "new", np.nan] or made.read()["b"].isna().tolist() == [
        True,
        False,
        True,
    ]
    assert made.read(filter=[("b", "==", "y")]).empty
    assert made.read(filter=[("b", "is null")])["a"].tolist() == ["x", "x3"]
    made.drop_column("b")
    made.rename_column("c", "b")
    assert made.read()["b"].tolist() == ["z", "z2", "z3"]
    assert made.read(filter=[("b", "==", "z")])["a"].tolist() == ["x"]


def test_filters_and_statistics_go_by_the_column() -> None:
    """Files are passed over by the bounds of the column that has the label now."""
    made = table(pd.DataFrame({"n": [1, 2], "m": [10, 20]}), pd.DataFrame({"n": [3, 4], "m": [1, 2]}))
    made.rename_column("n", "k")
    made.rename_column("m", "n")
    assert made.read(filter=[("n", ">", 5)])["k"].tolist() == [1, 2]
    assert made.read(filter=[("k", ">=", 3)])["n"].tolist() == [1, 2]
    assert made.delete([("n", "==", 20)]).rows == 3
    assert made.read()["k"].tolist() == [1, 3, 4]


def test_what_belongs_to_a_piece_stays_with_its_column() -> None:
    """Missing values of object columns, and metadata of Arrow's fields, go with their column."""
    objects = pd.DataFrame(
        {"n": pd.Series([None], dtype=object), "f": pd.Series([np.nan], dtype=object), "s": ["x"]}
    )
    made = table(objects)
    made.rename_column("f", 7)
    made.move_column(7, to=0)
    made.append(
        pd.DataFrame({7: pd.Series([None], dtype=object), "n": pd.Series([np.nan], dtype=object), "s": ["y"]})
    )
    made.drop_column("s")
    assert [[type(value) for value in made.read()[label]] for label in (7, "n")] == [
        [float, type(None)],
        [type(None), float],
    ]
    fields = pa.schema([pa.field("a", pa.int8()), pa.field("b", pa.int8(), metadata={"k": "b"})])
    arrow = table(pa.table([[1], [2]], schema=fields))
    arrow.drop_column("a")
    assert [field.metadata for field in arrow.read(output_as="arrow").schema] == [{b"k": b"b"}]
    deleted = table(objects)
    deleted.rename_column("f", "g")
    deleted.append(objects.rename(columns={"f": "g"}))
    deleted.delete([("s", "==", "nobody")])
    deleted.update([("s", "==", "x")], {"s": "y"})
    assert [type(value) for value in deleted.read()["g"]] == [float, float]


LABELS: dict[str, tuple[Any, Any, Any, Any]] = {
    "a range": (pd.DataFrame([[1, 2]]), 1, "b", pd.Index([0, "b"], dtype=object)),
    "numbers": (pd.DataFrame([[1, 2]], columns=[5, 7]), 7, 9, pd.Index([5, 9])),
    "mixed": (pd.DataFrame([[1, 2]], columns=["a", 1]), "a", "b", pd.Index(["b", 1], dtype=object)),
    "named": (ABC.rename_axis(columns="k"), "b", "d", pd.Index(["a", "d", "c"], name="k")),
    "several levels": (
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["k", None])),
        ("a", 2),
        ("b", 1),
        pd.MultiIndex.from_tuples([("a", 1), ("b", 1)], names=["k", None]),
    ),
    "dates": (
        pd.DataFrame([[1, 2]], columns=pd.to_datetime(["2020-01-01", "2020-01-03"])),
        pd.Timestamp("2020-01-03"),
        pd.Timestamp("2020-01-05"),
        pd.to_datetime(["2020-01-01", "2020-01-05"]),
    ),
}


@pytest.mark.parametrize("name", list(LABELS))
def test_labels_of_any_kind_are_changed(name: str) -> None:
    """In a table of pandas a label is what pandas takes as one; the kind of the labels stays where it can."""
    frame, old, new, expected = LABELS[name]
    made = table(frame)
    made.rename_column(old, new)
    pd.testing.assert_index_equal(made.read().columns, expected)
    made.rename_column(new, old)
    assert_frames_equal(frame.set_axis(made.read().columns, axis=1), made.read())
    made.drop_column(old)
    assert made.read().columns.tolist() == [label for label in frame.columns if label != old]


def test_a_range_of_labels_is_one_as_long_as_it_can_be() -> None:
    """Without its last label a range is one, without its first it isn't."""
    made = table(pd.DataFrame([[1, 2, 3]]))
    made.drop_column(2)
    assert made.read().columns.equals(pd.RangeIndex(2))
    assert isinstance(made.read().columns, pd.RangeIndex)
    made.drop_column(0)
    pd.testing.assert_index_equal(made.read().columns, pd.Index([1]))


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.rename_column("a", "d"),
        lambda made: made.drop_column("a"),
        lambda made: made.move_column("a", to=2),
        lambda made: made.set_key(["a"]),
    ],
    ids=["rename", "drop", "move", "set_key"],
)
def test_a_dropped_table_has_no_columns(change: Callable[[Table], object]) -> None:
    """A table that was dropped is told to be, by any change of its columns; in a transaction too."""
    made = table(ABC)
    made.drop()
    with pytest.raises(atio.TableNotFoundError, match="was dropped, by version 2"):
        change(made)
    with pytest.raises(atio.TableNotFoundError), made.transaction() as changes:
        change(changes)  # pyright: ignore[reportArgumentType] - it has these methods too
    assert made.history()[0].version == 2


def test_what_is_ambiguous_or_there_already_is_refused(tmp_path: Path) -> None:
    """A label that several columns have, or none; a new one that there is; the only column: nothing is committed."""
    made = Table(tmp_path)
    with pytest.raises(atio.TableNotFoundError):
        made.drop_column("a")
    made.append(pd.DataFrame([[1, 2, 3, 4]], columns=["a", "a", "b", 1]))
    refusals: list[tuple[Any, str]] = [
        (lambda: made.rename_column("a", "c"), "2 columns have the label 'a'"),
        (lambda: made.drop_column("a"), "2 columns have the label 'a'"),
        (lambda: made.move_column("b", before="a"), "2 columns have the label 'a'"),
        (lambda: made.rename_column("b", "a"), "there is a column 'a' already"),
        (lambda: made.rename_column("b", 1), "there is a column 1 already"),
        (lambda: made.rename_column("x", "y"), "there is no column 'x'"),
        (lambda: made.drop_column("1"), "there is no column '1'"),
        (lambda: made.rename_column("b", object()), "can't be the label"),
        (lambda: made.rename_column("b", "c", expected=1), "no option expected"),
    ]
    for change, words in refusals:
        with pytest.raises(atio.InvalidInputError, match=words):
            change()
    with pytest.raises(atio.InvalidInputError, match="the new label must be text"):
        table(FRAMES["polars"]).rename_column("a", 1)
    with pytest.raises(atio.InvalidInputError, match="the only one"):
        table(ABC[["a"]]).drop_column("a")
    with pytest.raises(atio.InvalidInputError, match="not all have as many"):
        table(LABELS["several levels"][0]).rename_column(("a", 1), "flat")
    assert len(made.history()) == 1


def test_a_partition_field_is_renamed_with_its_column_and_keeps_it() -> None:
    """Fields refer to columns by id: a rename goes along, and the column can't be dropped."""
    store = MemoryStore("t")
    Table(store=store).append(ABC)
    base = CommitLog(store).latest().with_(partition_fields=(PartitionField("b", 2), PartitionField("day")))
    schema = Table(store=store).snapshot().schema
    made, fields = rename(base, schema, "b", "new")
    assert (made.names, [field.name for field in fields]) == (["a", "new", "c"], ["new", "day"])
    assert rename(base, schema, "a", "new")[1] == base.partition_fields
    for label, new, words in (
        ("a", "day", "a partition field is named 'day'"),
        ("b", 1, "whose name is text"),
    ):
        with pytest.raises(atio.InvalidInputError, match=words):
            rename(base, schema, label, new)
    with pytest.raises(atio.InvalidInputError, match="partitioned by it"):
        drop(base, schema, "b")
    assert drop(base, schema, "a")[0].names == ["b", "c"]


def test_it_rebases_over_rows_and_over_other_columns(tmp_path: Path) -> None:
    """What came in between stays, as long as the column is still there and the new label free."""
    mine, other = Table(tmp_path), Table(tmp_path)
    mine.append(ABC)
    other.append(ABC)
    mine.rename_column("a", "new")
    other.rename_column("b", "b2")
    assert labels(mine) == ["new", "b2", "c"]
    assert len(mine.read()) == 2
    mine.drop_column("c")
    with pytest.raises(atio.InvalidInputError, match="no column 'c'"):
        other.rename_column("c", "d")
    mine.rename_column("new", "a")
    with pytest.raises(atio.InvalidInputError, match="'a' already"):
        other.rename_column("b2", "a")


def test_a_write_that_meets_another_schema_is_fitted_anew(tmp_path: Path) -> None:
    """An append that was under way when a column was renamed is refused, or written again."""
    mine, other = Table(tmp_path), Table(tmp_path)
    mine.append(ABC)
    other.rename_column("a", "new")
    with pytest.raises(atio.SchemaMismatchError, match="column 'new' of the table is missing"):
        mine.append(ABC)
    mine.append(ABC.rename(columns={"a": "b", "b": "new"}))
    assert mine.read().to_numpy().tolist() == [["x", "y", "z"], ["y", "x", "z"]]
    mine.read()
    other.move_column("c", to=0)
    mine.delete([("new", "==", "y")])
    assert mine.read().to_numpy().tolist() == [["z", "x", "y"]]


def test_what_finds_nothing_to_do_has_looked_at_the_latest(tmp_path: Path) -> None:
    """A handle with a stale view that would leave all as it is looks again: others have made it necessary."""
    mine, other = Table(tmp_path), Table(tmp_path)
    mine.append(ABC)
    other.rename_column("a", "n")
    other.append(ABC.rename(columns={"a": "n"}).assign(b="late"))
    assert mine.rename_column("n", "a").schema.names == ["a", "b", "c"]
    mine.read()
    other.move_column("a", to=-1)
    assert mine.move_column("a", to=0).version == 5 + 1
    mine.read()
    other.append(ABC.assign(b="later"))
    assert mine.delete([("b", "==", "later")]).rows == 2


def test_columns_change_in_a_transaction(tmp_path: Path) -> None:
    """Changes of columns and of rows become one version; if others came first, all are made again on top of that."""
    mine, other = Table(tmp_path), Table(tmp_path)
    wide = {
        f"column {number * 7919 % 10007}": ["x"] for number in range(800)
    }  # a schema in a file of its own
    mine.append(pd.DataFrame({**wide, "a": ["x"]}))
    with mine.transaction() as changes:
        changes.rename_column("a", "b")
        changes.append(pd.DataFrame({**wide, "b": ["y"], "c": ["new"]}), schema_mode="add")
        changes.drop_column("column 0")
        other.append(pd.DataFrame({**wide, "a": ["z"]}))
        other.move_column("a", to=0)
    assert mine.read(columns=["b", "c"]).fillna("-").to_numpy().tolist() == [
        ["x", "-"],
        ["z", "-"],
        ["y", "new"],
    ]
    assert labels(mine)[0] == "b"
    assert "column 0" not in labels(mine)
    assert [one.operation for one in mine.history()] == ["transaction", "move_column", "append", "append"]


def test_every_option_of_a_commit_is_taken() -> None:
    """Keys, messages and expectations work as for any write; another expectation is a conflict."""
    made = table(ABC)
    first = made.rename_column(
        "a", "n", idempotency_key="k", message="why", properties={"by": "me"}, expected_version=1
    )
    again = made.rename_column("a", "n", idempotency_key="k")
    assert (first.version, first.message, first.properties) == (2, "why", {"by": "me"})
    assert (again.version, again.repeated) == (2, True)
    with pytest.raises(atio.CommitConflictError):
        made.drop_column("b", expected_version=1)
    assert made.restore(1).schema.names == ["a", "b", "c"]


Row = dict[str, str | None]
changes = st.one_of(
    st.tuples(st.just("append"), st.lists(st.sampled_from("abcde"), unique=True, min_size=1), st.just("")),
    st.tuples(st.just("rename"), st.sampled_from("abcde"), st.sampled_from("abcde")),
    st.tuples(st.just("drop"), st.sampled_from("abcde"), st.just("")),
    st.tuples(st.just("move"), st.sampled_from("abcde"), st.sampled_from("abcde")),
    st.tuples(st.just("delete"), st.sampled_from("abcde"), st.integers(0, 9)),
)


class Model:
    """A table as a list of rows and a list of labels."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.rows: list[Row] = []

    def change(self, kind: str, one: Any, other: Any, number: int) -> bool:
        """Make a change, or say that it is refused."""
        if kind == "append":
            self.labels += [label for label in one if label not in self.labels]
            self.rows = [*self.rows, {label: f"{label}{number}" for label in one}]
        elif one not in self.labels:
            return False
        elif kind == "rename":
            if other in self.labels and other != one:
                return False
            self.labels = [other if label == one else label for label in self.labels]
            self.rows = [{other if k == one else k: v for k, v in row.items()} for row in self.rows]
        elif kind == "drop":
            if len(self.labels) == 1:
                return False
            self.labels = [label for label in self.labels if label != one]
            self.rows = [{k: v for k, v in row.items() if k != one} for row in self.rows]
        elif kind == "move":
            if other not in self.labels or other == one:
                return False
            rest = [label for label in self.labels if label != one]
            place = rest.index(other)
            self.labels = [*rest[:place], one, *rest[place:]]
        else:
            self.rows = [row for row in self.rows if row.get(one) != f"{one}{other}"]
        return True

    def shown(self) -> list[tuple[str, str | None]]:
        """Return what a read gives."""
        return [(label, row.get(label)) for row in self.rows for label in self.labels]


def shown(of: Table, version: int | None = None) -> list[tuple[str, str | None]]:
    """Return what a read gives."""
    return [pair for row in of.read(version, output_as="polars").to_dicts() for pair in row.items()]


@given(st.lists(st.tuples(st.booleans(), changes), max_size=10))
def test_any_sequence_of_changes_equals_the_model(history: list[tuple[bool, Any]]) -> None:
    """Whatever is appended, renamed, dropped and moved through two handles: all versions read as they were."""
    store = MemoryStore("t")
    tables, model = (Table(store=store), Table(store=store)), Model()
    tables[0].append(pl.DataFrame({"a": ["a-"]}))
    model.labels, model.rows = ["a"], [{"a": "a-"}]
    versions = {1: model.shown()}
    for number, (which, (kind, one, other)) in enumerate(history):
        made = tables[which]
        calls: dict[str, Any] = {
            "append": lambda m=made, o=one, n=number: m.append(
                pl.DataFrame({label: [f"{label}{n}"] for label in o}), schema_mode="add"
            ),
            "rename": lambda m=made, o=one, p=other: m.rename_column(o, p),
            "drop": lambda m=made, o=one: m.drop_column(o),
            "move": lambda m=made, o=one, p=other: m.move_column(o, before=p),
            "delete": lambda m=made, o=one, p=other: m.delete([(o, "==", f"{o}{p}")]),
        }
        if model.change(kind, one, other, number):
            versions[calls[kind]().version] = model.shown()
        else:
            with pytest.raises(atio.InvalidInputError):
                calls[kind]()
    for version, expected in versions.items():
        assert shown(tables[0], version) == expected
    found = tables[1].snapshot().schema
    assert len({column_id(field) for field in found}) == len(found)


def test_a_label_that_no_file_can_hold(tmp_path: Path) -> None:
    """Half a character is refused before anything is written."""
    table = atio.Table(tmp_path)
    table.overwrite(pa.table({"a": [1]}))
    with pytest.raises(atio.InvalidInputError, match="surrogate"):
        table.rename_column("a", "\ud800")
    assert table.snapshot().version == 1
