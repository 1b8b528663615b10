"""Folders for tables that a test makes and forgets."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a new folder with a name of its own is made in it


@contextlib.contextmanager
def temporary_folder() -> Generator[Path]:
    """Give a new empty folder, gone at the end; in memory where the system has a place there: no sync takes time.

    Yields:
        Its path. Each table gets a folder in it.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> with temporary_folder() as folder:
        ...     atio.write_snapshot(pd.DataFrame({"a": [1]}), folder / "prices").version
        1
    """
    place = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="atio-", dir=place) as folder:
        yield Path(folder)
