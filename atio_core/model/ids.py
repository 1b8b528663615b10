"""Unique names that carry the time they were made: UUID version 7 (RFC 9562, section 5.7).

The time in a file's name is what cleaning compares with a table's horizon, so a writer can mint ids no earlier than
a given moment, whatever its clock says.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from typing import cast

from atio_core.arguments import refusal

Clock = Callable[[], int]
"""Returns the time in microseconds since 1970 (UTC)."""


def system_clock() -> int:
    """Return the machine's time in microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


def require_clock(clock: Clock) -> Clock:
    """Return a clock that a caller gave. Raises `InvalidInputError` if it can't be asked."""
    if not callable(cast("object", clock)):
        raise refusal("clock", "a function that returns the time in microseconds since 1970", clock)
    return clock


def uuid7(clock: Clock = system_clock, *, not_before_us: int = 0) -> uuid.UUID:
    """Return a new UUID version 7.

    Args:
        clock: Where the time comes from.
        not_before_us: The earliest time that it may carry, in microseconds since 1970.
    """
    milliseconds = max(clock() // 1000, -(-not_before_us // 1000))
    random = int.from_bytes(os.urandom(10), "big")
    high, low = (random >> 62) & 0xFFF, random & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def uuid7_time_us(value: uuid.UUID) -> int:
    """Return the time that a UUID version 7 carries, in microseconds since 1970 (whole milliseconds)."""
    return (value.int >> 80) * 1000
