"""Digests of whole files, by the algorithms that every Python has."""

from __future__ import annotations

import hashlib
import os

from atio_core.arguments import require_choice

_NAMES = sorted(
    name for name in hashlib.algorithms_guaranteed if not name.startswith("shake_")
)  # no fixed length


def check_name(name: object) -> None:
    """Refuse an algorithm that isn't there everywhere.

    Args:
        name: As `hashlib` calls it.

    Raises:
        InvalidInputError: It is none.
    """
    require_choice("digest", name, _NAMES)


def of_file(fd: int, name: str) -> str:
    """Return the digest of an open file's content, with the algorithm before it.

    Args:
        fd: Its descriptor. Where it stands in the file is changed.
        name: As `check_name` takes it.

    Returns:
        For instance "sha256:2cf24d…".

    Raises:
        OSError: It can't be read.
    """
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "rb", buffering=0, closefd=False) as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False))
    return f"{name}:{found.hexdigest()}"
