"""The log of a store: releases of several tables, each visible from the moment that its entry is there.

Entries are numbered and named as those of a table, and made as safely: created only if the number is free. None is
ever deleted, so there are no strays, and what was read once is true for good.

1. A release tags each of its versions in the version's own table, by `release/<number>-<end of its id>`. That orders it
   against the table's expiry. Its tag tells where the store is.
2. It creates its entry under that number. If that is taken, it tags under the next number, and tries again.
3. A tag whose release isn't there, once it is older than the table's horizon, belongs to a release that died: expiry
   takes the number by a void entry, if it is still free, and only then the tag.
4. A release ends by a further entry; then its tags go. Expiry takes those that its ender didn't get to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from atio_core.errors import CommitConflictError, CommitUnknownError, DamagedError
from atio_core.format.names import RELEASES, Numbered
from atio_core.format.store_json import decode_store_entry, encode_store_entry
from atio_core.log.sequence import Sequence
from atio_core.model.ids import Clock, uuid7
from atio_core.model.store_entry import Kind, StoreEntry
from atio_core.storage.base import ObjectStore
from atio_core.storage.readback import Answer

_ROUNDS = 100


class StoreLog:
    """The log of one store.

    Args:
        store: The store's root.
        clock: Where the time comes from.
    """

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self._sequence = Sequence(store, Numbered(RELEASES))
        self._known: dict[int, StoreEntry] = {}

    def latest(self) -> StoreEntry | None:
        """Return the newest entry, or None if the store has no log yet."""
        found = self._sequence.latest()
        return None if found is None else self._decode(found.number, found.data)

    def get(self, number: int) -> StoreEntry | None:
        """Return an entry, or None if there is none yet."""
        if number not in self._known:
            data = self._sequence.read(number)
            return None if data is None else self._decode(number, data)
        return self._known[number]

    def numbers(self) -> range:
        """Return the numbers that have an entry, or had one: from the first to the newest."""
        return range(1, next(self._sequence.numbers(), 0) + 1)

    def name(self, number: int) -> str:
        """Return the name of the object of a number."""
        return self._sequence.names.name(number)

    def require(self, number: int) -> StoreEntry:
        """Return an entry of a number that had one. Raises `DamagedError` if it is missing, or not what was written."""
        entry = self.get(number)
        if entry is None:
            raise self._missing(number)
        return entry

    def begin(self) -> StoreEntry:
        """Return the newest entry, after making the first one if there is none."""
        latest = self.latest()
        if latest is None:
            self._create(
                0, StoreEntry(1, "begin", uuid7(self._clock).hex, uuid7(self._clock).hex, self._clock())
            )
            latest = self.latest()
        if latest is None:
            raise self._missing(1)
        return latest

    def add(self, make: Callable[[StoreEntry], StoreEntry]) -> StoreEntry:
        """Add an entry.

        Args:
            make: Returns the entry that is to follow the newest one; called again if another came first.

        Raises:
            CommitConflictError: Others came first again and again; nothing was added.
            CommitUnknownError: It may have been added.
            What `make` raises.
        """
        for _ in range(_ROUNDS):
            base = self.begin()
            entry = make(base)
            if self._create(base.number, entry):
                self._known[entry.number] = entry
                return entry
        raise CommitConflictError(
            f"others came first {_ROUNDS} times in the store {self.store.location}; nothing was changed: try again when"
            " fewer are at work"
        )

    def standing(self, *, down_to: int = 1) -> Iterator[StoreEntry]:
        """Yield the releases that weren't dropped, the newest first, down to a number."""
        latest = self.latest()
        ended: set[int | None] = set()
        for number in range(0 if latest is None else latest.number, down_to - 1, -1):
            entry = self.require(number)
            if entry.kind == "drop":
                ended.add(entry.dropped)
            elif entry.kind == "release" and number not in ended:
                yield entry

    def find_release(self, number: int, entry_id: str) -> StoreEntry | None:
        """Return a release that stands, or None: another entry took its number, or it was dropped."""
        entry = self.get(number)
        if entry is None or entry.entry_id != entry_id:
            return None
        return next((one for one in self.standing(down_to=number) if one.number == number), None)

    def has_ended(self, number: int, entry_id: str) -> bool:
        """Whether no release stands by this entry, nor ever will: it was dropped, or another took its number."""
        return self.get(number) is not None and self.find_release(number, entry_id) is None

    def void(self, number: int) -> None:
        """Take the number of a release that died before it was made, if it is free and the next."""
        latest = self.begin()
        if number == latest.number + 1:
            self._create(latest.number, self.next(latest, "void"))

    def next(self, base: StoreEntry, kind: Kind, *, not_before_us: int = 0, **said: Any) -> StoreEntry:
        """Return an entry that may follow another.

        Args:
            base: The entry before it.
            kind: Of the entry.
            not_before_us: No horizon of a table that it tags is later.
            **said: What it says: further fields of `StoreEntry`.
        """
        return replace(
            StoreEntry(
                number=base.number + 1,
                kind=kind,
                store_id=base.store_id,
                entry_id=uuid7(self._clock, not_before_us=not_before_us).hex,
                time_us=max(self._clock(), base.time_us),
                retention=base.retention,
            ),
            **said,
        )

    def _create(self, after: int, entry: StoreEntry) -> bool:
        """Whether the entry took its number; False if another did."""

        def is_ours(data: bytes) -> bool:
            return self._decode(entry.number, data, remember=False).entry_id == entry.entry_id

        created = self._sequence.create(entry.number, encode_store_entry(entry), after=after, is_ours=is_ours)
        if created.answer is Answer.UNKNOWN:
            raise CommitUnknownError(
                f"whether entry {entry.number} of the store {self.store.location} was made isn't known; look at the"
                " releases before you try again"
            ) from created.cause
        return created.answer is Answer.OURS

    def _decode(self, number: int, data: bytes, *, remember: bool = True) -> StoreEntry:
        path = self.name(number)
        entry = decode_store_entry(data, path=path, number=number, store=self.store.location)
        if remember:
            self._known[number] = entry
        return entry

    def _missing(self, number: int) -> DamagedError:
        path = self.name(number)
        message = (
            f"the entry {path} of the store {self.store.location} is missing; bring it back from a backup"
        )
        return DamagedError(message, path=path, expected="an entry", found="nothing")


def release_tag(entry: StoreEntry) -> str:
    """Return the name of the tags of a release.

    Two releases that are made at once may try for one number: the end of the id tells their tags apart.
    """
    return f"release/{entry.number}-{entry.entry_id[-8:]}"
