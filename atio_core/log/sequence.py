"""Numbered immutable objects, each created once if its name is free; knows nothing of tables.

Names count down (`format/names.py`), so that the first name in a sorted listing is the latest.

1. Latest: list; take the first name of the newest bucket that isn't empty; read it. If a newer bucket has an object by
   then, or the one listed is gone, start over. A flat store lists names with marks, as they are at one moment: there
   the read takes the object of that mark alone, and nothing need be looked at again.
2. Create: see `storage/readback.py`.
3. Is there a newer bucket? A flat store's listing begins with it. On others there is none if the folder of buckets
   shows none. Else look into those that it shows, the oldest first, and then at that folder again: only if all are
   empty and no other has come, there is none.

Why the second look: between looking into the folder of buckets and into one of them, newer buckets may come, the names
in the one chosen may be freed, and a slow writer may create one of them anew (a stray).

Why this order: names in the newest bucket are never freed, so a bucket that began and is empty was freed by an object
in a newer one. That one is either among those still to be looked into, or new in the folder of buckets, or empty by now
for the same reason; the last of them can't be. (An empty folder that never had an object stays after a crash.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from atio_core.errors import NotFoundError, StorageError
from atio_core.format.names import Numbered
from atio_core.storage.base import Listed, ObjectStore
from atio_core.storage.readback import Created, create

_ROUNDS = 100
_MANY = 32  # reads that are worth threads, where each waits for an answer
_READERS = 16


@dataclass(frozen=True, slots=True)
class Numbering:
    """A number that has an object.

    Attributes:
        number: The number.
        listed: Its object in the listing of a flat store.
    """

    number: int
    listed: Listed | None = None

    @property
    def mark(self) -> str | None:
        """The object's mark in that listing."""
        return self.listed and self.listed.mark


@dataclass(frozen=True, slots=True)
class Latest:
    """The object of the highest number.

    Attributes:
        number: The number.
        data: Its bytes; empty if it is a known one, which wasn't read again.
        mark: Its mark in the listing of a flat store.
    """

    number: int
    data: bytes
    mark: str | None


class Sequence:
    """Numbered objects in one folder of a store.

    Args:
        store: Where they lie.
        names: How they are named.
    """

    def __init__(self, store: ObjectStore, names: Numbered) -> None:
        self.store = store
        self.names = names

    def latest(self, is_known: Callable[[Numbering], bool] = lambda _: False) -> Latest | None:
        """Return the object of the highest number, or None if there is none at all; one that is known isn't read."""
        for _ in range(_ROUNDS):
            first = next(self.listing(), None)
            if first is not None and is_known(first):
                return Latest(first.number, b"", first.mark)
            data = None if first is None else self._read(first)
            if self.store.flat is None and self.newer_bucket(first and first.number):
                continue
            if first is None:
                return None
            if data is not None:
                return Latest(first.number, data, first.mark)
        raise StorageError(
            f"the log of {self.store.location} changed {_ROUNDS} times while its latest entry was looked for;"
            " try again when fewer writers are at work"
        )

    def latest_after(self, number: int) -> Latest | None:
        """Return the object of the highest number, by going on from one that has an object; None if that doesn't tell.

        Names in the newest bucket are never freed, so those in it that are taken follow each other.
        """
        last = next(
            (one for one in range(number, number + self.names.per_bucket) if not self._is_there(one + 1)),
            None,
        )
        if last is None:
            return None
        data = b"" if last == number else self.read(last)
        return None if data is None or self.newer_bucket(last) else Latest(last, data, None)

    def _is_there(self, number: int) -> bool:
        try:
            self.store.size(self.names.name(number))
        except NotFoundError:
            return False
        return True

    def numbers(self) -> Iterator[int]:
        """Yield the numbers that have an object, highest first. Names that don't parse are none."""
        return (one.number for one in self.listing())

    def listing(self) -> Iterator[Numbering]:
        """Yield what has a number, highest first."""
        flat, folder = self.store.flat, self.names.folder
        if flat is not None:
            for one in flat.listed(folder):
                if (number := self.names.parse(one.name)) is not None:
                    yield Numbering(number, one)
            return
        for name in self.store.list(folder):
            if (number := self.names.parse(name)) is not None:
                yield Numbering(number)

    def listed_down_to(self, number: int) -> list[Numbering]:
        """Return what a listing begins with, down to a number: nothing more than the first of a newer bucket."""
        found: list[Numbering] = []
        for one in self.listing():
            if one.number < number or (found and self._bucket(found[0].number) > self._bucket(number + 1)):
                break
            found.append(one)
        return found

    def newer_bucket(self, number: int | None) -> bool:
        """Say whether a bucket newer than this number's (than none at all) has an object, or had when it was looked at.

        False is sure; True may be said too often, while buckets come and go.
        """
        if self.store.flat is not None:
            first = next(self.listing(), None)
            return first is not None and self._bucket(first.number) > self._bucket(number)
        newer = self._buckets_after(number)
        return bool(newer) and (any(map(self._has_object, newer)) or self._buckets_after(number) != newer)

    def _buckets_after(self, number: int | None) -> list[str]:
        """The folders of newer buckets, the oldest first. Of the others, which may be many, just one is looked at."""
        bucket, newer = self._bucket(number), list[str]()
        for name in self.store.look(self.names.folder):
            if (found := self.names.parse_folder(name)) is None:
                continue
            if found <= bucket:
                break
            newer.insert(0, name)
        return newer

    def _bucket(self, number: int | None) -> int:
        return -1 if number is None else self.names.bucket(number)

    def _has_object(self, folder: str) -> bool:
        return any(self.names.parse(name) is not None for name in self.store.look(folder))

    def read(self, number: int) -> bytes | None:
        """Return an object's bytes, or None if there is none of this number."""
        try:
            return self.store.read(self.names.name(number))
        except NotFoundError:
            return None

    def read_many(self, numbers: Collection[int]) -> dict[int, bytes | None]:
        """Return the bytes of objects, as `read` does; of many in a flat store several at a time."""
        if self.store.flat is None or len(numbers) < _MANY:
            return {number: self.read(number) for number in numbers}
        with ThreadPoolExecutor(_READERS, thread_name_prefix="atio-log") as pool:
            return dict(zip(numbers, pool.map(self.read, numbers), strict=True))

    def _read(self, one: Numbering) -> bytes | None:
        flat = self.store.flat
        if flat is None or one.listed is None:
            return self.read(one.number)
        try:
            return flat.read_listed(one.listed)
        except NotFoundError:
            return None

    def create(self, number: int, data: bytes, *, after: int, is_ours: Callable[[bytes], bool]) -> Created:
        """Create an object if its number is free; `after` is the number before it that must be durable (0: none)."""
        name = self.names.name(number)
        return create(
            self.store, name, data, after=self.names.name(after) if after else None, is_ours=is_ours
        )

    def make_durable(self, *numbers: int) -> None:
        """Make the names of objects durable, whoever made them."""
        for number in dict.fromkeys(numbers):
            self.store.make_durable(self.names.name(number))

    def take_away(self, number: int) -> None:
        """Delete an object, there or not."""
        self.store.delete([self.names.name(number)])
