"""A store with some objects more, which can be read and are never stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from atio_core.storage.base import FlatListing, ObjectStore, ObjectWriter
from atio_core.storage.io_stats import IoCounter
from atio_core.storage.turns import Turns


class Overlay:
    """An `ObjectStore` that hands every call on, but for reads of the objects that it holds.

    Args:
        store: The store below.
        held: The objects that are seen besides, by their names.
    """

    def __init__(self, store: ObjectStore, held: Mapping[str, bytes]) -> None:
        self._store = store
        self._held = dict(held)

    @property
    def location(self) -> str:
        """That of the store below."""
        return self._store.location

    @property
    def io(self) -> IoCounter:
        """That of the store below."""
        return self._store.io

    @property
    def flat(self) -> FlatListing | None:
        """That of the store below; what is held isn't listed."""
        return self._store.flat

    @property
    def turns(self) -> Turns | None:
        """Those of the store below."""
        return self._store.turns

    def read(self, name: str) -> bytes:
        """See `ObjectStore`."""
        return self._held[name] if name in self._held else self._store.read(name)

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """See `ObjectStore`."""
        if name not in self._held:
            return self._store.read_into(name, start, into)
        part = self._held[name][start : start + into.nbytes]
        into[: len(part)] = part
        return len(part)

    def size(self, name: str) -> int:
        """See `ObjectStore`."""
        return len(self._held[name]) if name in self._held else self._store.size(name)

    def put(self, name: str, data: bytes) -> None:
        """See `ObjectStore`."""
        self._store.put(name, data)

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """See `ObjectStore`."""
        self._store.put_if_absent(name, data, after=after)

    def make_durable(self, name: str) -> None:
        """See `ObjectStore`."""
        self._store.make_durable(name)

    def open_write(self, name: str) -> ObjectWriter:
        """See `ObjectStore`."""
        return self._store.open_write(name)

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `ObjectStore`; what is held isn't listed."""
        return self._store.list(prefix)

    def prune(self, folder: str) -> None:
        """See `ObjectStore`."""
        self._store.prune(folder)

    def look(self, folder: str) -> list[str]:
        """See `ObjectStore`; what is held isn't shown."""
        return self._store.look(folder)

    def delete(self, names: Iterable[str]) -> list[str]:
        """See `ObjectStore`."""
        return self._store.delete(names)
