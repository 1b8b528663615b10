from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atio_core.data.scan import scan
from atio_core.data.writing import writer
from atio_core.errors import (
    CommitConflictError,
    DamagedError,
    InvalidInputError,
    StorageError,
    TableNotFoundError,
)
from atio_core.format.names import TEMPORARY
from atio_core.model.entry import Totals
from atio_core.storage.base import ObjectStore
from atio_core.storage.local import LocalStore
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import SMALL
from tests.support.looking import named_files, other_files
from tests.support.row_filters import FILTERS, as_text, matches, rows, table_of
from tests.support.stores import CountingStore


def frame(*values: Any) -> pd.DataFrame:
    """Return rows of one column."""
    return pd.DataFrame({"a": list(values)})


def days(*counts: int, store: ObjectStore | None = None) -> Table:
    """Return a table of a file for each day, with so many rows."""
    table = Table(store=store or MemoryStore(), limits=SMALL)
    for day, count in enumerate(counts):
        table.append(pa.table({"day": [day] * count, "row": list(range(count))}))
    return table


@pytest.mark.usefixtures("either_path")
@settings(max_examples=settings().max_examples // 2)
@given(st.lists(rows(), min_size=1, max_size=4), FILTERS)
def test_rows_that_match_go_and_no_others(parts: list[pa.Table], given_filter: list[Any]) -> None:
    """A delete takes the rows that a read with the same filter gives; the others stay, in their order."""
    table = table_of(parts)
    before, paths = table.read(output_as="arrow"), {file.path for file in table.snapshot().data_files()}
    match = [matches(given_filter, row) for row in before.to_pylist()]
    snapshot = table.delete(given_filter)
    after = table.read(output_as="arrow")
    assert as_text(after) == as_text(before.filter(pa.array([not one for one in match], pa.bool_())))
    assert after.schema == before.schema
    assert snapshot.unchanged == (not any(match))
    assert snapshot.version == len(parts) + any(match)
    if any(match):
        assert snapshot.removed.rows - snapshot.added.rows == sum(match)
        assert Totals.of(snapshot.data_files()) == snapshot.entry.totals
        assert snapshot.files - snapshot.added.files == len(paths & {f.path for f in snapshot.data_files()})
    assert as_text(table.read(len(parts), "arrow")) == as_text(before)


@pytest.mark.parametrize(
    "where", [pc.field("a") > 1, pl.col("a") > 1, [("a", ">", 1)]], ids=["arrow", "polars", "list"]
)
def test_a_row_of_which_it_is_not_known_stays(where: Any) -> None:
    """A null compares with nothing: its row neither matches a comparison nor its opposite."""
    table = Table(store=MemoryStore())
    table.append(pa.table({"a": [1, None, 2]}))
    table.delete(where)
    assert table.read(output_as="arrow")["a"].to_pylist() == [1, None]


def test_files_are_dropped_unread_or_left_alone() -> None:
    """A file all of whose rows match is dropped, one without any left, and none of both is opened."""
    store = CountingStore(MemoryStore())
    data = {file.path for file in days(2, 3, 2, store=store).snapshot().data_files()}
    store.reset()
    snapshot = Table(store=store, limits=SMALL).delete([("day", "==", 1)])
    assert snapshot.rows == 4
    assert not [name for verb, name in store.calls if name in data and verb.startswith("read")]
    assert (snapshot.added, snapshot.removed.files, snapshot.removed.rows) == (Totals(), 1, 3)


def test_a_file_with_matches_is_written_anew_in_its_place() -> None:
    """What stays of a file stands where the file stood, also if manifests list it."""
    table = days(2, 3, 2, 2, 2)
    assert table.snapshot().entry.manifests
    kept = [file.path for file in table.snapshot().data_files()]
    snapshot = table.delete([("day", "==", 1), ("row", "==", 1)])
    now = [file.path for file in snapshot.data_files()]
    assert now[:1] + now[2:] == kept[:1] + kept[2:]
    assert now[1] != kept[1]
    assert table.read(output_as="arrow")["row"].to_pylist() == [0, 1, 0, 2, 0, 1, 0, 1, 0, 1]


def test_all_rows_can_go() -> None:
    """An empty filter means all rows; a table without any keeps its columns and takes further ones."""
    table = days(2, 3)
    schema = table.read(output_as="arrow").schema
    assert table.delete([]).rows == 0
    assert table.read(output_as="arrow") == schema.empty_table()
    assert table.delete([]).unchanged
    assert table.append(pa.table({"day": [1], "row": [1]})).rows == 1


def test_a_partition_keeps_its_files_apart() -> None:
    """Rows left in a partition stay in it; a filter can name its field; others aren't touched."""
    table = Table(store=MemoryStore(), limits=SMALL)
    table.overwrite_partitions({day: frame(1, 2, 3) for day in "xyz"}, partition_by=["day"])
    paths = [file.path for file in table.snapshot().data_files()]
    snapshot = table.delete([("day", "==", "y"), ("a", ">", 1)])
    assert [file.path for file in snapshot.data_files()][::2] == paths[::2]
    assert table.read(partitions=["y"])["a"].tolist() == [1]
    assert snapshot.partitions() == [("x",), ("y",), ("z",)]
    table.delete([("day", "in", ["x", "z"])])
    assert table.snapshot().partitions() == [("y",)]


@pytest.mark.parametrize(
    ("indexes", "expected"),
    [
        ([None], [0, 1, 2]),
        ([None, None], [0, 1, 2, 3, 4, 5]),
        ([range(10, 14)], [10, 12, 13]),
        ([range(10, 14), range(14, 18)], [10, 12, 13, 14, 16, 17]),
        ([None, range(4, 8)], [0, 2, 3, 4, 6, 7]),
        ([range(9, 1, -2)], [9, 5, 3]),
    ],
    ids=str,
)
def test_what_becomes_of_a_range_index(indexes: list[range | None], expected: list[int]) -> None:
    """An index 0 … n-1 counts the rows that are left; any other range keeps the labels of the rows that stay."""
    table = Table(store=MemoryStore())
    for index in indexes:
        labels = None if index is None else pd.RangeIndex(index.start, index.stop, index.step)
        table.append(pd.DataFrame({"a": [1, 2, 3, 4]}, index=labels))
    table.delete([("a", "==", 2)])
    assert table.read().index.tolist() == expected


def test_labels_survive_one_delete_after_another() -> None:
    """Rows keep their labels however often others between them go."""
    table = Table(store=MemoryStore())
    whole = pd.DataFrame({"a": range(100)}, index=pd.RangeIndex(1000, 1300, 3))
    table.append(whole)
    for number in (7, 50, 51, 93, 0, 99):
        table.delete([("a", "==", number)])
        whole = whole[whole["a"] != number]
        pd.testing.assert_frame_equal(table.read(), pd.DataFrame(whole), check_index_type=False)
    pd.testing.assert_index_equal(
        table.read(filter=[("a", "<", 60)]).index, whole[whole["a"] < 60].index, exact="equiv"
    )
    table.delete([("a", ">", 5)])
    pd.testing.assert_index_equal(table.read().index, pd.RangeIndex(1003, 1018, 3))


def test_other_indexes_come_along() -> None:
    """An index that is stored keeps its values; attributes stay."""
    table = Table(store=MemoryStore())
    whole = pd.DataFrame({"a": [1, 2, 3]}, index=pd.Index(list("xyz"), name="key"))
    whole.attrs["unit"] = "m"
    table.append(whole)
    table.delete([("key", "==", "y")])
    pd.testing.assert_frame_equal(table.read(), whole.drop("y"))
    assert table.read().attrs == {"unit": "m"}


def test_the_content_tells_what_was_deleted() -> None:
    """The content tells the change apart from others, and is the same for the same change of the same content."""
    contents = set()
    for value in (1, 1, 2):
        table = Table(store=MemoryStore())
        table.append(frame(1, 2, 3))
        contents.add(table.delete([("a", "==", value)]).content)
    assert len(contents) == 2
    assert None not in contents


def test_there_must_be_a_table(tmp_path: Path) -> None:
    """A delete makes no table."""
    with pytest.raises(TableNotFoundError, match="write a first version"):
        Table(tmp_path).delete([("a", "==", 1)])
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_filter_is_refused(tmp_path: Path) -> None:
    """A filter that can't be read leaves no file; None might mean all rows or none."""
    table = Table(tmp_path)
    table.append(frame(1))
    before = sorted(tmp_path.rglob("*"))
    for where in (None, "a > 1", [("b", "==", 1)], [("a", "==", "x")], pc.field("a")):
        with pytest.raises(InvalidInputError):
            table.delete(where)
    assert sorted(tmp_path.rglob("*")) == before


def test_options_are_those_of_any_commit() -> None:
    """A delete has a message, properties, an expectation and a key like any write."""
    table = Table(store=MemoryStore())
    table.append(frame(1, 2, 3))
    with pytest.raises(CommitConflictError, match="expected version 2"):
        table.delete([("a", "==", 1)], expected_version=2)
    snapshot = table.delete(
        [("a", "==", 1)], expected_version=1, idempotency_key="k", message="m", properties={"p": "q"}
    )
    assert (snapshot.operation, snapshot.message, snapshot.properties) == ("delete", "m", {"p": "q"})
    again = table.delete([("a", "==", 2)], idempotency_key="k")
    assert (again.version, again.repeated) == (2, True)
    assert table.read()["a"].tolist() == [2, 3]


def test_a_key_is_remembered_though_nothing_matched() -> None:
    """A retry changes nothing, also if the first try found nothing to change and rows came since."""
    table = Table(store=MemoryStore())
    table.append(frame(1))
    first = table.delete([("a", "==", 2)], idempotency_key="k")
    assert (first.version, first.unchanged) == (1, True)
    table.append(frame(2))
    again = table.delete([("a", "==", 2)], idempotency_key="k")
    assert (again.version, again.repeated) == (1, True)
    assert table.read()["a"].tolist() == [1, 2]
    assert [snapshot.operation for snapshot in table.history()] == ["append", "append"]


def test_a_generator_as_filter_can_be_tried_again() -> None:
    """A filter that can be gone through once counts in each try."""
    store = MemoryStore()
    Table(store=store).append(frame(1, 2))
    tries: list[None] = []

    def come_between() -> None:
        tries.append(None)
        Table(store=store).append(frame(1))

    table = Table(store=FaultyStore(store, Fault("put_if_absent", meanwhile=come_between, error=None)))
    table.delete(term for term in [("a", "==", 1)])
    assert (table.read()["a"].tolist(), len(tries)) == ([2], 1)


def test_a_delete_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """If the second file can't be written, the first is taken away, and the table is as it was."""
    table = Table(tmp_path)
    table.append(frame(1, 2))
    table.append(frame(1, 3))
    failing = FaultyStore(LocalStore(tmp_path, temporary=TEMPORARY), Fault("open_write", at=2, error=refusal))
    with pytest.raises(StorageError, match="refused"):
        Table(store=failing).delete([("a", "==", 1)])
    assert other_files(tmp_path) == named_files(tmp_path)
    assert table.read()["a"].tolist() == [1, 2, 1, 3]


def test_damage_stops_a_delete(tmp_path: Path) -> None:
    """Damaged rows are never written anew as if they were whole."""
    table = Table(tmp_path)
    table.append(frame(1, 2))
    (path,) = tmp_path.glob("data/*.parquet")
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        table.delete([("a", "==", 1)])
    assert table.snapshot().version == 1


def test_a_large_file_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of a file of many row groups may take several files, all in its place."""
    monkeypatch.setattr(scan, "SMALL_FILE_BYTES", 0)
    monkeypatch.setattr(writer, "_GROUP_ROWS", 7)
    table = Table(store=MemoryStore())
    numbers = np.arange(100)
    table.append(pa.table({"a": numbers}))
    monkeypatch.setattr(writer, "_LEAST_BYTES", 64)
    monkeypatch.setattr(writer, "_WORKERS", 3)
    snapshot = table.delete([("a", "in", numbers[1::3].tolist())])
    assert snapshot.files > 1
    assert table.read(output_as="arrow")["a"].to_pylist() == [n for n in range(100) if n % 3 != 1]
