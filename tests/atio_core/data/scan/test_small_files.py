from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.filters.filters import read_filter
from atio_core.data.scan.scan import read_portions, scan_portions
from atio_core.data.scan.small_files import neighbours
from atio_core.data.scan.source import Source
from atio_core.errors import DamagedError
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile
from atio_core.storage.memory import MemoryStore
from tests.support.data_files import COLUMNS, FEW, read, with_ids, write
from tests.support.stores import FolderStore


@given(st.lists(st.integers(0, 300), max_size=200))
def test_small_neighbours_are_read_together(sizes: list[int]) -> None:
    """Files keep their order; several are read together only if they aren't many bytes, or many files, in all."""
    files = [DataFile(str(at), "parquet", size, 1, "", 0, "", 1) for at, size in enumerate(sizes)]
    runs = list(neighbours(files, 100))
    assert [file for run in runs for file in run] == files
    assert all(len(run) == 1 or sum(file.size for file in run) <= 100 for run in runs)
    assert all(0 < len(run) <= 64 for run in runs)
    assert len(list(neighbours(files, 1_000_000))) == -(-len(files) // 64)


def stored(store: MemoryStore, path: str, rows: pa.Table, *, store_schema: bool) -> DataFile:
    """A file that another program wrote, by the same schema."""
    sink = io.BytesIO()
    pq.write_table(rows, sink, store_schema=store_schema)
    data = sink.getvalue()
    store.put(path, data)
    return DataFile(path, "parquet", len(data), rows.num_rows, digest(data), 8, digest(data[-8:]), schema=1)


@pytest.mark.parametrize("store_schema", [True, False])
def test_each_file_is_read_by_its_own_ids(*, store_schema: bool) -> None:
    """Files of one schema that have their columns in another order, or under other names, don't get each other's."""
    store = MemoryStore()
    schema = with_ids(pa.table({"a": [1], "b": [1]})).schema
    files = [
        stored(store, "1", with_ids(pa.table({"a": [1], "b": [2]})), store_schema=store_schema),
        stored(store, "2", with_ids(pa.table({"a": [2], "b": [1]}), [2, 1]), store_schema=store_schema),
        stored(store, "3", with_ids(pa.table({"b": [2], "a": [1]}), [2, 1]), store_schema=store_schema),
        stored(
            store,
            "4",
            with_ids(pa.table({"a": [0], "b": [1], "c": [2]}), [9, 1, 2]),
            store_schema=store_schema,
        ),
        stored(store, "5", with_ids(pa.table({"a": [1], "b": [2]})), store_schema=store_schema),
    ]
    assert read(store, files, schema).to_pydict() == {"a": [1] * 5, "b": [2] * 5}
    assert read(store, files, schema, columns=["b"]).to_pydict() == {"b": [2] * 5}


def test_a_damaged_file_among_many_is_named() -> None:
    """Of many small files that are read together, the one that isn't what was written is named."""
    store = MemoryStore()
    files = [file for _ in range(50) for file in write(store, FEW)]
    for number in (0, 15, 16, 49):
        path = files[number].path
        data = store.read(path)
        store.delete([path])
        store.put(path, data[:40] + bytes([data[40] ^ 1]) + data[41:])
        with pytest.raises(DamagedError, match=path):
            read(store, files, FEW.schema)
        store.delete([path])
        store.put(path, data)
    assert read(store, files, FEW.schema).num_rows == 50 * FEW.num_rows
    with pytest.raises(DamagedError, match=r"number of rows.* is 3, expected 4"):
        read(store, [*files, replace(files[7], rows=4)], FEW.schema)


def test_files_without_rows_are_passed_over() -> None:
    """A file that has no rows adds none, wherever it stands among others."""
    store = MemoryStore()
    empty = stored(store, "none", FEW.slice(0, 0), store_schema=True)
    (file,) = write(store, FEW)
    assert read(store, [empty, file, empty, file], FEW.schema).equals(pa.concat_tables([FEW, FEW]))
    assert read(store, [empty], FEW.schema).equals(FEW.slice(0, 0))


@given(st.fixed_dictionaries({}, optional=COLUMNS).filter(bool), st.data())
def test_files_that_are_alike_are_read_as_one(drawn: dict[str, pa.Array], data: st.DataObject) -> None:
    """Many files of one schema, whatever their values, give their rows in order, file by file if that is asked for."""
    store = FolderStore(MemoryStore())
    whole = with_ids(pa.table(drawn))
    cuts = data.draw(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 7)), min_size=8, max_size=16))
    parts = [whole.slice(start, rows) for start, rows in cuts]
    files = [file for part in parts for file in write(store, part)]
    found = read(store, files, whole.schema)
    assert repr(found.to_pylist()) == repr(pa.concat_tables(parts).to_pylist())
    assert found.schema.equals(whole.schema, check_metadata=True)
    portions = list(scan_portions(Source(store, whole.schema, {1: whole.schema}, "t", 1), files, None))
    assert [portion.file for portion in portions] == files
    assert [repr(portion.rows.to_pylist()) for portion in portions] == [
        repr(part.to_pylist()) for part in parts
    ]


def test_files_that_are_alike_are_opened_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand files of a few rows, pyarrow opens only some by themselves."""
    store = FolderStore(MemoryStore())
    texts = ["a" * at for at in range(200)]  # one byte or two say how long
    files = [
        file for text in texts for file in write(store, with_ids(pa.table({"n": [len(text)], "t": [text]})))
    ]
    opened: list[object] = []
    original = pq.ParquetFile

    def counted(*args: Any, **options: Any) -> pq.ParquetFile:
        opened.append(args)
        return original(*args, **options)

    monkeypatch.setattr(pq, "ParquetFile", counted)
    found = read(store, files * 5, with_ids(pa.table({"n": [1], "t": ["a"]})).schema)
    assert found.column("t").to_pylist() == texts * 5
    assert len(opened) < 50
    assert found.column("t").num_chunks < 50


def test_files_whose_digests_are_not_checked_are_read_by_themselves_if_they_fail_together() -> None:
    """What can't be decoded together is read file by file, and the one that is damaged is named."""
    store = FolderStore(MemoryStore())
    files = [file for _ in range(20) for file in write(store, FEW)]
    path = files[11].path
    data = store.read(path)
    store.delete([path])
    store.put(path, data[:4] + bytes(40) + data[44:])
    source = Source(store, FEW.schema, {1: FEW.schema}, "t", 1, checked=False)
    with pytest.raises(DamagedError, match=path):
        read_portions(source, files, None)
    assert len(read_portions(source, files[:11], None)) < 11


def test_a_filter_knows_the_partition_of_each_of_files_that_are_alike() -> None:
    """Rows of files that are read together are chosen by the partition of their own file."""
    store = FolderStore(MemoryStore())
    files = [file for at in range(40) for file in write(store, FEW, partition=("ab"[at % 2],))]
    row_filter = read_filter([("p", "==", "b"), ("n", ">", 1)], FEW.schema, ["p"])
    source = Source(store, FEW.schema, {1: FEW.schema}, "t", 1)
    found = [portion for portion in read_portions(source, files, ["n"], row_filter) if len(portion.kept)]
    assert [portion.file for portion in found] == files[1::2]
    assert [portion.rows.to_pydict() for portion in found] == [{"n": [3]}] * 20
    assert [list(portion.numbers()) for portion in found] == [[2]] * 20
