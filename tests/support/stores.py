"""Stores that keep count, or list what was there before, around any other. Those that fail: `atio_core.testing`."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
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


class DyingStore(StoreWrapper):
    """A store that kills workers: each of some calls is the last one of its process, once over all processes.

    Example:
        store = DyingStore(LocalStore(path), tmp_path / "deaths", ["before open_write", "after close"])
        pickle.dumps(store)  # and to a worker with it; the process that made it is spared
    """

    def __init__(self, store: ObjectStore, deaths: Path, when: list[str], *, files: int = 0) -> None:
        """Wrap a store.

        Args:
            store: The store.
            deaths: A folder in which each death is noted.
            when: "before …" or "after …" and a verb; one that is there twice kills twice.
            files: Nobody dies before so many data files lie there.
        """
        super().__init__(store)
        deaths.mkdir(exist_ok=True)
        self._deaths = deaths
        self._when = when
        self._files = files
        self._spared = os.getpid()

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Make the call, and die before it or after it if it's time."""
        self._die_if_due(f"before {verb}")
        answer = call()
        self._die_if_due(f"after {verb}")
        return answer

    def _die_if_due(self, moment: str) -> None:
        if os.getpid() == self._spared or moment not in self._when:
            return
        if sum(1 for _ in Path(self.location).rglob("*.parquet")) < self._files:
            return
        for number, when in enumerate(self._when):
            with contextlib.suppress(FileExistsError):
                if when == moment:
                    (self._deaths / str(number)).touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
