"""Tables from and to Dask, on threads of this process: `test_dask_cluster.py` has workers that are killed."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pytest

import atio_core as atio
from atio_core import read_tasks
from atio_core.engines import read_dask, stage_dask, write_dask
from atio_core.errors import InvalidInputError, NotPreservableError, SchemaMismatchError
from atio_core.storage.memory import MemoryStore
from atio_core.testing import assert_frames_equal


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Dask works on threads; each file is a partition, however small."""
    monkeypatch.setattr(read_tasks, "_TASK_BYTES", 1)
    with dask.config.set(scheduler="threads"):
        yield


@pytest.fixture
def table(tmp_path: Path) -> atio.Table:
    """A table on disk, that isn't there yet."""
    return atio.Table(tmp_path / "table")


ROWS = pd.DataFrame({"n": range(10), "s": list("abcdefghij"), "x": np.linspace(0, 1, 10)})


def frame(rows: pd.DataFrame = ROWS, partitions: int = 3) -> Any:
    """Rows as Dask has them."""
    return dd.from_pandas(rows, npartitions=partitions)


def test_all_partitions_are_one_version(table: atio.Table) -> None:
    """A Dask frame of any number of partitions is one version, in the order of its partitions."""
    snapshot = write_dask(frame(), table, message="from Dask", properties={"by": "me"})
    assert (snapshot.version, snapshot.rows, snapshot.files) == (1, 10, 3)
    assert (snapshot.operation, snapshot.message, snapshot.properties) == (
        "append",
        "from Dask",
        {"by": "me"},
    )
    assert table.read()["n"].tolist() == list(range(10))
    assert len(table.history()) == 1


def test_what_was_written_is_read(table: atio.Table) -> None:
    """A Dask frame comes back with its types, its index and its divisions."""
    given = frame()
    write_dask(given, table)
    found = read_dask(table)
    assert (found.divisions, found.npartitions) == (given.divisions, 3)
    assert found.dtypes.equals(given.dtypes)
    assert_frames_equal(found.compute(), given.compute())
    assert_frames_equal(found.compute(), table.read())


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_modes_that_add_and_replace(table: atio.Table, mode: str) -> None:
    """Rows come behind the table's own, or in their place."""
    write_dask(frame(), table)
    snapshot = write_dask(frame(ROWS.iloc[:4], 2), table, mode=mode)
    assert (snapshot.version, snapshot.rows) == (2, {"append": 14, "overwrite": 4}[mode])


@pytest.mark.parametrize(
    "how", [{"partition_by": ["part"]}, {"sort_by": ["x"]}], ids=lambda how: next(iter(how))
)
def test_rows_that_change_places_are_counted_anew(how: dict[str, Any], table: atio.Table) -> None:
    """An index 0 … n-1 is one again where rows are brought into another order; other labels are refused."""
    rows = pd.DataFrame({"part": ["b", None, "a"] * 4, "x": range(12, 0, -1)})
    write_dask(frame(rows), table, "overwrite", **how)
    alone = atio.Table(store=MemoryStore("alone"))
    alone.overwrite(frame(rows).compute(), **how)
    found, expected = table.read(), alone.read()
    assert found.index.equals(pd.RangeIndex(12))
    assert found.index.equals(expected.index)
    assert_frames_equal(
        found.sort_values("x", ignore_index=True), expected.sort_values("x", ignore_index=True)
    )
    for odd in (frame(rows).partitions[1:], frame(rows.set_axis(rows.index.rename("row")))):
        with pytest.raises(NotPreservableError, match="another order"):
            write_dask(odd, table, "overwrite", **how)
    assert len(table.history()) == 1


def test_partitions_are_replaced(table: atio.Table) -> None:
    """The partitions of the table that any partition of Dask has rows of are replaced, together."""
    days = pd.DataFrame({"day": ["a", "b", "a", "b", "c"], "n": range(5)})
    write_dask(frame(days), table, partition_by=["day"])
    again = pd.DataFrame({"day": ["b", "d", "b"], "n": [10, 11, 12]})
    write_dask(frame(again, 2), table, mode="overwrite_partitions")
    rows = table.read().groupby("day")["n"].apply(sorted).to_dict()
    assert rows == {"a": [0, 2], "b": [10, 12], "c": [4], "d": [11]}


