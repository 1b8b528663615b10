"""What a table asks of the place where it lies: bytes by name.

Rules that every store keeps, and that `tests/atio_core/storage/contract.py` checks:

1. A name is a relative path of non-empty parts joined by `/`; no part is `.` or `..`.
2. When `put`, `put_if_absent` or a writer's `close` returns, the bytes, the name and every folder on the way to it
   survive a power loss.
3. An object appears whole or not at all: under its name by `put_if_absent`; for `put` and `open_write`, whose names
   nobody knows before they return, a crash may leave a part behind.
4. Of any number of `put_if_absent` calls on one name, at most one takes effect.
5. `list` is no snapshot: names made or deleted while it runs may or may not be seen, one folder at a time.
6. Failures are `StorageError`. Its `unknown` is True when the call may have taken effect all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable


class ObjectWriter(Protocol):
    """A new object while it is being written. Leaving it without `close` must be followed by `abort`."""

    def write(self, data: memoryview | bytes) -> int:
        """Add bytes at the end; returns how many, always all of them."""
        ...

    def close(self) -> None:
        """Make the object durable under its name."""
        ...

    def abort(self) -> None:
        """Give the object up and take away what was written. Does nothing after `close`."""
        ...


@runtime_checkable
class ObjectStore(Protocol):
    """Bytes by name, relative to one root."""

    @property
    def location(self) -> str:
        """The root as a person would name it, for messages."""
        ...

    def read(self, name: str) -> bytes:
        """Return the whole object. Raises `NotFoundError` if there is none."""
        ...

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Fill `into` with the object's bytes from `start` on; returns how many there were (fewer only at its end).

        Raises `NotFoundError` if there is none.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Store a new object under a name that nobody else uses."""
        ...

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """Create the object if its name is free.

        Args:
            name: The name to take.
            data: The whole content.
            after: An existing object whose name must be durable before this one appears.

        Raises:
            AlreadyExistsError: The store says that the name is taken. (It may have been taken by this very call.)
            UnsupportedStoreError: The store has no way to refuse a taken name.
            StorageError: With `unknown=True` if the object may be there now.
        """
        ...

    def open_write(self, name: str) -> ObjectWriter:
        """Start a new object under a name that nobody else uses."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix` (which is empty or ends with `/`), sorted, lazily."""
        ...

    def size(self, name: str) -> int:
        """Return the object's size in bytes. Raises `NotFoundError` if there is none."""
        ...

    def delete(self, names: Iterable[str]) -> list[str]:
        """Delete objects; those that are missing already are fine. Returns the names that could not be deleted yet."""
        ...
