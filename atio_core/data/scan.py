"""Reads the rows of data files; nothing that isn't checked is decoded.

Each file is read in these steps:

1. Read its end, as long as the record says and one byte more: none may come. Its digest must be the record's.
2. Parse the Parquet footer that it holds. It gives the places of the columns, and the digests of the blocks.
3. For each row group that may have rows that match the filter, read the blocks that hold the wanted columns, and those
   of the filter, into memory at their places; check their digests.
4. Decode them from memory; keep the rows that match.

A small file is read as a whole, and its digest checked, which saves a request. Files and row groups are read side by
side, in order, a few of them ahead.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atio_core.data.blocks import Blocks, blocks_of_footer
from atio_core.data.conform import choose, field_id, leaves_of, restore, widen
from atio_core.data.filters import RowFilter
from atio_core.data.source import Source, sparse_memory
from atio_core.data.stats import group_stats
from atio_core.errors import NewerFormatError
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
    source = Source(store, schema, schemas, table, version)
    return joined(read_portions(source, files, columns), choose(schema, columns))


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows that were read.

    Attributes:
        file: Where they lie.
        rows: With the wanted columns.
        kept: Which rows of the file they are, from 0.
    """

    file: DataFile
    rows: pa.Table
    kept: range | pa.Int64Array

    def head(self, rows: int) -> Portion:
        """Return at most so many of the rows."""
        return (
            self if len(self.kept) <= rows else Portion(self.file, self.rows.slice(0, rows), self.kept[:rows])
        )


def read_portions(
    source: Source,
    files: Sequence[DataFile],
    columns: Sequence[str] | None,
    row_filter: RowFilter | None = None,
) -> list[Portion]:
    """Return the rows of data files, or those that match, portion by portion; errors are those of `read_files`."""
    wish = _Wish(source, choose(source.schema, columns), row_filter)
    if len(files) == 1 and files[0].size <= SMALL_FILE_BYTES:  # not worth a thread
        return [_read_part(part) for part in _open(wish, files[0])]
    return list(_read_parts(wish, files, ahead=sys.maxsize))


def scan_portions(
    source: Source,
    files: Sequence[DataFile],
    columns: Sequence[str] | None,
    row_filter: RowFilter | None = None,
    limit: int | None = None,
) -> Generator[Portion]:
    """Yield the rows of data files, or those that match; only a few row groups are in memory at a time.

    Errors are those of `read_files`. One may come after rows of earlier files were handed out.

    Args:
        source: Where they are.
        files: Their records.
        columns: Names of the columns to read, in the order wanted; None is all.
        row_filter: Which rows.
        limit: At most so many; what lies behind isn't read, but for a few row groups ahead.
    """
    if limit == 0:
        return
    left = sys.maxsize if limit is None else limit
    wish = _Wish(source, choose(source.schema, columns), row_filter)
    for portion in _read_parts(wish, files, ahead=_WORKERS):
        some = portion.head(left)
        yield some
        left -= len(some.kept)
        if not left:
            return


def joined(portions: Sequence[Portion], schema: pa.Schema) -> pa.Table:
    """Return the rows of all portions as one table of this schema."""
    if not schema.names:  # concat_tables would forget the rows
        return _no_columns(sum(len(portion.kept) for portion in portions), schema)
    return pa.concat_tables([portion.rows for portion in portions]) if portions else schema.empty_table()


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be read: the columns that are wanted, and the rows."""

    source: Source
    schema: pa.Schema
    row_filter: RowFilter | None

    @property
    def needed(self) -> pa.Schema:
        """The columns that are wanted, then those that only the filter looks at."""
        if self.row_filter is None:
            return self.schema
        names = dict.fromkeys([*self.schema.names, *self.row_filter.columns])
        return pa.schema([self.source.schema.field(name) for name in names], metadata=self.schema.metadata)


@dataclass(frozen=True, slots=True)
class _Part:
    """One row group of a file, or all of a small one: what a thread reads at a time.

    `start` is the number of its first row in the file; `whole` the file's bytes, if they are read and checked already.
    """

    wish: _Wish
    file: DataFile
    metadata: pq.FileMetaData
    start: int
    groups: list[int]
    leaves: list[int]
    blocks: Blocks
    whole: pa.Buffer | None


def _read_parts(wish: _Wish, files: Sequence[DataFile], *, ahead: int) -> Iterator[Portion]:
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="atio-read") as pool:
        try:
            opened = _in_order(pool, partial(_open, wish), files, ahead=ahead)
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


def _open(wish: _Wish, file: DataFile) -> list[_Part]:
    """Read and check a file's end, or all of a small one; return its parts."""
    source = wish.source
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
    leaves = leaves_of(own, {field_id(field) for field in wish.needed} - {None})
    rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    groups = [group for group, count in enumerate(rows) if count]
    if small:
        return [_Part(wish, file, metadata, 0, groups, leaves, blocks, end)] if groups else []
    starts = list(itertools.accumulate(rows, initial=0))
    return [
        _Part(wish, file, metadata, starts[group], [group], leaves, blocks, None)
        for group in groups
        if _group_may_match(wish, file, metadata, own, group)
    ]


