from __future__ import annotations

import base64
import os
import threading
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.cores import CORES
from atio_core.data.digests.blocks import BLOCK_BYTES
from atio_core.data.scan.scan import read_files, scan_file, scan_portions
from atio_core.data.scan.source import Source
from atio_core.errors import (
    InvalidInputError,
    NewerFormatError,
    NotFoundError,
    SchemaMismatchError,
    StorageError,
)
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.data_files import COLUMNS, FEW, noise, read, with_ids, write
from tests.support.stores import CountingStore


def source(store: Any, schema: pa.Schema) -> Source:
    """Where files lie that were all written with this schema."""
    return Source(store, schema, {1: schema}, "t", 1)


def same(found: pa.Table, expected: pa.Table) -> bool:
    """Equal values, NaN and the signs of zeros included, and equal schemas with all their metadata."""
    return found.schema.equals(expected.schema, check_metadata=True) and repr(found.to_pylist()) == repr(
        expected.to_pylist()
    )


@pytest.mark.usefixtures("either_path")
@given(st.fixed_dictionaries({}, optional=COLUMNS).filter(bool), st.data())
def test_what_is_read_is_what_was_written(drawn: dict[str, pa.Array], data: st.DataObject) -> None:
    """Any values of any type come back, with the schema and its metadata, whole or some columns in any order."""
    rows = with_ids(pa.table(drawn).replace_schema_metadata({"k": "v"}))
    store = MemoryStore()
    files = write(store, rows, target_bytes=data.draw(st.sampled_from([1 << 20, 1])))
    assert same(read(store, files, rows.schema), rows)
    chosen = data.draw(
        st.permutations(sorted(drawn)).flatmap(lambda n: st.integers(1, len(n)).map(lambda k: n[:k]))
    )
    assert same(read(store, files, rows.schema, columns=chosen), rows.select(chosen))
    portions = list(scan_portions(source(store, rows.schema), files, None))
    assert same(pa.concat_tables([portion.rows for portion in portions] or [rows]), rows)


@pytest.mark.usefixtures("either_path")
@pytest.mark.parametrize("columns", [None, ["t", "n"], []])
def test_no_files_and_no_rows_give_an_empty_table(columns: list[str] | None) -> None:
    """A version of no rows reads as its schema, without any."""
    store = MemoryStore()
    expected = FEW.slice(0, 0) if columns is None else FEW.slice(0, 0).select(columns)
    for files in (
        [],
        write(store, FEW.slice(0, 0)),
        write(store, FEW.slice(0, 0)) + write(store, FEW.slice(0, 0)),
    ):
        assert same(read(store, files, FEW.schema, columns=columns), expected)
        assert list(scan_portions(source(store, FEW.schema), files, columns)) == []


@pytest.mark.usefixtures("either_path")
def test_reading_no_columns_counts_the_rows() -> None:
    """A read of no columns has as many rows as any other."""
    store = MemoryStore()
    files = write(store, FEW) + write(store, FEW)
    assert read(store, files, FEW.schema, columns=[]).num_rows == 6
    portions = scan_portions(source(store, FEW.schema), files, [])
    assert [portion.rows.num_rows for portion in portions] == [3, 3]


def test_rows_come_in_the_order_of_the_files() -> None:
    """Files and row groups are read side by side, and still come one after the other."""
    store = MemoryStore()
    pieces = [noise(200_000, "a") for _ in range(7)]
    files = [file for piece in pieces for file in write(store, piece)]
    files[2:2] = write(store, FEW.select(["n"]))
    expected = pa.concat_tables([*pieces[:2], FEW.select(["n"]).rename_columns(["a"]), *pieces[2:]])
    assert read(store, files, pieces[0].schema).equals(expected)


# --- Columns are matched by id


@pytest.mark.usefixtures("either_path")
def test_a_renamed_column_keeps_its_values() -> None:
    """Names are those of the version, whatever a file calls its columns."""
    store = MemoryStore()
    now = with_ids(pa.table({"t": [1], "n": ["a"], "f": [0.5]})).schema
    found = read(store, write(store, FEW), now, schemas={1: FEW.schema}, columns=["n", "t"])
    assert found.to_pydict() == {"n": ["a", "b", None], "t": [1, None, 3]}


