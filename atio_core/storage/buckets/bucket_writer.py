"""A new object in a bucket, while it is written: a small one in one request, others in parts, several at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atio_core.storage.buckets.bucket_refusals import Asking
from atio_core.storage.io_stats import IoCounter

PART_BYTES = 10 << 20  # services take 10,000 parts, so 100 GB in one object
AT_ONCE = 4  # parts on the way: they and the next are in memory


def requests_for(size: int) -> int:
    """Return how many requests it takes to write so many bytes: more than a part takes a beginning and an end, too."""
    return 1 if size < PART_BYTES else -(-size // PART_BYTES) + 2


class BucketWriter:
    """An `ObjectWriter` that appears as a whole when it is closed. What a killed writer sent stays hidden there.

    Args:
        out: obstore's writer.
        name: The object's name; nobody else uses it.
        asking: Makes the calls.
        delete: Deletes the object.
        io: Counts.
    """

    __slots__ = ("_asking", "_closed", "_delete", "_io", "_name", "_out", "_written")

    def __init__(
        self, out: Any, name: str, asking: Asking, delete: Callable[[], object], io: IoCounter
    ) -> None:
        self._out, self._name, self._asking, self._delete, self._io = out, name, asking, delete, io
        self._closed = False
        self._written = 0

    def write(self, data: memoryview | bytes) -> int:
        """Add bytes at the end; returns how many, always all of them."""
        view = memoryview(data).cast("B")
        if len(view):
            # It is sent later, when the caller may have filled the buffer anew.
            kept = view if view.readonly else bytes(view)
            self._asking.ask("write", self._name, lambda: self._out.write(kept))
            self._written += len(view)
        return len(view)

    def close(self) -> None:
        """Show the object under its name."""
        if not self._closed:
            self._asking.ask("write", self._name, self._out.close, writes=True)
            self._closed = True
            self._io.add("writes", requests_for(self._written), written=self._written)

    def abort(self) -> None:
        """Give the object up, unless it is complete: its parts go, and if the last answer was lost, so does it."""
        if self._closed:
            return
        self._closed = True
        if self._out.closed():
            self._delete()
        else:  # to leave its block by an error is how obstore's writer is told to take the parts back
            error = InterruptedError()
            self._asking.ask("take back", self._name, lambda: self._out.__exit__(type(error), error, None))
