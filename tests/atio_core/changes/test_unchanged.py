from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.errors import InvalidInputError
from atio_core.functions import write_snapshot
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.stores import between


def rows(*values: int) -> pd.DataFrame:
    """Return a frame with these values."""
    return pd.DataFrame({"a": list(values), "b": [str(value) for value in values]})


def data_files(folder: Path) -> set[Path]:
    """Return the data files of a table."""
    return {path for path in (folder / "data").rglob("*") if path.is_file()}


def batches() -> pa.RecordBatchReader:
    """Return a stream of a hundred rows."""
    table = pa.table({"a": range(100)})
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=30))


SAME: dict[str, Callable[[], Any]] = {
    "pandas": lambda: rows(1, 2, 3),
    "polars": lambda: pl.DataFrame({"a": [1, 2], "b": [None, "x"]}),
    "no rows": rows,
    "an index": lambda: rows(1, 2).set_index("b"),
    "a range of an index": lambda: rows(1, 2).set_axis(pd.RangeIndex(5, 9, 2)),
    "a stream": batches,
    "an array": rows(1, 2)["a"].to_numpy,
    "a JSON value": lambda: {"a": [1, 2]},
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_an_overwrite_by_the_same_shares_the_files(make: Callable[[], Any], tmp_path: Path) -> None:
    """What the latest version holds already isn't kept twice: the new version names its files."""
    table = Table(tmp_path / "t")
    table.overwrite(make())
    there = data_files(tmp_path / "t")
    again = table.overwrite(make(), message="again")
    assert (again.version, again.unchanged, again.message) == (2, False, "again")
    assert (again.added.files, again.removed.files) == (0, 0)
    assert data_files(tmp_path / "t") == there


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_an_overwrite_by_the_same_makes_no_version_if_told_so(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    """`if_unchanged="skip"` leaves the table as it is, and the snapshot says so."""
    table = Table(tmp_path / "t")
    assert not table.overwrite(make(), if_unchanged="skip").unchanged
    there = data_files(tmp_path / "t")
    again = write_snapshot(make(), tmp_path / "t", if_unchanged="skip")
    assert (again.version, again.unchanged) == (1, True)
    assert [snapshot.version for snapshot in table.history()] == [1]
    assert data_files(tmp_path / "t") == there


@pytest.mark.parametrize(
    "other",
    [
        rows(1, 2, 4),
        rows(1, 2),
        rows(2, 1, 3),
        rows(1, 2, 3).rename(columns={"a": "c"}),
        rows(1, 2, 3).astype({"a": "int32"}),
        rows(1, 2, 3).set_axis(pd.RangeIndex(1, 4)),
        pl.DataFrame({"a": [1, 2, 3], "b": ["1", "2", "3"]}),
    ],
    ids=["a value", "a row less", "another order", "a label", "a type", "an index", "a library"],
)
def test_other_rows_are_written(other: Any) -> None:
    """Rows that differ in anything that comes back are a new version."""
    table = Table(store=MemoryStore())
    table.overwrite(rows(1, 2, 3))
    snapshot = table.overwrite(other, if_unchanged="skip")
    assert (snapshot.version, snapshot.unchanged) == (2, False)


def test_attributes_count() -> None:
    """A frame with other `attrs` isn't the same, though its rows are."""
    table, frame = Table(store=MemoryStore()), rows(1)
    table.overwrite(frame)
    frame.attrs["unit"] = "m"
    assert not table.overwrite(frame, if_unchanged="skip").unchanged
    assert table.overwrite(frame, if_unchanged="skip").unchanged
    assert table.read().attrs == {"unit": "m"}


def test_partitions_count(tmp_path: Path) -> None:
    """Of a partitioned table, rows are the same if their partitions are; what was written to find out is gone."""
    table, frame = Table(tmp_path / "t"), rows(1, 1, 2)
    table.overwrite(frame, partition_by=["a"])
    there = data_files(tmp_path / "t")
    assert table.overwrite(frame, if_unchanged="skip").unchanged
    assert data_files(tmp_path / "t") == there
    assert not table.overwrite(frame, partition_by=[], if_unchanged="skip").unchanged
    assert not table.overwrite(frame, partition_by=["b"], if_unchanged="skip").unchanged


def test_writing_again_mends_a_damaged_version(tmp_path: Path) -> None:
    """Files that no longer hold what was written are not shared."""
    table = Table(tmp_path / "t")
    table.overwrite(rows(1, 2))
    (file,) = data_files(tmp_path / "t")
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    snapshot = table.overwrite(rows(1, 2), if_unchanged="skip")
    assert (snapshot.version, snapshot.unchanged) == (2, False)
    assert table.read()["a"].tolist() == [1, 2]


@pytest.mark.parametrize("choice", ["commit", "skip"])
def test_what_comes_in_between_is_replaced(choice: Any) -> None:
    """Rows that were the latest's when they were looked at, and no longer are, are written."""
    store = MemoryStore()
    Table(store=store).overwrite(rows(1))
    beaten = Table(store=between(store, lambda: Table(store=store).overwrite(rows(2))))
    snapshot = beaten.overwrite(rows(1), if_unchanged=choice, idempotency_key="k")
    assert (snapshot.version, snapshot.unchanged) == (3, False)
    assert beaten.read()["a"].tolist() == [1]


def test_a_version_that_was_restored_counts() -> None:
    """Who brings an old version back and writes it again has nothing new to say."""
    table = Table(store=MemoryStore())
    for number in (1, 2):
        table.overwrite(rows(number))
    table.restore(1)
    assert table.overwrite(rows(1), if_unchanged="skip").unchanged


def test_an_odd_choice_is_refused() -> None:
    """Another word than those two is refused before anything is written."""
    store = MemoryStore()
    odd: Any = "fail"
    with pytest.raises(InvalidInputError, match="if_unchanged"):
        Table(store=store).overwrite(rows(1), if_unchanged=odd)
    assert not list(store.list())
