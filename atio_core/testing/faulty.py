"""A store that fails or answers late on demand, around any other.

Every call goes through `StoreWrapper.around`. A `Fault` says which calls go wrong, and how: refused, done but the
answer lost, or late, with somebody else's work in between.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from atio_core.errors import InvalidInputError, StorageError
from atio_core.format.names import TEMPORARY
from atio_core.storage.base import FlatListing, Listed, ObjectStore, ObjectWriter
from atio_core.storage.io_stats import IoCounter
from atio_core.storage.locate import locate, options_of
from atio_core.storage.turns import Turns

_Result = TypeVar("_Result")
VERBS = (
    "read",
    "read_into",
    "put",
    "put_if_absent",
    "make_durable",
    "open_write",
    "write",
    "close",
    "abort",
    "list",
    "look",
    "prune",
    "size",
    "delete",
)
"""The calls of a store; `write`, `close` and `abort` are those of a writer that `open_write` returned."""


class StoreWrapper:
    """An `ObjectStore` that hands every call to another by way of `around`, which subclasses override.

    `list` is one call, whatever it yields, and so is a flat listing, of which `read` reads; a deletion is one call per
    name.

    Args:
        store: The store around which this one is; or the path of a table, for one on a disk.

    Example:
        >>> class Tracing(StoreWrapper):
        ...     def around(self, verb, name, call):
        ...         print(verb, name)
        ...         return call()
        >>> Tracing("memory://wrapper-example").put("a", b"1")
        put a
    """

    def __init__(self, store: ObjectStore | str | os.PathLike[str]) -> None:
        self.store: ObjectStore = (
            store if isinstance(store, ObjectStore) else locate(store, temporary=TEMPORARY)
        )

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:  # noqa: ARG002 - for subclasses
        """Make a call. Override this.

        Args:
            verb: One of `VERBS`.
            name: Of the object, or of the folder that is listed.
            call: Makes the call, and returns its answer.
        """
        return call()

    @property
    def location(self) -> str:
        """The wrapped store's."""
        return self.store.location

    @property
    def io(self) -> IoCounter:
        """The wrapped store's."""
        return self.store.io

    @property
    def flat(self) -> FlatListing | None:
        """See `ObjectStore`."""
        flat = self.store.flat
        return None if flat is None else _FlatListing(self, flat)

    @property
    def turns(self) -> Turns | None:
        """The wrapped store's."""
        return self.store.turns

    @property
    def storage_options(self) -> Mapping[str, Any] | None:
        """How the wrapped store was opened, if it is a bucket's."""
        return options_of(self.store)

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

    def prune(self, folder: str) -> None:
        """See `ObjectStore`."""
        self.around("prune", folder, lambda: self.store.prune(folder))

    def size(self, name: str) -> int:
        """See `ObjectStore`."""
        return self.around("size", name, lambda: self.store.size(name))

    def delete(self, names: Iterable[str]) -> list[str]:
        """See `ObjectStore`."""
        remaining: list[str] = []
        for name in names:
            remaining += self.around("delete", name, lambda name=name: self.store.delete([name]))
        return remaining


class _FlatListing:
    def __init__(self, owner: StoreWrapper, flat: FlatListing) -> None:
        self._owner = owner
        self._flat = flat

    def listed(self, prefix: str) -> Iterator[Listed]:
        return self._owner.around("list", prefix, lambda: self._flat.listed(prefix))

    def read_listed(self, one: Listed) -> bytes:
        return self._owner.around("read", one.name, lambda: self._flat.read_listed(one))


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
    """Return what a store raises when it can't tell whether the call took effect."""
    return StorageError("The answer got lost.", unknown=True)


def refusal() -> StorageError:
    """Return what a store raises when the call took no effect."""
    return StorageError("The store refused.")


def _nothing() -> None:
    """Nothing happens meanwhile."""


@dataclass(slots=True)
class Fault:
    """Which calls go wrong, and how.

    Attributes:
        verb: One of `VERBS`.
        at: The first call to go wrong, among those that match, counted from 1.
        times: How many go wrong.
        after: Whether the call takes effect before it goes wrong. If not, and it raises, it takes none.
        error: Makes what is raised: `lost_answer`, `refusal`, or any other. None if the call is only late.
        meanwhile: What happens before the call goes on: somebody else's work, or a sleep.
        name: Says of a name whether its calls match.

    Example:
        >>> store = FaultyStore("memory://fault-example", Fault("put", at=2, error=refusal))
        >>> store.put("a", b"1")
        >>> store.put("b", b"2")
        Traceback (most recent call last):
        atio_core.errors.StorageError: The store refused.
    """

    verb: str
    at: int = 1
    times: int = 1
    after: bool = False
    error: Callable[[], BaseException] | None = lost_answer
    meanwhile: Callable[[], object] = _nothing
    name: Callable[[str], bool] = field(default=lambda _: True)
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Refuse a verb that no call has."""
        if self.verb not in VERBS:
            raise InvalidInputError(f"a store has no call {self.verb!r}; there are {', '.join(VERBS)}")

    def hits(self, verb: str, name: str) -> bool:
        """Count a call, and say whether it goes wrong."""
        if verb != self.verb or not self.name(name):
            return False
        self.seen += 1
        return self.at <= self.seen < self.at + self.times


class FaultyStore(StoreWrapper):
    """A store whose chosen calls fail or are late, before or after they took effect.

    Args:
        store: The store around which this one is; or the path of a table, for one on a disk.
        *faults: What goes wrong. Of several that match a call, the first counts.

    Example:
        The first commit's answer is lost; still it is there once, and nobody is told an error.

        >>> import atio_core as atio, pandas as pd
        >>> lost = Fault("put_if_absent", after=True)
        >>> table = atio.Table(store=FaultyStore("memory://faulty-example", lost))
        >>> table.append(pd.DataFrame({"a": [1]})).version, len(table.read())
        (1, 1)
    """

    def __init__(self, store: ObjectStore | str | os.PathLike[str], *faults: Fault) -> None:
        super().__init__(store)
        self.faults = list(faults)
        self._lock = threading.Lock()

    def around(self, verb: str, name: str, call: Callable[[], _Result]) -> _Result:
        """Make the call, unless it goes wrong before."""
        with self._lock:
            hits = [fault for fault in self.faults if fault.hits(verb, name)]
        if not hits:
            return call()
        fault = hits[0]
        done = [call()] if fault.after else []
        fault.meanwhile()
        if fault.error is not None:
            raise fault.error()
        return done[0] if done else call()
