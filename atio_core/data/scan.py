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
from dataclasses import replace
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.data.blocks import blocks_of_footer
from atio_core.data.conform import choose, field_id, leaves_of
from atio_core.data.filters import RowFilter
from atio_core.data.parts import Part, Portion, Wish, no_columns, read_part
from atio_core.data.source import Source
from atio_core.data.stats import group_stats
from atio_core.errors import NewerFormatError
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile
from atio_core.storage.base import ObjectStore

SMALL_FILE_BYTES = 1 << 20  # read as a whole: one request costs more than the bytes that it might save
_AT_ONCE_BYTES = 32 << 20  # of neighbouring row groups, before compression, that one thread reads together
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


def read_portions(
    source: Source,
    files: Sequence[DataFile],
    columns: Sequence[str] | None,
    row_filter: RowFilter | None = None,
) -> list[Portion]:
    """Return the rows of data files, or those that match, portion by portion; errors are those of `read_files`."""
    wish = Wish(source, choose(source.schema, columns), row_filter, _AT_ONCE_BYTES)
    if len(files) == 1 and files[0].size <= SMALL_FILE_BYTES:  # not worth a thread
        return [read_part(part) for part in _open(wish, files[0])]
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
    wish = Wish(source, choose(source.schema, columns), row_filter)
    for portion in _read_parts(wish, files, ahead=_WORKERS):
        some = portion.head(left)
        yield some
        left -= len(some.kept)
        if not left:
            return


def joined(portions: Sequence[Portion], schema: pa.Schema) -> pa.Table:
    """Return the rows of all portions as one table of this schema."""
    if not schema.names:  # concat_tables would forget the rows
        return no_columns(sum(len(portion.kept) for portion in portions), schema)
    return pa.concat_tables([portion.rows for portion in portions]) if portions else schema.empty_table()


def _read_parts(wish: Wish, files: Sequence[DataFile], *, ahead: int) -> Iterator[Portion]:
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="atio-read") as pool:
        try:
            opened = _in_order(pool, partial(_open, wish), files, ahead=ahead)
            yield from _in_order(pool, read_part, itertools.chain.from_iterable(opened), ahead=ahead)
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


def _open(wish: Wish, file: DataFile) -> list[Part]:
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
        blocks = blocks_of_footer(metadata.metadata) if source.checked else None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise source.damaged(file, "its footer", "one that can be read", str(error)) from error
    if metadata.num_rows != file.rows:
        raise source.damaged(file, "its number of rows", str(file.rows), str(metadata.num_rows))
    leaves = leaves_of(own, {field_id(field) for field in wish.needed} - {None})
    rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    groups = [group for group, count in enumerate(rows) if count]
    if small:
        return [Part(wish, file, metadata, 0, groups, leaves, blocks, end)] if groups else []
    starts = list(itertools.accumulate(rows, initial=0))
    wanted = [group for group in groups if _group_may_match(wish, file, metadata, own, group)]
    runs = _runs(wanted, [metadata.row_group(group).total_byte_size for group in wanted], wish.at_once)
    return [Part(wish, file, metadata, starts[run[0]], run, leaves, blocks, None) for run in runs]


def _runs(groups: Sequence[int], sizes: Sequence[int], most: int) -> list[list[int]]:
    """Cut groups into runs of neighbours, each as long as its sizes don't go beyond `most`, or of one group."""
    runs: list[list[int]] = []
    total = 0
    for group, size in zip(groups, sizes, strict=True):
        total += size
        if runs and runs[-1][-1] == group - 1 and total <= most:
            runs[-1].append(group)
        else:
            runs.append([group])
            total = size
    return runs


def _group_may_match(
    wish: Wish, file: DataFile, metadata: pq.FileMetaData, own: pa.Schema, group: int
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
        found = digest(view[:length]) if source.checked else expected
    if found != expected:
        what = "its digest" if start == 0 else "the digest of its footer"
        raise source.damaged(file, what, expected, found)
    return buffer.slice(0, length)
