"""Objects of a store as files that libraries can read from: they ask for bytes at places, and jump about."""

from __future__ import annotations

import io
import os
from typing import Any

from atio_core.errors import InvalidInputError
from atio_core.storage.base import ObjectStore


class SeekableFile(io.RawIOBase):
    """A file of a known length that is read from a place: what is below it says how, by `readinto`.

    Args:
        name: What it is called, for messages.
        length: In bytes.
    """

    def __init__(self, name: str, length: int) -> None:
        super().__init__()
        self._name, self._at = name, 0
        self.length = length

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place, counted from the beginning, from here, or from the end."""
        self._checkClosed()
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.length}[whence]
        if start + offset < 0:
            raise InvalidInputError(f"the position {start + offset} lies before the file {self._name!r}")
        self._at = start + offset
        return self._at


class ObjectFile(SeekableFile):
    """Reads one object. Each `read` is a request.

    Args:
        store: Where it lies.
        name: Its name.

    Raises:
        NotFoundError: There is none.

    Example:
        >>> from atio_core.storage.memory import MemoryStore
        >>> store = MemoryStore("object-file")
        >>> store.put("a", b"0123456789")
        >>> file = ObjectFile(store, "a")
        >>> file.seek(-3, 2), file.read(2), file.tell()
        (7, b'78', 9)
    """

    def __init__(self, store: ObjectStore, name: str) -> None:
        super().__init__(name, store.size(name))
        self._store = store

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; returns with how many bytes, fewer only at the end."""
        with memoryview(buffer) as given, given.cast("B") as view:
            count = max(0, min(view.nbytes, self.length - self._at))
            if count:
                count = self._store.read_into(self._name, self._at, view[:count])
            self._at += count
            return count
