"""Tables that are partitioned by their own columns, from frame to folder and back."""

from __future__ import annotations

import datetime as dt
import math
import threading
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import InvalidInputError, NotPreservableError, SchemaMismatchError, StorageError
from atio_core.storage.base import ObjectStore, ObjectWriter
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, StoreWrapper, assert_frames_equal, refusal

DAYS = [dt.date(2013, 1, 1), dt.date(2013, 1, 2), None]
INSTANTS = st.integers(-(2**55), 2**57).map(
    lambda us: dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=us)
)
ODD = {
    "int": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "float": (pa.float64(), st.floats()),
    "text": (pa.string(), st.text(max_size=3) | st.sampled_from(["..", ".", "/", "%null", "%empty", "NaT", "x" * 300])),
    "bytes": (pa.binary(), st.binary(max_size=3)),
    "bytes of one size": (pa.binary(2), st.binary(min_size=2, max_size=2)),
    "small decimals": (pa.decimal32(5, 2), st.decimals(-999, 999, places=2)),
    "date": (pa.date32(), st.dates()),
    "time": (pa.timestamp("us"), st.datetimes()),
    "instant": (pa.timestamp("us", "Europe/Paris"), INSTANTS),
    "decimal": (pa.decimal128(38, 6), st.decimals(-(10**9), 10**9, places=6)),
    "bool": (pa.bool_(), st.booleans()),
}  # fmt: skip


def days(*places: int, start: int = 0) -> pd.DataFrame:
    """Rows of some days, numbered."""
    return pd.DataFrame({"day": [DAYS[place] for place in places], "n": range(start, start + len(places))})


@pytest.mark.parametrize("kind", ODD)
@given(data=st.data())
def test_any_value_comes_back(kind: str, data: st.DataObject) -> None:
    """Whatever a column holds, each of its values is a partition, found by that value, and no row is lost."""
    t, values = ODD[kind]
    pool = data.draw(st.lists(st.none() | values, min_size=1, max_size=3))
    rows = pa.table(
        {"c": pa.array(data.draw(st.lists(st.sampled_from(pool), max_size=8)), t, from_pandas=False)}
    )
    rows = rows.append_column("n", pa.array(range(len(rows)), pa.int64()))
    table = Table(store=MemoryStore())
    snapshot = table.append(rows, partition_by=["c"])
    read = snapshot.read("arrow")
    assert_frames_equal(rows, read.sort_by("n"))
    found: list[int] = []
    for (value,) in snapshot.partitions():
        part = snapshot.read("arrow", partitions=[value])
        assert len({repr(one) for one in part["c"].to_pylist()} - {"-0.0"}) <= 1
        found += part["n"].to_pylist()
    assert found == read["n"].to_pylist()
    for value in pool:
        if value is not None and value == value:  # noqa: PLR0124 - but not-a-number
            expected = [
                n for n, one in zip(rows["n"].to_pylist(), rows["c"].to_pylist(), strict=True) if one == value
            ]
            assert snapshot.read("arrow", filter=[("c", "==", value)])["n"].to_pylist() == expected
    again = table.overwrite_partitions(rows)
    assert_frames_equal(rows, again.read("arrow").sort_by("n"))


def test_appends_split_rows_by_themselves(tmp_path: Path) -> None:
    """The first write says how a table is partitioned; later ones go by it, whatever the library."""
    table = Table(tmp_path)
    table.append(days(0, 1, 0), partition_by=["day"])
    table.append(pl.DataFrame({"day": [DAYS[1], None], "n": [3, 4]}))
    assert table.snapshot().partition_fields == ("day",)
    assert table.snapshot().partitions() == [(DAYS[0],), (DAYS[1],), (None,)]
    assert table.read(partitions=[DAYS[1], None])["n"].tolist() == [1, 3, 4]
    assert table.read(partitions=[dt.date(1999, 1, 1)]).empty
    folders = {path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.glob("data/**/*.parquet")}
    assert folders == {"data/day=2013-01-01", "data/day=2013-01-02", "data/day=%null"}


def test_one_frame_replaces_the_partitions_that_it_has_rows_of() -> None:
    """Others stay, also those that came meanwhile; nothing is replaced by a frame without rows."""
    store = MemoryStore()
    table, other = Table(store=store), Table(store=store)
    table.append(days(0, 1, 0), partition_by=["day"])
    other.append(days(2, start=9))
    snapshot = table.overwrite_partitions(days(1, 1, start=5))
    assert snapshot.read()["n"].tolist() == [0, 2, 9, 5, 6]
    assert (snapshot.added.rows, snapshot.removed.rows) == (2, 1)
    nothing = table.overwrite_partitions(days(0).iloc[:0])
    assert nothing.read()["n"].tolist() == [0, 2, 9, 5, 6]
    assert (nothing.added.rows, nothing.removed.rows) == (0, 0)


