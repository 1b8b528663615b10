r"""What a table asks of the place where it lies: bytes by name.

Rules that every store keeps, and that `tests/atio_core/storage/contract.py` checks:

1. A name is a relative path of non-empty parts joined by `/`; no part is `.` or `..`, none holds NUL or `\`.
   No name is another's folder. Folders are no objects: each comes with the first name in it, and stays. What others
   put there under what is no name isn't listed.
2. When `put`, `put_if_absent` or a writer's `close` returns, the bytes, the name and every folder on the way
   survive a power loss.
3. An object appears whole or not at all: under its name by `put_if_absent`; for `put` and `open_write`, whose
   names nobody knows before they return, a crash may leave a part behind.
4. Of any number of `put_if_absent` calls on one name, at most one takes effect.
5. `list` is no snapshot: a folder is looked into when the iteration reaches it, so names made or deleted
   meanwhile may or may not be seen. `look` shows one folder as it is at one moment. Both show temporary files, where
   a store has some, and follow no links to folders.
6. A deleted name may come back with a power loss.
7. Where names lie side by side, as in a bucket, `flat` lists them: each page shows the names as they are at one moment,
   and tells by a mark which object has the name. On a disk there is no such listing, and `flat` is None.
8. Failures are `StorageError`. Its `unknown` is True when the call may have taken effect all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from atio_core.errors import InvalidInputError
from atio_core.storage.io_stats import IoCounter
from atio_core.storage.turns import Turns

_NOT_PARTS = ("", ".", "..")


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing of a flat store.

    Attributes:
        name: Its name.
        mark: What no object with other bytes that ever has the name has too, such as an ETag.
    """

    name: str
    mark: str


class FlatListing(Protocol):
    """Listings of a store whose names lie side by side."""

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Yield what begins with `prefix` (empty, or ending with `/`), sorted by name.

        It comes in pages of two names at least, each by one request when the iteration reaches it. A page shows what is
        there at one moment.
        """
        ...

    def read_listed(self, one: Listed) -> bytes:
        """Return an object as it was listed. Raises `NotFoundError` if it is gone, or another has its name by now."""
        ...


class ObjectWriter(Protocol):
    """A new object while it is being written. Whoever leaves it without a successful `close` calls `abort`.

    Example:
        writer = store.open_write(name)
        try:
            writer.write(data)
            writer.close()
        except BaseException:
            writer.abort()
            raise
    """

    def write(self, data: memoryview | bytes) -> int:
        """Add bytes at the end; returns how many, always all of them. Raises `StorageError`."""
        ...

    def close(self) -> None:
        """Make the object durable under its name. Does nothing when called again. Raises `StorageError`."""
        ...

    def abort(self) -> None:
        """Give the object up and take away what was written. Does nothing after a successful `close`."""
        ...


@runtime_checkable
class ObjectStore(Protocol):
    """Bytes by name, relative to one root."""

    @property
    def location(self) -> str:
        """The root as a person would name it, for messages."""
        ...

    @property
    def io(self) -> IoCounter:
        """Counts what it is asked for."""
        ...

    @property
    def flat(self) -> FlatListing | None:
        """Its flat listings; None where folders can only be looked into one by one."""
        ...

    @property
    def turns(self) -> Turns | None:
        """By which those who create objects may go one after the other; None where nobody can.

        `put_if_absent` passes the turn of its thread on, as soon as the object is there.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return the whole object. Raises `NotFoundError` if there is none."""
        ...

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Fill `into` with the object's bytes from `start` on; returns how many: fewer only at its end.

        Raises `NotFoundError` if there is none.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Store a new object under a name that nobody else uses.

        Raises:
            AlreadyExistsError: Somebody does use it. (A store may replace that object instead.)
            StorageError: With `unknown=True` if the object may be there now; with `landed=True` too if it is there, but
                its name couldn't be made durable.
        """
        ...

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """Create the object if its name is free.

        Args:
            name: The name to take.
            data: The whole content.
            after: An object whose name must be durable before this one appears. It may be deleted already.

        Raises:
            AlreadyExistsError: The store says that the name is taken. (Perhaps this very call took it.)
            UnsupportedStoreError: The store has no way to refuse a taken name.
            StorageError: With `unknown=True` if the object may be there now; with `landed=True` too if it is there, but
                its name couldn't be made durable.
        """
        ...

    def make_durable(self, name: str) -> None:
        """Make the name of an object durable, whoever made it: its maker may have died before that.

        Raises `StorageError` if that fails. A missing object is fine.
        """
        ...

    def open_write(self, name: str) -> ObjectWriter:
        """Start a new object under a name that nobody else uses. Raises as `put`, here or at `close`."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix` (empty, or ending with `/`), lazily and sorted."""
        ...

    def look(self, folder: str) -> list[str]:
        """Return the sorted names of what lies directly in a folder (empty, or ending with `/`).

        Those of folders end with `/`; a folder may be empty.
        """
        ...

    def prune(self, folder: str) -> None:
        """Remove the folders below one (which ends with `/`) in which nothing lies. What is put there meanwhile stays.

        Where folders are nothing of their own, there is nothing to be done. Raises `StorageError`.
        """
        ...

    def size(self, name: str) -> int:
        """Return the object's size in bytes. Raises `NotFoundError` if there is none."""
        ...

    def delete(self, names: Iterable[str]) -> list[str]:
        """Delete objects; those that are missing already are fine.

        Returns:
            The names that could not be deleted yet: files that somebody has open, on Windows.

        Raises:
            StorageError: One couldn't be deleted for good; those after it are still there.
        """
        ...


def check_name(name: str) -> None:
    """Refuse what is no name by rule 1.

    Raises:
        InvalidInputError: It isn't one.

    Example:
        >>> check_name("data/a.parquet")
        >>> check_name("data/../../etc/passwd")
        Traceback (most recent call last):
        atio_core.errors.InvalidInputError: 'data/../../etc/passwd' is no name of an object: ...
    """
    parts = name.split("/")
    unfit = any(part in parts for part in _NOT_PARTS) or "\0" in name
    if not unfit and is_nameable(name) and (name.isascii() or _is_unicode(name)):
        return
    message = (
        f"{name!r} is no name of an object: it must be a relative path of parts joined by '/', none of them "
        "empty, '.' or '..', without NUL, backslash and halves of characters."
    )
    raise InvalidInputError(message, path=name)


def is_nameable(found: str) -> bool:
    """Say whether what lies in a folder can have a name by rule 1, of which disks and buckets break no other part."""
    return "\\" not in found


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8", "surrogateescape")  # what Python makes of any file's name on a disk
    except UnicodeEncodeError:
        return False
    return True


def check_prefix(prefix: str) -> None:
    """Refuse what `list` can't take: anything but "" and a name with `/` at its end.

    Raises:
        InvalidInputError: It is neither.
    """
    if prefix.endswith("/"):
        check_name(prefix[:-1])
    elif prefix:
        message = f"{prefix!r} is no prefix to list: it must be empty or end with '/'."
        raise InvalidInputError(message, path=prefix)


def walk(look: Callable[[str], list[str]], folder: str) -> Iterator[str]:
    """Yield all names in a folder and those below it, by looking into each when its turn comes.

    Args:
        look: As `ObjectStore.look`.
        folder: As `look` takes it.
    """
    for name in look(folder):
        if name.endswith("/"):
            yield from walk(look, name)
        else:
            yield name
