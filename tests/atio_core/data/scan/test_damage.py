from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.digests.blocks import BlockDigester
from atio_core.errors import (
    DamagedError,
)
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile
from atio_core.storage.memory import MemoryStore
from tests.support.data_files import FEW, noise, read, with_ids, write
from tests.support.stores import CountingStore


def damages(data: bytes) -> list[tuple[str, bytes]]:
    """Every byte changed, in three ways; every shorter length; a little longer."""
    found = [(f"cut to {length}", data[:length]) for length in range(len(data))]
    found += [("longer by one", data + b"\0"), ("twice", data * 2)]
    for at, mask in itertools.product(range(len(data)), (1, 0x80, 0xFF)):
        changed = bytearray(data)
        changed[at] ^= mask
        found.append((f"byte {at} ^ {mask}", bytes(changed)))
    return found


def damaged_or_right(
    store: MemoryStore, files: Sequence[DataFile], rows: pa.Table, columns: list[str] | None
) -> DamagedError | None:
    """Read; the result is right, or the error says what is the matter."""
    try:
        found = read(store, files, rows.schema, columns=columns)
    except DamagedError as error:
        damage = error
    else:
        assert found.equals(rows if columns is None else rows.select(columns))
        return None
    assert damage.facts["path"] == files[0].path
    assert files[0].path in str(damage)
    assert (damage.table, damage.version) == ("t", 3)
    assert damage.facts["expected"] != damage.facts["found"]
    return damage


@pytest.mark.parametrize("columns", [None, ["t"]])
def test_every_damage_of_a_file_is_found(either_path: str, columns: list[str] | None) -> None:
    """Whatever byte of a file changes, wherever it ends: it raises, or the rows are right; never anything else."""
    store = MemoryStore()
    files = write(store, FEW)
    data = store.read(files[0].path)
    for what, damaged in damages(data):
        store.delete([files[0].path])
        store.put(files[0].path, damaged)
        error = damaged_or_right(store, files, FEW, columns)
        if either_path == "whole" or len(damaged) != len(data):
            assert error is not None, what


@given(st.data())
def test_damage_of_a_large_file_is_found(data: st.DataObject) -> None:
    """The same for files of many blocks and row groups, for any columns."""
    store = MemoryStore()
    (file,) = LARGE_FILES
    content = bytearray(LARGE_CONTENT)
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4, unique=True)):
        content[at] ^= data.draw(st.integers(1, 255))
    store.put(file.path, bytes(content))
    columns = data.draw(st.none() | st.lists(st.sampled_from("abc"), unique=True))
    error = damaged_or_right(store, LARGE_FILES, LARGE, columns)
    assert error is not None or columns is not None


LARGE = noise(150_000)
_made = MemoryStore()
LARGE_FILES = write(_made, LARGE)
LARGE_CONTENT = _made.read(LARGE_FILES[0].path)


def test_damage_in_other_columns_does_not_matter() -> None:
    """A column whose blocks are whole can be read from a file that is damaged elsewhere."""
    store = MemoryStore()
    content = bytearray(LARGE_CONTENT)
    content[100] ^= 1  # in the first column
    store.put(LARGE_FILES[0].path, bytes(content))
    assert damaged_or_right(store, LARGE_FILES, LARGE, ["c"]) is None
    error = damaged_or_right(store, LARGE_FILES, LARGE, ["a"])
    assert error is not None
    assert "block at byte 0" in str(error)


class ShrinkingStore(CountingStore):
    """Its objects lose their second half after the first read."""

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Read the whole object at first, and its half later."""
        first = not self.calls
        count = super().read_into(name, start, into)
        if first:
            return count
        kept = max(0, self.size(name) // 2 - start)
        into[kept:count] = bytes(max(0, count - kept))
        return min(kept, count)


@pytest.mark.usefixtures("large_path")
def test_a_file_cut_while_it_is_read_is_damage() -> None:
    """A file that gets shorter between two reads raises, too."""
    store = ShrinkingStore(MemoryStore())
    files = write(store.store, LARGE)
    with pytest.raises(DamagedError, match="block at byte"):
        read(store, files, LARGE.schema)


def test_bytes_without_a_digest_are_not_read(large_path: None) -> None:
    """A footer whose digests end before a column does is damage, even if it is the one that was written."""
    sink, digester = io.BytesIO(), BlockDigester()
    with pq.ParquetWriter(sink, FEW.schema) as writer:
        writer.write_table(FEW)
        start = sink.tell()
        digester.update(sink.getbuffer()[: start - 10])
        writer.add_key_value_metadata(digester.finish().to_footer())
    data = sink.getvalue()
    store = MemoryStore()
    store.put("f", data)
    record = DataFile(
        "f", "parquet", len(data), 3, digest(data), len(data) - start, digest(data[start:]), schema=1
    )
    assert read(store, [record], FEW.schema, columns=["n"]).equals(FEW.select(["n"]))
    with pytest.raises(DamagedError, match="place of a column"):
        read(store, [record], FEW.schema)


@pytest.mark.usefixtures("either_path")
@pytest.mark.parametrize("columns", [None, ["t"]])
def test_another_valid_file_in_its_place_is_damage(columns: list[str] | None) -> None:
    """A file that is fine, but not the one that was written, is not read."""
    store = MemoryStore()
    other = FEW.set_column(0, FEW.schema.field(0), pa.chunked_array([[1, None, 4]]))
    files = write(store, FEW) + write(store, other)
    assert files[0].size == files[1].size
    swapped = [replace(files[0], path=files[1].path)]
    assert damaged_or_right(store, swapped, FEW, columns) is not None


@pytest.mark.usefixtures("either_path")
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"rows": 4}, "number of rows"),
        ({"size": 10}, "size"),
        ({"digest": "xxh3-128:00", "footer_digest": "xxh3-128:00"}, "digest"),
        ({"schema": 2}, "schema"),
    ],
)
def test_a_record_that_is_not_of_this_file_is_damage(change: dict[str, Any], what: str) -> None:
    """Whatever a record says must be so."""
    store = MemoryStore()
    (file,) = write(store, FEW)
    with pytest.raises(DamagedError, match=f"{what}.*restore an older version"):
        read(store, [replace(file, **change)], FEW.schema)


@pytest.mark.usefixtures("either_path")
def test_columns_that_are_not_those_of_the_schema_are_damage() -> None:
    """A file must have the columns of the schema that it was written with, and their types."""
    store = MemoryStore()
    files = write(store, FEW)
    wrong = with_ids(pa.table({"n": ["x"], "t": ["a"], "f": [0.5]})).schema
    with pytest.raises(DamagedError, match=r"'n'.*int64 instead of string, expected string"):
        read(store, files, FEW.schema, schemas={1: wrong})
    more = with_ids(pa.table({"n": [1], "t": ["a"], "f": [0.5], "g": [1]})).schema
    with pytest.raises(DamagedError, match=r"'g'.*missing"):
        read(store, files, more, schemas={1: more})