def test_a_partition_without_a_column(table: atio.Table) -> None:
    """All rows may lie in one partition whose value is given beside them."""
    for day in ("a", "b"):
        write_dask(frame(), table, "append", partition_by=["day"], partition={"day": day})
    assert read_dask(table, partitions=["b"]).compute()["n"].tolist() == list(range(10))


def test_partitions_without_rows_bring_no_file(table: atio.Table) -> None:
    """What a filter has emptied tells nothing of its columns, and is left out; if all are empty, the columns stay."""
    few = frame()
    few = few[few["n"] > 7]
    assert write_dask(few, table).files == 1
    none = few[few["n"] > 99]
    snapshot = write_dask(none, table, "overwrite")
    assert (snapshot.version, snapshot.rows) == (2, 0)
    assert_frames_equal(read_dask(table).compute(), none.compute())


def test_objects_beside_partitions_without_any(table: atio.Table) -> None:
    """An object column of which a partition has no row is no other type there."""
    rows = pd.DataFrame({"n": [1, 2], "o": pd.Series([b"x", None], dtype=object)})
    with dask.config.set({"dataframe.convert-string": False}):  # or Dask would make text of it
        given = dd.from_map(lambda number: rows.iloc[number : number + 1], range(3), meta=rows.iloc[:0])
        assert write_dask(given.partitions[[0, 2]], table).rows == 1
    assert table.read()["o"].tolist() == [b"x"]


def test_an_object_is_replaced(table: atio.Table) -> None:
    """Rows of Dask may take the place of an object."""
    table.overwrite({"an": "object"})
    assert write_dask(frame(), table, "overwrite").rows == 10


def test_text_becomes_that_of_the_table(table: atio.Table) -> None:
    """Dask's own text goes into a table of pandas' text, in columns and in the index."""
    rows = pd.DataFrame({"s": ["a", None]}, index=pd.Index(["x", "y"], name="k"))
    table.append(rows)
    given = frame(rows, 2)
    assert str(given.dtypes["s"]) == "string"
    write_dask(given, table)
    write_dask(given[given["s"] == "z"], table)
    assert_frames_equal(table.read(), pd.concat([rows, rows]))


def test_a_driver_that_runs_twice_commits_once(table: atio.Table) -> None:
    """A key makes the second run of a driver change nothing, though all was staged anew."""
    first = write_dask(frame(), table, idempotency_key="load 1")
    again = write_dask(frame(), table, idempotency_key="load 1")
    assert (again.version, again.repeated, table.snapshot().rows) == (first.version, True, 10)


def test_a_frame_is_staged(table: atio.Table) -> None:
    """What is staged is in no version until somebody commits it, all of it or none."""
    staged = stage_dask(frame(), table, "overwrite")
    assert (len(staged), table.exists()) == (3, False)
    assert [atio.StagedChange.from_json(one.to_json()) for one in staged] == staged
    assert table.commit(staged).rows == 10
    with pytest.raises(InvalidInputError, match="message is said of a commit"):
        stage_dask(frame(), table, message="m")


def test_another_version_in_between_is_refused(table: atio.Table) -> None:
    """What is said of a commit holds for that of all partitions."""
    table.append(ROWS)
    with pytest.raises(atio.CommitConflictError):
        write_dask(frame(), table, expected_version=0)
    assert table.snapshot().version == 1


def test_partitions_that_differ_are_refused(table: atio.Table) -> None:
    """Partitions whose types aren't those that Dask thinks make no version."""
    lies = frame(ROWS[["n"]]).map_partitions(
        lambda part: part.astype("float64") if part["n"].iloc[0] == 0 else part, meta={"n": "int64"}
    )
    with pytest.raises(SchemaMismatchError):
        write_dask(lies, table)
    assert not table.exists()


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        (ROWS, {}, "frame must be a Dask DataFrame"),
        (frame()["n"], {}, "frame must be a Dask DataFrame"),
        (frame(), {"mode": "upsert"}, "mode must be one of append, overwrite, overwrite_partitions"),
        (frame(), {"idempotency_key": ""}, "idempotency_key is empty"),
        (frame(), {"no_option": 1}, "has no option no_option"),
        (frame(), {"keep": True}, "keep is said of a stage that is kept"),
    ],
    ids=["pandas", "series", "mode", "key", "option", "keep"],
)
def test_what_makes_no_sense_is_refused(
    table: atio.Table, given: Any, options: dict[str, Any], told: str
) -> None:
    """Nothing is committed of what can't be."""
    with pytest.raises(InvalidInputError, match=told):
        write_dask(given, table, **options)
    assert not table.exists()
    assert "keep" not in options or table.staged() == []  # refused before the workers begin


