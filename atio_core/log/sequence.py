"""Numbered immutable objects, each created once if its name is free; knows nothing of tables.

Names count down (`format/names.py`), so that the first name in a sorted listing is the latest.

1. Latest: list; take the first name of the newest bucket that isn't empty; read it. If a newer bucket has an object by
   then, or the one listed is gone, start over.
2. Create: see `storage/readback.py`.
3. Is there a newer bucket? None if the folder of buckets shows none. Else look into those that it shows, the oldest
   first, and then at that folder again: only if all are empty and no other has come, there is none.

Why the second look: between looking into the folder of buckets and into one of them, newer buckets may come, the names
in the one chosen may be freed, and a slow writer may create one of them anew (a stray).

Why this order: names in the newest bucket are never freed, so a bucket that began and is empty was freed by an object
in a newer one. That one is either among those still to be looked into, or new in the folder of buckets, or empty by now
for the same reason; the last of them can't be. (An empty folder that never had an object stays after a crash.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from atio_core.errors import NotFoundError, StorageError
from atio_core.format.names import Numbered
from atio_core.storage.base import ObjectStore
from atio_core.storage.readback import Created, create

_ROUNDS = 100


class Sequence:
    """Numbered objects in one folder of a store.

    Args:
        store: Where they lie.
        names: How they are named.
    """

    def __init__(self, store: ObjectStore, names: Numbered) -> None:
        self.store = store
        self.names = names

    def latest(self) -> tuple[int, bytes] | None:
        """Return the highest number and its bytes, or None if there is none at all."""
        for _ in range(_ROUNDS):
            number = self.highest()
            data = None if number is None else self.read(number)
            if self.newer_bucket(number):
                continue
            if number is None:
                return None
            if data is not None:
                return number, data
        raise StorageError(
            f"the log of {self.store.location} changed {_ROUNDS} times while its latest entry was looked for;"
            " try again when fewer writers are at work"
        )

    def highest(self) -> int | None:
        """Return the first number that a listing shows, or None. It may be outdated by the time it is returned."""
        return next(self.numbers(), None)

    def numbers(self) -> Iterator[int]:
        """Yield the numbers that have an object, highest first. Names that don't parse are none."""
        for name in self.store.list(self.names.folder):
            number = self.names.parse(name)
            if number is not None:
                yield number

    def newer_bucket(self, number: int | None) -> bool:
        """Say whether a bucket newer than this number's (than none at all) has an object, or had when it was looked at.

        False is sure; True may be said too often, while buckets come and go.
        """
        newer = self._buckets_after(number)
        return bool(newer) and (any(map(self._has_object, newer)) or self._buckets_after(number) != newer)

    def _buckets_after(self, number: int | None) -> list[str]:
        """The folders of newer buckets, the oldest first."""
        bucket = -1 if number is None else self.names.bucket(number)
        folders = reversed(self.store.look(self.names.folder))
        return [
            name
            for name in folders
            if (found := self.names.parse_folder(name)) is not None and found > bucket
        ]

    def _has_object(self, folder: str) -> bool:
        return any(self.names.parse(name) is not None for name in self.store.look(folder))

    def read(self, number: int) -> bytes | None:
        """Return an object's bytes, or None if there is none of this number."""
        try:
            return self.store.read(self.names.name(number))
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
