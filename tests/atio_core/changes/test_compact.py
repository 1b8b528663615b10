from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atio_core.errors import (
    CommitConflictError,
    DamagedError,
    InvalidInputError,
    TableNotFoundError,
    VersionExpiredError,
)
from atio_core.snapshot import Snapshot
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL
from tests.support.row_filters import as_text, rows, table_of
from tests.support.stores import CountingStore


def part(*values: int) -> pa.Table:
    """Return rows of one column."""
    return pa.table({"a": pa.array(values, pa.int64())})


def column(table: Table, **what: Any) -> list[int]:
    """Return the rows."""
    return table.read(output_as="arrow", **what)["a"].to_pylist()


@pytest.fixture
def store() -> MemoryStore:
    """Where the table lies."""
    return MemoryStore()


@pytest.fixture
def table(store: MemoryStore) -> Table:
    """A table of five files."""
    made = Table(store=store, limits=SMALL)
    for number in range(5):
        made.append(part(number, 10 - number), message=f"m{number}")
    return made


def test_small_files_become_one(table: Table) -> None:
    """The rows stay in their order, and the version its number, its digest and all that it says of itself."""
    before = table.snapshot()
    after = table.compact()
    assert column(table) == [0, 10, 1, 9, 2, 8, 3, 7, 4, 6]
    assert (after.files, after.rows, after.unchanged) == (1, 10, False)
    assert (after.version, after.entry.version, after.entry.operation) == (5, 6, "compact")
    assert after.entry.data == before.entry.data
    assert (after.content, after.entry.schema) == (before.content, before.entry.schema)
    again = table.compact()
    assert (again.version, again.unchanged, again.entry.version) == (5, True, 6)


def test_files_of_half_the_size_stay(table: Table) -> None:
    """Only small neighbours are merged, up to the target size; others aren't opened."""
    sizes = [file.size for file in table.snapshot().data_files()]
    assert table.compact(target_bytes=2 * max(sizes) + 2).files == 2
    assert column(table) == [0, 10, 1, 9, 2, 8, 3, 7, 4, 6]
    paths = [file.path for file in table.snapshot().data_files()]
    assert table.compact(target_bytes=2 * max(sizes) + 2).unchanged
    assert [file.path for file in table.snapshot().data_files()] == paths


def test_the_version_is_the_same_for_everyone(table: Table) -> None:
    """By number, tag, time and counting back, the history, expectations and expiry see the version as before."""
    table.tag("kept", 5)
    table.compact()
    assert [snapshot.version for snapshot in table.history()] == [5, 4, 3, 2, 1]
    assert (table.snapshot(5).files, table.snapshot(-1).files, table.snapshot("kept").files) == (1, 1, 1)
    assert table.snapshot(table.snapshot().time).version == 5
    assert column(table, version=-2) == [0, 10, 1, 9, 2, 8, 3, 7]
    assert table.append(part(99), expected_version=5).version == 8
    table.compact(expected_version=8)
    with pytest.raises(CommitConflictError):
        table.compact(expected_version=5)
    table.restore(5)
    table.expire(keep_last=1, grace=timedelta(0))
    assert [snapshot.version for snapshot in table.history()] == [10, 5]
    assert column(table, tag="kept") == column(table) == [0, 10, 1, 9, 2, 8, 3, 7, 4, 6]
    with pytest.raises(VersionExpiredError):
        table.read(1)


READS: dict[str, Callable[[Snapshot], Any]] = {
    "read": lambda snapshot: snapshot.read("arrow")["a"].to_pylist(),
    "scan": lambda snapshot: [one for batch in snapshot.scan() for one in batch["a"].to_pylist()],
    "batches": lambda snapshot: snapshot.read("batches").read_all()["a"].to_pylist(),
    "filter": lambda snapshot: snapshot.read("arrow", filter=(one for one in [("a", ">=", 0)]))[
        "a"
    ].to_pylist(),
}


@pytest.mark.parametrize("name", READS)
def test_a_snapshot_from_before_is_read_from_the_new_files(
    name: str, table: Table, store: MemoryStore
) -> None:
    """Once the old files are gone, a version that is retained is still read by whoever held it, whole."""
    held = Table(store=store, limits=SMALL).snapshot()
    table.compact()
    table.expire(keep_last=1, grace=timedelta(0))
    assert len(list(store.list("data/"))) == 1
    assert READS[name](held) == [0, 10, 1, 9, 2, 8, 3, 7, 4, 6]
    store.delete(list(store.list("data/")))
    with pytest.raises(DamagedError):
        READS[name](held)


