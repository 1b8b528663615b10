"""How long a commit waits after a lost race, before it tries again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from atio_core.storage.base import ObjectStore

_LONGEST_PAUSE_SECONDS = 0.2
_LONGEST_PATIENCE_SECONDS = 4.0
_DOUBLINGS = 4
_PATIENT_TRIES = 6

Pause = Callable[[int], None]
"""Waits after the n-th lost race."""


def pause_for(store: ObjectStore) -> Pause:
    """Return how a commit waits that goes to a store."""
    return jittered_pause if store.flat is None else PatientPause()


def jittered_pause(tries: int) -> None:
    """Wait a random time after a lost race: at most 200 milliseconds, however often it was lost."""
    time.sleep(random.uniform(0, min(0.001 * 2 ** min(tries, 10), _LONGEST_PAUSE_SECONDS)))  # noqa: S311 - no secret


class PatientPause:
    """Waits after lost races in a bucket: the longer, the longer a try took, which is by how many others there are.

    There each try costs requests, which make those of the others slower: who tries again at once holds up all. But who
    wins goes on at once, and would win again: so who has lost very often waits less again, until it comes first.
    """

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, tries: int) -> None:
        """Wait a random time after the n-th lost race."""
        took = time.monotonic() - self._began
        doublings = min(tries, _DOUBLINGS, max(0, _DOUBLINGS + _PATIENT_TRIES - tries))
        longest = min(took * 2**doublings, _LONGEST_PATIENCE_SECONDS)
        time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
        self._began = time.monotonic()
