"""A new object in a bucket, while it is written: a small one in one request, others in parts, several at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atio_core.storage.bucket_refusals import Asking

PART_BYTES = 10 << 20  # services take 10,000 parts, so 100 GB in one object
AT_ONCE = 4  # parts on the way: they and the next are in memory


class BucketWriter:
    """An `ObjectWriter` that appears as a whole when it is closed. What a killed writer sent stays hidden there.

    Args:
        out: obstore's writer.
        name: The object's name; nobody else uses it.
        asking: Makes the calls.
        delete: Deletes the object.
    """

    __slots__ = ("_asking", "_closed", "_delete", "_name", "_out")

    def __init__(self, out: Any, name: str, asking: Asking, delete: Callable[[], object]) -> None:
        self._out, self._name, self._asking, self._delete = out, name, asking, delete
        self._closed = False

    def write(self, data: memoryview | bytes) -> int:
        """Add bytes at the end; returns how many, always all of them."""
        view = memoryview(data).cast("B")
        if len(view):
            self._asking.ask("write", self._name, lambda: self._out.write(view))
        return len(view)

    def close(self) -> None:
        """Show the object under its name."""
        if not self._closed:
            self._asking.ask("write", self._name, self._out.close, writes=True)
            self._closed = True

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