@pytest.mark.usefixtures("either_path")
def test_a_column_added_again_does_not_get_the_old_values() -> None:
    """A column dropped, and another of the same name added, is null in the files from before."""
    store = MemoryStore()
    now = with_ids(pa.table({"n": [1], "t": ["a"]}), [9, 2])
    files = write(store, FEW) + write(store, now, schema=2)
    found = read(store, files, now.schema, schemas={1: FEW.schema, 2: now.schema})
    assert found.to_pydict() == {"n": [None, None, None, 1], "t": ["a", "b", None, "a"]}
    assert read(store, files, now.schema, schemas={1: FEW.schema, 2: now.schema}, columns=["n"]).num_rows == 4


@pytest.mark.usefixtures("either_path")
def test_an_older_type_is_widened_or_refused() -> None:
    """Files of a narrower type read as the version's; values that don't fit it raise, naming the column."""
    store = MemoryStore()
    files = write(store, FEW)
    wider = with_ids(pa.table({"n": pa.array([1.0]), "t": pa.array(["a"], pa.large_string())})).schema
    assert read(store, files, wider, schemas={1: FEW.schema}).to_pydict() == {
        "n": [1.0, None, 3.0],
        "t": ["a", "b", None],
    }
    narrower = with_ids(pa.table({"n": pa.array([1]), "t": pa.array([1])})).schema
    with pytest.raises(SchemaMismatchError, match="'t'") as raised:
        read(store, files, narrower, schemas={1: FEW.schema})
    assert (raised.value.table, raised.value.version) == ("t", 3)


def test_a_column_that_is_not_there_is_refused() -> None:
    """Asking for an unknown column raises before anything is read."""
    store = CountingStore(MemoryStore())
    with pytest.raises(InvalidInputError, match="'x'"):
        read(store, write(store.store, FEW), FEW.schema, columns=["n", "x"])
    assert store.calls == []


# --- What is read


def test_a_small_file_is_one_request() -> None:
    """A small file is read whole, whatever columns are wanted."""
    store = CountingStore(MemoryStore())
    files = write(store.store, FEW)
    read(store, files, FEW.schema, columns=["n"])
    assert store.counts == {"read_into": 1}


@pytest.mark.parametrize("columns", [None, ["a"]])
def test_a_file_of_some_megabytes_is_one_request_if_all_is_wanted(columns: list[str] | None) -> None:
    """A file that is read as a whole, or in its parts if some columns are wanted: as its size and the wish ask."""
    store = CountingStore(MemoryStore())
    rows = noise(150_000)
    files = write(store.store, rows)
    assert 1 << 20 < files[0].size < 8 << 20
    read(store, files, rows.schema, columns=columns)
    assert store.counts == {"read_into": 1 if columns is None else 2}


def test_a_file_that_is_to_be_changed_is_read_as_a_whole() -> None:
    """All rows of one file of some megabytes take one request, and are checked and decoded in one go."""
    store = CountingStore(MemoryStore())
    rows = noise(200_000)
    (file,) = write(store.store, rows)
    assert file.size > 1 << 20
    (portion,) = scan_file(source(store, rows.schema), file)
    assert store.counts == {"read_into": 1}
    assert portion.rows.equals(rows)
    assert portion.kept == range(200_000)


class MeteredStore(CountingStore):
    """Counts the bytes that are asked for."""

    asked = 0

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Count, and read."""
        self.asked += len(into)
        return super().read_into(name, start, into)


@pytest.mark.parametrize("columns", [["c"], ["a", "f"]])
def test_reading_some_columns_reads_about_these(columns: list[str]) -> None:
    """A column of a row group costs its own bytes and at most two blocks more; a file costs its footer."""
    store = MeteredStore(MemoryStore())
    rows = noise(1_000_000, "abcdef")
    files = write(store.store, rows, target_bytes=rows.nbytes // 2 + 1)
    assert read(store, files, rows.schema, columns=columns).equals(rows.select(columns))
    assert len(files) == 2
    ends = [pq.read_metadata(pa.BufferReader(store.store.read(file.path))) for file in files]
    groups = sum(end.num_row_groups for end in ends)
    assert store.asked < len(columns) * (8_000_000 + groups * 2 * BLOCK_BYTES) + len(files) * 20_000


def test_a_dictionary_is_read_with_its_column(large_path: None) -> None:
    """A column's dictionary lies before its values, blocks away if it is large, and is read too."""
    texts = [base64.b85encode(os.urandom(600)).decode() for _ in range(800)]
    rows = with_ids(pa.table({"a": range(30_000), "b": pa.array(texts * 38).slice(0, 30_000)}))
    store = MemoryStore()
    (file,) = write(store, rows)
    column = pq.read_metadata(pa.BufferReader(store.read(file.path))).row_group(0).column(1)
    assert column.data_page_offset - column.dictionary_page_offset > BLOCK_BYTES
    assert read(store, [file], rows.schema, columns=["b"]).equals(rows.select(["b"]))


