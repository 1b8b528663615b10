"""Taking back what was begun when it fails."""

from __future__ import annotations

from collections.abc import Callable

from atio_core.errors import StorageError


def undo(act: Callable[[], object], error: BaseException, *foreign: type[Exception]) -> None:
    """Clean up after an error, which stays the one that is raised: if that fails too, a note says so.

    Args:
        act: Cleans up.
        error: What went wrong first.
        foreign: What else than `StorageError` it may raise.
    """
    try:
        act()
    except (StorageError, *foreign) as further:
        error.add_note(f"Cleaning up failed too: {further} What is left takes space until cleaning finds it.")