def test_a_table_may_begin_with_its_partitions() -> None:
    """`overwrite_partitions` makes a table too, if it is told by what."""
    table = Table(store=MemoryStore())
    with pytest.raises(
        InvalidInputError, match=r"nothing says how the table is partitioned, .* give partition_by"
    ):
        table.overwrite_partitions(days(0))
    assert table.overwrite_partitions(days(0, 1), partition_by=["day"]).rows == 2
    assert table.overwrite_partitions(days(1, 1)).rows == 3


def test_a_full_overwrite_keeps_or_changes_the_partitioning() -> None:
    """Kept where nothing is said, changed where something is, removed by an empty list; refused without the column."""
    table = Table(store=MemoryStore())
    table.overwrite(days(0, 1), partition_by=["day"])
    assert table.overwrite(days(1, 0, 1)).partitions() == [(DAYS[1],), (DAYS[0],)]
    with pytest.raises(InvalidInputError, match="partitioned by day, and the data has no column 'day'"):
        table.overwrite(pd.DataFrame({"x": [1]}))
    assert table.overwrite(days(0, 1), partition_by=["n"]).partitions() == [(0,), (1,)]
    plain = table.overwrite(days(0, 1), partition_by=[])
    assert (plain.partition_fields, plain.files) == ((), 1)
    text = table.overwrite(pd.DataFrame({"day": ["x", "y"]}), partition_by=["day"])
    assert table.overwrite(pd.DataFrame({"day": [1, 2]})).partitions() == [(1,), (2,)]
    assert text.partitions() == [("x",), ("y",)]


def test_a_value_for_the_whole_write() -> None:
    """A field without a column has its value from the call, alone or beside columns."""
    table = Table(store=MemoryStore())
    table.append(days(0, 1), partition_by=["source", "day"], partition={"source": "web"})
    table.append(days(0, start=5), partition={"source": "app"})
    table.overwrite_partitions(days(0, start=7), partition={"source": "web"})
    assert table.snapshot().partitions() == [("web", DAYS[1]), ("app", DAYS[0]), ("web", DAYS[0])]
    assert table.read(partitions=[("web", DAYS[0])])["n"].tolist() == [7]
    assert table.read(filter=[("source", "==", "app")])["n"].tolist() == [5]
    with pytest.raises(InvalidInputError, match="nothing says which source the rows belong to"):
        table.append(days(0))
    days_alone = Table(store=MemoryStore())
    days_alone.overwrite(days(0), partition={"day of export": "2013-01-01"})
    assert days_alone.append(days(1), partition={"day of export": "2013-01-02"}).partitions() == [
        ("2013-01-01",),
        ("2013-01-02",),
    ]
    with pytest.raises(InvalidInputError, match="a mapping says by itself"):
        days_alone.overwrite_partitions({"x": days(0)}, partition={"day of export": "x"})


def test_a_pandas_index_follows_its_rows() -> None:
    """A default one counts anew, one with labels keeps them, a range is kept if the rows stay where they are."""
    table = Table(store=MemoryStore())
    frame = days(1, 0, 1)
    assert (
        table.overwrite(frame, partition_by=["day"])
        .read()
        .equals(frame.iloc[[0, 2, 1]].reset_index(drop=True))
    )
    labelled = frame.set_index(pd.Index(["a", "b", "c"], name="label"))
    assert table.overwrite(labelled).read().equals(labelled.iloc[[0, 2, 1]])
    ordered = days(0, 0, 1).set_index(pd.RangeIndex(5, 11, 2))
    pd.testing.assert_frame_equal(table.overwrite(ordered).read(), ordered)
    with pytest.raises(NotPreservableError, match=r"a range from 5 to 11, .* frame.reset_index"):
        table.overwrite(frame.set_index(pd.RangeIndex(5, 11, 2)))
    by_level = table.overwrite(labelled, partition_by=["label"])
    assert by_level.partitions() == [("a",), ("b",), ("c",)]


def test_files_are_passed_over_by_their_partition(tmp_path: Path) -> None:
    """A filter on a column that partitions opens no other file, also where there are no statistics: texts, bytes."""
    table = Table(tmp_path)
    wide = {f"c{n}": [0, 0, 0] for n in range(40)}
    frame = pa.table({**wide, "b": [b"x", b"y", None], "s": ["a" * 40 + "x", "a" * 40 + "y", "z"]})
    snapshot = table.append(frame, partition_by=["b", "s"])
    first, *others = snapshot.data_files()
    for file in others:
        (tmp_path / file.path).unlink()
    assert first.rows == 1
    for row_filter in ([("b", "==", b"x")], [("s", "in", ["a" * 40 + "x"])], [("b", "<", b"y")]):
        assert snapshot.read("arrow", filter=row_filter).num_rows == 1


