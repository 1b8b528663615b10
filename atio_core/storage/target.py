"""Replace one file: whoever looks finds the old content or the new, whole, after a crash, an error or Ctrl-C.

1. `find_target` follows the path's links to the file that will be replaced, and refuses what can't be.
2. `replacement` makes a temporary file beside it (a rename is atomic within one file system only), open to us
   alone; the caller writes into it.
3. `sync` gives it the old file's owner, permission bits and attributes, and waits until the disk holds it.
4. `publish` puts it in the old file's place, and waits until the disk holds the name.

Leaving the block without `publish` takes the temporary file away; the old file was never touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Generator
from dataclasses import dataclass
from typing import BinaryIO

from atio_core.errors import InvalidInputError, StorageError
from atio_core.storage import attributes, durable

_MAX_LINKS = 40  # as Linux counts
_MAX_NAME_BYTES = 255
_BUFFER_BYTES = 256 * 1024  # few calls for writers that send lines
_OPEN_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_STREAM = re.compile(r"/dev/(stdin|stdout|stderr|fd/.*)|/proc/.*")
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_ADVICE = {
    errno.ENOSPC: "Free some space there and write again.",
    errno.EDQUOT: "Free some of your quota there and write again.",
    errno.EFBIG: "Raise the limit on file sizes, or write less.",
    errno.EROFS: "Write to another place: this file system is read-only.",
    errno.EACCES: "Check the permissions of the file and its folder.",
    errno.EPERM: "Check the permissions of the file and its folder.",
    errno.EBUSY: "The file may be a mount point of its own (in a container): mount its folder instead.",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A file that can be replaced, or made.

    Attributes:
        path: Where the caller wants it; absolute.
        file: The file to replace: `path`, or what it links to.
    """

    path: str
    file: str

    @property
    def name(self) -> str:
        """The last part of the caller's path."""
        return os.path.basename(self.path)

    @property
    def folder(self) -> str:
        """The folder that holds the file to replace."""
        return os.path.dirname(self.file)


class Replacement:
    """The new content of a target while it is being written. Made by `replacement`.

    Attributes:
        target: What will be replaced.
        temporary: The path of the file being written.
        file: Open for writing. Whoever writes may close it.
    """

    def __init__(self, target: Target, temporary: str) -> None:
        self.target = target
        self.temporary = temporary
        self._size: int | None = None
        self._old = _look(target.file)
        # A new file gets its bits from the system (umask, the folder's defaults); an old one may be secret.
        fd = os.open(temporary, _OPEN_NEW, 0o666 if self._old is None else 0o600)
        self.file: BinaryIO = open(fd, "wb", buffering=_BUFFER_BYTES)  # noqa: SIM115 - `close` closes it
        self._own = open(os.dup(fd), "wb", buffering=0)  # noqa: SIM115 - ours, when others have closed `file`
        self._new_bits = stat.S_IMODE(os.fstat(fd).st_mode)
        attributes.set_bits(fd, 0o600)

    def size(self) -> int:
        """Return how many bytes have reached the file so far."""
        return os.fstat(self._own.fileno()).st_size if self._size is None else self._size

    def sync(self, *, durably: bool = True) -> None:
        """Finish the content: the old file's owner, bits and attributes, then everything to the disk.

        Args:
            durably: Wait for the disk. Else a power loss soon after `publish` may leave an empty file.

        Raises:
            StorageError: The disk refused; it may be full. The old file stands.
        """
        try:
            self.file.close()
            fd = self._own.fileno()
            old = _look(self.target.file) or self._old
            if old is None:
                attributes.set_bits(fd, self._new_bits)
            else:
                attributes.keep(self.target.file, old, fd)
            if durably:
                durable.sync_file(fd)
        except OSError as error:
            raise storage_error("Writing", self.target.path, error) from error

    def publish(self, *, durably: bool = True) -> None:
        """Put the new file in the old one's place, in one step.

        Args:
            durably: Wait until the disk holds the name.

        Raises:
            StorageError: The old file stands. Or, with `unknown=True`, the new one does, but a power loss may
                bring the old one back.
        """
        try:
            self._size = self.size()
            self._own.close()  # Windows moves no open file
            durable.replace(self.temporary, self.target.file)
        except OSError as error:
            raise storage_error("Replacing", self.target.path, error) from error
        if not durably:
            return
        try:
            durable.sync_folder(self.target.folder)
        except OSError as error:
            raise StorageError(
                f"{self.target.path!r} has its new content, but its folder could not be synced "
                f"({_reason(error)}): a power loss may undo the change. Check the disk and write again.",
                path=self.target.path,
                errno=error.errno,
                unknown=True,
            ) from error

    def close(self) -> None:
        """Close what is still open. What can't be written any more belongs to a file that is given up."""
        with contextlib.suppress(OSError):
            self.file.close()
        self._own.close()


