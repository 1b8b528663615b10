"""Logging, for tests of what is told."""

import logging
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def atio_logs_at(level: int) -> Generator[None]:
    """Have the logger `atio` let through what is at least that important."""
    logger = logging.getLogger("atio")
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
