"""The file that a path leads to, and whether it can be replaced: asked before anything is made."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Generator
from dataclasses import dataclass, field

from atio_core.errors import AtioError, InvalidInputError, StorageError
from atio_core.storage.buckets.fsspec_paths import place_and_options
from atio_core.storage.files import temporary

_MAX_LINKS = 40  # as Linux counts
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_STREAM = re.compile(r"/dev/(stdin|stdout|stderr|fd/.*)|/proc/.*")
_EFFECTIVE = os.access in os.supports_effective_ids
_TO_ADD = os.R_OK | os.W_OK | os.X_OK  # to a folder: who may read it can sync its names
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
    errno.ENAMETOOLONG: "Use a shorter path.",
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
        folder: The folder that holds the file.
        old: What the system said of the file, when it was looked for; None if there was none.
    """

    path: str
    file: str
    folder: str
    old: os.stat_result | None = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The last part of the caller's path."""
        return os.path.basename(self.path)


def find_target(path: object, *, mkdir: bool = False, replacing: bool = True) -> Target:
    """Follow a path to the file that writing to it replaces.

    Args:
        path: A `str`, `bytes` or `Path`. `~` is the home folder. Links are followed, dangling ones too.
        mkdir: Whether the folder may be missing.
        replacing: Whether a file that is there is to be replaced. Else it may be read-only.

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
        file, folder, name, old = _follow(named)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise refused(named, "its symbolic links lead in a circle. Mend the link") from error
        if error.errno in {errno.ENAMETOOLONG, errno.ENOTDIR}:
            raise refused(named, f"{reason(error)}. Give another path") from error
        raise storage_error("Looking at", named, error) from error
    if old is not None and not stat.S_ISREG(old.st_mode):
        kind = _KINDS.get(stat.S_IFMT(old.st_mode), "no plain file")
        raise refused(named, f"it is {kind}. Give the path of a plain file")
    if temporary.is_ours(name):
        raise refused(named, "names of this form belong to temporary files of ours. Give another name")
    target = Target(named, file, folder, old)
    if replacing or old is None:
        with looking_at(named):
            _check_access(target, mkdir=mkdir)
    return target


@contextlib.contextmanager
def looking_at(path: str) -> Generator[None]:
    """Turn what the system says into ours, where nothing is changed within the block.

    Args:
        path: The caller's path.
    """
    try:
        yield
    except AtioError:
        raise
    except OSError as error:
        raise storage_error("Looking at", path, error) from error


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
    message = f"{doing} {path!r} failed: {reason(error)}. What was there stands unchanged. {advice}"
    return StorageError(message, path=path, errno=error.errno)


def _absolute(path: object) -> str:
    """The caller's path from the root on, its `..` left to the system: they may lead through links."""
    plain, _ = place_and_options(path)
    try:
        text = os.fsdecode(plain)  # pyright: ignore[reportArgumentType] - it says so itself if it is no path
    except TypeError as error:
        kind = type(path).__name__
        message = f"The target must be a path, not {kind}. Give a str, bytes or pathlib.Path."
        raise InvalidInputError(message) from error
    if not text:
        raise InvalidInputError("The target's path is empty. Give the path of a file.")
    if not text.isascii():
        require_encodable(text)
    if "\0" in text:
        raise InvalidInputError(f"The target's path {text!r} has a NUL character. Give another path.")
    require_no_url(text)
    if text.startswith("~"):
        text = os.path.expanduser(text)
    if os.path.isabs(text):
        return text
    try:
        return os.path.join(os.getcwd(), text)
    except OSError as error:
        why = f"the working folder is gone ({reason(error)}). Give an absolute path"
        raise refused(text, why) from error


def require_no_url(text: str) -> None:
    """Refuse a URL. Raises `InvalidInputError`, which doesn't tell it: it may hold a password."""
    if "://" in text and _URL.match(text):
        raise InvalidInputError(
            f"The path begins with '{text.partition('://')[0]}://', which makes it a URL: here only files and folders"
            " of this machine can be meant. (Tables can lie in a bucket.)"
        )


def require_encodable(text: str) -> None:
    """Refuse a path that the system can't be given. Raises `InvalidInputError`."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        message = f"The path {text!r} holds half a character (a lone surrogate). Give another path."
        raise InvalidInputError(message) from error


def _follow(path: str) -> tuple[str, str, str, os.stat_result | None]:
    """The path that the path's last part links to, its folder and name, and what is there.

    Folders on the way are left to the system.
    """
    for _ in range(_MAX_LINKS):
        # However the way there is spelled.
        if ("/dev/" in path or "/proc/" in path) and _STREAM.fullmatch(os.path.normpath(path)):
            raise refused(path, "it is a stream of this process. Give the path of a plain file")
        folder, name = os.path.split(path)
        if name in {"", os.curdir, os.pardir}:
            raise refused(path, "it names a folder. Give the path of a plain file")
        try:
            there = os.lstat(path)
        except FileNotFoundError:
            return path, folder, name, None
        if not stat.S_ISLNK(there.st_mode):
            return path, folder, name, there
        path = os.path.join(folder, os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _check_access(target: Target, *, mkdir: bool) -> None:
    """Refuse what is known to fail, before anything is written."""
    if target.old is not None and not _may(target.file, os.W_OK) and os.path.lexists(target.file):
        raise storage_error("Replacing", target.path, _not_allowed(target.file, "the file is read-only"))
    folder = target.folder
    if _may(folder, _TO_ADD):
        return  # and it is a folder: a path through anything else was refused
    if not _is_folder(folder):
        if not mkdir:
            advice = f"Make it first, or let it be made: mkdir=True, or os.makedirs({folder!r})"
            raise refused(target.path, f"the folder {folder!r} is missing. {advice}")
        folder = _nearest(folder)
        if not _is_folder(folder):
            raise refused(target.path, f"{folder!r} is no folder. Give another path")
    if folder == target.folder or not _may(folder, _TO_ADD):
        why = f"no file can be made, or synced, in the folder {folder!r}"
        raise storage_error("Replacing", target.path, _not_allowed(folder, why))


def _not_allowed(path: str, why: str) -> OSError:
    """What the system would say of writing there, which it was only asked about."""
    if hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY:
        return OSError(errno.EROFS, os.strerror(errno.EROFS))
    return PermissionError(errno.EACCES, why)


def _is_folder(path: str) -> bool:
    try:
        there = look(path)
    except NotADirectoryError:
        return False
    return there is not None and stat.S_ISDIR(there.st_mode)


def _nearest(folder: str) -> str:
    """The folder, or what is there of the way to it."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return folder


def _may(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=_EFFECTIVE)


def look(path: str) -> os.stat_result | None:
    """Return what is there, links followed; None if nothing is.

    Args:
        path: Where to look.

    Raises:
        OSError: The system doesn't say.
    """
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def refused(path: str, why: str) -> InvalidInputError:
    """Say why a path won't do, before anything was changed.

    Args:
        path: As the caller gave it.
        why: The reason and the advice, without a full stop.

    Returns:
        The error to raise.
    """
    return InvalidInputError(f"{path!r} can't be written: {why}. Nothing was changed.", path=path)


def reason(error: OSError) -> str:
    """Return what the system said."""
    return error.strerror or str(error)
