"""Stores that keep count, or list what was there before, around any other. Those that fail: `atio_core.testing`."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

from atio_core.storage.base import ObjectStore
from atio_core.testing import Fault, FaultyStore, StoreWrapper

_Result = TypeVar("_Result")


def between(store: ObjectStore, come: Callable[[], object], *, after: bool = False) -> FaultyStore:
    """Return a store that lets somebody else come just before its first create, or just after.

    Example:
        def come_between():
            store.put_if_absent("a", b"2")
        between(store, come_between).put_if_absent("a", b"1")  # AlreadyExistsError
    """
    return FaultyStore(store, Fault("put_if_absent", meanwhile=come, after=after, error=None))


class FolderStore(StoreWrapper):
    """A store whose folders are looked into one by one, as on a disk.

    Example:
        assert FolderStore(MemoryStore()).flat is None
    """

    @property
    def flat(self) -> None:
        """None."""
        return None


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

    @property
    def flat(self) -> None:
        """None: no listing shows the names as they are at one moment."""
        return None

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
