from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atio_core.data.digests.blocks import BLOCK_BYTES, blocks_of_footer
from atio_core.data.writing.writer import Part, write_parts
from atio_core.errors import NotPreservableError, StorageError
from atio_core.format.digest import digest
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.storage.local import LocalStore
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, StoreWrapper, refusal
from tests.support.data_files import FEW, noise, read, with_ids, write
from tests.support.stores import CountingStore

_Result = TypeVar("_Result")

MANY = with_ids(pa.table({"n": range(300_000), "t": [f"row {n}" for n in range(300_000)]}))
PIECE = MANY.nbytes // 10


def test_a_record_says_what_the_file_is() -> None:
    """Size, rows and digests of a record are those of the file, and everything else is as given."""
    store = MemoryStore()
    (file,) = write(
        store, FEW, info={"k": 1}, schema=7, partition=("p", 2, None), commit_id="abc", time_us=123, late=True
    )
    data = store.read(file.path)
    assert file == DataFile(
        path=file.path,
        format="parquet",
        size=len(data),
        rows=3,
        digest=digest(data),
        footer_size=file.footer_size,
        footer_digest=digest(data[-file.footer_size :]),
        schema=7,
        partition=("p", 2, None),
        stats={1: ColumnStats(1, 1, 3), 2: ColumnStats(1, "a", "b"), 3: ColumnStats(0, 0.5, 2.5)},
        commit_id="abc",
        time_us=123,
        late=True,
        piece={"k": 1, "offset": 0, "rows": 3},
    )


def test_the_footer_digests_every_block_before_it() -> None:
    """Record, footer, blocks: each byte of a file is covered by the chain of digests."""
    store = MemoryStore()
    (file,) = write(store, noise(200_000))
    data = memoryview(store.read(file.path))
    assert len(data) > 3 * BLOCK_BYTES
    footer = data[-file.footer_size :]
    blocks = blocks_of_footer(pq.read_metadata(pa.BufferReader(footer)).metadata)
    assert blocks.end == file.size - file.footer_size
    assert list(blocks.wrong(0, data[: blocks.end])) == []


def test_other_readers_get_the_same_rows() -> None:
    """A data file is plain Parquet, with column ids and page checksums."""
    store = MemoryStore()
    (file,) = write(store, MANY)
    found = pq.read_table(pa.BufferReader(store.read(file.path)), page_checksum_verification=True)
    assert found.equals(MANY)
    assert found.schema.equals(MANY.schema, check_metadata=True)


