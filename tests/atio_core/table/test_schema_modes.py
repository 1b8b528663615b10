# pyright: reportCallIssue=false, reportArgumentType=false
# ^ pandas' stubs know its usual arguments only
from __future__ import annotations

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
from atio_core.changes.schema import column_id
from atio_core.errors import CommitConflictError, InvalidInputError, SchemaMismatchError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import assert_frames_equal


def table(*frames: Any) -> Table:
    """Return a new table to which frames were appended."""
    made = Table(store=MemoryStore("t"))
    for frame in frames:
        made.append(frame)
    return made


TWO = pd.DataFrame({"a": [1], "b": ["x"]})


@pytest.mark.parametrize("mode", ["exact", "add", "widen"])
def test_the_order_of_columns_is_the_table_s(mode: Any) -> None:
    """Columns in another order are put in the table's; that is no change of the schema."""
    made = table(TWO)
    snapshot = made.append(TWO[["b", "a"]], schema_mode=mode)
    assert_frames_equal(pd.concat([TWO, TWO], ignore_index=True), made.read())
    assert list(snapshot.entry.schemas) == [1]


def test_columns_of_one_label_are_matched_in_their_order() -> None:
    """The first of several columns of one label is the first in any order of the others."""
    one = pd.DataFrame([[1, "x", 2]], columns=["a", "b", "a"])
    other = pd.DataFrame([["y", 3, 4]], columns=["b", "a", "a"])
    made = table(one, other)
    assert made.read().to_numpy().tolist() == [[1, "x", 2], [3, "y", 4]]


def test_what_belongs_to_a_piece_moves_with_its_columns() -> None:
    """In another order too, each object column has its own missing value again, and each Arrow field its metadata."""
    objects = pd.DataFrame({1: pd.Series([None], dtype=object), 2: pd.Series([np.nan], dtype=object)})
    made = table(objects, objects[[2, 1]])
    assert [[type(value) for value in made.read()[label]] for label in (1, 2)] == [
        [type(None)] * 2,
        [float] * 2,
    ]
    fields = pa.schema([pa.field("a", pa.int8(), metadata={"k": "a"}), pa.field("b", pa.int8())])
    ordered = pa.table([[1], [2]], schema=fields)
    found = table(ordered, ordered.select(["b", "a"])).read(output_as="arrow").schema
    assert [field.metadata for field in found] == [{b"k": b"a"}, None]


ADDED: dict[str, tuple[Any, Any, Any]] = {
    "pandas": (
        pd.DataFrame({"a": ["x"]}),
        pd.DataFrame({"n": pd.array([1], "Int64"), "a": ["y"], "f": [0.5], "t": pd.to_datetime(["2020"])}),
        pd.DataFrame(
            {
                "a": ["x", "y"],
                "n": pd.array([None, 1], "Int64"),
                "f": [np.nan, 0.5],
                "t": pd.to_datetime([None, "2020"]),
            }
        ),
    ),
    "pandas, labels of other types": (
        pd.DataFrame({0: ["x"], 1: ["y"]}),
        pd.DataFrame({1: ["z"], "k": pd.Series([b""], dtype=object), 0: [None]}, dtype=object).astype(
            {0: "str", 1: "str"}
        ),
        pd.DataFrame({0: ["x", None], 1: ["y", "z"], "k": pd.Series([None, b""], dtype=object)}).astype(
            {0: "str", 1: "str"}
        ),
    ),
    "pandas, with an index": (
        pd.DataFrame({"a": ["x"]}, index=pd.Index(["i"], name="k")),
        pd.DataFrame({"b": pd.Categorical(["c"])}, index=pd.CategoricalIndex(["j"], name="k").astype("str")),
        pd.DataFrame(
            {"a": ["x", None], "b": pd.Categorical([None, "c"])}, index=pd.Index(["i", "j"], name="k")
        ),
    ),
    "polars": (
        pl.DataFrame({"a": [1]}),
        pl.DataFrame({"b": [[1]], "a": [2]}),
        pl.DataFrame({"a": [1, 2], "b": [None, [1]]}),
    ),
    "Arrow": (
        pa.table({"a": [1]}),
        pa.table({"b": pa.array(["x"]).dictionary_encode(), "a": [2]}),
        pa.table({"a": [1, 2], "b": pa.array([None, "x"]).dictionary_encode()}),
    ),
    "polars into pandas": (
        pd.DataFrame({"a": ["x"]}),
        pl.DataFrame({"n": [1], "a": ["y"], "f": [0.5]}),
        pd.DataFrame(
            {"a": ["x", "y"], "n": pd.array([None, 1], "Int64"), "f": pd.array([None, 0.5], "Float64")}
        ),
    ),
    "pandas into polars": (
        pl.DataFrame({"a": ["x"]}),
        pd.DataFrame({"n": [1], "a": ["y"], "t": pd.to_datetime(["2020"]).as_unit("us")}),
        pl.DataFrame({"a": ["x", "y"], "n": [None, 1], "t": [None, "2020-01-01"]}).with_columns(
            pl.col("t").str.to_datetime("%Y-%m-%d")
        ),
    ),
    "pandas into Arrow": (
        pa.table({"a": ["x"]}),
        pd.DataFrame({"n": pd.array([1], "int8"), "a": ["y"]}),
        pa.table({"a": ["x", "y"], "n": pa.array([None, 1], pa.int8())}),
    ),
}


