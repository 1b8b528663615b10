"""The objects that one attempt at a commit writes before its entry: manifests, lists of keys, schemas."""

from __future__ import annotations

import uuid

from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock, uuid7
from atio_core.storage.base import ObjectStore


class Scratch:
    """Writes objects under new names, and takes them away again when the attempt is known to have failed.

    Args:
        store: The table's store.
        base: The entry that the attempt builds on. Names carry no time before its horizon, so that a wrong clock
            can't make them look like leftovers.
        clock: Where the time comes from.
    """

    def __init__(self, store: ObjectStore, base: LogEntry, clock: Clock) -> None:
        self.store = store
        self._horizon_us = base.horizon_us
        self._clock = clock
        self._names: list[str] = []

    def new_id(self) -> uuid.UUID:
        """Return a name for a new object."""
        return uuid7(self._clock, not_before_us=self._horizon_us)

    def put(self, name: str, data: bytes) -> None:
        """Store an object."""
        self._names.append(name)
        self.store.put(name, data)

    def discard(self) -> None:
        """Delete what was stored."""
        self.store.delete(self._names)
        self._names.clear()