def test_a_version_is_read_whatever_comes(table: atio.Table) -> None:
    """A frame is of one version: the one that was named, or the latest when it was made."""
    table.append(ROWS)
    table.tag("first", 1)
    latest = read_dask(table)
    table.append(ROWS)
    assert [len(one) for one in (latest, read_dask(table), read_dask(table, 1))] == [10, 20, 10]
    assert len(read_dask(table.path, "first")) == 10


def test_the_same_read_is_done_once(table: atio.Table) -> None:
    """Dask knows two reads of the same rows for one, and others apart."""
    write_dask(frame(), table)
    reads = read_dask(table), read_dask(table, 1), read_dask(table, filter=[("n", "!=", 3)])
    names = [one._name for one in reads]  # noqa: SLF001 - what Dask calls it
    assert names[0] == names[1] != names[2]
    memory = atio.Table("memory://read-twice")
    memory.append(ROWS)
    assert len(read_dask(memory)) == 10  # which doesn't pickle, and needn't on threads


def test_columns_and_files_that_are_not_needed_are_not_read(table: atio.Table) -> None:
    """Columns that a computation doesn't name aren't read, nor are files in which nothing can match."""
    write_dask(frame(), table)
    found = read_dask(table, filter=[("n", ">=", 8)])
    assert found.npartitions == 1
    assert found.compute()["s"].tolist() == ["i", "j"]
    assert found.compute().index.tolist() == [8, 9]
    plan = read_dask(table)["x"].sum().expr.optimize()
    assert "columns=['x']" in str(plan.tree_repr())
    assert read_dask(table, columns=["x", "n"]).compute().columns.tolist() == ["x", "n"]


TIMES = pd.date_range("2024", periods=10, freq="D", name="at")
INDEXES: dict[str, tuple[Any, bool]] = {
    "times": (TIMES, True),
    "times of a zone": (TIMES.tz_localize("Asia/Seoul"), True),
    "numbers": (pd.Index([1, 3, 4, 8, 11, 12, 20, 21, 30, 31], name="k"), True),
    "steps": (pd.RangeIndex(0, 20, 2), True),
    "texts": (pd.Index(list("abcdefghij"), name="k"), False),
    "falling": (pd.RangeIndex(10, 0, -1), False),
    "numbers again": (pd.Index([0, 1, 2, 2, 2, 2, 2, 2, 3, 4]), False),
}


@pytest.mark.parametrize("name", INDEXES)
def test_divisions(table: atio.Table, name: str) -> None:
    """Dask knows between which labels a partition lies, if the table does and they rise from file to file."""
    index, known = INDEXES[name]
    rows = ROWS.set_index(index)
    for start, stop in ((0, 4), (4, 5), (5, 10)):
        table.append(rows.iloc[start:stop])
    found = read_dask(table)
    assert found.known_divisions == known
    if known:
        assert found.divisions == (index[0], index[4], index[5], index[9])
        assert_frames_equal(found.loc[index[3] : index[6]].compute(), table.read().loc[index[3] : index[6]])
    assert_frames_equal(found.compute(), table.read())


def test_a_table_of_another_library(table: atio.Table) -> None:
    """Rows that had no index are counted from the first of the version."""
    for rows in (pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [3]})):
        table.append(rows)
    found = read_dask(table)
    assert found.divisions == (0, 2, 2)
    assert_frames_equal(found.compute(), table.read())


def test_an_empty_version(table: atio.Table) -> None:
    """A version without rows is a frame with its columns."""
    table.append(ROWS.iloc[:0])
    found = read_dask(table)
    assert (found.npartitions, found.known_divisions) == (1, False)
    assert_frames_equal(found.compute(), table.read())
