"""What a store was asked for: requests by kind, and bytes both ways. Each store counts where it asks."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True)
class IoStats:
    """What was asked of the place where a table lies.

    Each request to a bucket counts, but for those that the client library sends again by itself; on a disk each file
    that is read, written or deleted, and each folder that is looked into.

    Attributes:
        reads: Objects that were read, or parts of one.
        writes: Objects that were written, or parts of one.
        creates: Objects that were created if their name was free: log entries above all.
        lists: Listings, or pages of one.
        looks: Sizes that were asked for.
        deletes: Deletions; in a bucket of up to a thousand objects at once.
        bytes_read: Bytes of objects that came.
        bytes_written: Bytes of objects that were sent.
    """

    reads: int = 0
    writes: int = 0
    creates: int = 0
    lists: int = 0
    looks: int = 0
    deletes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    @property
    def requests(self) -> int:
        """All requests."""
        return self.reads + self.writes + self.creates + self.lists + self.looks + self.deletes

    def __sub__(self, earlier: IoStats) -> IoStats:
        """What was asked since then."""
        before = asdict(earlier)
        return IoStats(**{name: value - before[name] for name, value in asdict(self).items()})


class IoCounter:
    """Counts what a store is asked for. Several threads may."""

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._counts = dict.fromkeys((field.name for field in fields(IoStats)), 0)
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[IoCounter], tuple[()]]:
        """Another process counts what it asks for itself."""
        return IoCounter, ()

    def add(self, kind: str, count: int = 1, *, read: int = 0, written: int = 0) -> None:
        """Count.

        Args:
            kind: A name of `IoStats`' numbers of requests.
            count: How many requests.
            read: Bytes that came.
            written: Bytes that were sent.
        """
        with self._lock:
            self._counts[kind] += count
            self._counts["bytes_read"] += read
            self._counts["bytes_written"] += written

    def stats(self) -> IoStats:
        """Return what was counted so far."""
        with self._lock:
            return IoStats(**self._counts)
