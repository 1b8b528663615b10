"""Where data files are read from, and the errors that name one of them."""

from __future__ import annotations

import contextlib
import mmap
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atio_core.data.schema.conform import field_id
from atio_core.data.schema.pieces import moved_info
from atio_core.errors import DamagedError, NotFoundError
from atio_core.model.data_file import DataFile
from atio_core.storage.base import ObjectStore

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Source:
    """Where data files lie, and the version that they are read for.

    Attributes:
        store: Where they lie.
        schema: The version's columns; each field carries its id.
        schemas: The schema that each file was written with, by its number in the record.
        table: The table's name, for messages.
        version: The version's number, for messages.
        checked: Whether digests are.
    """

    store: ObjectStore
    schema: pa.Schema
    schemas: Mapping[int, pa.Schema]
    table: str
    version: int
    checked: bool = True

    def info(self, file: DataFile) -> dict[str, Any]:
        """Return what belongs to a file's piece of data, said of the version's columns instead of the file's."""
        kept = self.schemas[file.schema]
        if kept is self.schema:
            return file.piece
        ids = [field_id(field) for field in self.schema]
        places = {at: ids.index(found) for at, field in enumerate(kept) if (found := field_id(field)) in ids}
        return moved_info(file.piece, places, kept.names, self.schema.names)

    def damaged(self, file: DataFile, what: str, expected: str, found: str) -> DamagedError:
        """An error that names the file and says what to do."""
        return damaged_file(file, what, expected, found, table=self.table, version=self.version)

    def missing(self, file: DataFile) -> NotFoundError:
        """An error that says which file isn't there; the caller knows whether it has to be."""
        return missing_data_file(file, table=self.table, version=self.version)

    def read(self, file: DataFile, start: int, into: memoryview) -> int:
        """Fill `into` from the file."""
        try:
            return self.store.read_into(file.path, start, into)
        except NotFoundError as error:
            raise self.missing(file) from error


def damaged_file(
    file: DataFile, what: str, expected: str, found: str, *, table: str, version: int
) -> DamagedError:
    """Return an error that names a data file and says what to do."""
    return DamagedError(
        f"Data file {file.path!r} of table {table!r}, version {version}, is damaged: {what} is {found}, "
        f"expected {expected}. Restore the file from a backup, or restore an older version of the table, or write "
        "the data again.",
        table=table,
        version=version,
        path=file.path,
        expected=expected,
        found=found,
    )


def missing_data_file(file: DataFile, *, table: str, version: int) -> NotFoundError:
    """Return an error that says which data file isn't there; the caller knows whether it has to be."""
    message = f"Data file {file.path!r} of table {table!r}, version {version}, is missing."
    return NotFoundError(message, table=table, version=version, path=file.path)


def sparse_memory(size: int) -> mmap.mmap:
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