@pytest.mark.parametrize("name", list(ADDED))
def test_new_columns_are_null_in_the_rows_there(name: str) -> None:
    """A column that is added, in whatever library, is null in older rows; older versions don't have it."""
    base, new, expected = ADDED[name]
    made = table(base)
    made.append(new, schema_mode="add")
    library: Any = {"pandas": "pandas", "polars": "polars", "pyarrow": "arrow"}[
        type(base).__module__.split(".")[0]
    ]
    assert_frames_equal(expected, made.read(output_as=library))
    assert_frames_equal(base, made.read(version=1, output_as=library))


def test_missing_columns_are_null_in_the_new_rows() -> None:
    """A column that the data lacks is null there, if it has nulls; a filter finds these rows."""
    made = table(pd.DataFrame({"a": [1], "f": [0.5], "s": ["x"]}))
    made.append(pd.DataFrame({"a": [2]}), schema_mode="add")
    assert_frames_equal(pd.DataFrame({"a": [1, 2], "f": [0.5, np.nan], "s": ["x", None]}), made.read())
    assert made.read(filter=[("s", "is null")])["a"].tolist() == [2]
    with pytest.raises(
        SchemaMismatchError, match=r"'a' of the table is missing from the data, and int64 has no nulls"
    ):
        made.append(pd.DataFrame({"f": [1.5]}), schema_mode="add")


def test_a_type_without_nulls_is_not_added_to_rows() -> None:
    """A column of a type that can't say "missing" is refused, and the error says which type can."""
    made = table(TWO)
    for dtype, nullable in (("int8", "Int8"), ("bool", "boolean"), ("uint64", "UInt64")):
        with pytest.raises(SchemaMismatchError, match=f"{dtype} has no nulls, .* give it as {nullable}"):
            made.append(TWO.assign(c=pd.Series([1], dtype=dtype)), schema_mode="add")
    with pytest.raises(SchemaMismatchError, match=r"has no nulls.*schema_mode='replace'"):
        made.append(TWO.assign(c=1j), schema_mode="add")
    fields = pa.schema([pa.field("a", pa.int64()), pa.field("b", pa.int8(), nullable=False)])
    with pytest.raises(
        SchemaMismatchError, match=r"int8 not null has no nulls, .* give it as a nullable field"
    ):
        table(pa.table({"a": [1]})).append(pa.table([[1], [1]], schema=fields), schema_mode="add")


@pytest.mark.parametrize("first", [pd.DataFrame(), TWO], ids=["no columns", "emptied"])
def test_a_type_without_nulls_is_added_where_there_are_no_rows(first: pd.DataFrame) -> None:
    """A table without rows, from its beginning or by a deletion, takes new columns of any type as they are."""
    made = table(first)
    made.delete([("a", ">=", 0)] if len(first) else [])
    new = pd.DataFrame({"a": [5], "b": ["z"], "n": [1], "ok": [True], "c": [1j]})
    made.append(new, schema_mode="add")
    found = made.read()
    assert found.dtypes.tolist() == new.dtypes.tolist()
    assert found.to_dict("list") == new.to_dict("list")
    made.append(new, schema_mode="add")
    assert made.read()["n"].tolist() == [1, 1]
    assert made.verify("all").ok


