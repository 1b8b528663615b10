"""The states of a mirror for Iceberg's readers: each is one file, which says all that there is to read.

A state names the snapshots, each of which is a version of the table, by its entry's number. Whoever has read a state
reads by it, whatever comes after; so what the state before the newest names stays too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from atio_core.errors import AlreadyExistsError
from atio_core.format.names import (
    ICEBERG,
    iceberg_list_path,
    iceberg_state_of,
    iceberg_state_path,
    is_iceberg_list,
)
from atio_core.model.ids import Clock, uuid7
from atio_core.storage.base import ObjectStore


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

    def new_list(self) -> str:
        """Return the name of a new list of files."""
        return iceberg_list_path(uuid7(self._clock))

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

    def take_back(self, state: IcebergState) -> None:
        """Delete a state that was just made, whose files are gone, unless another has gone on from it."""
        if max(self._states(), default=0) == state.number:
            others = [
                told for number in self._states() if number < state.number and (told := self._told(number))
            ]
            known = {path for told in others for path in _lists_of(told)}
            lists = [path for path in _lists_of(state.told) if path not in known]
            self._store.delete([iceberg_state_path(state.number), *lists])

    def clean(self, newest: int) -> None:
        """Delete the states before the last two, and the lists that only these name."""
        kept: set[str] = set()
        old: set[str] = set()
        for number in self._states():
            told = self._told(number)
            if told is not None:
                (kept if number >= newest - 1 else old).update(_lists_of(told))
        gone = [iceberg_state_path(number) for number in self._states() if number < newest - 1]
        self._store.delete([*gone, *sorted(old - kept)])

    def own_files(self) -> list[str]:
        """Return the names of the mirror's files; none if the states are another's."""
        states = {iceberg_state_path(number): self._told(number) for number in self._states()}
        if None in states.values():
            return []
        return [path for path in self._store.list(ICEBERG) if path in states or is_iceberg_list(path)]

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
    return told["properties"]["atio.lists"].split()
