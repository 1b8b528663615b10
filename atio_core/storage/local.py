"""A table on a disk: one file per object, below one folder.

How the rules of `base.py` are kept:

- `put_if_absent`: a temporary file in a folder of its own is written, synced and closed; then the name that must be
  durable before is; then the file takes its final name in one step that refuses a taken one, and the folder is synced.
  Only then the temporary name goes: so a file that has but one name, where files can have two, has it durably, and who
  comes next need not sync it again. A crash leaves nothing or the whole object, and perhaps a temporary name, which
  cleaning takes.
- `put` and `open_write`: the file is made under its final name at once. Nobody knows that name before it is
  synced.
- The folder and all above it get durable names, whoever made them: for `put_if_absent` before anything is written, for
  the others behind the file's bytes, which cost the disk less that way.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from atio_core.errors import AtioError, NotFoundError
from atio_core.model.ids import system_clock, uuid7
from atio_core.storage.base import check_name, check_prefix, is_nameable
from atio_core.storage.durable import (
    AnyPath,
    may_come_true,
    name_new,
    start_writing,
    sync_file,
    sync_folder,
)
from atio_core.storage.io_stats import IoCounter
from atio_core.storage.local_refusals import behind_link, refusals, refused
from atio_core.storage.synced_folders import FOLDERS
from atio_core.storage.turns import Turns, turns_in

_Result = TypeVar("_Result")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OPEN_FILES_STAY = os.name == "nt"
_MANY_DELETIONS = 64  # from so many on, several at a time: each may wait for the disk
_DELETERS = 8
_MODE = 0o666  # less the process's umask
_STEP_BYTES = 8 << 20  # written at once, and handed on to the disk


class LocalStore:
    """An `ObjectStore` in a folder.

    Args:
        root: The folder; made with the first object.
        temporary: The name of the folder below it that takes temporary files.

    Example:
        >>> import tempfile
        >>> store = LocalStore(tempfile.mkdtemp(), temporary="tmp")
        >>> store.put_if_absent("log/1.json", b"{}")
        >>> list(store.list("log/")), store.read("log/1.json")
        (['log/1.json'], b'{}')
    """

    __slots__ = ("_links", "_root", "_temporary", "io", "turns")

    def __init__(self, root: AnyPath, *, temporary: str) -> None:
        check_name(temporary)
        self._root = os.path.abspath(root)  # the process may change its working directory
        self._temporary = os.path.join(self._root, temporary)
        self._links = False  # whether files are known to take a second name here
        self.io = IoCounter()
        self.turns: Turns = turns_in(self._temporary)

    @property
    def location(self) -> str:
        """The folder's absolute path."""
        return self._root

    @property
    def flat(self) -> None:
        """None: folders are looked into one by one."""
        return None

    def read(self, name: str) -> bytes:
        """Return the whole object. Raises `NotFoundError` if there is none."""
        path = self._path(name)
        try:
            with open(path, "rb", buffering=0) as file:
                data = file.readall()
        except OSError as error:
            raise self._read_refused(error, "read", name) from error
        self.io.add("reads", read=len(data))
        return data

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Fill `into` from `start` on; returns how many bytes there were."""
        path = self._path(name)
        done = 0
        try:
            with open(path, "rb", buffering=0) as file:
                file.seek(start)
                while done < len(into) and (count := file.readinto(into[done:])):
                    done += count
        except OSError as error:
            raise self._read_refused(error, "read", name) from error
        self.io.add("reads", read=done)
        return done

    def size(self, name: str) -> int:
        """Return the object's size in bytes. Raises `NotFoundError` if there is none."""
        path = self._path(name)
        try:
            found = os.stat(path)
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        except OSError as error:
            raise self._read_refused(error, "look at", name) from error
        self.io.add("looks")
        return found.st_size

    def put(self, name: str, data: bytes) -> None:
        """Store a new object under a name that nobody else uses."""
        writer = self.open_write(name)
        try:
            writer.write(data)
            writer.close()
        except BaseException:
            writer.abort()
            raise

    def open_write(self, name: str) -> LocalWriter:
        """Start a new object under a name that nobody else uses."""
        path = self._path(name)
        folder = os.path.dirname(path)
        with refusals("write", path):
            fd = self._in_folders(FOLDERS.make, lambda: os.open(path, _CREATE, _MODE), folder)
        return LocalWriter(path, fd, lambda: FOLDERS.sync(folder, self._root), self.io)

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """Create the object if its name is free; what comes before it by `after` is made durable first."""
        path = self._path(name)
        if link := self._link_above(name):
            raise behind_link(path, link)
        folder = os.path.dirname(path)
        before = None if after is None else self._path(after)
        self.io.add("creates", written=len(data))
        with refusals("write", path):
            temporary = self._in_folders(
                self._ensure, lambda: self._create(path, data, before), folder, self._temporary
            )
        with refusals("make durable", path, unknown=True, landed=True):
            self.turns.pass_on()  # who comes next syncs this name, too, before it makes its own
            sync_folder(folder)
        with contextlib.suppress(OSError):  # it is there all the same; litter goes with cleaning
            os.unlink(temporary)

    def make_durable(self, name: str) -> None:
        """Make an object's name durable, whoever made it. Missing is fine."""
        path = self._path(name)
        with refusals("make durable", path):
            self._sync_name(path)

    def delete(self, names: Iterable[str]) -> list[str]:
        """Delete objects; returns those that somebody has open (on Windows).

        The folder isn't synced: a file that comes back with a power loss is as unreachable as before, and
        the next cleaning takes it.
        """
        names = [*names]
        if len(names) < _MANY_DELETIONS:
            return [name for name in names if not self._delete(name)]
        with ThreadPoolExecutor(_DELETERS, thread_name_prefix="atio-delete") as pool:
            gone = list(pool.map(self._delete, names))
        return [name for name, is_gone in zip(names, gone, strict=True) if not is_gone]

    def _delete(self, name: str) -> bool:
        """Delete an object; says whether it is gone."""
        path = self._path(name)
        self.io.add("deletes")
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            if not (_OPEN_FILES_STAY and isinstance(error, PermissionError)):
                raise refused(error, "delete", path) from error
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix`, sorted; each folder is listed when its turn comes."""
        check_prefix(prefix)
        return self._walk(prefix)

    def look(self, folder: str) -> list[str]:
        """Return the sorted names of what lies directly in a folder; those of folders end with `/`."""
        check_prefix(folder)
        return [] if self._link_above(folder) else self._look_into(folder)

    def prune(self, folder: str) -> None:
        """Remove the folders below one in which nothing lies. Who is about to put something there makes them again."""
        for name in self.look(folder):
            if not name.endswith("/"):
                continue
            self.prune(name)
            with contextlib.suppress(OSError):  # something lies in it, or somebody else was faster
                os.rmdir(self._path(name.removesuffix("/")))

    def _walk(self, prefix: str) -> Iterator[str]:
        stack = [iter(self.look(prefix))]
        while stack:
            name = next(stack[-1], None)
            if name is None:
                stack.pop()
            elif name.endswith("/"):
                stack.append(iter(self._look_into(name)))
            else:
                yield name

    def _look_into(self, folder: str) -> list[str]:
        """The sorted names in a folder. Those of folders end with `/`, and so sort as what lies in them."""
        path = self._root + "/" + folder
        self.io.add("lists")
        try:
            with os.scandir(path) as entries:
                return sorted(filter(None, [_listed(folder, entry) for entry in entries]))
        except (FileNotFoundError, NotADirectoryError) as error:
            if os.path.isfile(self._root):
                raise refused(error, "list", self._root) from error
            return []  # nothing there, or gone since its parent was listed
        except OSError as error:
            raise refused(error, "list", path) from error

    def _link_above(self, name: str) -> str | None:
        """The first link among the folders in which a name lies, if any."""
        ends = (at for at, character in enumerate(name) if character == "/")
        folders = (self._root + "/" + name[:end] for end in ends)
        return next(filter(os.path.islink, folders), None)

    def _path(self, name: str) -> str:
        check_name(name)
        return self._root + "/" + name

    def _in_folders(self, make: Callable[[str], None], act: Callable[[], _Result], *folders: str) -> _Result:
        """Act in folders that are there. If one vanishes, they are made again, once."""
        try:
            for folder in folders:
                make(folder)
            return act()
        except FileNotFoundError:
            FOLDERS.forget()
            for folder in folders:
                make(folder)
            return act()

    def _ensure(self, folder: str) -> None:
        FOLDERS.ensure(folder, self._root)

    def _create(self, path: str, data: bytes, before: str | None) -> str:
        """Make a file whole under a name that is free; the name `before` is made durable first.

        Returns the temporary name, which goes as soon as the other one is durable.

        That name is synced between the file and the link: file systems with a journal write with the file's bytes what
        names were made before, so that the second sync mostly has nothing left to wait for.
        """
        if os.path.lexists(path):  # a race that is lost already need not wait for the disk
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        temporary = f"{self._temporary}/{uuid7(system_clock)}.tmp"
        try:
            fd = os.open(temporary, _CREATE, _MODE)
            try:
                _write_all(fd, memoryview(data))
                sync_file(fd)
            finally:
                os.close(fd)
            if before is not None and not self._was_synced(before):
                self._sync_name(before)
            self._links = _take_name(temporary, path) and (self._links or _names_of(path) > 1)
        except BaseException:
            with contextlib.suppress(OSError):  # the first error counts; litter goes with cleaning
                if _names_of(temporary) == 1:  # else an interrupt has come behind the link
                    os.unlink(temporary)
            raise
        return temporary

    def _was_synced(self, path: str) -> bool:
        """Whether its maker made a name durable: only then it takes the temporary name away."""
        return self._links and _names_of(path) == 1

    def _sync_name(self, path: str) -> None:
        """Make a name durable, whoever made it: its maker may not have come to sync the folder yet."""
        folder = os.path.dirname(path)
        try:
            sync_folder(folder)
        except FileNotFoundError:
            return  # deleted since, folder and all
        self._ensure(folder)

    def _read_refused(self, error: OSError, action: str, name: str) -> AtioError:
        if not isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
            return refused(error, action, self._path(name))
        if os.path.isfile(self._root):
            return refused(error, action, self._root)
        return NotFoundError(f"There is no object {name!r} in {self._root!r}.", path=name)


class LocalWriter:
    """An `ObjectWriter` for a file that lies under its final name from the start."""

    __slots__ = ("_complete", "_fd", "_io", "_path", "_started", "_sync_folders", "_written")

    def __init__(self, path: str, fd: int, sync_folders: Callable[[], None], io: IoCounter) -> None:
        self._io = io
        self._path = path
        self._fd = fd
        self._sync_folders = sync_folders  # makes the names of the file's folder, and of those above, durable
        self._written = 0
        self._started = 0  # so many bytes are on their way to the disk
        self._complete = False

    def write(self, data: memoryview | bytes) -> int:
        """Add bytes at the end; returns how many, always all of them."""
        view = memoryview(data).cast("B")
        with refusals("write", self._path):
            for start in range(0, len(view), _STEP_BYTES):
                self._written += _write_all(self._fd, view[start : start + _STEP_BYTES])
                if self._written - self._started >= _STEP_BYTES:
                    start_writing(self._fd, self._started, self._written - self._started)
                    self._started = self._written
        return len(view)

    def close(self) -> None:
        """Sync the file, its folder and those above."""
        if self._complete:
            return
        with refusals("write", self._path):
            sync_file(self._fd)
            self._close_file()
        with refusals("make durable", self._path, unknown=True):
            sync_folder(os.path.dirname(self._path))
            self._sync_folders()
        self._complete = True
        self._io.add("writes", written=self._written)

    def abort(self) -> None:
        """Remove the file, unless it is complete."""
        if self._complete:
            return
        with refusals("remove", self._path):
            try:
                if self._fd >= 0:
                    self._close_file()
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)

    def _close_file(self) -> None:
        fd, self._fd = self._fd, -1  # closed even where close reports an error
        os.close(fd)


def _take_name(temporary: str, path: str) -> bool:
    """Do what `name_new` does, and say so where nobody can tell whether the name was taken."""
    try:
        return name_new(temporary, path)
    except OSError as error:
        if not may_come_true(error):
            raise
        raise refused(error, "write", path, unknown=True) from error


def _names_of(path: str) -> int:
    """How many names a file has; 0 if that can't be seen."""
    try:
        return os.lstat(path).st_nlink
    except OSError:
        return 0


def _write_all(fd: int, view: memoryview) -> int:
    done = 0
    while done < len(view):
        done += os.write(fd, view[done:])
    return done


def _listed(folder: str, entry: os.DirEntry[str]) -> str:
    """What an entry of a folder adds to a listing: a name, a folder's name with `/`, or nothing.

    A link to a folder adds nothing: what lies behind it isn't the table's, and cleaning must not reach it.
    """
    if not is_nameable(entry.name):
        return ""
    if entry.is_dir(follow_symlinks=False):
        return f"{folder}{entry.name}/"
    return folder + entry.name if entry.is_file() else ""