def test_a_scan_reads_only_a_little_ahead() -> None:
    """The first batch of a scan comes before most of the files are read; leaving it stops the reading."""
    store = CountingStore(MemoryStore())
    rows = noise(150_000)
    files = [file for _ in range(40) for file in write(store.store, rows)]
    portions = scan_portions(source(store, rows.schema), files, None)
    next(portions)
    portions.close()
    assert len({name for _, name in store.calls}) < 30
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("atio-read")]


def test_an_error_stops_the_reading() -> None:
    """When a file can't be read, those after it aren't read in vain, and no thread stays behind."""
    store = CountingStore(MemoryStore())
    (missing,), (file,) = write(store.store, FEW), write(store.store, FEW)
    store.store.delete([missing.path])
    with pytest.raises(NotFoundError):
        read(store, [missing] + [file] * 5000, FEW.schema)
    assert len(store.calls) < 4000
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("atio-read")]


@pytest.mark.usefixtures("either_path")
@pytest.mark.parametrize("others", [0, 5])
def test_a_missing_file_is_not_found(others: int) -> None:
    """A file that isn't there is told by its path; whether that is damage, the version's range says."""
    store = MemoryStore()
    files = [file for _ in range(others + 1) for file in write(store, FEW)]
    store.delete([files[-1].path])
    with pytest.raises(NotFoundError, match=r"table 't', version 3") as raised:
        read(store, files, FEW.schema)
    assert raised.value.facts["path"] == files[-1].path
    assert (raised.value.table, raised.value.version) == ("t", 3)


@pytest.mark.usefixtures("either_path")
@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_store_that_fails_is_no_damage(at: int) -> None:
    """A store's refusal comes through as what it is, and no thread stays behind."""
    store = FaultyStore(MemoryStore(), Fault("read_into", at=at, error=refusal))
    files = [file for _ in range(5) for file in write(store.store, FEW)]
    with pytest.raises(StorageError, match="refused"):
        read(store, files, FEW.schema)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("atio-read")]


def test_a_format_of_a_later_release_is_told() -> None:
    """A file of a format that this release doesn't know says to upgrade."""
    store = MemoryStore()
    (file,) = write(store, FEW)
    with pytest.raises(NewerFormatError, match="Upgrade"):
        read_files(
            store,
            [replace(file, format="vortex")],
            schema=FEW.schema,
            schemas={1: FEW.schema},
            table="t",
            version=1,
        )


def test_what_comes_from_a_bucket_is_decoded_by_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many threads wait for a bucket's answers; no more decode what came than there would be for a disk."""
    decoding: set[int] = set()
    fetching: set[int] = set()
    store = MemoryStore()
    files = [file for _ in range(60) for file in write(store, FEW)]

    class Watched(CountingStore):
        def read_into(self, name: str, start: int, into: memoryview) -> int:
            fetching.add(threading.get_ident())
            return super().read_into(name, start, into)

    original = pq.ParquetFile

    def watched(*args: Any, **options: Any) -> pq.ParquetFile:
        decoding.add(threading.get_ident())
        return original(*args, **options)

    monkeypatch.setattr(pq, "ParquetFile", watched)
    assert read(Watched(store), files, FEW.schema).num_rows == 60 * FEW.num_rows
    assert not fetching & decoding
    assert len(decoding) <= max(2, CORES)