def test_polars_gets_the_same_rows() -> None:
    """Ways to encode that Parquet's own library seldom takes are read by others as well."""
    count = 200_000
    rows = with_ids(
        pa.table(
            {
                "id": range(count),
                "time": pa.array(range(0, 1000 * count, 1000), pa.timestamp("us")),
                "word": ["a", "b", "c", None] * (count // 4),
                "value": noise(count)["a"],
                "small": pa.array([1, 2, 3, None] * (count // 4), pa.int8()),
            }
        )
    )
    store = MemoryStore()
    (file,) = write(store, rows)
    metadata = pq.read_metadata(pa.BufferReader(store.read(file.path)))
    found = {name for column in range(5) for name in metadata.row_group(0).column(column).encodings}
    assert {"PLAIN", "RLE_DICTIONARY", "DELTA_BINARY_PACKED"} <= found
    assert pl.read_parquet(store.read(file.path)).equals(pl.DataFrame(rows))


def test_other_readers_can_check_the_pages() -> None:
    """Pages carry checksums, so that readers who know nothing of our digests can find damage too."""
    store = MemoryStore()
    (file,) = write(store, noise(10_000))
    data = bytearray(store.read(file.path))
    data[len(data) // 2] ^= 1
    pq.read_table(pa.BufferReader(bytes(data)))
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(pa.BufferReader(bytes(data)), page_checksum_verification=True)


def test_many_rows_become_several_files_in_their_order() -> None:
    """A large table is cut into files of about the target size; their order is that of the rows."""
    store = MemoryStore()
    files = write(store, MANY, target_bytes=PIECE, info={"k": 1})
    assert 10 <= len(files) <= 20
    assert max(file.rows for file in files) <= min(file.rows for file in files) + 1
    offsets = [sum(file.rows for file in files[:index]) for index in range(len(files))]
    assert [file.piece for file in files] == [
        {"k": 1, "offset": offset, "rows": file.rows} for offset, file in zip(offsets, files, strict=True)
    ]
    assert [file.stats[1].low for file in files] == offsets
    assert read(store, files, MANY.schema).equals(MANY)


def test_no_rows_make_one_file() -> None:
    """What belongs to a piece of data without rows needs a file to live in."""
    store = MemoryStore()
    (file,) = write(store, FEW.slice(0, 0), info={"k": 1}, target_bytes=1)
    assert (file.rows, file.piece, file.stats) == (0, {"k": 1, "offset": 0, "rows": 0}, {})
    found = read(store, [file], FEW.schema)
    assert found.equals(FEW.slice(0, 0))


@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_rows_without_columns_are_counted(rows: int) -> None:
    """A table of no columns keeps its number of rows, for other readers too."""
    store = MemoryStore()
    nothing = pa.table({"a": range(rows)}, metadata={"k": "v"}).select([])
    (file,) = write(store, nothing)
    found = read(store, [file, file], nothing.schema)
    assert (file.rows, found.num_rows, found.num_columns) == (rows, 2 * rows, 0)
    assert found.schema.equals(nothing.schema, check_metadata=True)
    assert pq.read_metadata(pa.BufferReader(store.read(file.path))).num_rows == rows


def test_more_files_than_rows_are_never_made() -> None:
    """A row is the least that a file holds."""
    files = write(MemoryStore(), FEW, target_bytes=1)
    assert [file.rows for file in files] == [1, 1, 1]


FAILURES = [(verb, at) for verb in ("open_write", "write", "close") for at in (1, 2, 3, 7, 10)]


@pytest.mark.parametrize("files", [10, 1000], ids=["large", "tiny"])
@pytest.mark.parametrize("error", [refusal, KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize(("verb", "at"), FAILURES)
def test_a_failure_leaves_no_file(verb: str, at: int, error: Callable[[], BaseException], files: int) -> None:
    """If one file of a write fails, an interrupt included, none is left, and that failure is what is raised."""
    counting = CountingStore(MemoryStore())
    store = FaultyStore(counting, Fault(verb, at=at, times=100, error=error))
    with pytest.raises(type(error())) as raised:
        write(store, MANY, target_bytes=MANY.nbytes // files)
    assert store.faults[0].seen >= at
    assert not hasattr(raised.value, "__notes__")
    assert list(counting.list()) == []
    assert counting.counts["open_write"] == counting.counts["close"] + counting.counts["abort"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("atio-write")]


@pytest.mark.parametrize("verb", ["open_write", "write", "close"])
def test_a_failure_of_a_small_write_leaves_no_file(verb: str) -> None:
    """The same holds for a single file, on a disk."""
    memory = MemoryStore()
    store = FaultyStore(memory, Fault(verb, error=refusal))
    with pytest.raises(StorageError, match="refused"):
        write(store, FEW)
    assert list(memory.list()) == []


def test_a_failure_of_what_comes_after_the_file_leaves_none() -> None:
    """A file that is complete already goes too, when the write as a whole fails."""

    def fail(*_: Any) -> dict[str, Any]:
        raise ZeroDivisionError

    memory = MemoryStore()
    with pytest.raises(ZeroDivisionError):
        write(memory, FEW, slice_info=fail)
    assert list(memory.list()) == []


def test_the_first_error_is_raised_even_if_cleaning_up_fails() -> None:
    """What went wrong first is what the caller must know; that a file is left is a note."""
    memory = MemoryStore()
    store = FaultyStore(memory, Fault("write", error=ZeroDivisionError), Fault("delete", error=refusal))
    with pytest.raises(ZeroDivisionError) as raised:
        write(store, FEW)
    assert "The store refused." in raised.value.__notes__[0]


def test_a_failure_stops_the_files_to_come() -> None:
    """When a file fails, those that wait for their turn aren't begun."""
    counting = CountingStore(MemoryStore())
    store = FaultyStore(counting, Fault("write", error=refusal))
    with pytest.raises(StorageError):
        write(store, MANY, target_bytes=MANY.nbytes // 1000)
    assert counting.counts["open_write"] < 900


def test_nothing_is_written_to_a_file_that_was_given_up() -> None:
    """Parquet's writer, which writes its footer in any case, does so before the file is given up, not after."""
    wide = with_ids(pa.table({f"a column with a long name, number {n}": [1] * 20 for n in range(500)}))
    counting = CountingStore(MemoryStore())
    with pytest.raises(StorageError):
        write(FaultyStore(counting, Fault("write", error=refusal)), wide)
    gc.collect()
    assert [verb for verb, _ in counting.calls] == ["open_write", "write", "abort", "delete"]


class TwoWriters(StoreWrapper):
    """The first file fails once the second has begun; the second goes on only when the first is given up."""

    def __init__(self) -> None:
        """Both start from nothing."""
        super().__init__(MemoryStore())
        self.begun, self.given_up = threading.Event(), threading.Event()
        self.names: list[str] = []
        self.closed: list[str] = []

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Order the two."""
        if verb == "open_write":
            self.names.append(name)
        first = name == self.names[0] if self.names else False
        if verb == "write" and first:
            self.begun.wait(10)
            raise refusal()
        if verb == "write":
            self.begun.set()
            self.given_up.wait(10)
        if verb == "abort" and first:
            self.given_up.set()
        if verb == "close":
            self.closed.append(name)
        return call()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="files are written one after the other")
def test_a_failure_stops_the_files_beside_it() -> None:
    """A write that has failed doesn't go on with gigabytes of the other files."""
    store = TwoWriters()
    rows = noise(2_000_000)
    with pytest.raises(StorageError, match="refused"):
        write(store, rows, target_bytes=rows.nbytes // 2 + 1)
    assert len(store.names) == 2
    assert store.closed == []
    assert list(store.list()) == []


class Together(StoreWrapper):
    """A store whose files are closed only when so many are being closed."""

    def __init__(self, parties: int) -> None:
        """Nobody is there yet."""
        super().__init__(MemoryStore())
        self.barrier = threading.Barrier(parties, timeout=30)

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Wait for the others."""
        if verb == "close":
            self.barrier.wait()
        return call()


@pytest.mark.parametrize(("rows", "together"), [(3, 32), (10_000, 8)], ids=["tiny", "small"])
def test_small_files_wait_for_the_disk_together(rows: int, together: int) -> None:
    """Small files are synced several at a time, however few are encoded at a time: a disk writes for them in one go."""
    parts = [Part(f"data/{number}.parquet", noise(rows), {}) for number in range(together)]
    files = write_parts(Together(together), parts, schema=1, commit_id="c", time_us=1, at_once=1)
    assert [file.path for file in files] == [part.path for part in parts]


def test_tiny_files_are_encoded_by_one_thread_and_written_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that encode a few rows each hold each other up; those that wait for the disk don't."""
    threads: dict[str, set[str]] = {}

    class Encoder(pq.ParquetWriter):
        def write_table(self, *args: Any, **options: Any) -> None:
            threads.setdefault("encode", set()).add(threading.current_thread().name)
            super().write_table(*args, **options)

    class Store(StoreWrapper):
        def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
            threads.setdefault(verb, set()).add(threading.current_thread().name.split("_")[0])
            return call()

    monkeypatch.setattr(pq, "ParquetWriter", Encoder)
    parts = [Part(f"data/{number}.parquet", FEW, {}) for number in range(200)]
    files = write_parts(Store(MemoryStore()), parts, schema=1, commit_id="c", time_us=1)
    assert threads.pop("encode") == {"MainThread"}
    assert threads == {verb: {"atio-write"} for verb in ("open_write", "write", "close")}
    assert [file.path for file in files] == [part.path for part in parts]


class OneByOne(StoreWrapper):
    """A store that tells how many files are open at a time."""

    def __init__(self) -> None:
        """None is open."""
        super().__init__(MemoryStore())
        self.open = self.most = 0
        self.lock = threading.Lock()

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Count."""
        with self.lock:
            self.open += {"open_write": 1, "close": -1}.get(verb, 0)
            self.most = max(self.most, self.open)
        return call()


def test_large_files_are_written_a_few_at_a_time() -> None:
    """Of large files no more are encoded, and in memory, at a time than the caller says."""
    large = noise(200_000)
    parts = [Part(f"data/{number}.parquet", large, {}) for number in range(6)]
    store = OneByOne()
    assert len(write_parts(store, parts, schema=1, commit_id="c", time_us=1, at_once=2)) == 6
    assert store.most <= 2


REFUSED = [
    (pa.array([(1, 2, 3)] * 3, pa.month_day_nano_interval()), "can't be kept"),
    (pa.array([{}] * 3, pa.struct([])), "can't be kept"),
    (pa.DictionaryArray.from_arrays(pa.array([0, 1, 1]), pa.array(["a", None])), "can't be kept"),
    (pa.array([1] * 3, pa.timestamp("s")), "another type"),
    (pa.array([3, 1, 3]).dictionary_encode(), "another type"),
    (pa.array([[1]] * 3, pa.list_(pa.timestamp("s"))), "another type"),
]


@pytest.mark.parametrize("repeat", [1, 100_000])
@pytest.mark.parametrize(("values", "why"), REFUSED)
def test_what_parquet_can_not_keep_is_refused(values: pa.Array, why: str, repeat: int) -> None:
    """A column that wouldn't come back is refused by its name, and nothing is left."""
    memory = MemoryStore()
    column = pa.chunked_array([values] * repeat)
    rows = with_ids(pa.table({"fine": range(len(column)), "odd": column}))
    with pytest.raises(NotPreservableError, match=f"'odd'.*{why}") as raised:
        write(memory, rows)
    assert raised.value.facts["column"] == "odd"
    assert list(memory.list()) == []


def test_a_small_write_is_few_calls() -> None:
    """Ten rows are one file, written in one piece."""
    store = CountingStore(MemoryStore())
    write(store, FEW)
    assert store.counts == {"open_write": 1, "write": 1, "close": 1}


MEMORY = """
import os, resource, sys
import pyarrow as pa
from tests.support.data_files import FEW, noise, read, with_ids, write
from atio_core.storage.local import LocalStore

n = 5_000_000
numbers = [pa.Array.from_buffers(pa.int64(), n, [None, pa.py_buffer(os.urandom(8 * n))]) for _ in range(6)]
rows = with_ids(pa.table(numbers, names=list("abcdef")))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
files = write(LocalStore(sys.argv[1], temporary="tmp"), rows)
print(len(files), rows.nbytes >> 20, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the units of ru_maxrss differ")
def test_memory_is_bounded(tmp_path: Any) -> None:
    """Writing a table takes a few columns of a row group beyond the table itself."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=True, env=None
    )
    files, size, grown = map(int, done.stdout.split())
    assert files >= 2 or size < 100
    assert size > 200
    assert grown < 120


def test_files_on_a_disk_are_complete_and_alone(tmp_path: Any) -> None:
    """What is written through a folder is there under the names of the records, and nothing else is."""
    store = LocalStore(tmp_path, temporary="tmp")
    files = write(store, MANY, target_bytes=PIECE)
    assert sorted(store.list("data/")) == sorted(file.path for file in files)
    assert read(store, files, MANY.schema).equals(MANY)


@pytest.mark.parametrize(
    ("rows", "columns", "groups"), [(1_000_000, "ab", 2), (50_000, "abcdefghijklmnopqrst" * 2, 1)]
)
def test_row_groups_are_of_some_megabytes(rows: int, columns: str, groups: int) -> None:
    """Who reads some rows decodes a few megabytes, unless a group has so many columns that each had hardly any rows."""
    store = MemoryStore()
    names = [f"{name}{place}" for place, name in enumerate(columns)]
    table = with_ids(pa.table({name: np.arange(rows) for name in names}))
    (file,) = write(store, table, target_bytes=1 << 30)[:1]
    found = pq.read_metadata(pa.BufferReader(store.read(file.path)))
    assert found.num_row_groups == groups


class TogetherStore(StoreWrapper):
    """A store in which a file is closed only when four of them are."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.barrier = threading.Barrier(4, timeout=60)

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Wait for the others."""
        if verb == "close":
            self.barrier.wait()
        return call()


def test_files_go_to_a_bucket_side_by_side() -> None:
    """Where each file waits for an answer, several are on their way at a time, whatever the processors."""
    rows = noise(400_000)  # more than what counts as small, even on a disk
    places = [(start, 50_000) for start in range(0, 400_000, 50_000)]
    assert len(write(TogetherStore(), rows, places=places)) == 8
