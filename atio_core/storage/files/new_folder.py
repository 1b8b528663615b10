"""Make a folder that appears whole, with all that is in it, or not at all.

1. A folder with a hidden name is made beside the target, `.<start of its name>.<16 hex digits>.atio-folder`, and
   locked. One whose lock can be had is litter of a dead process, and the next call in that place removes it.
2. It is filled; each file is synced, then each folder.
3. It takes the target's name in one step, which refuses a target that isn't empty; or changes places with it, if it is
   to be replaced. Then the folder above is synced, and what was replaced is removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Generator

from atio_core.errors import AlreadyExistsError, AtioError, InvalidInputError, StorageError
from atio_core.storage import durable, locks
from atio_core.storage.buckets.fsspec_paths import place_and_options
from atio_core.storage.files.target import look, reason, refused, require_encodable, require_no_url
from atio_core.storage.files.temporary import UNLOCKED, is_ours, name_beside

_ENDING = ".atio-folder"
_REMOVABLE = re.compile(r"\..*\.[0-9a-f]{16}\.atio-folder", re.DOTALL)
_TRIES = 5
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OPEN_FOLDER = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_PRIVATE = 0o700
_ANY = 0o777  # less the process's umask
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}
_ODD = ("\\", ":")  # on Windows they lead elsewhere

Fill = Callable[[Callable[[memoryview], int]], object]


class NewFolder:
    """A folder under a hidden name, while it is filled. Threads may fill it at once. Made by `new_folder`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def add_folder(self, name: str) -> None:
        """Make a folder, and those above it.

        Args:
            name: Relative, with `/` between parts.

        Raises:
            StorageError: The disk refused.
        """
        with _refusals(name):
            os.makedirs(self._at(name), exist_ok=True)

    def add_file(self, name: str, fill: Fill, *, executable: bool) -> None:
        """Make a file, durably, and the folders above it.

        Args:
            name: Relative, with `/` between parts.
            fill: Writes the content by the function that it is given.
            executable: Whether those who may read it may run it.

        Raises:
            AlreadyExistsError: This file system takes the name for another's in the same folder.
            StorageError: The disk refused.
        """
        path = self._at(name)
        with _refusals(name):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            fd = os.open(path, _NEW_FILE, 0o777 if executable else 0o666)
            with open(fd, "wb", buffering=0) as file:
                fill(lambda data: _write_all(file.fileno(), data))
                durable.sync_file(file.fileno())

    def sync(self) -> None:
        """Make the names in all its folders durable, the innermost first."""
        for folder, _, _ in os.walk(self._path, topdown=False, onerror=_raise):
            durable.sync_folder(folder)

    def _at(self, name: str) -> str:
        if os.name == "nt" and any(odd in name for odd in _ODD):
            raise InvalidInputError(f"Windows has no file {name!r}: download it elsewhere.", path=name)
        return os.path.join(self._path, *name.split("/"))


@contextlib.contextmanager
def new_folder(path: object, *, replacing: bool = False) -> Generator[NewFolder]:
    """Make a folder that appears whole at the end of the block, durably, or not at all if the block fails.

    Args:
        path: The folder to make, as `find_folder` returns it. What is there may only be an empty folder.
        replacing: Take the place of a folder that isn't empty, too.

    Yields:
        The folder, to be filled.

    Raises:
        AlreadyExistsError: Something is there.
        UnsupportedStoreError: This file system can't put a folder in another's place in one step.
        StorageError: The disk refused. What was there stands, unless `unknown` is True.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model")
        >>> with new_folder(path) as new:
        ...     new.add_file("a/weights", lambda write: write(memoryview(b"1")), executable=False)
        >>> os.listdir(path)
        ['a']
    """
    target = find_folder(path)
    with _refusals(target):
        old = look(target)
        if old is not None:
            _require_free(target, old, replacing=replacing)
        _clean(os.path.dirname(target))
        made, lock = _make(target, _ANY if old is None else _PRIVATE)
    doomed = True
    try:
        new = NewFolder(made)
        yield new
        with _refusals(target):
            if old is not None:
                os.chmod(made, stat.S_IMODE(old.st_mode))
            new.sync()
            try:
                _publish(made, target, replacing=replacing)
            except OSError:
                # Else a network drive did it, and lost its answer.
                if not durable.has_name(os.fstat(lock), target):
                    raise
        doomed = False
        _sync_name(target)
        doomed = True  # what was replaced; not before a power loss can't bring it back
    finally:
        os.close(lock)
        if doomed:
            shutil.rmtree(made, ignore_errors=True)  # litter goes with the next call


