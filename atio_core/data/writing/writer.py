"""Writes rows as Parquet data files, several side by side, each in one pass.

While a file is written, every byte is digested twice: for the digest of the whole file, and for those of its blocks,
which go into its Parquet footer (see `blocks.py`). What is written from there on is the file's footer, with a digest
of its own in the record. Memory stays bounded: a column of a row group is encoded, written and forgotten.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.cores import CORES
from atio_core.data.meter import Meter
from atio_core.data.schema.conform import require_kept
from atio_core.data.schema.inner_ids import with_inner_ids
from atio_core.data.undoing import undo
from atio_core.data.writing.buffered_writer import BufferedWriter
from atio_core.data.writing.cuts import even_cuts
from atio_core.data.writing.encoding import choose_encoding
from atio_core.data.writing.fixed_lists import require_readable
from atio_core.data.writing.sink import Sink, StoppedError, WrittenFile
from atio_core.data.writing.stats import column_stats
from atio_core.errors import NotPreservableError
from atio_core.model.data_file import DataFile, Scalar
from atio_core.storage.base import ObjectStore, ObjectWriter

TARGET_BYTES = 256 << 20  # of Arrow data in a file; a half to a tenth of it on disk
_LEAST_BYTES = 16 << 20  # not worth a thread of its own below this
_GROUP_ROWS = 1 << 20
_GROUP_BYTES = 64 << 20  # of Arrow data in a row group: what a reader has in memory at a time, a few times
# A reader of some rows decodes groups as a whole; smaller ones cost those who read all.
_LEAST_GROUP_BYTES = 8 << 20
_COLUMN_BYTES = 1 << 20  # of Arrow data in a column of a row group, which has a place and bounds of its own
# Threads with small files mostly wait for the disk, which writes for several of them in one go: 300 files of a few
# rows took 0.41 of the time of syncing them one by one with 8 threads, 0.98 with 2.
_SMALL_AT_ONCE = 8
_SMALL_BYTES = 1 << 20
# Below this, threads that encode pass the interpreter's lock around for longer than they encode: they get what is
# encoded, to write it and make it durable. 1,000 files of three rows took 0.6 of the time so. The journal of a file
# system commits once for all threads that wait for it: for these files 370 times with 8 threads, 140 times with 32,
# which took 0.7 of the time on a busy disk.
_TINY_BYTES = 64 << 10
_TINY_AT_ONCE = 32  # runs of them, encoded and held: who encodes hardly ever waits for the disk
_TINY_TOGETHER = 16  # in a run
_WORKERS = min(8, CORES)
_FAR_WORKERS = 8  # to a bucket: most of them wait; each holds what it has encoded and what is on its way

Info = dict[str, Any]


def write_files(
    store: ObjectStore,
    table: pa.Table,
    *,
    new_path: Callable[[], str],
    info: Info,
    slice_info: Callable[[Info, int, int], Info],
    schema: int,
    partition: tuple[Scalar, ...],
    commit_id: str,
    time_us: int,
    target_bytes: int = TARGET_BYTES,
    late: bool = False,
    meter: Meter | None = None,
    places: Sequence[tuple[int, int]] | None = None,
) -> list[DataFile]:
    """Write a table's rows as data files, durably, and return their records in the order of the rows.

    If anything fails, an interrupt included, none of the files is left, and the first error is raised.

    Args:
        store: Where to write.
        table: The rows; each field carries its column's id. No rows make one file of none.
        new_path: Gives a name that nobody else uses.
        info: What belongs to this piece of data alone.
        slice_info: The part of `info` for some rows: `slice_info(info, offset, rows)`.
        schema: The number of the schema in the log entry.
        partition: The value of each partition field.
        commit_id: The commit that adds the files.
        time_us: When they are written, in microseconds since 1970.
        target_bytes: About how many bytes of `table` go into one file.
        late: They come in by a descriptor or a kept stage.
        meter: Is told how far it is.
        places: The offset and the number of the rows that go into each file; all, cut evenly, if None.

    Raises:
        NotPreservableError: Parquet can't keep a column.
        StorageError: The store refused.
    """
    parts = parts_of(
        table,
        new_path=new_path,
        info=info,
        slice_info=slice_info,
        partition=partition,
        target_bytes=target_bytes,
        places=places,
    )
    return write_parts(
        store, parts, schema=schema, commit_id=commit_id, time_us=time_us, late=late, meter=meter
    )


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that become one data file.

    Attributes:
        path: A name that nobody else uses.
        rows: As for `write_files`.
        info: What belongs to these rows alone.
        partition: The value of each partition field.
        layout: How they are encoded; decided anew if None.
    """

    path: str
    rows: pa.Table
    info: Info
    partition: tuple[Scalar, ...] = ()
    layout: _Layout | None = None


