"""Opens data files: reads the end of one, or all of a small one, and checks it before it is parsed.

1. The bytes must be as many as the record says: one byte more is asked for, and none may come. Their digest must be the
   record's.
2. The Parquet footer that they hold must have the record's number of rows. Its columns are matched with those that are
   wanted: once for all files of one layout, as a table may have many small ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.data.scan.file_columns import FileColumns
from atio_core.data.scan.footer_shape import Shapes
from atio_core.data.scan.scan_request import ScanRequest
from atio_core.data.scan.source import Source
from atio_core.errors import NewerFormatError
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile

_ARROW_SCHEMA = b"ARROW:schema"  # in a footer: with the Parquet columns, it says what Arrow makes of them


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose end was read and checked, or all of it."""

    file: DataFile
    parquet: pq.ParquetFile
    metadata: pq.FileMetaData
    columns: FileColumns


@dataclass(frozen=True, slots=True)
class Whole:
    """All bytes of a file.

    Attributes:
        file: Its record.
        memory: The bytes of several files, one behind the other.
        start: Where in it those of this one begin.
    """

    file: DataFile
    memory: pa.Buffer
    start: int

    @property
    def data(self) -> pa.Buffer:
        """The bytes of this file."""
        return self.memory.slice(self.start, self.file.size)


class Opener:
    """Opens files for one request. Several threads may use it.

    Args:
        request: What is to be read.
    """

    __slots__ = ("_known", "_needed", "_pool", "request", "shapes")

    def __init__(self, request: ScanRequest) -> None:
        self.request = request
        self.shapes = Shapes()
        self._needed = request.needed
        # What comes from a bucket is decoded, and let go of, by another thread than asked for it. Then Arrow's own pool
        # gives it back to the system, which makes it anew for the next file: a quarter of a read's processor time.
        far = request.source.store.flat is not None
        self._pool = pa.system_memory_pool() if far else pa.default_memory_pool()
        self._known: dict[
            int, tuple[pq.ParquetSchema, bytes | None, FileColumns]
        ] = {}  # by the schema's number

    def open(self, file: DataFile) -> Opened:
        """Read a file's end, check it, and parse the footer.

        Raises:
            NotFoundError: It is missing.
            DamagedError: It isn't what was written.
            NewerFormatError: A later release wrote it.
            StorageError: It can't be read.
        """
        source = self.request.source
        return self.parse(file, _read_end(source, file, file.size - file.footer_size, file.footer_digest))

    def read_wholes(self, files: Sequence[DataFile]) -> list[Whole]:
        """Return all bytes of files, checked; fails as `open` does."""
        starts = list(itertools.accumulate((file.size for file in files), initial=0))
        memory = pa.allocate_buffer(starts[-1] + 1, memory_pool=self._pool)
        with memoryview(memory) as view:
            for file, start in zip(files, starts, strict=False):
                _read_checked(self.request.source, file, 0, file.digest, view[start : start + file.size + 1])
        return [Whole(file, memory, start) for file, start in zip(files, starts, strict=False)]

    def parse(self, file: DataFile, end: pa.Buffer) -> Opened:
        """Parse the footer of a file.

        Args:
            file: Its record.
            end: The file's end, or all of it, checked.

        Raises:
            DamagedError: The footer isn't what the record says.
        """
        source = self.request.source
        try:
            parquet = pq.ParquetFile(pa.BufferReader(end), pre_buffer=False)
            metadata = parquet.metadata
            columns = self._columns(file, parquet, metadata)
        except (pa.ArrowException, OSError) as error:
            raise source.damaged(file, "its footer", "one that can be read", str(error)) from error
        if metadata.num_rows != file.rows:
            raise source.damaged(file, "its number of rows", str(file.rows), str(metadata.num_rows))
        return Opened(file, parquet, metadata, columns)

    def _columns(self, file: DataFile, parquet: pq.ParquetFile, metadata: pq.FileMetaData) -> FileColumns:
        told: dict[bytes, bytes] = metadata.metadata or {}
        schema, arrow = metadata.schema, told.get(_ARROW_SCHEMA)
        known = self._known.get(file.schema)
        if known is None or known[1] != arrow or not known[0].equals(schema):
            columns = FileColumns.of(self.request.source, self._needed, file, parquet.schema_arrow)
            known = (schema, arrow, columns)
            self._known[file.schema] = known
        return known[2]


def _require_known(source: Source, file: DataFile) -> None:
    """Raise an error if a record says what can't be: of another format, or of a schema that the entry lacks."""
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


def _read_end(source: Source, file: DataFile, start: int, expected: str) -> pa.Buffer:
    """Read a file from `start` to its end, which must be where the record says."""
    length = file.size - start
    buffer = pa.allocate_buffer(length + 1)
    with memoryview(buffer) as view:
        _read_checked(source, file, start, expected, view)
    return buffer.slice(0, length)


def _read_checked(source: Source, file: DataFile, start: int, expected: str, into: memoryview) -> None:
    """Read a file from `start` to its end into memory that has room for one byte more, which may not come."""
    _require_known(source, file)
    length = file.size - start
    count = source.read(file, start, into)
    if count != length:
        raise source.damaged(file, "its size", str(file.size), "more" if count > length else "less")
    found = digest(into[:length]) if source.checked else expected
    if found != expected:
        what = "its digest" if start == 0 else "the digest of its footer"
        raise source.damaged(file, what, expected, found)
