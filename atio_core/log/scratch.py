"""The objects that one attempt at a commit writes before its entry: manifests, lists of keys, schemas."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any, Protocol, cast

from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock, uuid7
from atio_core.storage.base import ObjectStore


class Readable(Protocol):
    """A store, or an attempt's view of it."""

    @property
    def location(self) -> str:
        """As `ObjectStore.location`."""
        ...

    def read(self, name: str) -> bytes:
        """As `ObjectStore.read`."""
        ...


class _Over:
    """A store, but for reads of what an attempt holds."""

    def __init__(self, store: ObjectStore, scratch: Scratch) -> None:
        self._store = store
        self.read = scratch.read

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)


class Scratch:
    """Holds objects under new names, writes them when all are known, and takes them away if the attempt has failed.

    So what is merged into another in the same attempt is never written.

    Args:
        store: The table's store.
        base: The entry that the attempt builds on. Names carry no time before its horizon, so that a wrong clock
            can't make them look like leftovers.
        clock: Where the time comes from.
        forgets: Whether what became part of another may go.
    """

    def __init__(self, store: ObjectStore, base: LogEntry, clock: Clock, *, forgets: bool = True) -> None:
        self._store = store
        self._forgets = forgets
        self._horizon_us = base.horizon_us
        self._clock = clock
        self._held: dict[str, bytes] = {}
        self._written: list[str] = []

    @property
    def location(self) -> str:
        """The table's path, for messages."""
        return self._store.location

    def new_id(self) -> uuid.UUID:
        """Return a name for a new object."""
        return uuid7(self._clock, not_before_us=self._horizon_us)

    def put(self, name: str, data: bytes) -> None:
        """Hold an object."""
        self._held[name] = data

    def read(self, name: str) -> bytes:
        """Return an object, held or stored."""
        held = self._held.get(name)
        return self._store.read(name) if held is None else held

    def forget(self, name: str) -> None:
        """Drop an object, if it is held: it is part of another by now."""
        if self._forgets:
            self._held.pop(name, None)

    def keep(self, names: Collection[str]) -> None:
        """Drop all but these: nothing needs the others any more."""
        self._held = {name: data for name, data in self._held.items() if name in names}

    def over(self, store: ObjectStore) -> ObjectStore:
        """Return a view of a store in which what is held can be read already."""
        return cast("ObjectStore", _Over(store, self))

    def write(self) -> None:
        """Store what is held."""
        for name, data in self._held.items():
            self._written.append(name)
            self._store.put(name, data)
        self._held.clear()

    @property
    def held(self) -> dict[str, bytes]:
        """What is held, by its names."""
        return dict(self._held)

    def discard(self) -> None:
        """Delete what was stored."""
        self._store.delete(self._written)
        self._written.clear()
