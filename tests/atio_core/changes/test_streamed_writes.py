"""Streams of rows: written as they come, in bounded memory, and never in part."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.changes import writing
from atio_core.errors import CommitConflictError, InvalidInputError, SchemaMismatchError, StorageError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, refusal

ROWS = pa.table({"n": range(1000), "s": [f"row {n}" for n in range(1000)]})


def reader(rows: pa.Table = ROWS, batch: int = 70) -> pa.RecordBatchReader:
    """The rows as a stream."""
    return pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(max_chunksize=batch))


def frames(rows: pa.Table = ROWS, count: int = 70) -> Iterator[pd.DataFrame]:
    """The rows as a generator of frames, each with an index of its own from 0."""
    for start in range(0, len(rows), count):
        yield rows.slice(start, count).to_pandas()


STREAMS: dict[str, Callable[[], Any]] = {
    "reader": reader,
    "duckdb": lambda: duckdb.sql("select * from ROWS"),
    "lazy": lambda: pl.DataFrame(ROWS).lazy(),
    "generator of pandas": frames,
    "generator of polars": lambda: (pl.DataFrame(part) for part in ROWS.to_batches(max_chunksize=70)),
    "generator of tables": lambda: (
        pa.Table.from_batches([part]) for part in ROWS.to_batches(max_chunksize=70)
    ),
    "generator of batches": lambda: iter(ROWS.to_batches(max_chunksize=70)),
}


@pytest.fixture(params=[1 << 40, 1000], ids=["one file", "many files"])
def file_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How much of a stream goes into a file."""
    monkeypatch.setattr(writing, "_STREAMED_BYTES", request.param)
    return request.param


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_its_rows(kind: str, file_bytes: int) -> None:
    """Whatever gives the rows, and however they are cut, they come back in order, with the digest of one frame."""
    table = Table(store=MemoryStore())
    snapshot = table.append(STREAMS[kind]())
    assert snapshot.read("arrow").to_pydict() == ROWS.to_pydict()
    assert (snapshot.files > 1) == (file_bytes == 1000)
    last = kind.rsplit(maxsplit=1)[-1].replace("lazy", "polars")
    library: Any = last if last in ("pandas", "polars") else "arrow"
    whole = snapshot.read(library)
    again = table.overwrite(whole)
    assert again.content == snapshot.content
    assert table.append(STREAMS[kind]()).rows == 2000


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_takes_the_place_of_rows_that_match(kind: str, file_bytes: int) -> None:
    """An overwrite of matching rows takes a stream too, as the first rows of a table as well."""
    table = Table(store=MemoryStore())
    first = table.overwrite(STREAMS[kind](), where=[("n", "<", 500)])
    assert first.read("arrow").to_pydict() == ROWS.to_pydict()
    second = table.overwrite(STREAMS[kind](), where=[("n", "<", 500)])
    assert second.read("arrow").to_pydict() == pa.concat_tables([ROWS.slice(500), ROWS]).to_pydict()
    empty = ROWS.slice(0, 0)
    assert table.overwrite(reader(empty), where=[("n", ">=", 500)]).rows == 500


def test_a_stream_for_rows_that_match_and_breaks_leaves_nothing(file_bytes: int) -> None:
    """A stream that fails midway changes nothing, and leaves no file."""

    def breaks() -> Iterator[pa.Table]:
        yield from (ROWS.slice(start, 100) for start in range(0, 500, 100))
        raise RuntimeError("the source is gone")

    store = MemoryStore()
    table = Table(store=store)
    table.append(ROWS)
    before = [*store.list()]
    with pytest.raises(RuntimeError, match="the source is gone"):
        table.overwrite(breaks(), where=[("n", "<", 500)])
    assert [*store.list()] == before


def test_a_default_index_goes_on(file_bytes: int) -> None:
    """Frames that each count from 0 are one frame that counts on; ranges that follow each other stay one range."""
    table = Table(store=MemoryStore())
    pd.testing.assert_frame_equal(table.append(frames()).read(), ROWS.to_pandas())
    whole = ROWS.to_pandas()
    parts = (whole.iloc[start : start + 70] for start in range(0, 1000, 70))
    pd.testing.assert_frame_equal(table.overwrite(parts).read(), whole)
    shifted = whole.set_index(pd.RangeIndex(5, 2005, 2))
    parts = (shifted.iloc[start : start + 70] for start in range(0, 1000, 70))
    pd.testing.assert_frame_equal(table.overwrite(parts).read(), shifted)
    odd = (part.set_index(pd.RangeIndex(7, 7 + len(part))) for part in frames())
    assert table.overwrite(odd).read().index.tolist()[69:72] == [76, 7, 8]


def test_what_belongs_to_each_frame_stays_with_it(file_bytes: int) -> None:
    """Frames that differ in what isn't rows have files of their own; nothing of one is told of another."""
    table = Table(store=MemoryStore())
    parts = list(frames(count=500))
    for number, part in enumerate(parts):
        part.attrs["part"] = number
    read = table.append(iter(parts)).read()
    assert read.attrs == {}
    parts[1].attrs["part"] = 0
    assert table.overwrite(iter(parts)).read().attrs == {"part": 0}


