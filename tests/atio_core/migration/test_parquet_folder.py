"""A folder of Parquet files is taken over as a first version."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import atio_core as atio
from atio_core.errors import AlreadyExistsError, DamagedError, InvalidInputError, StorageError
from atio_core.storage.memory import MemoryStore
from tests.support.replacing import as_nobody


@pytest.fixture
def table() -> atio.Table:
    """A new table."""
    return atio.Table(store=MemoryStore("new"))


def put(path: Path, **columns: list[Any] | pa.Array) -> None:
    """Write a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_all_files_become_one_version_in_the_order_of_their_names(tmp_path: Path, table: atio.Table) -> None:
    """The columns are those of all files, null where a file hasn't them; hidden files don't count."""
    put(tmp_path / "old/b.parquet", n=[3], more=["x"])
    put(tmp_path / "old/a.parquet", n=[1, 2])
    put(tmp_path / "old/.c.parquet", n=[4])
    put(tmp_path / "old/_temporary/d.parquet", n=[5])
    made = atio.from_parquet(tmp_path / "old", table)
    assert (made.kind, made.versions, made.written) == ("parquet", {0: 1}, 1)
    assert atio.migrate(tmp_path / "old", table).written == 0
    assert table.read(output_as="arrow").to_pydict() == {"n": [1, 2, 3], "more": [None, None, "x"]}


def test_hive_partitions_become_partitions(tmp_path: Path, table: atio.Table) -> None:
    """The values in the folders' names are a column, which partitions the new table."""
    put(tmp_path / "old/day=2024-01-01/city=Bad%20Ems/a.parquet", n=[1])
    put(tmp_path / "old/day=2024-01-02/city=__HIVE_DEFAULT_PARTITION__/a.parquet", n=[2])
    atio.migrate(tmp_path / "old", table)
    assert table.snapshot().partition_fields == ("day", "city")
    assert table.read(output_as="arrow").to_pydict() == {
        "n": [1, 2],
        "day": ["2024-01-01", "2024-01-02"],
        "city": ["Bad Ems", None],
    }


def test_columns_that_folders_tell_too_must_have_their_values(tmp_path: Path, table: atio.Table) -> None:
    """A file that says something else of a column than its folder's name does is refused: one of them would be lost."""
    put(
        tmp_path / "old/day=2024-01-01/n=1/a.parquet",
        day=pa.array([dt.date(2024, 1, 1)]),
        n=pa.array([1], "int64"),
    )
    put(tmp_path / "old/day=__HIVE_DEFAULT_PARTITION__/n=2/a.parquet", day=pa.nulls(1, "date32"), n=[2])
    put(tmp_path / "old/day=2024-01-03/n=3/a.parquet", more=[3])
    atio.from_parquet(tmp_path / "old", table)
    assert table.snapshot().partition_fields == ("day", "n")
    assert table.read(output_as="arrow").select(["day", "n", "more"]).to_pydict() == {
        "day": [dt.date(2024, 1, 1), dt.date(2024, 1, 3), None],
        "n": [1, 3, 2],
        "more": [None, 3, None],
    }
    other = "other values in its column 'n' than its folder's name tells"
    for place, told in (
        ("n=2", other),
        ("n=__HIVE_DEFAULT_PARTITION__", other),
        ("n=x", "can't be read together"),
    ):
        put(tmp_path / place / "old/n=1/a.parquet", n=[1])
        put(tmp_path / place / f"old/{place}/a.parquet", n=[1])
        with pytest.raises(DamagedError, match=told):
            atio.from_parquet(tmp_path / place / "old", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_types_are_widened_and_no_value_changes(tmp_path: Path, table: atio.Table) -> None:
    """Whole numbers of several widths become the widest; text beside numbers is refused, and nothing is written."""
    put(tmp_path / "old/a.parquet", n=pa.array([1], "int32"))
    put(tmp_path / "old/b.parquet", n=[2**40])
    atio.migrate(tmp_path / "old", table)
    assert table.read(output_as="arrow").to_pydict() == {"n": [1, 2**40]}
    put(tmp_path / "mixed/a.parquet", n=[1])
    put(tmp_path / "mixed/b.parquet", n=["x"])
    with pytest.raises(DamagedError, match="can't be read together"):
        atio.migrate(tmp_path / "mixed", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    put(tmp_path / "inexact/a.parquet", n=[1.5])
    put(tmp_path / "inexact/b.parquet", n=[2**60 + 1])
    with pytest.raises(DamagedError, match="inexact can't be read: Integer value"):
        atio.migrate(tmp_path / "inexact", tmp_path / "new")
    assert not atio.Table(tmp_path / "new").exists()


def test_a_file_that_is_no_parquet_is_told(tmp_path: Path, table: atio.Table) -> None:
    """A file that only has the name stands against all."""
    put(tmp_path / "old/a.parquet", n=[1])
    (tmp_path / "old/b.parquet").write_text("no")
    with pytest.raises(DamagedError, match=r"b\.parquet is no Parquet file"):
        atio.migrate(tmp_path / "old", table)
    assert not table.exists()


def test_what_may_not_be_read_is_told(table: atio.Table) -> None:
    """A folder or a file of somebody else stands against all: none is passed over."""
    for closed in ("day=2024-01-02", "day=2024-01-02/a.parquet"):
        with as_nobody() as old:
            put(old / "day=2024-01-01/a.parquet", n=[1])
            put(old / "day=2024-01-02/a.parquet", n=[2])
            (old / closed).chmod(0)
            try:
                with pytest.raises(StorageError, match=f"{closed}.*ermission"):
                    atio.from_parquet(old, table)
            finally:
                (old / closed).chmod(0o700)
    assert not table.exists()


def test_links_to_folders_are_followed(tmp_path: Path, table: atio.Table) -> None:
    """A partition that lies elsewhere counts; a link by which files would count twice, or in a circle, is refused."""
    put(tmp_path / "old/day=1/a.parquet", n=[1])
    put(tmp_path / "elsewhere/a.parquet", n=[2])
    (tmp_path / "old/day=2").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    atio.from_parquet(tmp_path / "old", table)
    assert table.read(output_as="arrow")["n"].to_pylist() == [1, 2]
    (tmp_path / "elsewhere/again").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(InvalidInputError, match="count twice"):
        atio.from_parquet(tmp_path / "old", atio.Table(tmp_path / "new"))


def test_called_again_it_does_nothing_and_other_files_are_refused(tmp_path: Path, table: atio.Table) -> None:
    """The same files aren't taken over twice, nor others behind them."""
    put(tmp_path / "old/a.parquet", n=[1])
    atio.migrate(tmp_path / "old", table)
    assert atio.migrate(tmp_path / "old", table).written == 0
    put(tmp_path / "old/a.parquet", n=[2])
    with pytest.raises(AlreadyExistsError, match="doesn't come from"):
        atio.migrate(tmp_path / "old", table)
    assert table.read().equals(pd.DataFrame({"n": [1]}))
