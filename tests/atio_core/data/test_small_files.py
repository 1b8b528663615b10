from __future__ import annotations

import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.small_files import neighbours
from atio_core.errors import DamagedError
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile
from atio_core.storage.memory import MemoryStore
from tests.support.data_files import FEW, read, with_ids, write


@given(st.lists(st.integers(0, 300), max_size=200))
def test_small_neighbours_are_read_together(sizes: list[int]) -> None:
    """Files keep their order; several are read together only if they aren't many bytes, or many files, in all."""
    files = [DataFile(str(at), "parquet", size, 1, "", 0, "", 1) for at, size in enumerate(sizes)]
    runs = list(neighbours(files, 100))
    assert [file for run in runs for file in run] == files
    assert all(len(run) == 1 or sum(file.size for file in run) <= 100 for run in runs)
    assert all(0 < len(run) <= 16 for run in runs)
    assert len(list(neighbours(files, 1_000_000))) == -(-len(files) // 16)


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