def test_a_write_that_came_between_is_written_again() -> None:
    """If the table's partitioning was changed meanwhile, the rows are split anew."""
    store = MemoryStore()
    table, other = Table(store=store), Table(store=store)
    table.append(days(0, 1), partition_by=["day"])
    assert len(table.read()) == 2
    other.overwrite(days(0, 1), partition_by=["n"])
    assert table.append(days(0, start=7)).partitions() == [(0,), (1,), (7,)]
    other.overwrite(days(0), partition_by=[])
    with pytest.raises(InvalidInputError, match="not partitioned, so no partitions of it can be replaced"):
        table.overwrite_partitions(days(0))
    assert table.append(days(1, 0)).files == 2


def test_what_fits_not_is_refused_before_a_file_is_written(tmp_path: Path) -> None:
    """Other columns, other types, what can't partition: the folder stays as it was."""
    table = Table(tmp_path)
    table.append(days(0, 1), partition_by=["day"])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SchemaMismatchError, match="column 'n'"):
        table.append(days(0).assign(n="x"))
    with pytest.raises(InvalidInputError, match=r"column 'l' of type .* can't partition"):
        table.overwrite(pa.table({"l": [[1]]}), partition_by=["l"])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("verb", ["open_write", "write", "close"])
def test_a_failure_in_the_middle_leaves_nothing(verb: str) -> None:
    """If one of a hundred partitions can't be written, the files of all are taken away."""
    memory = MemoryStore()
    table = Table(store=FaultyStore(memory, Fault(verb, at=50, times=100, error=refusal)))
    with pytest.raises(StorageError, match="refused"):
        table.append(pa.table({"p": [*range(100)] * 2}), partition_by=["p"])
    assert list(memory.list()) == []


class OpenFiles(StoreWrapper):
    """A store that counts the files that are open at a time."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self.lock, self.open, self.most = threading.Lock(), 0, 0

    def open_write(self, name: str) -> ObjectWriter:
        """Count one more."""
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        return _Counted(super().open_write(name), self)


class _Counted:
    def __init__(self, out: ObjectWriter, files: OpenFiles) -> None:
        self._out, self._files = out, files
        self.write, self.abort = out.write, out.abort

    def close(self) -> None:
        self._out.close()
        with self._files.lock:
            self._files.open -= 1


def test_a_thousand_partitions_are_written_few_at_a_time() -> None:
    """No more files are open than wait for the disk together, and no more memory is taken than of a few partitions."""
    store = OpenFiles(MemoryStore())
    rows = pa.table({"p": np.arange(100_000) % 1000, "x": np.random.default_rng(0).random(100_000)})
    snapshot = Table(store=store).overwrite(rows, partition_by=["p"])
    assert (snapshot.files, snapshot.rows, len(snapshot.partitions())) == (1000, 100_000, 1000)
    assert 1 <= store.most <= 1 + 8
    assert snapshot.read("arrow", partitions=[7])["p"].unique().to_pylist() == [7]


def test_equal_data_gives_equal_content() -> None:
    """The digest of a partitioned write is that of its partitions' rows, in whatever order these come."""
    table = Table(store=MemoryStore())
    first = table.overwrite(days(0, 1, 0), partition_by=["day"])
    assert table.overwrite(days(0, 1, 0)).content == first.content
    assert table.overwrite(days(0, 1, 0).iloc[[1, 0, 2]].reset_index(drop=True)).content == first.content
    assert table.overwrite(days(0, 0, 1)).content != first.content
    assert {file.piece["content"] for file in first.data_files()} != {first.content}


def test_values_that_are_equal_share_a_partition() -> None:
    """-0.0 lies with 0.0, and all that is not a number lies together; the rows keep what they had."""
    rows = pa.table({"x": pa.array([-0.0, 0.0, math.nan, -math.nan, None], from_pandas=False)})
    snapshot = Table(store=MemoryStore()).append(rows, partition_by=["x"])
    assert [str(value) for (value,) in snapshot.partitions()] == ["0.0", "nan", "None"]
    assert str(snapshot.read("arrow", partitions=[0.0])["x"].to_pylist()) == "[-0.0, 0.0]"
    assert len(snapshot.read("arrow", partitions=[math.nan])) == 2
    decimals = pa.table({"d": pa.array([Decimal("1.10"), Decimal("1.1")], pa.decimal128(5, 2))})
    assert Table(store=MemoryStore()).append(decimals, partition_by=["d"]).partitions() == [(Decimal("1.1"),)]
