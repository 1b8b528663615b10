"""Stores that misbehave, or keep count, around any other store."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from atio_core.errors import StorageError
from atio_core.storage.base import ObjectStore, ObjectWriter

_Result = TypeVar("_Result")
VERBS = (
    "read",
    "read_into",
    "put",
    "put_if_absent",
    "open_write",
    "write",
    "close",
    "abort",
    "list",
    "look",
    "size",
    "delete",
)


class StoreWrapper:
    """An `ObjectStore` that hands every call to another by way of `around`, which subclasses override.

    `write`, `close` and `abort` are the calls of a writer; `list` is one call, whatever it yields.

    Example:
        class Tracing(StoreWrapper):
            def around(self, verb, name, call):
                print(verb, name)
                return call()
    """

    def __init__(self, store: ObjectStore) -> None:
        """Wrap a store."""
        self.store = store

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Make a call. Override this."""
        return call()

    @property
    def location(self) -> str:
        """The wrapped store's."""
        return self.store.location

    def read(self, name: str) -> bytes:
        """See `ObjectStore`."""
        return self.around("read", name, lambda: self.store.read(name))

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """See `ObjectStore`."""
        return self.around("read_into", name, lambda: self.store.read_into(name, start, into))

    def put(self, name: str, data: bytes) -> None:
        """See `ObjectStore`."""
        self.around("put", name, lambda: self.store.put(name, data))

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """See `ObjectStore`."""
        self.around("put_if_absent", name, lambda: self.store.put_if_absent(name, data, after=after))

    def make_durable(self, name: str) -> None:
        """See `ObjectStore`."""
        self.around("make_durable", name, lambda: self.store.make_durable(name))

    def open_write(self, name: str) -> ObjectWriter:
        """See `ObjectStore`."""
        return _Writer(self, name, self.around("open_write", name, lambda: self.store.open_write(name)))

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `ObjectStore`."""
        return self.around("list", prefix, lambda: self.store.list(prefix))

    def look(self, folder: str) -> list[str]:
        """See `ObjectStore`."""
        return self.around("look", folder, lambda: self.store.look(folder))

    def size(self, name: str) -> int:
        """See `ObjectStore`."""
        return self.around("size", name, lambda: self.store.size(name))

    def delete(self, names: Iterable[str]) -> list[str]:
        """See `ObjectStore`. One call per name, so that a failure may fall between two."""
        remaining: list[str] = []
        for name in names:
            remaining += self.around("delete", name, lambda name=name: self.store.delete([name]))
        return remaining


class _Writer:
    def __init__(self, owner: StoreWrapper, name: str, writer: ObjectWriter) -> None:
        self._owner = owner
        self._name = name
        self._writer = writer

    def write(self, data: memoryview | bytes) -> int:
        return self._owner.around("write", self._name, lambda: self._writer.write(data))

    def close(self) -> None:
        self._owner.around("close", self._name, self._writer.close)

    def abort(self) -> None:
        self._owner.around("abort", self._name, self._writer.abort)


def lost_answer() -> StorageError:
    """What a store raises when it can't tell whether the call took effect."""
    return StorageError("The answer got lost.", unknown=True)


def refusal() -> StorageError:
    """What a store raises when the call took no effect."""
    return StorageError("The store refused.")


@dataclass(slots=True)
class Failure:
    """Which calls fail, and how.

    Attributes:
        verb: One of `VERBS`.
        at: The first call to fail, among those that match, counted from 1.
        times: How many fail.
        after: Whether the call takes effect all the same.
        error: Makes what is raised: `lost_answer`, `refusal`, or any other.
        name: Says of a name whether its calls match.
    """

    verb: str
    at: int = 1
    times: int = 1
    after: bool = False
    error: Callable[[], BaseException] = lost_answer
    name: Callable[[str], bool] = field(default=lambda _: True)
    seen: int = field(default=0, init=False)

    def hits(self, verb: str, name: str) -> bool:
        """Count a call, and say whether it fails."""
        if verb != self.verb or not self.name(name):
            return False
        self.seen += 1
        return self.at <= self.seen < self.at + self.times


class FailingStore(StoreWrapper):
    """A store whose chosen calls fail, before or after they took effect.

    Example:
        # The first create takes effect, but its answer is lost; the second is told "taken".
        store = FailingStore(
            MemoryStore(),
            Failure("put_if_absent", after=True),
            Failure("put_if_absent", at=2, error=lambda: AlreadyExistsError("taken")),
        )
    """

    def __init__(self, store: ObjectStore, *failures: Failure) -> None:
        """Wrap a store."""
        super().__init__(store)
        self.failures = list(failures)
        self._lock = threading.Lock()

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Make the call, unless it fails before."""
        with self._lock:
            hits = [failure for failure in self.failures if failure.hits(verb, name)]
        if not hits:
            return call()
        if hits[0].after:
            call()
        raise hits[0].error()


class Interloper(StoreWrapper):
    """A store that lets somebody else come just before its first create, or just after.

    Example:
        def come_between():
            store.put_if_absent("a", b"2")
        Interloper(store, come_between).put_if_absent("a", b"1")  # AlreadyExistsError
    """

    def __init__(self, store: ObjectStore, come: Callable[[], object], *, after: bool = False) -> None:
        """Wrap a store."""
        super().__init__(store)
        self._come: Callable[[], object] | None = come
        self._after = after

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """Create the object, before or after somebody else's turn."""
        come, self._come = self._come, None
        if come is not None and not self._after:
            come()
        super().put_if_absent(name, data, after=after)
        if come is not None and self._after:
            come()


class StaleListStore(StoreWrapper):
    """A store whose listings are old ones, on demand; everything else is up to date.

    Example:
        store = StaleListStore(MemoryStore())
        with store.frozen():
            store.put("a", b"1")
            assert list(store.list()) == []
        assert list(store.list()) == ["a"]
    """

    def __init__(self, store: ObjectStore) -> None:
        """Wrap a store."""
        super().__init__(store)
        self._names: list[str] | None = None

    @contextlib.contextmanager
    def frozen(self) -> Generator[None]:
        """Within the block, listings show what is there at its start."""
        self._names = sorted(self.store.list())
        try:
            yield
        finally:
            self._names = None

    def list(self, prefix: str = "") -> Iterator[str]:
        """List what was there."""
        if self._names is None:
            return super().list(prefix)
        return iter([name for name in self._names if name.startswith(prefix)])

    def look(self, folder: str) -> list[str]:
        """Look at what was there."""
        if self._names is None:
            return super().look(folder)
        below = [name[len(folder) :].partition("/") for name in self._names if name.startswith(folder)]
        return sorted({folder + first + slash for first, slash, _ in below})


class CountingStore(StoreWrapper):
    """A store that counts its calls by verb, and notes each with its name.

    Example:
        store = CountingStore(MemoryStore())
        store.put("a", b"1")
        assert store.counts == {"put": 1}
        assert store.calls == [("put", "a")]
    """

    def __init__(self, store: ObjectStore) -> None:
        """Wrap a store."""
        super().__init__(store)
        self.calls: list[tuple[str, str]] = []

    @property
    def counts(self) -> collections.Counter[str]:
        """How many calls of each verb there were."""
        return collections.Counter(verb for verb, _ in self.calls)

    def reset(self) -> None:
        """Start counting anew."""
        self.calls.clear()

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Note the call and make it."""
        self.calls.append((verb, name))
        return call()
