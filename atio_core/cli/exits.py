"""With which code a command ends. `docs/guide/command-line.md` shows the same table."""

from __future__ import annotations

from enum import IntEnum

from atio_core.errors import (
    AlreadyExistsError,
    AtioError,
    CommitConflictError,
    CommitUnknownError,
    DamagedError,
    InvalidInputError,
    NewerFormatError,
    NotFoundError,
    StagedFilesExpiredError,
    StorageError,
)


class Exit(IntEnum):
    """What a shell sees of a command."""

    OK = 0
    """Done."""
    FOUND = 1
    """Damage was found, by looking for it or by a read; or `diff` found a difference."""
    USAGE = 2
    """The command can't be meant so; nothing was changed."""
    NOT_THERE = 3
    """There is no such table, version, tag or release."""
    REFUSED = 4
    """Nothing was changed: another change came first, the name is taken, or a question wasn't answered by yes."""
    STORAGE = 5
    """The disk failed, or refused."""
    UNKNOWN = 6
    """The change may have been made, or may not."""
    BUG = 70
    """An error that nobody thought of."""
    INTERRUPTED = 130
    """Ctrl-C."""


class RefusedError(Exception):
    """The person at the keyboard, or the lack of one, stopped a command."""


# The first that fits counts.
_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (DamagedError, Exit.FOUND),
    (NotFoundError, Exit.NOT_THERE),
    (AlreadyExistsError, Exit.REFUSED),
    (InvalidInputError, Exit.USAGE),
    (CommitConflictError, Exit.REFUSED),
    (StagedFilesExpiredError, Exit.REFUSED),
    (CommitUnknownError, Exit.UNKNOWN),
    (NewerFormatError, Exit.REFUSED),
    (StorageError, Exit.STORAGE),
    (AtioError, Exit.REFUSED),
    (RefusedError, Exit.REFUSED),
    (OSError, Exit.STORAGE),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)


def exit_of(error: BaseException) -> Exit:
    """Return the code of an error that ends a command.

    Example:
        >>> exit_of(InvalidInputError("what?")), exit_of(ZeroDivisionError())
        (<Exit.USAGE: 2>, <Exit.BUG: 70>)
    """
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.BUG)