def _group_may_match(
    wish: _Wish, file: DataFile, metadata: pq.FileMetaData, own: pa.Schema, group: int
) -> bool:
    """Say whether a row of a row group may match, by the statistics that Parquet keeps of it."""
    if wish.row_filter is None:
        return True
    kept = wish.source.schemas[file.schema]
    stats = group_stats(metadata.row_group(group), own, kept, file.stats)
    part = replace(file, rows=metadata.row_group(group).num_rows, stats=stats)
    return wish.row_filter.file_may_match(part, kept)


def _read_end(source: Source, file: DataFile, start: int, expected: str) -> pa.Buffer:
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


def _read_part(part: _Part) -> Portion:
    """Return the rows of a part that are wanted."""
    rows = sum(part.metadata.row_group(group).num_rows for group in part.groups)
    found, wish = _decoded(part, rows), part.wish
    kept = range(part.start, part.start + rows)
    if wish.row_filter is None:
        return Portion(part.file, found, kept)
    truth = pc.fill_null(wish.row_filter.truth(found, part.file.partition), fill_value=False)
    chosen = pc.indices_nonzero(truth)
    if len(chosen) < rows:
        kept = pc.add(chosen.cast(pa.int64()), part.start)
    if not wish.schema.names:
        return Portion(part.file, _no_columns(len(kept), wish.schema), kept)
    wanted = found.select(wish.schema.names)
    return Portion(part.file, wanted if len(chosen) == rows else wanted.filter(truth), kept)


def _decoded(part: _Part, rows: int) -> pa.Table:
    """Return a part's rows, with all columns that are needed."""
    source = part.wish.source
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
        raise source.damaged(part.file, "its content", "what can be decoded", str(error)) from error
    if found.num_rows != rows:
        raise source.damaged(part.file, "its number of rows", str(rows), str(found.num_rows))
    return _conform(part, found, rows)


def _read_blocks(part: _Part) -> pa.Buffer:
    """Read and check the blocks that hold a part's columns, each into its place in memory as large as the file.

    What isn't read takes no memory: the system gives pages only once they are written to.
    """
    memory = sparse_memory(part.file.size)
    with memoryview(memory) as view:
        for start, stop in _ranges(part):
            # Bytes that don't come, as the file has been cut meanwhile, stay zero, and are found wrong.
            part.wish.source.read(part.file, start, view[start:stop])
            for at, expected, found in part.blocks.wrong(start, view[start:stop]):
                raise part.wish.source.damaged(
                    part.file, f"the digest of the block at byte {at}", expected, found
                )
    return pa.py_buffer(memory)


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
            raise part.wish.source.damaged(part.file, "the place of a column", expected, f"{first} to {last}")
        start, stop = part.blocks.widened(first, last)
        if ranges and ranges[-1][0] <= start <= ranges[-1][1] + _GAP_BYTES:
            ranges[-1] = (ranges[-1][0], max(stop, ranges[-1][1]))
        else:
            ranges.append((start, stop))
    return ranges


def _conform(part: _Part, found: pa.Table, rows: int) -> pa.Table:
    """Give what a file holds the columns and types of the version."""
    source, file, schema = part.wish.source, part.file, part.wish.needed
    kept = {field_id(field): field for field in source.schemas[file.schema]}
    places = {field_id(field): place for place, field in enumerate(found.schema)}
    columns: list[pa.ChunkedArray] = []
    for field in schema:
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
        return _no_columns(rows, schema)
    return pa.Table.from_arrays(columns, schema=schema)


def _no_columns(rows: int, schema: pa.Schema) -> pa.Table:
    """A table of so many rows, and no columns."""
    some = pa.table({"": pa.nulls(rows)}, metadata=schema.metadata)
    return some.select([])  # most other ways forget the number of rows