def test_a_type_without_nulls_is_not_added_to_rows_that_come_meanwhile() -> None:
    """Who found a table without rows, and lost a race against rows, is refused."""
    store = MemoryStore("t")
    made, beside = Table(store=store), Table(store=store)
    made.overwrite(TWO[:0])
    assert len(made.read()) == 0
    beside.append(TWO)
    with pytest.raises(SchemaMismatchError, match="int64 has no nulls"):
        made.append(TWO.assign(n=1), schema_mode="add")
    assert_frames_equal(TWO, made.read())


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_type_without_nulls_is_staged_for_a_table_without_rows(mode: str) -> None:
    """What several workers stage is one version, and follows that version alone in which there were no rows."""
    made = table(TWO[:0])
    new = TWO.assign(n=[1])
    staged = [made.stage(new, mode=mode, schema_mode="add") for _ in range(3)]
    made.commit([atio.StagedChange.from_json(one.to_json()) for one in staged[:2]])
    assert made.read()["n"].tolist() == [1, 1]
    assert made.read().dtypes["n"] == "int64"
    made.commit(staged[2:])  # the table has the column by now
    assert made.read()["n"].tolist() == [1] * (3 if mode == "append" else 1)


@pytest.mark.parametrize("keep", [False, True], ids=["descriptor", "kept"])
def test_a_type_without_nulls_that_is_staged_does_not_follow_rows(*, keep: bool) -> None:
    """Rows that came meanwhile, even if they went again, were looked at by nobody: the commit is refused."""
    made = table(TWO[:0])
    staged = made.stage(TWO.assign(n=[1]), mode="append", schema_mode="add", keep=keep)
    made.append(TWO)
    with pytest.raises(CommitConflictError, match="version 1"):
        made.publish(staged.id) if keep else made.commit([staged])
    assert_frames_equal(TWO, made.read())
    made.overwrite(TWO[:0])
    with pytest.raises(CommitConflictError, match="version 1"):
        made.publish(staged.id) if keep else made.commit([staged])


def test_older_files_are_widened_as_they_are_read() -> None:
    """Old rows come with the new type and the same values; the old version with its own type."""
    made = table(pd.DataFrame({"a": pd.Series([1, -2], dtype="int8")}))
    made.append(pd.DataFrame({"a": [2**40]}), schema_mode="widen")
    assert_frames_equal(pd.DataFrame({"a": [1, -2, 2**40]}), made.read())
    assert made.read(version=1)["a"].dtype == "int8"
    assert made.read(filter=[("a", ">", 1)])["a"].tolist() == [2**40]
    made.append(pd.DataFrame({"a": pd.array([None, 3], "Int16")}), schema_mode="widen")
    assert_frames_equal(pd.DataFrame({"a": pd.array([1, -2, 2**40, None, 3], "Int64")}), made.read())
    assert made.read(version=2)["a"].dtype == "int64"


def test_what_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """A refusal comes before anything is written, and names the version and the mode that would do."""
    made = Table(tmp_path)
    made.append(TWO)
    before = sorted(tmp_path.rglob("*"))
    refused = {
        "missing from the data; .*schema_mode='add'": {"a": [1]},
        "'c' of the data is none of the table's; .*schema_mode='add'": {"a": [1], "b": [""], "c": [1]},
        "int64 in the table, but Int64 in the data; .*'widen', which makes it Int64": {
            "a": pd.array([1], "Int64"),
            "b": [""],
        },
        "int64 in the table, but float64 in the data; .*schema_mode='replace'": {"a": [1.5], "b": [""]},
    }
    for words, columns in refused.items():
        with pytest.raises(SchemaMismatchError, match=f"version 1 .*{words}"):
            made.append(pd.DataFrame(columns))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_mode_is_one_of_four_and_fits_the_write() -> None:
    """A mode that there isn't, or that would take columns away from rows that stay, is refused."""
    made = table(TWO)
    for mode in ("other", None, 1):
        with pytest.raises(InvalidInputError, match="schema_mode must be one of exact, add, widen, replace"):
            made.append(TWO, schema_mode=mode)
    for write in (
        lambda: made.append(TWO, schema_mode="replace"),
        lambda: made.overwrite_partitions({"x": TWO}, schema_mode="replace"),
        lambda: made.overwrite(TWO, where=[("a", "==", 1)], schema_mode="replace"),
    ):
        with pytest.raises(InvalidInputError, match="columns away from the rows that stay"):
            write()
    assert len(made.history()) == 1


