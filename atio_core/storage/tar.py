"""Many files as one: written as a stream into a tar file, and read from there as a store that nobody writes to.

What is read may come from anybody: a name that leads elsewhere, a link, a device, a name that comes twice, bytes behind
the end and an end that is missing are refused before anything is taken from it. Whether the bytes of a file are those
that were written, its reader tells by their digest.
"""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NoReturn, cast

from atio_core.errors import DamagedError, InvalidInputError, NotFoundError, StorageError
from atio_core.storage.base import ObjectWriter, check_name, check_prefix
from atio_core.storage.buckets.fsspec_paths import place_and_options
from atio_core.storage.files.replacement import Replacement
from atio_core.storage.files.target import reason, require_no_url
from atio_core.storage.io_stats import IoCounter

_SUFFIX = ".tar"
_END_BYTES = 2 * tarfile.BLOCKSIZE
_STEP_BYTES = 1 << 20
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)

Fill = Callable[[Callable[[memoryview], int]], object]


def names_tar(path: object) -> bool:
    """Whether a path names a tar file, there or to be made; a folder is none, whatever it is called.

    Example:
        >>> names_tar("/backup/flights.tar"), names_tar("/backup/flights")
        (True, False)
    """
    plain, _ = place_and_options(path)
    if not isinstance(plain, str | os.PathLike):
        return False
    text = os.fsdecode(plain)  # pyright: ignore[reportUnknownArgumentType] - any PathLike will do
    return (
        text.lower().endswith(_SUFFIX) and not text.lower().startswith("memory:") and not os.path.isdir(text)
    )


class TarWriter:
    """Puts files into a tar file that is being made.

    Args:
        new: The file.
        seconds: The time that its files get, since 1970.
    """

    def __init__(self, new: Replacement, seconds: int) -> None:
        self._new = new
        self._seconds = seconds

    def add(self, name: str, size: int, fill: Fill) -> None:
        """Add a file. If that fails, it isn't in.

        Args:
            name: Relative, with `/` between parts.
            size: Its length in bytes.
            fill: Writes the content by the function that it is given.

        Raises:
            DamagedError: The content has another length.
            StorageError: The disk refused.
            What `fill` raises.
        """
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o644, self._seconds
        start, written = self._new.file.tell(), 0

        def write(data: memoryview) -> int:
            nonlocal written
            written += data.nbytes
            return self._new.write(data)

        try:
            self._new.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict"))
            fill(write)
            if written != size:
                message = f"{name} has {written:,} bytes in place of {size:,}; bring it back from a backup"
                raise DamagedError(message, path=name, expected=f"{size} bytes", found=f"{written} bytes")
            self._new.write(bytes(-size % tarfile.BLOCKSIZE))
        except BaseException:
            with contextlib.suppress(OSError):  # then the whole file is given up, too
                self._new.file.seek(start)
                self._new.file.truncate()
            raise

    def end(self) -> None:
        """Mark the end. Raises `StorageError`."""
        length = self._new.file.tell() + _END_BYTES
        self._new.write(bytes(_END_BYTES + -length % tarfile.RECORDSIZE))


@contextlib.contextmanager
def open_tar(path: str | os.PathLike[str]) -> Generator[TarStore]:
    """Open a tar file to read it, after a look at all that it lists.

    Args:
        path: The file.

    Raises:
        NotFoundError: There is none.
        DamagedError: It is cut off, or no tar file.
        InvalidInputError: It holds what no export of a table does.
        StorageError: The disk refused.
    """
    plain, _ = place_and_options(path)
    text = os.fsdecode(cast("str", plain))
    require_no_url(text)
    location = os.path.abspath(os.path.expanduser(text))
    with _opened(location) as file:
        try:
            members = _members(location, file)
        except OSError as error:
            raise _unreadable(location, error) from error
        yield TarStore(location, file, members)


def _opened(location: str) -> io.BufferedReader:
    try:
        return open(location, "rb")
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {location}; correct the path", path=location) from error
    except OSError as error:
        raise _unreadable(location, error) from error


def _unreadable(location: str, error: OSError) -> StorageError:
    message = f"{location} can't be read: {reason(error)}; check its permissions and the disk"
    return StorageError(message, path=location, errno=error.errno)


