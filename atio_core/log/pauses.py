"""How long a commit waits after a lost race, before it tries again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol

from atio_core.storage.base import ObjectStore
from atio_core.storage.turns import Turns

_LONGEST_PAUSE_SECONDS = 0.2
_LONGER = 1.5  # after a lost race
_SHORTER = 0.6  # after a commit
_LONGEST_SPAN_SECONDS = 30.0


class Pace(Protocol):
    """When to try. One commit calls `wait` before each try, and `ended` at last."""

    def wait(self, tries: int) -> bool:
        """Wait before a try.

        Args:
            tries: How many were lost before.

        Returns:
            Whether others may have come since the base was read: look for the latest first.
        """
        ...

    def ended(self) -> None:
        """Tell that the commit has ended, well or not."""
        ...


class Paused:
    """Tries at once, and waits after each lost race.

    Args:
        pause: Waits after the n-th lost race.
    """

    def __init__(self, pause: Callable[[int], None]) -> None:
        self._pause = pause

    def wait(self, tries: int) -> bool:
        """See `Pace`."""
        if tries:
            self._pause(tries - 1)
        return tries > 0

    def ended(self) -> None:
        """See `Pace`."""


class InTurn:
    """Takes turns with others on the same system, once somebody was met. Who doesn't get the turn pauses.

    A commit that has the turn keeps it until its entry is there, also if somebody without one comes first.

    Args:
        turns: The turns of the store.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def wait(self, tries: int) -> bool:
        """See `Pace`."""
        if tries:
            self._turns.want()
        elif not self._turns.are_wanted:
            return False
        if self._turns.take():
            return True
        if tries:
            jittered_pause(tries - 1)
        return tries > 0

    def ended(self) -> None:
        """See `Pace`."""
        self._turns.pass_on()


def pace_for(store: ObjectStore) -> Pace:
    """Return how commits wait that go to a store."""
    if store.flat is not None:
        return Spread()
    return Paused(jittered_pause) if store.turns is None else InTurn(store.turns)


def jittered_pause(tries: int) -> None:
    """Wait a random time after a lost race: at most 200 milliseconds, however often it was lost."""
    time.sleep(random.uniform(0, min(0.001 * 2 ** min(tries, 10), _LONGEST_PAUSE_SECONDS)))  # noqa: S311 - no secret


class Spread:
    """Spreads the tries of many writers of a bucket over a span of time, which each of them finds by itself.

    Each try costs requests, which make those of all others slower: what counts is that few are lost, however many
    write. So who loses takes a longer span, who wins a shorter one, and tries at a random moment of it, also the next
    commit of the same handle: else who has won would win again. In balance a commit loses about one race.
    """

    __slots__ = ("_began", "_seconds")

    def __init__(self) -> None:
        self._seconds = 0.0
        self._began = 0.0

    def wait(self, tries: int) -> bool:
        """See `Pace`."""
        if tries:
            took = time.monotonic() - self._began
            self._seconds = min(max(_LONGER * self._seconds, 2 * took), _LONGEST_SPAN_SECONDS)
        others = tries > 0 or self._seconds > 0
        if others:
            time.sleep(random.uniform(0, self._seconds))  # noqa: S311 - no secret
        self._began = time.monotonic()
        return others

    def ended(self) -> None:
        """See `Pace`."""
        self._seconds *= _SHORTER
        if self._seconds < time.monotonic() - self._began:
            self._seconds = 0.0
