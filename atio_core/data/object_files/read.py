"""Reads objects back. Nothing is decoded, and nothing handed on as whole, before its digest was checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from atio_core.data.digests.blocks import Blocks
from atio_core.data.object_files.base import ObjectKind
from atio_core.data.scan.source import damaged_file, missing_data_file
from atio_core.errors import DamagedError, NotFoundError
from atio_core.format.digest import digest, named, running_digest
from atio_core.model.data_file import DataFile
from atio_core.storage.base import ObjectStore

_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an object's, in a store.

    Attributes:
        store: Where it lies.
        record: What the version knows of it.
        version: The version's number, for messages.
    """

    store: ObjectStore
    record: DataFile
    version: int = 0

    def bytes(self) -> bytes:
        """Return the content. Raises as `copy` does."""
        try:
            data = self.store.read(self.record.path)
        except NotFoundError as error:
            raise self._missing() from error
        self._require(len(data), lambda: digest(data))
        return data

    def writable_bytes(self) -> memoryview:
        """Return the content in memory of the caller's own. Raises as `copy` does."""
        view = memoryview(bytearray(self.record.size + 1))
        count = self._read(0, view)
        self._require(count, lambda: digest(view[:count]))
        return view[:count]

    def copy(self, write: Callable[[memoryview], object]) -> None:
        """Hand the content on, step by step. What was handed on counts only once this has returned.

        Args:
            write: Gets the pieces, and mustn't keep them.

        Raises:
            DamagedError: The bytes are not what was written.
            NotFoundError: The file isn't there: damage, or the version has expired.
            StorageError: The store can't be read.
        """
        running, start = running_digest(), 0
        buffer = memoryview(bytearray(min(_STEP_BYTES, self.record.size + 1)))
        count = len(buffer)
        while start <= self.record.size and count == len(buffer):  # with less the file ends
            count = self._read(start, buffer)
            running.update(buffer[:count])
            write(buffer[:count])
            start += count
        self._require(start, lambda: named(running))

    def read_checked(self, start: int, into: memoryview, blocks: Blocks) -> None:
        """Fill memory with whole blocks, and check each.

        Args:
            start: Where the first block begins.
            into: As long as the blocks.
            blocks: Their digests.

        Raises:
            As `copy`.
        """
        count = self._read(start, into)
        for at, expected, found in blocks.wrong(start, into[:count]):
            raise self.damaged(f"the digest of the block at byte {at}", expected, found)
        if count < len(into):
            raise self.damaged("its size", str(self.record.size), f"{start + count}")

    def check(self, *, deep: bool) -> None:
        """See whether the file is there and holds what was written.

        Args:
            deep: Read all of it; else its size and its end, which holds the digests of the rest, are looked at.

        Raises:
            As `copy`.
        """
        if deep:
            return self.copy(lambda _: None)
        record, size = self.record, self._size()
        if size != record.size:
            raise self.damaged("its size", str(record.size), str(size))
        end = memoryview(bytearray(record.footer_size))
        count = self._read(record.size - record.footer_size, end)
        if record.footer_size and (there := digest(end[:count])) != record.footer_digest:
            raise self.damaged("the digest of its end", record.footer_digest, there)
        return None

    def is_intact(self) -> bool:
        """Say whether the file is there and holds what was written."""
        try:
            self.check(deep=True)
        except (DamagedError, NotFoundError):
            return False
        return True

    def _size(self) -> int:
        try:
            return self.store.size(self.record.path)
        except NotFoundError as error:
            raise self._missing() from error

    def _read(self, start: int, into: memoryview) -> int:
        try:
            return self.store.read_into(self.record.path, start, into)
        except NotFoundError as error:
            raise self._missing() from error

    def _require(self, size: int, found: Callable[[], str]) -> None:
        if size != self.record.size:
            raise self.damaged("its size", str(self.record.size), str(size))
        if (there := found()) != self.record.digest:
            raise self.damaged("its digest", self.record.digest, there)

    def damaged(self, what: str, expected: str, found: str) -> DamagedError:
        """Return an error that names the file and says what to do."""
        table = self.store.location
        return damaged_file(self.record, what, expected, found, table=table, version=self.version)

    def _missing(self) -> NotFoundError:
        return missing_data_file(self.record, table=self.store.location, version=self.version)


def load_object(stored: StoredFile, kind: ObjectKind) -> Any:
    """Return the object that one file holds.

    Raises:
        DamagedError: The file isn't what was written.
        NotFoundError: It isn't there.
        InvalidInputError: A pickle needs what isn't installed.
    """
    data = stored.writable_bytes() if kind.shares_bytes else stored.bytes()
    try:
        return kind.load(data)
    except (ValueError, KeyError, TypeError, SyntaxError) as error:
        if kind.name == "pickle":
            raise  # what its own classes raise says more
        raise stored.damaged("its content", f"what {kind.format} holds", str(error)) from error
