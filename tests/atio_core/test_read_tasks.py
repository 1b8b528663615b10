"""Reads of a version that are cut into tasks, and done by others."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core import read_tasks
from atio_core.errors import InvalidInputError, VersionExpiredError
from atio_core.testing import assert_frames_equal

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def a_file_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are of one file each, however small."""
    monkeypatch.setattr(read_tasks, "_TASK_BYTES", 1)


@pytest.fixture
def table(tmp_path: Path) -> atio.Table:
    """A table on disk, that isn't there yet."""
    return atio.Table(tmp_path / "table")


def elsewhere(task: atio.ReadTask, **how: Any) -> Any:
    """Read a task as a worker does: all that it knows came by pickle."""
    return pickle.loads(pickle.dumps(task)).read(**how)


def parts(**options: Any) -> list[pd.DataFrame]:
    """Three frames, of different lengths."""
    index = options.get("index", lambda start, stop: pd.RangeIndex(stop - start))
    bounds = [(0, 3), (3, 4), (4, 9)]
    return [
        pd.DataFrame({"n": range(start, stop), "s": list("abcdefghi")[start:stop]}, index=index(start, stop))
        for start, stop in bounds
    ]


INDEXES: dict[str, Callable[[int, int], Any]] = {
    "none": lambda start, stop: pd.RangeIndex(stop - start),
    "goes on": lambda start, stop: pd.RangeIndex(start, stop, name="k"),
    "steps": lambda start, stop: pd.RangeIndex(start * 2, stop * 2, 2),
    "falls": lambda start, stop: pd.RangeIndex(-start, -stop, -1),
    "begins anew": lambda start, stop: pd.RangeIndex(5, 5 + stop - start) if start else pd.RangeIndex(stop),
    "texts": lambda start, stop: pd.Index(list("ihgfedcba")[start:stop], name="k"),
    "times": lambda start, stop: pd.date_range("2024", periods=9, freq="h", name="at")[start:stop],
    "two levels": lambda start, stop: pd.MultiIndex.from_product([["x"], range(start, stop)]),
}


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("library", ["arrow", "polars"])
def test_the_parts_have_the_columns_of_the_whole(table: atio.Table, index: str, library: Any) -> None:
    """Where an index is a column, it is one of each part."""
    for frame in parts(index=INDEXES[index]):
        table.append(frame)
    whole = table.read(output_as=library)
    read = [elsewhere(task, output_as=library) for task in table.snapshot().read_tasks()]
    together = pa.concat_tables(read) if library == "arrow" else pl.concat(read)
    assert_frames_equal(together, whole)


@pytest.mark.parametrize("index", INDEXES)
def test_the_parts_are_the_whole(table: atio.Table, index: str) -> None:
    """What the tasks read, one behind the other, is what a read of the version gives: its index, too."""
    for frame in parts(index=INDEXES[index]):
        table.append(frame)
    read = [elsewhere(task) for task in table.snapshot().read_tasks()]
    assert [len(frame) for frame in read] == [3, 1, 5]
    together = pd.concat(read)
    whole = table.read()
    assert together.index.tolist() == whole.index.tolist()
    assert_frames_equal(together.reset_index(drop=True), whole.reset_index(drop=True))


def test_tasks_are_read_as_any_library(table: atio.Table) -> None:
    """A task gives what a read gives: any library's frames, batches, some columns."""
    table.append(pl.DataFrame({"a": [1, 2], "b": ["x", None]}))
    (task,) = table.snapshot().read_tasks(columns=["b", "a"])
    assert elsewhere(task, output_as="polars").equals(pl.DataFrame({"b": ["x", None], "a": [1, 2]}))
    assert elsewhere(task, output_as="arrow", columns=["a"]).to_pydict() == {"a": [1, 2]}
    assert pa.Table.from_batches(task.scan(columns=["b"])).to_pydict() == {"b": ["x", None]}
    odd: Any
    for odd in ("ab", 5):
        with pytest.raises(InvalidInputError, match="columns must be a list of labels"):
            task.read(columns=odd)
    assert (task.first_row, [file.rows for file in task.files]) == (0, [2])


def test_files_are_chosen_once_and_rows_by_the_tasks(table: atio.Table) -> None:
    """Files that can't match are in no task; of those that can, the rows that match are read."""
    for frame in parts():
        table.append(frame)
    tasks = table.snapshot().read_tasks(filter=[("n", ">", 5)])
    assert [task.files[0].rows for task in tasks] == [5]
    assert elsewhere(tasks[0]).index.tolist() == [0, 1, 2]
    tasks = table.snapshot().read_tasks(filter=pl.col("n") > 2)
    assert pd.concat(map(elsewhere, tasks))["n"].tolist() == [3, 4, 5, 6, 7, 8]


