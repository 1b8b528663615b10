"""The log of a mirror for Delta's readers: versions from 0 on, each a file of actions, one JSON object a line.

After some versions a checkpoint tells all that the last one shows, so that readers needn't go through all of them.
Those before it go, if no version that is kept needs them; a few stay for readers that are at work.

An erasing deletes all of it, but takes the next number by a version that shows nothing: so a mirroring that has begun
before can't write what it knows of the erased. What comes next has a checkpoint at once, from which readers begin.

Only a mirror of the same table is gone on with. Each version says which of the table's it shows, and the protocol names
a feature that no writer knows: so none may write here, nor clean away the files of other versions.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress

from atio_core.errors import AlreadyExistsError, NotFoundError
from atio_core.format.names import (
    DELTA_LOG,
    delta_checkpoint_of,
    delta_checkpoint_path,
    delta_version_of,
    delta_version_path,
)
from atio_core.mirrors.delta_state import NOTHING, DeltaState, Shown, Step
from atio_core.storage.base import ObjectStore

FEATURE = "atioMirror"
_VERSIONS_PER_CHECKPOINT = 10
_ROUNDS = 10


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
        for _ in range(_ROUNDS):
            with suppress(NotFoundError):  # another who mirrors has tidied up meanwhile
                return self._read()
        return self._read()

    def _read(self) -> DeltaState:
        paths = list(self._store.list(DELTA_LOG))
        checkpoints = sorted(number for path in paths if (number := delta_checkpoint_of(path)) is not None)
        state: DeltaState | None = DeltaState()
        if checkpoints:
            path = delta_checkpoint_path(checkpoints[-1])
            state = self._checkpoint(path)
            if state is None or state.next_version != checkpoints[-1] + 1:
                raise self._foreign(path)
        state.checkpoints = tuple(checkpoints)
        for path, step in self._steps(paths, state.next_version):
            if step is None or (step.shown != NOTHING and step.number != state.next_version):
                raise self._foreign(path)
            state.take(step)
        return state

    def _steps(self, paths: Sequence[str], first: int) -> list[tuple[str, Step | None]]:
        """The versions from one on that count, by their files' names: from the last one that shows nothing."""
        later = [
            path for path in paths if delta_checkpoint_of(path) is None and not 0 <= _number_of(path) < first
        ]
        found = [(path, self._step(path)) for path in later]
        ends = [place for place, (_, step) in enumerate(found) if step and step.shown == NOTHING]
        return found[ends[-1] :] if ends else found

    def _foreign(self, path: str) -> AlreadyExistsError:
        return AlreadyExistsError(
            f"{path} of the table {self._store.location} isn't what mirroring wrote: something else keeps a log there,"
            f" or files of it are gone. Take the folder {DELTA_LOG} away if nobody needs it, and mirror again",
            table=self._store.location,
            path=path,
        )

    def tidy(self, state: DeltaState, kept: Collection[Shown]) -> None:
        """Make a checkpoint if there were some versions since the last one, and delete what nobody needs by it.

        Args:
            state: What the mirror shows.
            kept: What stays to be read.
        """
        from atio_core.mirrors.delta_checkpoint import encode_checkpoint

        latest = state.next_version - 1
        if state.erased is not None:
            self._begin_anew(state, state.erased)
        if latest - max(state.checkpoints, default=0) < _VERSIONS_PER_CHECKPOINT:
            return
        lowest = min((number for number, one in state.shown.items() if one in kept), default=latest)
        enough = [number for number in (*state.checkpoints, latest) if number <= lowest]
        # Whoever reads by the one before the last isn't disturbed.
        first = enough[-2] if len(enough) > 1 else 0
        state.shown = {number: one for number, one in state.shown.items() if number >= first}
        with suppress(AlreadyExistsError):
            self._store.put_if_absent(delta_checkpoint_path(latest), encode_checkpoint(state, self._table_id))
        self._store.delete(path for path in self._store.list(DELTA_LOG) if _number_of(path) < first)

    def _begin_anew(self, state: DeltaState, erased: int) -> None:
        """Make a checkpoint of the first version behind one that shows nothing: readers begin with one, or with 0.

        What slow mirrorings have left before it goes.
        """
        from atio_core.mirrors.delta_checkpoint import encode_checkpoint

        step = self._step(delta_version_path(erased + 1))
        if step is None:
            raise self._foreign(delta_version_path(erased + 1))
        first = DeltaState()
        first.take(step)
        with suppress(AlreadyExistsError):
            self._store.put_if_absent(
                delta_checkpoint_path(step.number), encode_checkpoint(first, self._table_id)
            )
        state.checkpoints = (step.number,)
        self._store.delete(path for path in self.own_files() if _number_of(path) < step.number)

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

    def erase(self, now_us: int) -> int:
        """Delete all, and take the next number by a version that shows nothing; returns how many files went.

        Nothing is done if another table's log lies there.
        """
        paths = list(self._store.list(DELTA_LOG))
        if paths and not self._is_own(paths):
            return 0
        number = max(map(_number_of, paths), default=-1) + 1
        while not self.append(Step(number, NOTHING, now_us, [])):
            number += 1
        gone = [path for path in self.own_files() if _number_of(path) < number]
        self._store.delete(gone)
        return len(gone)

    def own_files(self) -> list[str]:
        """Return the names of the files that tell something, damaged ones too; none if the log is another's."""
        paths = list(self._store.list(DELTA_LOG))
        return [path for path in paths if not self._tells_nothing(path)] if self._is_own(paths) else []

    def _is_own(self, paths: Sequence[str]) -> bool:
        return any(self._step(path) or self._checkpoint(path) for path in paths)

    def _tells_nothing(self, path: str) -> bool:
        step = self._step(path)
        return step is not None and step.shown == NOTHING

    def _checkpoint(self, path: str) -> DeltaState | None:
        """What a checkpoint tells; None if it is none, or no mirror of this table wrote it."""
        if delta_checkpoint_of(path) is None:
            return None
        from atio_core.mirrors.delta_checkpoint import decode_checkpoint

        return decode_checkpoint(self._store.read(path), self._table_id)

    def _step(self, path: str) -> Step | None:
        """The version that a file holds; None if no mirror of this table wrote it."""
        number = delta_version_of(path)
        if number is None:
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


def _number_of(path: str) -> int:
    """Which version a file is of; -1 if its name says none."""
    version, checkpoint = delta_version_of(path), delta_checkpoint_of(path)
    return next((number for number in (version, checkpoint) if number is not None), -1)
