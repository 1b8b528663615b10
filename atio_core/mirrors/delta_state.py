"""What a mirror for Delta's readers shows, and how it goes on: values, without a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Shown:
    """Which version of the table a version of the mirror shows: the data version, and the entry whose files it has."""

    version: int
    entry: int


NOTHING = Shown(0, 0)
"""What a version shows that an erasing leaves behind: its number is taken, and readers find no table."""


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
        checkpoints: The versions that have one, ascending.
    """

    shown: dict[int, Shown] = field(default_factory=dict[int, Shown])
    adds: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    protocol: dict[str, Any] = field(default_factory=dict[str, Any])
    checkpoints: tuple[int, ...] = ()

    @property
    def erased(self) -> int | None:
        """The version that an erasing has left behind, if the log begins with it."""
        return next((number for number, one in self.shown.items() if one == NOTHING), None)

    @property
    def next_version(self) -> int:
        """The version that is to come."""
        return max(self.shown, default=-1) + 1

    @property
    def latest(self) -> Shown | None:
        """What the latest version shows."""
        return self.shown[self.next_version - 1] if self.shown else None

    def take(self, step: Step) -> None:
        """Go on to the next version; or begin anew with one that shows nothing."""
        if step.shown == NOTHING:
            self.shown, self.adds, self.metadata, self.protocol = {}, {}, {}, {}
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
