"""A table in the memory of this process: for tests, for a try, and as the contract's plainest reading."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import NoReturn

from atio_core.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from atio_core.storage.base import Listed, check_name, check_prefix, walk
from atio_core.storage.io_stats import IoCounter


class MemoryStore:
    """An `ObjectStore` in a dict. It outlives no process, but for that it keeps the contract.

    Args:
        name: What messages call it.

    Example:
        >>> store = MemoryStore()
        >>> store.put_if_absent("log/1.json", b"{}")
        >>> list(store.list("log/")), store.read("log/1.json")
        (['log/1.json'], b'{}')
    """

    __slots__ = ("_lock", "_made", "_marks", "_name", "_objects", "io")

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._objects: dict[str, bytes] = {}
        self._marks: dict[str, str] = {}
        self._made = itertools.count()
        self._lock = threading.Lock()
        self.io = IoCounter()

    def __reduce__(self) -> NoReturn:
        """Another process would go on with a copy, unseen by this one."""
        raise InvalidInputError(
            f"{self.location!r} lives in the memory of this process alone and can't be sent to another. Use a folder."
        )

    @property
    def location(self) -> str:
        """Its URL."""
        return f"memory://{self._name}"

    @property
    def flat(self) -> MemoryStore:
        """Itself: its names lie side by side."""
        return self

    @property
    def turns(self) -> None:
        """None: a try that is lost costs nothing here."""
        return None

    def read(self, name: str) -> bytes:
        """Return the whole object. Raises `NotFoundError` if there is none."""
        found = self._find(name)
        self.io.add("reads", read=len(found))
        return found

    def _find(self, name: str) -> bytes:
        check_name(name)
        with self._lock:
            found = self._objects.get(name)
        if found is None:
            message = f"There is no object {name!r} in {self.location!r}."
            raise NotFoundError(message, path=name)
        return found

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Fill `into` from `start` on; returns how many bytes there were."""
        part = memoryview(self._find(name))[start : start + into.nbytes]
        into.cast("B")[: len(part)] = part
        self.io.add("reads", read=len(part))
        return len(part)

    def prune(self, folder: str) -> None:
        """Do nothing: here folders are nothing of their own."""

    def size(self, name: str) -> int:
        """Return the object's size in bytes. Raises `NotFoundError` if there is none."""
        self.io.add("looks")
        return len(self._find(name))

    def put(self, name: str, data: bytes) -> None:
        """Store a new object under a name that nobody else uses."""
        self.io.add("writes", written=len(data))
        self._create(name, data)

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """Create the object if its name is free; `after` asks for nothing, as memory keeps all or none."""
        if after is not None:
            check_name(after)
        self.io.add("creates", written=len(data))
        self._create(name, data)

    def _create(self, name: str, data: bytes) -> None:
        check_name(name)
        with self._lock:
            if name in self._objects:
                raise self._taken(name)
            self._objects[name] = bytes(data)
            self._marks[name] = str(next(self._made))

    def make_durable(self, name: str) -> None:
        """Nothing to do: memory keeps all or none."""
        check_name(name)

    def open_write(self, name: str) -> MemoryWriter:
        """Start a new object under a name that nobody else uses."""
        check_name(name)
        if name in self._objects:
            raise self._taken(name)
        return MemoryWriter(self, name)

    def delete(self, names: Iterable[str]) -> list[str]:
        """Delete objects; those that are missing already are fine."""
        for name in names:
            check_name(name)
            self.io.add("deletes")
            with self._lock:
                self._objects.pop(name, None)
                self._marks.pop(name, None)
        return []

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix`, sorted; each folder is listed when its turn comes."""
        check_prefix(prefix)
        return walk(self.look, prefix)

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Yield what begins with `prefix`, sorted by name, as it is at one moment."""
        check_prefix(prefix)
        self.io.add("lists")
        with self._lock:
            found = [Listed(name, mark) for name, mark in self._marks.items() if name.startswith(prefix)]
        yield from sorted(found, key=lambda one: one.name)

    def read_listed(self, one: Listed) -> bytes:
        """Return an object as it was listed. Raises `NotFoundError` if it is gone, or another has its name by now."""
        with self._lock:
            found = self._objects[one.name] if self._marks.get(one.name) == one.mark else None
        if found is not None:
            self.io.add("reads", read=len(found))
            return found
        message = f"{one.name!r} in {self.location!r} isn't any more what was listed."
        raise NotFoundError(message, path=one.name)

    def look(self, folder: str) -> list[str]:
        """Return the sorted names of what lies directly in a folder; those of folders end with `/`."""
        check_prefix(folder)
        self.io.add("lists")
        with self._lock:
            below = [name[len(folder) :] for name in self._objects if name.startswith(folder)]
        return sorted({folder + first + slash for first, slash, _ in (name.partition("/") for name in below)})

    def _taken(self, name: str) -> AlreadyExistsError:
        message = f"{name!r} exists already in {self.location!r}, and is left as it is."
        return AlreadyExistsError(message, path=name)


class MemoryWriter:
    """An `ObjectWriter` that appears as a whole when it is closed."""

    __slots__ = ("_data", "_name", "_open", "_store")

    def __init__(self, store: MemoryStore, name: str) -> None:
        self._store = store
        self._name = name
        self._data = bytearray()
        self._open = True

    def write(self, data: memoryview | bytes) -> int:
        """Add bytes at the end; returns how many, always all of them."""
        view = memoryview(data).cast("B")
        self._data += view
        return len(view)

    def close(self) -> None:
        """Show the object under its name."""
        if self._open:
            self._store.put(self._name, bytes(self._data))
            self._open = False

    def abort(self) -> None:
        """Give the object up, unless it is complete."""
        self._open = False
        self._data.clear()