def test_a_stream_without_rows_is_a_table_without_rows(file_bytes: int) -> None:
    """Columns alone make a table; frames without rows between others change nothing; no frame at all is refused."""
    table = Table(store=MemoryStore())
    empty = pa.RecordBatchReader.from_batches(ROWS.schema, [])
    assert (table.append(empty).rows, table.read(output_as="arrow").schema.names) == (0, ["n", "s"])
    assert table.overwrite(pl.DataFrame(ROWS).lazy().filter(pl.col("n") < 0)).read("polars").columns == [
        "n",
        "s",
    ]
    parts = [ROWS.slice(0, 0), ROWS.slice(0, 3), ROWS.slice(0, 0), ROWS.slice(3, 3), ROWS.slice(0, 0)]
    assert table.overwrite(iter(parts)).read("arrow").equals(ROWS.slice(0, 6))
    with pytest.raises(InvalidInputError, match="an iterator that gives no frame"):
        table.overwrite(iter(()))


@pytest.mark.parametrize("columns", [["n"], ["s"]])
def test_a_stream_is_split_over_partitions(columns: list[str], file_bytes: int) -> None:
    """Each few rows find their partitions; the digest is that of one frame."""
    rows = pa.table({"n": [n % 3 for n in range(300)], "s": ["a", None, "b"] * 100, "place": range(300)})
    table = Table(store=MemoryStore())
    snapshot = table.append(reader(rows, 7), partition_by=columns)
    assert snapshot.content == Table(store=MemoryStore()).append(rows, partition_by=columns).content
    assert len(snapshot.partitions()) == 3
    assert snapshot.read("arrow").sort_by("place").equals(rows)
    others = rows.set_column(2, "place", pa.array(range(1, 301)))
    replaced = table.overwrite_partitions(
        reader(others.filter(pa.array([n % 3 == 1 for n in range(300)])), 7)
    )
    assert (replaced.removed.rows, replaced.added.rows, replaced.rows) == (100, 100, 300)


def broken(after: int) -> Iterator[pd.DataFrame]:
    """Frames, and then an error."""
    for number, frame in enumerate(frames()):
        if number == after:
            raise ZeroDivisionError
        yield frame


@pytest.mark.parametrize("after", [0, 1, 3, 14])
def test_a_stream_that_breaks_leaves_nothing(after: int, file_bytes: int, tmp_path: Path) -> None:
    """An error of the caller's comes out as it is, and no file stays."""
    table = Table(tmp_path)
    with pytest.raises(ZeroDivisionError):
        table.append(broken(after))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_frames_that_do_not_fit_each_other_are_refused(file_bytes: int, tmp_path: Path) -> None:
    """The first frame says which columns there are; one that doesn't fit takes all away."""
    table = Table(tmp_path)
    with pytest.raises(
        SchemaMismatchError, match=r"some of the data .* doesn't fit the first of it: column 'n'"
    ):
        table.append(iter([*frames(), pd.DataFrame({"n": ["x"], "s": ["x"]})]))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("verb", ["open_write", "write", "close"])
def test_a_store_that_fails_midway_keeps_nothing(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of a stream leaves no file."""
    monkeypatch.setattr(writing, "_STREAMED_BYTES", 1000)
    memory = MemoryStore()
    with pytest.raises(StorageError, match="refused"):
        Table(store=FaultyStore(memory, Fault(verb, at=5, times=100, error=refusal))).append(reader())
    assert list(memory.list()) == []


def test_a_query_that_fails_is_told(file_bytes: int) -> None:
    """What polars can't compute is an error of the input."""
    lazy = pl.LazyFrame({"a": ["x"]}).select(pl.col("a").cast(pl.Int64))
    with pytest.raises(InvalidInputError, match="the rows of the polars LazyFrame can't be computed"):
        Table(store=MemoryStore()).append(lazy)


def test_a_stream_that_is_used_up_is_not_written_again() -> None:
    """If the columns were changed while a stream was written, nothing of it is committed, and the error says why."""
    memory = MemoryStore()
    table, other = Table(store=memory), Table(store=memory)
    table.append(ROWS)

    def interrupted() -> Iterator[pa.Table]:
        yield ROWS
        other.overwrite(ROWS.slice(0, 2), partition_by=["s"])
        yield ROWS

    with pytest.raises(
        CommitConflictError, match="gone through only once; nothing was committed: make the stream"
    ):
        table.append(interrupted())
    assert table.read(output_as="arrow").num_rows == 2
    assert len(list(memory.list("data/"))) == 3


def test_a_stream_rebases_over_other_writes() -> None:
    """Appends that came between don't matter; nor does a version that the handle didn't know of."""
    memory = MemoryStore()
    table, other = Table(store=memory), Table(store=memory)
    table.append(pa.table({"x": [1]}))
    other.overwrite(ROWS)

    def interrupted() -> Iterator[pa.Table]:
        yield ROWS
        other.append(ROWS)
        yield ROWS

    assert table.append(interrupted()).rows == 4000


MEMORY = """
import sys
import numpy as np, pyarrow as pa
import atio_core as atio
megabytes, path = int(sys.argv[1]), sys.argv[2]
columns = {f"c{n}": np.random.default_rng(n).random(1 << 16) for n in range(8)}
batch = pa.RecordBatch.from_pydict(columns)  # 4 MiB
batches = (batch for _ in range(megabytes // 4))
atio.Table(path).append(pa.RecordBatchReader.from_batches(batch.schema, batches))
(peak,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak.split()[1]) // 1024)
"""


def peak_of(megabytes: int, folder: Path) -> int:
    """The peak memory of a streamed append, in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(megabytes), str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of a process")
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A streamed append holds a few row groups, whatever its size."""
    assert peak_of(1000, tmp_path / "table") <= 500
    assert Table(tmp_path / "table").snapshot().rows == 250 << 16


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of a process")
def test_memory_is_bounded_for_4_gb(tmp_path: Path) -> None:
    """The same of four gigabytes."""
    assert peak_of(4096, tmp_path / "table") <= 500
