"""The log of a mirror for Delta's readers: versions from 0 on, each a file of actions, one JSON object a line.

Only a mirror of the same table is gone on with. Each version says which of the table's it shows, and the protocol names
a feature that no writer knows: so none may write here, nor clean away the files of other versions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from atio_core.errors import AlreadyExistsError
from atio_core.format.names import DELTA_LOG, delta_version_of, delta_version_path
from atio_core.storage.base import ObjectStore

FEATURE = "atioMirror"


@dataclass(frozen=True, slots=True)
class Shown:
    """Which version of the table a version of the mirror shows: the data version, and the entry whose files it has."""

    version: int
    entry: int


@dataclass(frozen=True, slots=True)
class Step:
    """A version of the mirror that is to come.

    Attributes:
        number: Its number.
        shown: What it shows.
        time_us: When that was committed, in microseconds since 1970.
        actions: What differs from the version before.
    """

    number: int
    shown: Shown
    time_us: int
    actions: list[dict[str, Any]]

    @property
    def told(self) -> dict[str, Any]:
        """What the mirror says of it."""
        return {"version": self.shown.version, "entry": self.shown.entry}


@dataclass(slots=True)
class DeltaState:
    """What a mirror shows.

    Attributes:
        shown: For each of its versions, what it shows; the mirror's latest is the last.
        adds: What it says of each file of the latest, by path.
        metadata: Its columns, as told last.
        protocol: What readers must know, as told last.
    """

    shown: dict[int, Shown] = field(default_factory=dict[int, Shown])
    adds: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    protocol: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def next_version(self) -> int:
        """The version that is to come."""
        return max(self.shown, default=-1) + 1

    @property
    def latest(self) -> Shown | None:
        """What the latest version shows."""
        return self.shown[self.next_version - 1] if self.shown else None

    def take(self, step: Step) -> None:
        """Go on to the next version."""
        self.shown[step.number] = step.shown
        for action in step.actions:
            match action:
                case {"add": add}:
                    self.adds[add["path"]] = add
                case {"remove": gone}:
                    self.adds.pop(gone["path"], None)
                case {"metaData": metadata}:
                    self.metadata = metadata
                case {"protocol": protocol}:
                    self.protocol = protocol
                case _:
                    pass


class DeltaLog:
    """The log of a mirror.

    Args:
        store: Where the table lies.
        table_id: The table's.
    """

    def __init__(self, store: ObjectStore, table_id: str) -> None:
        self._store = store
        self._table_id = table_id

    def read(self) -> DeltaState:
        """Return what the mirror shows; nothing if there is none.

        Raises:
            AlreadyExistsError: There is a log, and it isn't that of a mirror of this table, or not all of it.
        """
        state = DeltaState()
        for path in self._store.list(DELTA_LOG):
            step = self._step(path, state.next_version)
            if step is None:
                raise AlreadyExistsError(
                    f"{path} of the table {self._store.location} isn't what mirroring wrote: something else keeps a log"
                    f" there, or files of it are gone. Take the folder {DELTA_LOG} away if nobody needs it, and mirror"
                    " again",
                    table=self._store.location,
                    path=path,
                )
            state.take(step)
        return state

    def append(self, step: Step) -> bool:
        """Make a version; says whether it did, and another wasn't faster. Raises `StorageError`."""
        info = {
            "timestamp": step.time_us // 1000,
            "operation": "WRITE",
            "operationParameters": {"mode": "Overwrite"},
            "engineInfo": "atio",
            "atio": {"table": self._table_id, **step.told},
        }
        lines = [json.dumps(action) for action in ({"commitInfo": info}, *step.actions)]
        try:
            self._store.put_if_absent(delta_version_path(step.number), ("\n".join(lines) + "\n").encode())
        except AlreadyExistsError:
            return False
        return True

    def own_files(self) -> list[str]:
        """Return the names of the mirror's files: of all that are there and tell of this table."""
        return [
            path
            for path in self._store.list(DELTA_LOG)
            if self._step(path, delta_version_of(path)) is not None
        ]

    def _step(self, path: str, number: int | None) -> Step | None:
        """The version that a file holds; None if it is another one, or no mirror of this table wrote it."""
        if number is None or delta_version_of(path) != number:
            return None
        try:
            first, *actions = [json.loads(line) for line in self._store.read(path).splitlines()]
            info = first["commitInfo"]
            told = info["atio"]
            shown = Shown(int(told["version"]), int(told["entry"]))
            own = told["table"] == self._table_id
        except (ValueError, KeyError, TypeError):
            return None
        return Step(number, shown, info["timestamp"] * 1000, actions) if own else None
