"""What a disk refuses, as errors of ours that say where and what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator

from atio_core.errors import AlreadyExistsError, StorageError
from atio_core.storage.durable import AnyPath

_HINTS = {
    errno.ENOSPC: "The disk is full: free some space, then try again.",
    errno.EDQUOT: "The disk quota is used up: free some space or raise it, then try again.",
    errno.EFBIG: "This process may write no file as large: raise its limit (`ulimit -f`), or write less.",
    errno.EROFS: "The file system is mounted read-only: use another place, or mount it for writing.",
    errno.EACCES: "This user lacks the permission: check who owns the folder and its mode.",
    errno.EPERM: "The system doesn't allow it: check who owns the folder, its mode and its attributes.",
    errno.ENAMETOOLONG: "The path is longer than the system takes: use a shorter folder or partition values.",
    errno.ENOTDIR: "A part of the path is a file where a folder is needed: use another path, or move it.",
    errno.EISDIR: "There is a folder where a file is expected: move it away.",
    errno.EMFILE: "This process has too many files open: close some, or raise its limit (`ulimit -n`).",
    errno.ENFILE: "The system has too many files open.",
    errno.EIO: "The disk reports an error: check it (`dmesg`), then try again.",
}


def refused(
    error: OSError, action: str, path: AnyPath, *, unknown: bool = False, landed: bool = False
) -> StorageError:
    """Say what the system refused, where, and what to do.

    Args:
        error: What the system call raised.
        action: What was tried: "write", "list", …
        path: Where.
        unknown: Whether it may have taken effect all the same.
        landed: Whether it has, and only its durability is in doubt.

    Example:
        >>> print(refused(OSError(errno.ENOSPC, "No space left on device"), "write", "/data/a"))
        Could not write '/data/a': No space left on device. The disk is full: free some space, then try again.
    """
    number = error.errno or 0
    said = error.strerror or str(error) or type(error).__name__
    parts = [f"Could not {action} {os.fspath(path)!r}: {said}.", _HINTS.get(number, "")]
    if unknown:
        parts.append("It may have taken effect all the same.")
    message = " ".join(part for part in parts if part)
    return StorageError(message, path=os.fspath(path), errno=error.errno, unknown=unknown, landed=landed)


def behind_link(path: str, link: str) -> StorageError:
    """Say that nobody would find what is written behind a link to a folder.

    Args:
        path: What was to be written.
        link: The link on the way to it.
    """
    message = (
        f"Could not write {path!r}: {link!r} is a link to a folder, and what lies behind one is never listed."
    )
    return StorageError(f"{message} Put the folder itself there, then try again.", path=path)


@contextlib.contextmanager
def refusals(action: str, path: str, *, unknown: bool = False, landed: bool = False) -> Generator[None]:
    """Turn the system's errors into ours.

    Args:
        action: What is tried: "write", "list", …
        path: Where.
        unknown: Whether it may have taken effect all the same.
        landed: Whether it has, and only its durability is in doubt.
    """
    try:
        yield
    except StorageError:
        raise
    except FileExistsError as error:
        if _is_blocked(path):
            message = (
                f"Could not {action} {path!r}: what stands there is no file. Move it away, then try again."
            )
            raise StorageError(message, path=path) from error
        message = f"{path!r} exists already, and is left as it is."
        raise AlreadyExistsError(message, path=path) from error
    except OSError as error:
        raise refused(error, action, path, unknown=unknown, landed=landed) from error


def _is_blocked(path: str) -> bool:
    """Whether a folder, or a link to nothing, holds a name: it can't be read as an object, nor will it ever go."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False  # gone since, as an object may be
    return stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and not os.path.exists(path))
