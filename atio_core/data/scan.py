"""Reads the rows of data files; nothing that isn't checked is decoded.

Each file is read in these steps:

1. Read its end, as long as the record says and one byte more: none may come. Its digest must be the record's.
2. Parse the Parquet footer that it holds. It gives the places of the columns, and the digests of the blocks.
3. For each row group, read the blocks that hold the wanted columns, into memory at their places; check their digests.
4. Decode them from memory.

A small file is read as a whole, and its digest checked, which saves a request. Files and row groups are read side by
side, in order, a few of them ahead.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.data.blocks import Blocks, blocks_of_footer
from atio_core.data.conform import choose, field_id, leaves_of, restore, widen
from atio_core.errors import DamagedError, NewerFormatError, NotFoundError
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile
from atio_core.storage.base import ObjectStore

SMALL_FILE_BYTES = 1 << 20  # read as a whole: one request costs more than the bytes that it might save
_GAP_BYTES = 512 << 10  # unwanted bytes between two wanted ranges, read along rather than asked for anew
_CORES = getattr(os, "process_cpu_count", os.cpu_count)() or 1
_WORKERS = max(2, min(8, _CORES))  # two even on one core: one decodes while the other waits for the store

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def read_files(
    store: ObjectStore,
    files: Sequence[DataFile],
    *,
    schema: pa.Schema,
    schemas: Mapping[int, pa.Schema],
    columns: Sequence[str] | None = None,
    table: str,
    version: int,
) -> pa.Table:
    """Return the rows of data files as one table, in the files' order.

    Args:
        store: Where they lie.
        files: Their records.
        schema: The version's columns; each field carries its id.
        schemas: The schema that each file was written with, by its number in the record.
        columns: Names of the columns to read, in the order wanted; None is all.
        table: The table's name, for messages.
        version: The version's number, for messages.

    Raises:
        NotFoundError: A file is missing; its `path` names it.
        DamagedError: A file isn't what was written.
        InvalidInputError: `columns` names one that isn't there.
        SchemaMismatchError: A file's values don't fit the version's type.
        StorageError: The store can't be read.
    """
    source = _Source(store, choose(schema, columns), schemas, table, version)
    if len(files) == 1 and files[0].size <= SMALL_FILE_BYTES:  # not worth a thread
        tables = [_read_part(part) for part in _open(source, files[0])]
    else:
        tables = list(_read_parts(source, files, ahead=sys.maxsize))
    if not source.schema.names:  # concat_tables would forget the rows
        return _no_columns(sum(part.num_rows for part in tables), source.schema)
    return pa.concat_tables(tables) if tables else source.schema.empty_table()


def scan_files(
    store: ObjectStore,
    files: Sequence[DataFile],
    *,
    schema: pa.Schema,
    schemas: Mapping[int, pa.Schema],
    columns: Sequence[str] | None = None,
    table: str,
    version: int,
) -> Generator[pa.RecordBatch]:
    """Yield the rows of data files batch by batch; only a few row groups are in memory at a time.

    Arguments and errors are those of `read_files`. An error may come after rows of earlier files were handed out.
    """
    source = _Source(store, choose(schema, columns), schemas, table, version)
    for part in _read_parts(source, files, ahead=_WORKERS):
        yield from part.to_batches()


@dataclass(frozen=True, slots=True)
class _Source:
    """What a read is about; `schema` has the wanted columns only."""

    store: ObjectStore
    schema: pa.Schema
    schemas: Mapping[int, pa.Schema]
    table: str
    version: int

    def damaged(self, file: DataFile, what: str, expected: str, found: str) -> DamagedError:
        """An error that names the file and says what to do."""
        return DamagedError(
            f"Data file {file.path!r} of table {self.table!r}, version {self.version}, is damaged: {what} is {found}, "
            f"expected {expected}. Restore the file from a backup, or restore an older version of the table, or write "
            "the data again.",
            table=self.table,
            version=self.version,
            path=file.path,
            expected=expected,
            found=found,
        )

    def missing(self, file: DataFile) -> NotFoundError:
        """An error that says which file isn't there; the caller knows whether it has to be."""
        return NotFoundError(
            f"Data file {file.path!r} of table {self.table!r}, version {self.version}, is missing.",
            table=self.table,
            version=self.version,
            path=file.path,
        )

    def read(self, file: DataFile, start: int, into: memoryview) -> int:
        """Fill `into` from the file."""
        try:
            return self.store.read_into(file.path, start, into)
        except NotFoundError as error:
            raise self.missing(file) from error