THREE = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
ANEW = pd.DataFrame({"a": [2], "b": ["new"], "n": [0.5]})
GROWN = pd.DataFrame({"a": [1, 3, 2], "b": ["x", "z", "new"], "n": [None, None, 0.5]})


@pytest.mark.parametrize("mode", ["add", "widen"])
def test_rows_that_match_are_replaced_by_others_of_more_columns(mode: Any) -> None:
    """Rows that stay have nulls in the new columns, files that hold no match stay as they are, old versions too."""
    made = table(THREE, THREE.assign(a=7))
    there = {file.path for file in made.snapshot().data_files()}
    snapshot = made.overwrite(ANEW, where=[("a", "==", 2)], schema_mode=mode)
    expected = pd.concat([GROWN[:2], THREE.assign(a=7, n=np.nan), GROWN[2:]], ignore_index=True)
    assert_frames_equal(made.read(), expected)
    assert len(there & {file.path for file in snapshot.data_files()}) == 1
    assert_frames_equal(made.read(version=2), pd.concat([THREE, THREE.assign(a=7)], ignore_index=True))
    assert not made.verify(deep=True).problems


def test_rows_that_match_are_replaced_by_others_of_a_wider_type() -> None:
    """With "widen" the column takes the values of both; by "exact", which is usual, and "add" it is refused."""
    made, wide = table(THREE.astype({"a": "int32"})), THREE[:1].assign(a=1 << 40)
    for mode in (None, "exact", "add"):
        with pytest.raises(SchemaMismatchError, match="int32 in the table"):
            made.overwrite(wide, where=[("a", "==", 1)], schema_mode=mode)
    made.overwrite(wide, where=[("a", "==", 1)], schema_mode="widen")
    assert made.read()["a"].tolist() == [2, 3, 1 << 40]


def test_columns_come_though_no_row_matches_or_is_new() -> None:
    """The table's columns grow as the mode says, whatever rows there are."""
    made = table(THREE)
    made.overwrite(ANEW[:0], where=[("a", "==", 9)], schema_mode="add")
    assert made.read().columns.tolist() == ["a", "b", "n"]
    assert len(made.read()) == 3


@pytest.mark.parametrize("other", ["rows", "columns", "another order", "a column that is gone again"])
def test_an_overwrite_of_matching_rows_in_more_columns_beside_others(other: str) -> None:
    """Rows that come meanwhile stay; where the columns changed meanwhile, the overwrite looks again."""
    store = MemoryStore("t")
    made, beside = Table(store=store), Table(store=store)
    made.append(THREE)
    assert len(made.read()) == 3
    late = pd.DataFrame({"a": [9], "b": ["late"]})
    if other == "columns":
        beside.append(late.assign(m=1.5), schema_mode="add")
    elif other == "another order":
        beside.move_column("a", to=1)
    else:
        beside.append(late)
    if other == "a column that is gone again":
        beside.append(late.assign(n="text"), schema_mode="add")
        beside.drop_column("n")
    made.overwrite(ANEW, where=[("a", "==", 2)], schema_mode="add")
    found = made.read()
    assert found["a"].tolist()[-1] == 2
    assert found.loc[found["a"] == 2, "n"].tolist() == [0.5]
    assert found.loc[found["a"] != 2, "n"].isna().all()
    assert ("m" in found) == (other == "columns")
    assert (found["b"] == "late").any() == (other != "another order")
    assert (found.columns[0] == "b") == (other == "another order")


def test_an_overwrite_of_matching_rows_in_more_columns_is_not_staged() -> None:
    """What changes the columns of rows that stay is committed at once, or refused with what to do; nothing is left."""
    store = MemoryStore("t")
    made = Table(store=store)
    made.append(THREE)
    names = [*store.list()]
    with pytest.raises(InvalidInputError, match="changes the table's columns can't be staged"):
        made.stage(ANEW, mode="overwrite", where=[("a", "==", 2)], schema_mode="add")
    assert [*store.list()] == names
    with made.transaction() as changes:
        changes.overwrite(ANEW, where=[("a", "==", 2)], schema_mode="add")
        changes.append(ANEW)
    assert made.read()["n"].isna().tolist() == [True, True, False, False]