def test_a_version_is_found_by_its_number_in_old_or_new_files(table: Table, store: MemoryStore) -> None:
    """An older version that was compacted is read by its number, whole; from the new file once the old are gone."""
    expected = column(table)
    number = table.compact().version
    table.tag("compacted")
    assert table.snapshot(number).files == 1
    table.append(part(11))
    for version in (number, "compacted"):
        assert column(table, version=version) == expected
    table.expire(keep_last=2, grace=timedelta(0))
    assert (table.snapshot(number).files, len(list(store.list("data/")))) == (1, 2)
    for version in (number, "compacted"):
        assert column(table, version=version) == expected


def test_files_old_and_new_go_when_no_version_needs_them(table: Table, store: MemoryStore) -> None:
    """Older versions keep their own files; expiry takes them with these versions."""
    table.compact()
    assert len(list(store.list("data/"))) == 6
    table.expire(keep_last=2, grace=timedelta(0))
    assert column(table, version=4) == [0, 10, 1, 9, 2, 8, 3, 7]
    assert len(list(store.list("data/"))) == 5
    table.expire(keep_last=1, grace=timedelta(0))
    assert len(list(store.list("data/"))) == 1


def test_appends_beside_it_stay(store: MemoryStore, table: Table) -> None:
    """Rows that others append meanwhile are there, and nothing is written twice for it."""
    counting = CountingStore(store)
    slow = Table(store=counting, limits=SMALL)
    slow.snapshot()
    table.append(part(50))
    counting.reset()
    snapshot = slow.compact()
    assert counting.counts["open_write"] == 1
    assert (snapshot.version, snapshot.files) == (6, 2)
    assert column(table) == [0, 10, 1, 9, 2, 8, 3, 7, 4, 6, 50]


@pytest.mark.parametrize("change", ["delete", "update", "overwrite"])
def test_no_change_beside_it_is_lost(change: str, store: MemoryStore, table: Table) -> None:
    """A change of the same files that came first stands: no row comes back, and no old value."""
    acts: dict[str, Callable[[Table], object]] = {
        "delete": lambda other: other.delete([("a", "==", 9)]),
        "update": lambda other: other.update([("a", "==", 9)], {"a": 90}),
        "overwrite": lambda other: other.overwrite(part(1)),
    }
    expected: dict[str, list[int]] = {
        "delete": [0, 10, 1, 2, 8, 3, 7, 4, 6],
        "update": [0, 10, 1, 90, 2, 8, 3, 7, 4, 6],
        "overwrite": [1],
    }
    slow = Table(store=store, limits=SMALL)
    slow.snapshot()
    acts[change](table)
    slow.compact()
    assert column(table) == expected[change]
    late = Table(store=store, limits=SMALL)
    late.snapshot()
    table.append(part(77))
    table.compact()
    acts[change](late)
    assert column(table) == (expected[change] if change == "overwrite" else [*expected[change], 77])


def test_partitions_are_merged_by_themselves(store: MemoryStore) -> None:
    """Files of other partitions aren't mixed; rows of each partition keep their order."""
    table = Table(store=store, limits=SMALL)
    table.overwrite_partitions({"x": part(1), "y": part(2)})
    (file, other) = table.snapshot().data_files()
    assert table.compact().unchanged
    assert {one.path for one in table.snapshot().data_files()} == {file.path, other.path}