@dataclass(frozen=True, slots=True)
class _Part:
    """One row group of a file, or all of a small one: what a thread reads at a time.

    `whole` is the file's bytes, where they are read and checked already.
    """

    source: _Source
    file: DataFile
    metadata: pq.FileMetaData
    groups: list[int]
    leaves: list[int]
    blocks: Blocks
    whole: pa.Buffer | None


def _read_parts(source: _Source, files: Sequence[DataFile], *, ahead: int) -> Iterator[pa.Table]:
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="atio-read") as pool:
        try:
            opened = _in_order(pool, partial(_open, source), files, ahead=ahead)
            yield from _in_order(pool, _read_part, itertools.chain.from_iterable(opened), ahead=ahead)
        finally:  # on an error, or left by the caller
            pool.shutdown(wait=False, cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Iterable[_Item], *, ahead: int
) -> Iterator[_Result]:
    """Yield the results of work done side by side, in the items' order; at most `ahead` of them wait."""
    waiting: deque[Future[_Result]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _open(source: _Source, file: DataFile) -> list[_Part]:
    """Read and check a file's end, or all of a small one; return its parts."""
    if file.format != "parquet":
        raise NewerFormatError(
            f"Data file {file.path!r} of table {source.table!r} is {file.format!r}, which this release can't read. "
            "Upgrade atio.",
            table=source.table,
            version=source.version,
            path=file.path,
        )
    if file.schema not in source.schemas:
        known = f"one of {sorted(source.schemas)}"
        raise source.damaged(file, "the number of its schema", known, str(file.schema))
    small = file.size <= SMALL_FILE_BYTES
    start = 0 if small else file.size - file.footer_size
    end = _read_end(source, file, start, file.digest if small else file.footer_digest)
    try:
        metadata = pq.read_metadata(pa.BufferReader(end))
        own = metadata.schema.to_arrow_schema()
        blocks = blocks_of_footer(metadata.metadata)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise source.damaged(file, "its footer", "one that can be read", str(error)) from error
    if metadata.num_rows != file.rows:
        raise source.damaged(file, "its number of rows", str(file.rows), str(metadata.num_rows))
    leaves = leaves_of(own, {field_id(field) for field in source.schema} - {None})
    groups = [group for group in range(metadata.num_row_groups) if metadata.row_group(group).num_rows]
    units = [groups] if small else [[group] for group in groups]
    whole = end if small else None
    return [_Part(source, file, metadata, unit, leaves, blocks, whole) for unit in units if unit]


def _read_end(source: _Source, file: DataFile, start: int, expected: str) -> pa.Buffer:
    """Read a file from `start` to its end, which must be where the record says."""
    length = file.size - start
    buffer = pa.allocate_buffer(length + 1)
    with memoryview(buffer) as view:
        count = source.read(file, start, view)
        if count != length:
            raise source.damaged(file, "its size", str(file.size), "more" if count > length else "less")
        found = digest(view[:length])
    if found != expected:
        what = "its digest" if start == 0 else "the digest of its footer"
        raise source.damaged(file, what, expected, found)
    return buffer.slice(0, length)


def _read_part(part: _Part) -> pa.Table:
    """Return a part's rows with the version's columns."""
    rows = sum(part.metadata.row_group(group).num_rows for group in part.groups)
    if not part.leaves:
        return _conform(part, pa.table({}), rows)
    large = part.whole is None
    buffer = _read_blocks(part) if large else part.whole
    try:
        opened = pq.ParquetFile(pa.BufferReader(buffer), metadata=part.metadata, pre_buffer=False)
        found = opened.reader.read_row_groups(part.groups, column_indices=part.leaves, use_threads=large)
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise part.source.damaged(part.file, "its content", "what can be decoded", str(error)) from error
    if found.num_rows != rows:
        raise part.source.damaged(part.file, "its number of rows", str(rows), str(found.num_rows))
    return _conform(part, found, rows)


def _read_blocks(part: _Part) -> pa.Buffer:
    """Read and check the blocks that hold a part's columns, each into its place in memory as large as the file.

    What isn't read takes no memory: the system gives pages only once they are written to.
    """
    memory = _sparse_memory(part.file.size)
    with memoryview(memory) as view:
        for start, stop in _ranges(part):
            # Bytes that don't come, as the file has been cut meanwhile, stay zero, and are found wrong.
            part.source.read(part.file, start, view[start:stop])
            for at, expected, found in part.blocks.wrong(start, view[start:stop]):
                raise part.source.damaged(part.file, f"the digest of the block at byte {at}", expected, found)
    return pa.py_buffer(memory)


def _sparse_memory(size: int) -> mmap.mmap:
    """Memory whose pages the system gives once they are written to, and takes back when it is dropped.

    Arrow's own allocator keeps such pages for itself, which would add up to the sizes of the files.
    """
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # it saves most page faults, but not every kernel knows it
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _ranges(part: _Part) -> list[tuple[int, int]]:
    """The bounds of the blocks that hold a part's columns; those close to each other are one range."""
    ranges: list[tuple[int, int]] = []
    for group, leaf in itertools.product(part.groups, part.leaves):
        chunk = part.metadata.row_group(group).column(leaf)
        first = chunk.data_page_offset
        if chunk.has_dictionary_page:
            first = min(first, chunk.dictionary_page_offset)
        last = first + chunk.total_compressed_size
        if not 0 <= first < last <= part.blocks.end:
            expected = f"up to byte {part.blocks.end}, where its digests end"
            raise part.source.damaged(part.file, "the place of a column", expected, f"{first} to {last}")
        start, stop = part.blocks.widened(first, last)
        if ranges and ranges[-1][0] <= start <= ranges[-1][1] + _GAP_BYTES:
            ranges[-1] = (ranges[-1][0], max(stop, ranges[-1][1]))
        else:
            ranges.append((start, stop))
    return ranges


def _conform(part: _Part, found: pa.Table, rows: int) -> pa.Table:
    """Give what a file holds the columns and types of the version."""
    source, file = part.source, part.file
    kept = {field_id(field): field for field in source.schemas[file.schema]}
    places = {field_id(field): place for place, field in enumerate(found.schema)}
    columns: list[pa.ChunkedArray] = []
    for field in source.schema:
        column = field_id(field)
        if column not in kept:
            columns.append(pa.chunked_array([pa.nulls(rows, field.type)]))
            continue
        if column not in places:
            raise source.damaged(file, f"its column {field.name!r}", str(kept[column].type), "missing")
        try:
            values = restore(found.column(places[column]), kept[column].type)
        except (TypeError, pa.ArrowException) as error:
            expected = str(kept[column].type)
            raise source.damaged(file, f"its column {field.name!r}", expected, str(error)) from error
        columns.append(widen(values, field, table=source.table, version=source.version))
    if not columns:
        return _no_columns(rows, source.schema)
    return pa.Table.from_arrays(columns, schema=source.schema)


def _no_columns(rows: int, schema: pa.Schema) -> pa.Table:
    """A table of so many rows, and no columns."""
    some = pa.table({"": pa.nulls(rows)}, metadata=schema.metadata)
    return some.select([])  # most other ways forget the number of rows
