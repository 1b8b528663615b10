"""Files and folders of the caller's that are read into a table: whole, and as they were at one moment, or not at all.

Nobody locks them, so each is looked at before and after it was read: by its inode, size and times. A folder is listed
again once all its files were read.

Kept are the names, the content, the bit that lets the owner run a file, and folders that hold nothing. A symbolic link
is refused, for what it leads to may lie anywhere; so is what is neither file nor folder, and a name that is no Unicode.
The path itself may be a link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from atio_core.errors import AtioError, InvalidInputError, StorageError
from atio_core.storage.files.target import reason

_STEP_BYTES = 1 << 20
_OPEN = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO that has taken a file's name would wait for a writer
)

Seen = tuple[int, ...]
"""What tells whether a file was touched: device, inode, mode, size, and the times of its content and its inode."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the caller's, as it was when it was looked at.

    Attributes:
        name: Relative to the folder, with `/` between parts; for a file by itself its own name.
        path: Where it is.
        size: Its length in bytes.
        executable: Whether its owner may run it.
        seen: What tells whether it was touched since.
    """

    name: str
    path: str
    size: int
    executable: bool
    seen: Seen

    def read(self, write: Callable[[memoryview], object]) -> None:
        """Hand the content on, piece by piece.

        Args:
            write: Gets the pieces, and mustn't keep them.

        Raises:
            InvalidInputError: It was touched since it was looked at.
            StorageError: It can't be read.
        """
        try:
            fd = os.open(self.path, _OPEN)
            try:
                _require_same(self, os.fstat(fd))
                _hand_on(fd, self.size, write)
                _require_same(self, os.fstat(fd))
            finally:
                os.close(fd)
        except FileNotFoundError as error:
            raise _changed(self.path) from error
        except AtioError:
            raise
        except OSError as error:
            raise _unreadable(self.path, error) from error


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder of the caller's, as it was when it was looked at.

    Attributes:
        path: Where it is.
        files: All in it, at any depth, in the order of their names.
        empty: Names of the folders that hold nothing.
    """

    path: str
    files: tuple[SourceFile, ...]
    empty: tuple[str, ...]

    def require_unchanged(self) -> None:
        """Look again, once all files were read.

        Raises:
            InvalidInputError: Something came, went or was touched.
            StorageError: It can't be looked at.
        """
        again = _look_into(self.path)
        if again == self:
            return
        before, after = set(self.files), set(again.files)
        touched = sorted(file.path for file in before ^ after)
        raise _changed(touched[0] if touched else self.path)


def look_at(path: os.PathLike[str] | os.PathLike[bytes], *, table: str) -> SourceFile | SourceFolder:
    """Return what a path leads to.

    Args:
        path: Of a file or a folder; `~` is the home folder.
        table: Where the table lies that it is read into: neither may lie in the other.

    Raises:
        InvalidInputError: Nothing is there, or what can't be kept.
        StorageError: It can't be looked at.
    """
    try:
        named = os.path.abspath(os.path.expanduser(os.fsdecode(path)))
    except TypeError as error:
        raise InvalidInputError(f"{path!r} is no path: {error}; give a pathlib.Path") from error
    try:
        found = os.path.realpath(named, strict=True)
        there = os.stat(found, follow_symlinks=False)
    except FileNotFoundError as error:
        message = (
            f"there is no file or folder {named!r}; text is given as a str, a path leads to what is kept"
        )
        raise InvalidInputError(message, path=named) from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{named!r} can't be read: {error}", path=named) from error
    require_apart(found, table)
    if stat.S_ISDIR(there.st_mode):
        return _look_into(found)
    return _file(os.path.basename(named), found, there)


def require_apart(found: str, table: str) -> None:
    """Refuse a path that lies in a table's folder, or that folder in it.

    Args:
        found: The real path.
        table: Where the table lies.

    Raises:
        InvalidInputError: They aren't apart.
    """
    if not os.path.isabs(table):
        return  # it lies in memory, or wherever else no path leads
    own = os.path.realpath(table)
    if found == own or found.startswith(own + os.sep) or own.startswith(found.rstrip(os.sep) + os.sep):
        message = (
            f"{found!r} and the table {table!r} lie in each other: give a path apart from the table's own"
        )
        raise InvalidInputError(message, path=found)


def _look_into(root: str) -> SourceFolder:
    files: list[SourceFile] = []
    empty: list[str] = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        entries = _list(os.path.join(root, folder))
        if folder and not entries:
            empty.append(folder)
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            there = _look(entry)
            if stat.S_ISDIR(there.st_mode):
                _require_unicode(name, entry.path)
                waiting.append(name)
            else:
                files.append(_file(name, entry.path, there))
    return SourceFolder(root, tuple(sorted(files, key=lambda file: file.name)), tuple(sorted(empty)))


def _list(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _changed(path) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _look(entry: os.DirEntry[str]) -> os.stat_result:
    try:
        return os.stat(entry.path, follow_symlinks=False)  # a DirEntry's own lacks inodes on Windows
    except FileNotFoundError as error:
        raise _changed(entry.path) from error
    except OSError as error:
        raise _unreadable(entry.path, error) from error


def _file(name: str, path: str, there: os.stat_result) -> SourceFile:
    if stat.S_ISLNK(there.st_mode):
        raise InvalidInputError(
            f"{path!r} is a symbolic link, which isn't kept: put what it leads to in its place (cp -RL copies a folder"
            " so). Nothing was committed.",
            path=path,
        )
    if not stat.S_ISREG(there.st_mode):
        message = (
            f"{path!r} is neither a file nor a folder (a device, FIFO or socket). Nothing was committed."
        )
        raise InvalidInputError(message, path=path)
    _require_unicode(name, path)
    return SourceFile(name, path, there.st_size, bool(there.st_mode & stat.S_IXUSR), _seen(there))


def _require_unicode(name: str, path: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        message = f"the name {os.fsencode(path)!r} is no Unicode, so that it can't be kept: rename it"
        raise InvalidInputError(f"{message}. Nothing was committed.", path=path) from error


def _seen(there: os.stat_result) -> Seen:
    return (
        there.st_dev,
        there.st_ino,
        there.st_mode,
        there.st_size,
        there.st_mtime_ns,
        there.st_ctime_ns,
    )


def _require_same(file: SourceFile, there: os.stat_result) -> None:
    if _seen(there) != file.seen:
        raise _changed(file.path)


def _hand_on(fd: int, size: int, write: Callable[[memoryview], object]) -> None:
    buffer = memoryview(bytearray(min(_STEP_BYTES, size + 1)))
    with open(fd, "rb", buffering=0, closefd=False) as file:
        while count := file.readinto(buffer):
            write(buffer[:count])


def _changed(path: str) -> InvalidInputError:
    message = f"{path!r} changed while it was read, so that what was read may be of no single moment."
    return InvalidInputError(
        f"{message} Nothing was committed: write again when nobody writes to it.", path=path
    )


def _unreadable(path: str, error: OSError) -> StorageError:
    message = (
        f"{path!r} can't be read: {reason(error)}. Nothing was committed. Check its permissions and the disk."
    )
    return StorageError(message, path=path, errno=error.errno)
