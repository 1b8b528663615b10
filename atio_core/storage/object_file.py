"""An object of a store as a file that libraries can read from: they ask for bytes at places, and jump about."""

from __future__ import annotations

import io
import os
from typing import Any

from atio_core.errors import InvalidInputError
from atio_core.storage.base import ObjectStore


class ObjectFile(io.RawIOBase):
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
        super().__init__()
        self._store, self._name, self._at = store, name, 0
        self.length = store.size(name)

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
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.length}[whence]
        if start + offset < 0:
            raise InvalidInputError(f"there is no byte {start + offset} in {self._name!r}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; returns with how many bytes, fewer only at the end."""
        with memoryview(buffer) as given, given.cast("B") as view:
            count = max(0, min(view.nbytes, self.length - self._at))
            if count:
                count = self._store.read_into(self._name, self._at, view[:count])
            self._at += count
            return count
