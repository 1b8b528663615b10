"""The states of a mirror for Iceberg's readers: each is one file, which says all that there is to read.

A state names the snapshots, each of which is a version of the table, by its entry's number. Whoever has read a state
reads by it, whatever comes after; so what the state before the newest names stays too.

Lists of files have the number of the state that they were written for in their names. Once there is such a state, those
that it doesn't name are needed by nobody: another was faster, or the writer was killed.

An erasing deletes all, but takes the next number by a state that shows nothing: so a mirroring that has begun before
can't show what is erased.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from atio_core.errors import AlreadyExistsError, NotFoundError
from atio_core.format.names import (
    ICEBERG,
    iceberg_list_of,
    iceberg_list_path,
    iceberg_state_of,
    iceberg_state_path,
)
from atio_core.model.ids import Clock, uuid7
from atio_core.storage.base import ObjectStore

_SEQUENCE = "last-sequence-number"
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class IcebergState:
    """What a mirror shows.

    Attributes:
        number: The state's; 0 if there is none.
        told: What its file says.
    """

    number: int = 0
    told: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def snapshots(self) -> dict[int, dict[str, Any]]:
        """The snapshots, by their ids."""
        return {one["snapshot-id"]: one for one in self.told.get("snapshots", ())}

    @property
    def current(self) -> int | None:
        """The id of the one that readers get."""
        return self.told.get("current-snapshot-id")


class IcebergFolder:
    """Where a mirror lies.

    Args:
        store: The table's.
        table_id: The table's.
        clock: Where the time comes from.
    """

    def __init__(self, store: ObjectStore, table_id: str, clock: Clock) -> None:
        self._store = store
        self._table_id = table_id
        self._clock = clock

    def read(self) -> IcebergState:
        """Return the newest state.

        Raises:
            AlreadyExistsError: What lies there isn't a mirror of this table.
        """
        for _ in range(_ROUNDS):
            with suppress(NotFoundError):  # another who mirrors has made a newer one, and tidied up
                return self._read()
        return self._read()

    def _read(self) -> IcebergState:
        number = max(self._states(), default=0)
        if not number:
            return IcebergState()
        told = self._told(number)
        if told is None:
            path = iceberg_state_path(number)
            raise AlreadyExistsError(
                f"{path} of the table {self._store.location} isn't what mirroring wrote. Take the folder {ICEBERG} away"
                " if nobody needs it, and mirror again",
                table=self._store.location,
                path=path,
            )
        return IcebergState(number, told)

    def new_list(self, number: int) -> str:
        """Return the name of a new list of files for a state."""
        return iceberg_list_path(number, uuid7(self._clock))

    def add_list(self, path: str, data: bytes) -> None:
        """Store a list of files."""
        self._store.put(path, data)

    def append(self, state: IcebergState) -> bool:
        """Make a state the newest; says whether it did, and another wasn't faster. Raises `StorageError`."""
        try:
            self._store.put_if_absent(
                iceberg_state_path(state.number), json.dumps(state.told, indent=1).encode()
            )
        except AlreadyExistsError:
            return False
        return True

    def clean(self, newest: int) -> None:
        """Delete the states before the last two, and lists that none of these names and no later one will."""
        kept, gone = set[str](), list[str]()
        for number in self._states():
            if number < newest - 1:
                gone.append(iceberg_state_path(number))
                continue
            try:
                kept.update(_lists_of(self._told(number) or {}))
            except NotFoundError:  # another has gone on, and tidies up
                return
        lists = ((path, iceberg_list_of(path)) for path in self._store.list(ICEBERG))
        gone += [
            path for path, number in lists if number is not None and number <= newest and path not in kept
        ]
        self._store.delete(gone)

    def erase(self) -> int:
        """Delete all, and take the next number by a state that shows nothing; returns how many files went.

        Nothing is done if another's states lie there.
        """
        if not self._is_own():
            return 0
        number, told = self._next_number(), {"table-uuid": self._table_id, "properties": {"atio.lists": ""}}
        while not self.append(IcebergState(number, told | self._sequence())):
            number = self._next_number()
        gone = [path for path in self.own_files() if (iceberg_state_of(path) or 0) < number]
        self._store.delete(gone)
        return len(gone)

    def own_files(self) -> list[str]:
        """Return the names of the mirror's files that tell something, damaged ones too; none if it is another's."""
        if not self._is_own():
            return []
        return [
            path
            for path in self._store.list(ICEBERG)
            if iceberg_list_of(path) is not None
            or ((number := iceberg_state_of(path)) is not None and not _is_erased(self._told(number)))
        ]

    def _is_own(self) -> bool:
        """Whether a state is a mirror's of this table, or there is none."""
        found = self._all_told()
        return not found or any(told is not None for told in found)

    def _next_number(self) -> int:
        return max(self._states(), default=0) + 1

    def _sequence(self) -> dict[str, int]:
        """What a catalogue that knows earlier states expects to go on from."""
        return {_SEQUENCE: max((told.get(_SEQUENCE, 0) for told in self._all_told() if told), default=0)}

    def _all_told(self) -> list[dict[str, Any] | None]:
        """What the states that are there say; None for one that no mirror of this table wrote."""
        found: list[dict[str, Any] | None] = []
        for number in self._states():
            with suppress(NotFoundError):  # another who mirrors tidies up
                found.append(self._told(number))
        return found

    def _states(self) -> Iterator[int]:
        return (
            number for path in self._store.list(ICEBERG) if (number := iceberg_state_of(path)) is not None
        )

    def _told(self, number: int) -> dict[str, Any] | None:
        """What a state says; None if no mirror of this table wrote it."""
        try:
            told: object = json.loads(self._store.read(iceberg_state_path(number)))
        except ValueError:
            return None
        if not isinstance(told, dict):
            return None
        state = cast("dict[str, Any]", told)
        own = state.get("table-uuid") == self._table_id and "atio.lists" in state.get("properties", {})
        return state if own else None


def _lists_of(told: dict[str, Any]) -> list[str]:
    return told.get("properties", {}).get("atio.lists", "").split()


def _is_erased(told: dict[str, Any] | None) -> bool:
    return told is not None and "snapshots" not in told