def test_sorted_rows() -> None:
    """With sort_by all rows are written in that order, nulls last, so that a range of them lies in few files."""
    table = Table(store=MemoryStore(), limits=SMALL)
    for number in range(4):
        table.append(pa.table({"a": [None, 9 - number, number], "b": ["x", "y", "z"]}))
    size = table.snapshot().bytes
    snapshot = table.compact(sort_by=["a", "b"], target_bytes=size // 4)
    assert column(table) == [0, 1, 2, 3, 6, 7, 8, 9, None, None, None, None]
    assert (snapshot.version, snapshot.files) == (4, 4)
    assert table.read(output_as="arrow", filter=[("a", "==", 7)])["b"].to_pylist() == ["y"]
    with pytest.raises(InvalidInputError, match="no column 'c'"):
        table.compact(sort_by=["c"])
    lists = Table(store=MemoryStore())
    lists.append(pl.DataFrame({"l": [[1]]}))
    with pytest.raises(InvalidInputError, match="can't be sorted by column 'l'"):
        lists.compact(sort_by=["l"])


def test_rows_in_the_order_before_are_others() -> None:
    """An overwrite brings back the order that a compaction has changed; one by the rows in their new order is none."""
    table = Table(store=MemoryStore())
    table.overwrite(part(3, 1, 2))
    version = table.snapshot().version
    table.compact(sort_by=["a"])
    assert table.overwrite(part(1, 2, 3), if_unchanged="skip").version == version
    assert table.overwrite(part(3, 1, 2), if_unchanged="skip").version > version
    assert column(table) == [3, 1, 2]
    table.compact(sort_by=["a"])
    table.overwrite(iter([part(3, 1), part(2)]))
    assert column(table) == [3, 1, 2]


@pytest.mark.parametrize(
    ("indexes", "files"),
    [
        ([None, None], 1),
        ([range(2), range(2, 4)], 1),
        ([range(5, 7), range(2)], 2),
        ([range(0, 4, 2), range(4, 8, 2)], 1),
    ],
    ids=str,
)
def test_pandas_indexes(indexes: list[range | None], files: int) -> None:
    """Frames whose ranges one file can't tell stay in their files; the frame that is read is the same in any case."""
    table = Table(store=MemoryStore())
    for index in indexes:
        labels = None if index is None else pd.RangeIndex(index.start, index.stop, index.step)
        table.append(pd.DataFrame({"a": [2, 1]}, index=labels))
    before = table.read()
    assert table.compact().files == files
    pd.testing.assert_frame_equal(table.read(), before)
    if not all(index is None for index in indexes) and files == 2:
        with pytest.raises(InvalidInputError, match="have labels"):
            table.compact(sort_by=["a"])


def test_what_is_not_a_column_keeps_files_apart() -> None:
    """Frames that differ in their attributes, or in what their missing values are, aren't merged."""
    table = Table(store=MemoryStore())
    for unit in ("m", "m", "s"):
        frame = pd.DataFrame({"a": [1]})
        frame.attrs["unit"] = unit
        table.append(frame)
    assert table.compact().files == 2
    objects = Table(store=MemoryStore())
    for missing in (None, float("nan")):
        objects.append(pd.DataFrame({"o": pd.Series(["x", missing], dtype=object)}))
    before = objects.read()
    assert objects.compact().unchanged
    assert [type(one) for one in objects.read()["o"]] == [type(one) for one in before["o"]]


def test_older_columns_come_in_the_tables_own(table: Table) -> None:
    """Files from before a column came, or a type became wider, are merged into the table's columns."""
    table.append(pa.table({"a": [5], "b": ["x"]}), schema_mode="add")
    before = table.read(output_as="arrow")
    assert table.compact().files == 1
    assert table.read(output_as="arrow") == before


@settings(max_examples=settings().max_examples // 3)
@given(st.lists(rows(), min_size=2, max_size=4))
def test_rows_of_any_type_stay(parts: list[pa.Table]) -> None:
    """Merged rows are the same, and so is what statistics let pass over."""
    table = table_of(parts)
    before = table.read(output_as="arrow")
    table.compact()
    assert as_text(table.read(output_as="arrow")) == as_text(before)
    assert as_text(table.read(output_as="arrow", filter=[("i", ">", 0)])) == as_text(
        before.filter(pa.array([one is not None and one > 0 for one in before["i"].to_pylist()], pa.bool_()))
    )


def test_what_can_not_be_meant_is_refused(table: Table) -> None:
    """A compaction has no message of its own; sizes are whole numbers, and there must be a table."""
    for options in ({"message": "m"}, {"properties": {"p": "q"}}, {"target_bytes": 0}, {"sort_by": "a"}):
        with pytest.raises(InvalidInputError):
            table.compact(**options)  # pyright: ignore[reportArgumentType]
    assert table.compact(idempotency_key="k").version == 5
    assert table.compact(idempotency_key="k").repeated
    with pytest.raises(TableNotFoundError):
        Table(store=MemoryStore()).compact()
