"""Was that create ours? Classifies the answer to `put_if_absent`, lost answers included.

1. The store says that it created the object: it is ours.
2. The store failed before anything was sent: nothing happened.
3. Anything else (taken, time-out, lost answer): the name is read, and what stands there decides.
   - Our commit: ours, with the bytes that are stored, once its name is durable.
   - Another's: taken. Only this makes "taken" believed: stores say it of one's own create, too.
   - Nothing, and the store had said "taken": the name was freed meanwhile, or the store wants the call again.
   - Nothing, and the answer was lost: the same bytes are sent again, after a pause where the store said it is busy.

The sequence of failures behind this: a request takes effect and its answer is lost; the client (or its library, by
itself) sends it again and is told "taken"; it then takes its own object for another's and does its work twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from atio_core.errors import AlreadyExistsError, AtioError, NotFoundError, StorageError
from atio_core.storage.base import ObjectStore

_SENDS = 8
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 3.0  # ten seconds at most, between all sends


class Answer(Enum):
    """What a create came to."""

    OURS = "ours"
    TAKEN = "taken"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Created:
    """The outcome of a create.

    Attributes:
        answer: Whose the name is now.
        data: The bytes under it, where it is ours or another's.
        cause: The last failure, if any.
    """

    answer: Answer
    data: bytes = b""
    cause: AtioError | None = None


def create(
    store: ObjectStore, name: str, data: bytes, *, after: str | None, is_ours: Callable[[bytes], bool]
) -> Created:
    """Create an object if its name is free, and find out what became of it.

    Args:
        store: Where.
        name: The name to take.
        data: The content.
        after: An existing object whose name must be durable first.
        is_ours: Says of bytes found under the name whether this caller sent them.

    Raises:
        StorageError: The first send failed before it could take effect: nothing was written.
    """
    sent = False
    said: StorageError | None = None
    found = Created(Answer.UNKNOWN)
    for earlier in range(_SENDS):
        if said is not None and said.facts.get("busy"):
            _pause(earlier)
        try:
            store.put_if_absent(name, data, after=after)
            return Created(Answer.OURS, data)
        except AlreadyExistsError:
            said_taken = True
        except StorageError as error:
            if not (error.unknown or sent):
                raise
            if error.facts.get("landed"):
                # P2: it is there, but no one knows for how long; a sync that failed can't be made good
                return Created(Answer.UNKNOWN, cause=error)
            said, sent, said_taken = error, True, False
        found = _find(store, name, is_ours)
        if found.answer in (Answer.OURS, Answer.TAKEN) or (found.answer is Answer.GONE and said_taken):
            return found
        sent = True
    return Created(Answer.UNKNOWN, cause=said or found.cause)


def _pause(earlier: int) -> None:
    """Wait a random time before an object is sent once more: all others that were turned away come again, too."""
    longest = min(_FIRST_PAUSE_SECONDS * 2**earlier, _LONGEST_PAUSE_SECONDS)
    time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - no secret


def _find(store: ObjectStore, name: str, is_ours: Callable[[bytes], bool]) -> Created:
    try:
        data = store.read(name)
        if not is_ours(data):
            return Created(Answer.TAKEN, data)
        store.make_durable(name)
    except NotFoundError as error:
        return Created(Answer.GONE, cause=error)
    except StorageError as error:
        return Created(Answer.UNKNOWN, cause=error)
    return Created(Answer.OURS, data)