def _members(location: str, file: io.BufferedReader) -> dict[str, tuple[int, int]]:
    """Where each file's bytes begin, and how many there are."""
    found: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="strict") as tar:
            at = 0
            while (info := tar.next()) is not None:
                if info.size < 0 or tar.offset <= at:
                    raise _damaged(location, "its files overlap")
                at = tar.offset
                tar.members = []  # pyright: ignore[reportAttributeAccessIssue] - else it remembers all of them
                _take(location, info, found)
            at = tar.offset
    except (tarfile.TarError, RecursionError, ValueError, OverflowError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise _damaged(location, f"it can't be read as a tar file ({error})") from error
    _require_end(location, file, at)
    return found


def _take(location: str, info: tarfile.TarInfo, found: dict[str, tuple[int, int]]) -> None:
    name = info.name
    try:
        check_name(name)
    except InvalidInputError as error:
        raise _refused(location, f"it names {name!r}, which may lie anywhere") from error
    if info.isdir():
        return
    if info.type not in _PLAIN or info.sparse is not None:
        raise _refused(location, f"{name!r} is a link, a device or the like in it")
    if name in found:
        raise _refused(location, f"it holds {name!r} twice")
    found[name] = info.offset_data, info.size


def _require_end(location: str, file: io.BufferedReader, at: int) -> None:
    """Raise `DamagedError` unless nothing but zeros stands behind the last file, and enough of them."""
    length = file.seek(0, os.SEEK_END) - at
    if length < _END_BYTES:
        raise _damaged(location, "its end is missing")
    file.seek(at)
    while data := file.read(_STEP_BYTES):
        if data.strip(b"\0"):
            raise _damaged(location, "what stands behind its last file can't be read")


def _damaged(location: str, what: str) -> DamagedError:
    message = f"{location} is damaged: {what}; bring it back from a backup, or export the table again"
    return DamagedError(message, path=location, expected="a whole tar file", found=what)


def _refused(location: str, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"{location} is no export of a table: {what}; nothing was taken over", path=location
    )


class TarStore:
    """An `ObjectStore` of the files in a tar file, which can only be read. Made by `open_tar`."""

    def __init__(self, location: str, file: io.BufferedReader, members: dict[str, tuple[int, int]]) -> None:
        self._location = location
        self._file = file
        self._members = members
        self._lock = threading.Lock()
        self.io = IoCounter()

    @property
    def location(self) -> str:
        """The file's path."""
        return self._location

    @property
    def flat(self) -> None:
        """None: nobody commits here, so one moment is as good as another."""
        return None

    @property
    def turns(self) -> None:
        """None: nobody commits here."""
        return None

    def read(self, name: str) -> bytes:
        """Return the whole object. Raises `NotFoundError` if there is none."""
        data = bytearray(self.size(name))
        count = self.read_into(name, 0, memoryview(data))
        return bytes(data[:count])

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Fill `into` from `start` on; returns how many bytes there were."""
        begin, size = self._member(name)
        view = into.cast("B")[: max(size - start, 0)]
        count = 0
        try:
            with self._lock:
                self._file.seek(begin + start)
                while count < len(view) and (more := self._file.readinto(view[count:])):
                    count += more
        except OSError as error:
            raise _unreadable(self._location, error) from error
        self.io.add("reads", read=count)
        return count

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix`, sorted."""
        check_prefix(prefix)
        yield from sorted(name for name in self._members if name.startswith(prefix))

    def look(self, folder: str) -> list[str]:
        """Return the sorted names of what lies directly in a folder; those of folders end with `/`."""
        check_prefix(folder)
        below = (name[len(folder) :] for name in self._members if name.startswith(folder))
        return sorted({folder + first + slash for first, slash, _ in (name.partition("/") for name in below)})

    def size(self, name: str) -> int:
        """Return the object's size in bytes. Raises `NotFoundError` if there is none."""
        return self._member(name)[1]

    def put(self, name: str, data: bytes) -> None:  # noqa: ARG002 - the contract's
        """Refuse."""
        self._refuse(name)

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:  # noqa: ARG002 - likewise
        """Refuse."""
        self._refuse(name)

    def make_durable(self, name: str) -> None:
        """Refuse."""
        self._refuse(name)

    def open_write(self, name: str) -> ObjectWriter:
        """Refuse."""
        self._refuse(name)

    def prune(self, folder: str) -> None:
        """Refuse."""
        self._refuse(folder)

    def delete(self, names: Iterable[str]) -> list[str]:
        """Refuse."""
        self._refuse(", ".join(names))

    def _member(self, name: str) -> tuple[int, int]:
        check_name(name)
        found = self._members.get(name)
        if found is None:
            raise NotFoundError(f"There is no object {name!r} in {self._location!r}.", path=name)
        return found

    def _refuse(self, name: str) -> NoReturn:
        message = (
            f"{self._location} is a tar file, in which {name!r} can't be changed: import it into a table"
        )
        raise InvalidInputError(message, path=self._location)