def test_partitions_are_chosen(table: atio.Table) -> None:
    """Tasks are of the partitions that were asked for."""
    table.append(pd.DataFrame({"day": ["a", "b", "c"], "n": [1, 2, 3]}), partition_by=["day"])
    tasks = table.snapshot().read_tasks(partitions=["a", "c"])
    assert pd.concat(map(elsewhere, tasks))["n"].tolist() == [1, 3]


def test_files_are_bundled(table: atio.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files come together in one task, in order, so that a table of many has few tasks."""
    for frame in parts():
        table.append(frame)
    first, second, _ = table.snapshot().data_files()
    monkeypatch.setattr(read_tasks, "_TASK_BYTES", first.size + second.size)
    tasks = table.snapshot().read_tasks()
    assert [[file.rows for file in task.files] for task in tasks] == [[3, 1], [5]]
    assert [task.first_row for task in tasks] == [0, 4]
    assert_frames_equal(pd.concat(map(elsewhere, tasks)), table.read())


def test_no_rows_are_one_task(table: atio.Table) -> None:
    """A version without rows, or a filter that no file passes, still gives a frame with its columns."""
    table.append(parts()[0].iloc[:0])
    (task,) = table.snapshot().read_tasks()
    assert elsewhere(task).columns.tolist() == ["n", "s"]
    table.append(parts()[0])
    (task,) = table.snapshot().read_tasks(filter=[("n", ">", 99)])
    assert_frames_equal(elsewhere(task), parts()[0].iloc[:0])


def test_a_task_is_small(table: atio.Table) -> None:
    """What goes to a worker doesn't grow with the files that others read."""
    for number in range(20):
        table.append(pd.DataFrame({"n": [number]}))
        table.tag(f"tag {number}", number + 1)
    (first, *_) = tasks = table.snapshot().read_tasks()
    assert len(tasks) == 20
    assert len(pickle.dumps(first)) < 4_096


def test_a_task_reads_its_version_though_others_came(table: atio.Table) -> None:
    """All workers read one version, whatever was committed since; one that has expired is an error."""
    table.append(parts()[0])
    tasks = table.snapshot().read_tasks()
    table.overwrite(pd.DataFrame({"other": [1]}))
    assert elsewhere(tasks[0])["n"].tolist() == [0, 1, 2]
    table.expire(keep_last=1, grace=timedelta(0))
    with pytest.raises(VersionExpiredError, match="version 1"):
        elsewhere(tasks[0])


def test_a_task_of_a_compacted_version_never_reads_more_than_its_part(table: atio.Table) -> None:
    """A compaction puts other files in the places of a task's: it says so, and doesn't read the whole instead."""
    for frame in parts():
        table.append(frame)
    tasks = table.snapshot().read_tasks()
    table.compact()
    table.expire(keep_last=1, grace=timedelta(0))
    with pytest.raises(VersionExpiredError):
        elsewhere(tasks[0])
    assert len(pd.concat(map(elsewhere, table.snapshot().read_tasks()))) == 9


def test_columns_that_changed_since_a_file_was_written(table: atio.Table) -> None:
    """A task of older files gives the version's columns."""
    table.append(pd.DataFrame({"a": [1]}))
    table.append(pd.DataFrame({"a": [2], "b": ["x"]}), schema_mode="add")
    table.rename_column("a", "c")
    older, newer = map(elsewhere, table.snapshot().read_tasks())
    assert older.columns.tolist() == newer.columns.tolist() == ["c", "b"]
    assert older["c"].tolist() == [1]


def test_what_makes_no_sense_is_refused_at_once(table: atio.Table) -> None:
    """No worker is needed to find that a column isn't there; an object has no rows."""
    table.append(parts()[0])
    with pytest.raises(InvalidInputError, match="there is no column 'x'"):
        table.snapshot().read_tasks(columns=["x"])
    with pytest.raises(InvalidInputError, match="there is no column 'x'"):
        table.snapshot().read_tasks(filter=[("x", ">", 1)])
    table.overwrite({"an": "object"})
    with pytest.raises(InvalidInputError, match="has no columns"):
        table.snapshot().read_tasks()