def test_an_overwrite_takes_the_columns_unless_said_otherwise() -> None:
    """By itself an overwrite replaces them; the other modes keep the table's, for which no row has to be null."""
    other = pd.DataFrame({"n": [1]})
    made = table(TWO)
    assert made.overwrite(other).schema.names == ["n"]
    made.restore(1)
    with pytest.raises(SchemaMismatchError, match="missing"):
        made.overwrite(other, schema_mode="exact")
    added = made.overwrite(TWO.assign(n=1)[["n", "a", "b"]], schema_mode="add")
    assert_frames_equal(pd.DataFrame({"a": [1], "b": ["x"], "n": [1]}), added.read())
    assert atio.write_snapshot(TWO, "memory://schema-modes", schema_mode="exact").version == 1


def test_partitions_may_add_columns() -> None:
    """A partition with a further column adds it to the table, also between partitions of one write."""
    made = Table(store=MemoryStore("t"))
    days = {"mon": pd.DataFrame({"a": ["x"]}), "tue": pd.DataFrame({"b": ["y"]})}
    made.overwrite_partitions(days, partition_by=["day"])
    made.overwrite_partitions({"wed": pd.DataFrame({"c": ["z"]})}, partition_by=["day"])
    expected = pd.DataFrame(
        {"a": ["x", None, None], "b": [None, "y", None], "c": [None, None, "z"]}, dtype="str"
    )
    assert_frames_equal(expected, made.read())


def ids(of: Table) -> dict[str, int]:
    """Return the ids of the latest version's columns."""
    return {field.name: column_id(field) for field in of.snapshot().schema}


def test_two_that_add_one_column_add_one(tmp_path: Path) -> None:
    """The second is rebased, or written again: the column is there once, with both rows' values."""
    mine, other = Table(tmp_path), Table(tmp_path)
    mine.append(pd.DataFrame({"a": ["x"]}))
    other.append(pd.DataFrame({"a": ["y"], "b": ["1"]}), schema_mode="add")
    mine.append(pd.DataFrame({"b": ["2"], "a": ["z"]}), schema_mode="add")
    assert_frames_equal(pd.DataFrame({"a": ["x", "y", "z"], "b": [None, "1", "2"]}), mine.read())
    assert list(mine.snapshot().entry.schemas) == [1, 2]


def test_a_column_that_has_come_and_gone_gives_its_id_to_no_other(tmp_path: Path) -> None:
    """A column that was added meanwhile, and taken away, has left values under its id; the new one doesn't get them."""
    mine, other = Table(tmp_path), Table(tmp_path)
    mine.append(pd.DataFrame({"a": ["x"]}))
    other.append(pd.DataFrame({"a": ["y"], "gone": ["old"]}), schema_mode="add")
    other.restore(1)
    mine.append(pd.DataFrame({"a": ["z"], "new": ["n"]}), schema_mode="add")
    assert ids(mine) == {"a": 1, "new": 3}
    assert_frames_equal(pd.DataFrame({"a": ["x", "z"], "new": [None, "n"]}), mine.read())


columns = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=3)


@given(st.lists(st.tuples(st.booleans(), columns), max_size=8))
def test_ids_never_collide(history: list[tuple[bool, list[str]]]) -> None:
    """Whatever two handles with stale views add, every row keeps its values, and every column has an id of its own."""
    store = MemoryStore("t")
    handles = Table(store=store), Table(store=store)
    rows: list[dict[str, str]] = []
    for number, (which, labels) in enumerate(history):
        row = {label: f"{label}{number}" for label in labels}
        handles[which].append(
            pl.DataFrame({label: [value] for label, value in row.items()}), schema_mode="add"
        )
        rows.append(row)
    if rows:
        found = Table(store=store).read(output_as="polars").to_dicts()
        assert [{label: value for label, value in row.items() if value is not None} for row in found] == rows
        given_out = list(ids(handles[0]).values())
        assert len(set(given_out)) == len(given_out)
