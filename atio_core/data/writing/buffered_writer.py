"""A small object that is held in memory until it is whole."""

from __future__ import annotations

from atio_core.data.undoing import undo
from atio_core.storage.base import ObjectStore


class BufferedWriter:
    """An `ObjectWriter` that asks the store for nothing before `close`, which may be called by another thread.

    Args:
        store: Where the object goes.
        name: Its name, which nobody else uses.
    """

    __slots__ = ("_held", "_name", "_store")

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self._name = name
        self._held = bytearray()

    def write(self, data: memoryview | bytes) -> int:
        """Add bytes at the end; returns how many, always all of them."""
        self._held += data
        return len(data)

    def close(self) -> None:
        """Store the object, durably; nothing is left of it if that fails."""
        out = self._store.open_write(self._name)
        try:
            out.write(memoryview(self._held))
            out.close()
        except BaseException as error:
            undo(out.abort, error)
            raise

    def abort(self) -> None:
        """Nothing to do: nothing was stored."""
