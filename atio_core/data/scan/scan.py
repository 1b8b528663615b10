"""Reads the rows of data files; nothing that isn't checked is decoded.

Each file is read in these steps:

1. Read its end, as long as the record says and one byte more: none may come. Its digest must be the record's.
2. Parse the Parquet footer that it holds. It gives the places of the columns, and the digests of the blocks.
3. For each row group that may have rows that match the filter, read the blocks that hold the wanted columns, and those
   of the filter, into memory at their places; check their digests.
4. Decode them from memory; keep the rows that match.

A small file is read as a whole, and its digest checked, which saves a request. Files and row groups are read side by
side, in order, a few of them ahead. From a bucket more are, as each read waits for an answer; what came is decoded by
as few threads as from a disk: to let all that read decode as well takes nearly twice the processors' time.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pyarrow as pa

from atio_core.cores import CORES
from atio_core.data.filters.filters import RowFilter
from atio_core.data.scan.large_files import Part, decode_part, parts_of, read_blocks
from atio_core.data.scan.opening import Opener
from atio_core.data.scan.scan_request import Portion, ScanRequest, no_columns
from atio_core.data.scan.small_files import decode_small_files, neighbours
from atio_core.data.scan.source import Source
from atio_core.data.schema.conform import choose
from atio_core.model.data_file import DataFile
from atio_core.storage.base import ObjectStore

SMALL_FILE_BYTES = 1 << 20  # read as a whole: one request costs more than the bytes that it might save
_IF_ALL_IS_WANTED = 8  # times as much
_AT_ONCE_BYTES = 32 << 20  # of neighbouring row groups, before compression, that one thread reads together
_WORKERS = max(2, min(8, CORES))  # two even on one core: one decodes while the other waits for the store
_FAR_WORKERS = 16  # of a bucket: nearly all of them wait

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Decode = Callable[[], Sequence[Portion]]
_Fetch = Callable[[], _Decode]  # reads the bytes of a part


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
    request = ScanRequest(source, choose(source.schema, columns), row_filter, _AT_ONCE_BYTES)
    return list(_read_parts(request, files, ahead=sys.maxsize))


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
    request = ScanRequest(source, choose(source.schema, columns), row_filter)
    for portion in _read_parts(request, files, ahead=_ahead(source)):
        some = portion.head(left)
        yield some
        left -= len(some.kept)
        if not left:
            return


def scan_file(source: Source, file: DataFile) -> Iterator[Portion]:
    """Yield all rows of a data file, with all columns: one of some megabytes is read as a whole.

    Errors are those of `read_files`; one may come after rows were handed out.
    """
    request = ScanRequest(source, source.schema, None, _AT_ONCE_BYTES)
    return _read_parts(request, [file], ahead=_ahead(source))


def _ahead(source: Source) -> int:
    """How many portions may wait until they are asked for."""
    return _WORKERS if source.store.flat is None else _FAR_WORKERS // 2


def joined(portions: Sequence[Portion], schema: pa.Schema) -> pa.Table:
    """Return the rows of all portions as one table of this schema."""
    if not schema.names:  # concat_tables would forget the rows
        return no_columns(sum(len(portion.kept) for portion in portions), schema)
    return pa.concat_tables([portion.rows for portion in portions]) if portions else schema.empty_table()


def _read_parts(request: ScanRequest, files: Sequence[DataFile], *, ahead: int) -> Iterator[Portion]:
    most_bytes = SMALL_FILE_BYTES * (_IF_ALL_IS_WANTED if request.is_all_at_once else 1)
    far = request.source.store.flat is not None
    runs = list(neighbours(files, most_bytes, 1) if far else neighbours(files, most_bytes))
    opener = Opener(request)
    if len(runs) == 1 and files[0].size <= most_bytes:  # not worth a thread
        yield from _fetch_small(opener, files)()
        return
    with contextlib.ExitStack() as pools:
        near = _pool(pools, _WORKERS)
        open_run = partial(_open, opener, most_bytes)
        if far:
            waiting = _pool(pools, max(_WORKERS, min(len(files), _FAR_WORKERS)))
            opened = _in_order(waiting, open_run, runs, ahead=ahead)
            fetched = _in_order(
                waiting, _call, itertools.chain.from_iterable(opened), ahead=min(ahead, _FAR_WORKERS)
            )
            read = _in_order(near, _call, fetched, ahead=min(ahead, 2 * _WORKERS))
        else:
            opened = _in_order(near, open_run, runs, ahead=ahead)
            read = _in_order(near, _fetch_and_decode, itertools.chain.from_iterable(opened), ahead=ahead)
        yield from itertools.chain.from_iterable(read)


def _pool(pools: contextlib.ExitStack, workers: int) -> ThreadPoolExecutor:
    """Return threads. In the end, which may be an error, or come early, they begin nothing more, and are waited for."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="atio-read")
    pools.callback(pool.shutdown, cancel_futures=True)
    return pool


def _open(opener: Opener, most_bytes: int, files: Sequence[DataFile]) -> list[_Fetch]:
    """Return what fetches a run of files, part by part. Of a large file, which is alone, the footer is read now."""
    if files[0].size <= most_bytes:
        return [partial(_fetch_small, opener, files)]
    return [partial(_fetch_part, part) for part in parts_of(opener.request, opener.open(files[0]))]


def _fetch_small(opener: Opener, files: Sequence[DataFile]) -> _Decode:
    return partial(decode_small_files, opener, opener.read_wholes(files))


def _fetch_part(part: Part) -> _Decode:
    return partial(decode_part, part, read_blocks(part))


def _fetch_and_decode(fetch: _Fetch) -> Sequence[Portion]:
    return fetch()()


def _call(work: Callable[[], _Result]) -> _Result:
    return work()


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
