"""A table or a store as one HTML page that needs nothing else: no server, no network, no other file.

The page holds what it shows as JSON, and a script of our own that draws it. What it may do is bounded by its own
Content-Security-Policy: nothing is loaded from anywhere, and no script runs but the one whose digest stands there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atio_core.arguments import refusal, require_whole
from atio_core.page.rendering import rendered
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import replacement

MOST_SAMPLED = 1_000
"""So many rows of a version can be put into a page."""


def write_page(path: str | os.PathLike[str], title: str, look: Callable[[], dict[str, Any]]) -> Path:
    """Write a page: it appears whole, or the file that was there stays.

    Args:
        path: The file to make or to replace; refused before anything is looked at.
        title: What the page is about.
        look: Returns what it shows.

    Returns:
        The file; absolute.

    Raises:
        InvalidInputError: The path can't be a file's.
        StorageError: The disk refused.
        What `look` raises; then the file that was there stays.
    """
    publication = plan_publication(path)
    page = rendered(title, look())
    with replacement(publication) as new:
        new.write(page)
        new.sync()
        new.publish()
    return Path(publication.target.path)


def require_sample(sample: object) -> int:
    """Return how many rows of a version are to be shown. Raises `InvalidInputError` if that can't be meant."""
    rows = require_whole("sample", sample, least=0)
    if rows > MOST_SAMPLED:
        raise refusal("sample", f"at most {MOST_SAMPLED:,} rows", sample)
    return rows


def name_of(location: str) -> str:
    """Return what a table or a store is called: the last part of its path.

    Example:
        >>> name_of("/warehouse/flights/"), name_of("/")
        ('flights', '/')
    """
    return location.rstrip("/").rpartition("/")[2] or location
