"""How long the long tests go on: `make soak MINUTES=60` says it for each of them."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator


def rounds(minutes: float) -> Iterator[int]:
    """Yield 0, 1, 2, … until the time is over; once at least.

    Args:
        minutes: How long that is if nobody has said it.
    """
    end = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES") or minutes)
    for number in itertools.count():
        yield number
        if time.monotonic() > end:
            return
