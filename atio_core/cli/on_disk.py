"""Which paths the command line takes."""

from __future__ import annotations

from atio_core.errors import InvalidInputError


def require_on_disk(path: str) -> str:
    """Return a path that is none of this process's memory.

    Raises:
        InvalidInputError: It is.
    """
    if path.lower().startswith("memory:"):
        raise InvalidInputError(
            f"{path} lives in the memory of a program and ends with it; the command line sees tables on disk alone:"
            " give a folder"
        )
    return path