def is_unfinished(name: str) -> bool:
    """Whether a name has the form of those of folders that are being made, or were left by who died meanwhile.

    Args:
        name: The last part of a path.

    Example:
        >>> is_unfinished(".model.0123456789abcdef.atio-folder")
        True
    """
    return name.startswith(".") and (_REMOVABLE.fullmatch(name) is not None or is_ours(name))


def find_folder(path: object) -> str:
    """Return the absolute path of a folder that is to be made; links are followed.

    Raises:
        InvalidInputError: It is no path, or the folder above is missing.
    """
    plain, _ = place_and_options(path)
    if not isinstance(plain, str | bytes | os.PathLike):
        raise InvalidInputError(f"The folder's path must be a str, bytes or Path, not {type(path).__name__}.")
    text = os.fsdecode(plain)  # pyright: ignore[reportUnknownArgumentType] - any PathLike will do
    require_no_url(text)
    require_encodable(text)
    if not text or "\0" in text:
        raise InvalidInputError(f"{text!r} is no path of a folder. Give one.")
    found = os.path.realpath(os.path.expanduser(text))
    above = os.path.dirname(found)
    if not os.path.isdir(above):
        raise refused(text, f"the folder {above!r} is missing. Make it first: os.makedirs({above!r})")
    return found


def _require_free(target: str, old: os.stat_result, *, replacing: bool) -> None:
    if not stat.S_ISDIR(old.st_mode):
        raise AlreadyExistsError(f"{target!r} is there, and no folder. Give another path.", path=target)
    if not replacing and os.listdir(target):
        raise _taken(target)


def _taken(target: str) -> AlreadyExistsError:
    advice = "Give another path, or if_exists='replace', which removes all that is in it."
    return AlreadyExistsError(f"{target!r} isn't empty, and is left as it is. {advice}", path=target)


def _make(target: str, bits: int) -> tuple[str, int]:
    """Make a hidden folder beside the target; returns its path and the descriptor that holds its lock."""
    tries = _TRIES if locks.reach_everybody(os.path.dirname(target)) else 0
    for _ in range(tries):
        made = name_beside(target, _ENDING)
        os.mkdir(made, bits)
        lock = os.open(made, _OPEN_FOLDER)
        if locks.take(lock) and os.path.lexists(made):
            return made, lock
        os.close(lock)  # somebody who cleans came between: it is gone, or about to go
    made = name_beside(target, UNLOCKED)
    os.mkdir(made, bits)
    return made, os.open(made, _OPEN_FOLDER)


def _clean(folder: str) -> None:
    """Remove the hidden folders of dead processes."""
    if not locks.reach_everybody(folder):
        return
    for name in os.listdir(folder):
        if _REMOVABLE.fullmatch(name):
            with contextlib.suppress(OSError):  # another user's, or removed meanwhile
                lock = os.open(os.path.join(folder, name), _OPEN_FOLDER)
                try:
                    if locks.take(lock):
                        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
                finally:
                    os.close(lock)


def _publish(made: str, target: str, *, replacing: bool) -> None:
    try:
        durable.rename_folder(made, target)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        there = look(target)
        if not replacing or there is None or not stat.S_ISDIR(there.st_mode):
            raise _taken(target) from error
        durable.exchange(made, target)


def _sync_name(target: str) -> None:
    try:
        durable.sync_folder(os.path.dirname(target))
    except OSError as error:
        message = f"{target!r} is there, but its name could not be made durable ({reason(error)})."
        raise StorageError(message, path=target, errno=error.errno, unknown=True) from error


def _raise(error: OSError) -> None:
    """A folder that can't be listed can't be synced either: `os.walk` would pass over it."""
    raise error


def _write_all(fd: int, data: memoryview) -> int:
    done = 0
    while done < len(data):
        done += os.write(fd, data[done:])
    return done


@contextlib.contextmanager
def _refusals(what: str) -> Generator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except AtioError:
        raise
    except FileExistsError as error:
        message = (
            f"{what!r} can't be made: this file system takes its name for another's. Download it elsewhere."
        )
        raise AlreadyExistsError(message, path=what) from error
    except OSError as error:
        message = f"Making {what!r} failed: {reason(error)}. What was there stands unchanged. Check the disk."
        raise StorageError(message, path=what, errno=error.errno) from error