def find_target(path: object) -> Target:
    """Follow a path to the file that writing to it replaces.

    Args:
        path: A `str`, `bytes` or `Path`. `~` is the home folder. Links are followed, dangling ones too.

    Returns:
        The target. Nothing was changed.

    Raises:
        InvalidInputError: It is no path, or no file can be put there: a folder, a device, a stream, a URL,
            links in a circle, a missing folder.
        StorageError: The file is read-only, or its folder lets no file be made.

    Example:
        >>> find_target("/tmp/prices.csv").name
        'prices.csv'
    """
    named = _absolute(path)
    try:
        old = _look(named)
        target = Target(named, _follow(named))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(named, "its symbolic links lead in a circle. Mend the link") from error
        if error.errno in {errno.ENAMETOOLONG, errno.ENOTDIR}:
            raise _refused(named, f"{_reason(error)}. Give another path") from error
        raise storage_error("Looking at", named, error) from error
    if old is not None and not stat.S_ISREG(old.st_mode):
        kind = _KINDS.get(stat.S_IFMT(old.st_mode), "no plain file")
        raise _refused(named, f"it is {kind}. Give the path of a plain file")
    _check_access(target, old)
    return target


@contextlib.contextmanager
def replacement(target: Target) -> Generator[Replacement]:
    """Make a temporary file beside the target. At the end of the block it is published, or gone.

    Args:
        target: What to replace.

    Yields:
        The new content: write into its `file`, then call `sync` and `publish`.

    Raises:
        StorageError: No file can be made in the target's folder.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt")
        >>> with replacement(find_target(path)) as new:
        ...     _ = new.file.write(b"whole")
        ...     new.sync()
        ...     new.publish()
        >>> path.read_bytes()
        b'whole'
    """
    temporary = _beside(target)
    try:
        with contextlib.closing(_begin(target, temporary)) as new:
            yield new
    finally:  # whatever happened, Ctrl-C included, and wherever
        _take_away(temporary)


def storage_error(doing: str, path: str, error: OSError) -> StorageError:
    """Say what the system refused while the old file still stands.

    Args:
        doing: The first word of the sentence: "Writing".
        path: The caller's path.
        error: What the system said.

    Returns:
        The error to raise.
    """
    advice = _ADVICE.get(error.errno or 0, "Check the disk and write again.")
    message = f"{doing} {path!r} failed: {_reason(error)}. What was there stands unchanged. {advice}"
    return StorageError(message, path=path, errno=error.errno)


def _absolute(path: object) -> str:
    """The caller's path from the root on, its `..` left to the system: they may lead through links."""
    if not isinstance(path, str | bytes | os.PathLike):
        kind = type(path).__name__
        raise InvalidInputError(f"The target must be a path, not {kind}. Give a str, bytes or pathlib.Path.")
    text = os.fsdecode(path)  # pyright: ignore[reportUnknownArgumentType] - any PathLike will do
    if not text:
        raise InvalidInputError("The target's path is empty. Give the path of a file.")
    if "\0" in text:
        raise InvalidInputError(f"The target's path {text!r} has a NUL character. Give another path.")
    if _URL.match(text):
        raise InvalidInputError(
            f"{text!r} is a URL. Only files of this machine can be replaced: give a path."
        )
    text = os.path.expanduser(text)
    return text if os.path.isabs(text) else os.path.join(os.getcwd(), text)


def _follow(path: str) -> str:
    """What the path's last part links to. Folders on the way are left to the system."""
    for _ in range(_MAX_LINKS):
        if _STREAM.fullmatch(os.path.normpath(path)):
            raise _refused(path, "it is a stream of this process. Give the path of a plain file")
        if os.path.basename(path) in {"", os.curdir, os.pardir}:
            raise _refused(path, "it names a folder. Give the path of a plain file")
        if not os.path.islink(path):
            return path
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _check_access(target: Target, old: os.stat_result | None) -> None:
    """Refuse what is known to fail, before anything is written."""
    folder = target.folder
    if not os.path.isdir(folder):
        raise _refused(
            target.path, f"the folder {folder!r} is missing. Make it first: os.makedirs({folder!r})"
        )
    if old is not None and not _may(target.file, os.W_OK):
        error = PermissionError(errno.EACCES, "the file is read-only")
        raise storage_error("Replacing", target.path, error)
    if not _may(folder, os.R_OK | os.W_OK | os.X_OK):  # to read it is to be able to sync its names
        error = PermissionError(errno.EACCES, f"no file can be made, or synced, in the folder {folder!r}")
        raise storage_error("Replacing", target.path, error)


def _may(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _beside(target: Target) -> str:
    """A name in the target's folder that nobody has, no longer than a name may be."""
    ending = f".{os.urandom(8).hex()}.tmp"
    room = _MAX_NAME_BYTES - len(ending) - 1
    start = os.fsencode(os.path.basename(target.file))[:room].decode("utf-8", "ignore")
    return os.path.join(target.folder, f".{start}{ending}")


def _begin(target: Target, temporary: str) -> Replacement:
    try:
        return Replacement(target, temporary)
    except OSError as error:
        raise storage_error("Making a temporary file beside", target.path, error) from error


def _take_away(temporary: str) -> None:
    """Remove the temporary file if it is still there: a published one isn't."""
    try:
        os.unlink(temporary)
    except FileNotFoundError:
        return
    except OSError as error:
        message = (
            f"The temporary file {temporary!r} could not be removed: {_reason(error)}. Remove it by hand."
        )
        if error.__context__ is None:
            raise StorageError(message, path=temporary, errno=error.errno) from error
        error.__context__.add_note(message)  # the error that is on its way says more than this one


def _look(path: str) -> os.stat_result | None:
    """What is there, links followed; None if nothing is."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _refused(path: str, why: str) -> InvalidInputError:
    return InvalidInputError(f"{path!r} can't be written: {why}. Nothing was changed.", path=path)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