def parts_of(
    table: pa.Table,
    *,
    new_path: Callable[[], str],
    info: Info,
    slice_info: Callable[[Info, int, int], Info],
    partition: tuple[Scalar, ...],
    target_bytes: int = TARGET_BYTES,
    places: Sequence[tuple[int, int]] | None = None,
) -> list[Part]:
    """Return a table's rows as what goes into each file. Arguments and errors are those of `write_files`."""
    with _refusals(table):
        layout = _Layout.of(table, target_bytes)
    return [
        Part(new_path(), table.slice(offset, count), slice_info(info, offset, count), partition, layout)
        for offset, count in (even_cuts(table.num_rows, layout.files) if places is None else places)
    ]


def write_parts(
    store: ObjectStore,
    parts: Iterable[Part],
    *,
    schema: int,
    commit_id: str,
    time_us: int,
    late: bool = False,
    at_once: int | None = None,
    meter: Meter | None = None,
) -> list[DataFile]:
    """Write data files, durably, and return their records in the order of the parts; the rest is as for `write_files`.

    Args:
        store: Where to write.
        parts: What goes into each file. They are taken one after the other, few more than are being written, so that a
            generator needn't have them all at a time.
        schema: As for `write_files`.
        commit_id: As for `write_files`.
        time_us: As for `write_files`.
        late: As for `write_files`.
        at_once: How many files are written side by side at most; of small ones some more. If None, as many as there
            are processors; to a bucket more, as each waits for its answer.
        meter: As for `write_files`.
    """
    stop, meter = threading.Event(), meter or Meter()
    paths: list[str] = []
    encoded: list[float] = []

    def begin(part: Part) -> Callable[[], DataFile]:
        out, written = _begin_file(store, part, stop, meter)
        stats = column_stats(written.metadata, part.rows)
        encoded.append(written.encoded)
        file = DataFile(
            path=part.path,
            format="parquet",
            size=written.size,
            rows=part.rows.num_rows,
            digest=written.digest,
            footer_size=written.footer_size,
            footer_digest=written.footer_digest,
            schema=schema,
            partition=part.partition,
            stats=stats,
            commit_id=commit_id,
            time_us=time_us,
            late=late,
            piece=part.info,
        )
        return lambda: _finish_file(out, file, stop)

    def noted() -> Iterator[Part]:
        for part in parts:
            paths.append(part.path)
            yield part

    try:
        few = _WORKERS if store.flat is None else _FAR_WORKERS
        files = _written(begin, noted(), stop, at_once or few)
    except BaseException as error:
        undo(lambda: store.delete(paths), error)
        raise
    meter.synced(encoded)
    return files


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a table is cut and encoded; decided once for all its files."""

    files: int
    group_rows: int
    options: dict[str, Any]

    @classmethod
    def of(cls, table: pa.Table, target_bytes: int) -> _Layout:
        rows, size = table.num_rows, table.nbytes
        files = _files_of(size, target_bytes)
        group_bytes = min(_GROUP_BYTES, max(_LEAST_GROUP_BYTES, _COLUMN_BYTES * table.num_columns))
        most = max(1, min(_GROUP_ROWS, group_bytes * rows // max(1, size)))
        file_rows = max(1, _up(rows, files))
        return cls(files, _up(file_rows, _up(file_rows, most)), choose_encoding(table))


def file_bytes(table: pa.Table, shares: int) -> int:
    """Return about how many bytes of a table go into one file, if it falls into so many shares."""
    return TARGET_BYTES if shares > 1 else _up(max(1, table.nbytes), _files_of(table.nbytes, TARGET_BYTES))


def _files_of(size: int, target_bytes: int) -> int:
    files = max(_up(size, target_bytes), min(_WORKERS, size // _LEAST_BYTES), 1)
    return files if files <= _WORKERS else _up(files, _WORKERS) * _WORKERS  # all threads are busy to the end


def _up(number: int, by: int) -> int:
    """Divide, and round up."""
    return -(-number // by)


_Act = Callable[[], DataFile]
"""Makes a file durable, and returns its record."""


def _written(
    begin: Callable[[Part], _Act], parts: Iterator[Part], stop: threading.Event, at_once: int
) -> list[DataFile]:
    """Write files, in threads if there are several; `begin` encodes a part."""
    first = list(itertools.islice(parts, 2))
    if len(first) < 2:  # noqa: PLR2004 - one needs no thread
        return [begin(part)() for part in first]
    return _side_by_side(_runs(begin, itertools.chain(first, parts)), stop, at_once)


def _runs(begin: Callable[[Part], _Act], parts: Iterable[Part]) -> Iterator[tuple[list[_Act], int]]:
    """Yield what one thread does one after the other, and the largest file's size in Arrow data.

    Tiny parts are encoded here, and some of them go to a thread together: to hand over takes longer than to encode. The
    first ones go one by one, so that all threads have some.
    """
    tiny: list[_Act] = []
    count = 0
    for part in parts:
        size = part.rows.nbytes
        if size < _TINY_BYTES:
            count += 1
            tiny.append(begin(part))
        if tiny and (size >= _TINY_BYTES or len(tiny) > min(count // _TINY_AT_ONCE, _TINY_TOGETHER)):
            yield tiny, 0
            tiny = []
        if size >= _TINY_BYTES:
            # (A lambda's default is bound at once.)
            yield [lambda part=part: begin(part)()], size
    if tiny:
        yield tiny, 0


def _side_by_side(
    runs: Iterable[tuple[list[_Act], int]], stop: threading.Event, at_once: int
) -> list[DataFile]:
    """Write files in threads. At the first failure the others are stopped; it is raised when all have ended."""
    futures: list[Future[list[DataFile]]] = []
    threads = max(at_once, _TINY_AT_ONCE)  # few are started: no more than have something to do
    with ThreadPoolExecutor(threads, thread_name_prefix="atio-write") as pool:
        try:
            pending: set[Future[list[DataFile]]] = set()
            for acts, size in runs:  # one is ready when a thread becomes free
                while len(pending) >= max(at_once, _at_once(size)):
                    pending = _without_done(pending)
                futures.append(pool.submit(_all, acts))
                pending.add(futures[-1])
            while pending:
                pending = _without_done(pending)
        except BaseException:
            stop.set()  # those that wait for a thread end at once, and remove what they have begun
            raise
    return [file for future in futures for file in future.result()]


def _at_once(size: int) -> int:
    """How many runs with files of up to a size, in Arrow data, may be under way, however few processors there are."""
    return _TINY_AT_ONCE if size < _TINY_BYTES else _SMALL_AT_ONCE if size < _SMALL_BYTES else 0


def _all(acts: Iterable[_Act]) -> list[DataFile]:
    return [act() for act in acts]


def _without_done(pending: set[Future[list[DataFile]]]) -> set[Future[list[DataFile]]]:
    """Wait for one that is done at least. Raises what it has raised."""
    done, rest = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return rest


def _begin_file(
    store: ObjectStore, part: Part, stop: threading.Event, meter: Meter
) -> tuple[ObjectWriter, WrittenFile]:
    """Write one file, not yet durably; leave nothing if that fails."""
    if stop.is_set():
        raise StoppedError
    out = BufferedWriter(store, part.path) if part.rows.nbytes < _TINY_BYTES else store.open_write(part.path)
    try:
        with _refusals(part.rows):
            layout = part.layout or _Layout.of(part.rows, TARGET_BYTES)
            written = _write_parquet(Sink(out, stop), part.rows, layout, meter)
    except BaseException as error:
        undo(out.abort, error)
        raise
    return out, written


def _finish_file(out: ObjectWriter, file: DataFile, stop: threading.Event) -> DataFile:
    """Make a file durable, and return its record; leave nothing if that fails."""
    try:
        if stop.is_set():
            raise StoppedError
        out.close()
    except BaseException as error:
        undo(out.abort, error)
        raise
    return file


def _write_parquet(sink: Sink, rows: pa.Table, layout: _Layout, meter: Meter) -> WrittenFile:
    if not rows.schema.names:  # Parquet counts rows by its columns
        rows = pa.table({"rows": pa.nulls(rows.num_rows)}, metadata=rows.schema.metadata)
    require_readable(rows)
    require_kept(rows.schema)
    writer = pq.ParquetWriter(sink, with_inner_ids(rows.schema), write_page_checksum=True, **layout.options)
    try:
        for start in range(0, max(1, rows.num_rows), layout.group_rows):
            group = rows.slice(start, layout.group_rows)
            writer.write_table(group, row_group_size=layout.group_rows)
            meter.add(group.num_rows)
        writer.add_key_value_metadata(sink.start_footer().to_footer())
        writer.close()
    except BaseException as error:
        # Else Parquet closes it when it is dropped, after the file is gone.
        undo(writer.close, error, pa.ArrowException)
        raise
    return sink.finish(writer.writer.metadata)


@contextlib.contextmanager
def _refusals(rows: pa.Table) -> Generator[None]:
    """Turn Parquet's errors into ours."""
    try:
        yield
    except pa.ArrowMemoryError:
        raise
    except pa.ArrowException as error:
        raise _refused(rows, error) from error


def _refused(rows: pa.Table, error: pa.ArrowException) -> NotPreservableError:
    """Say which column Parquet can't keep: the first that fails by itself."""
    for field in rows.schema:
        try:
            pq.write_table(rows.select([field.name]), pa.MockOutputStream(), compression="none")
        except pa.ArrowException as reason:
            return NotPreservableError(
                f"Column {field.name!r}, {field.type}, can't be kept in Parquet: {reason} "
                "Convert it before writing, or leave it out.",
                column=field.name,
            )
    return NotPreservableError(f"These rows can't be kept in Parquet: {error}")
