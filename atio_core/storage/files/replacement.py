"""Replace one file: whoever looks finds the old content or the new, whole, after a crash, an error or Ctrl-C.

1. `replacement` removes what dead writers left in the folder, and makes a temporary file there (a rename is atomic
   within one file system only), open to us alone; the caller writes into it.
2. `sync` gives it the old file's owner, permission bits and attributes, and waits until the disk holds it.
3. `publish` keeps the old file if asked to, puts the new one in its place, and waits until the disk holds the name.

Leaving the block without `publish` takes the temporary file away; the old file was never touched.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Generator
from typing import Any, BinaryIO

from atio_core.errors import AtioError, InvalidInputError, StorageError, UnsupportedStoreError
from atio_core.storage import durable
from atio_core.storage.files import attributes, checksum, temporary
from atio_core.storage.files.open_files import is_whole, open_binary
from atio_core.storage.files.previous import Kept
from atio_core.storage.files.publication import Publication, already_there
from atio_core.storage.files.target import look, reason, storage_error
from atio_core.storage.synced_folders import FOLDERS

_MOST_FOLDERS = 10_000  # remembered
_proven: set[str] = set()  # folders in which a new name can be taken without a race

Open = Callable[[str, int], Any]


class Replacement:
    """The new content of a target while it is being written. Made by `replacement`.

    Attributes:
        target: What will be replaced.
        file: Open for writing. Whoever writes may close it.
        published: Whether the new content is under the target's name.
        previous: What the file that was replaced is called now, if it was kept.
    """

    def __init__(
        self, publication: Publication, made: temporary.Temporary, opening: Open | None, *, locks_prove: bool
    ) -> None:
        self.target = publication.target
        self.published = False
        self.previous: str | None = None
        self._how = publication
        self._temporary = made
        self._size: int | None = None
        self._process = os.getpid()
        self._path_known = opening is not None
        # What replaces a file may be secret, until it has that one's rights; a new file gets those of any new file.
        self._fd = made.open(0o666 if self.target.old is None else 0o600, locks_prove=locks_prove)
        try:
            self.file: BinaryIO = (
                open_binary(self._fd, ahead=publication.durable)
                if opening is None
                else opening(made.path, self._fd)
            )
        except BaseException:
            self._close()
            raise

    @property
    def temporary(self) -> str:
        """The path of the file that is being written."""
        return self._temporary.path

    def size(self) -> int:
        """Return how many bytes have reached the file so far."""
        return os.fstat(self._fd).st_size if self._size is None else self._size

    def write(self, data: bytes | memoryview) -> int:
        """Add to the content; returns how many bytes, always all of them. Raises `StorageError`."""
        try:
            return self.file.write(data)
        except OSError as error:
            raise storage_error("Writing", self.target.path, error) from error

    def digest(self, name: str) -> str:
        """Finish the content, and return its digest.

        Args:
            name: An algorithm of `hashlib`.

        Raises:
            InvalidInputError: Whoever wrote it has detached the file, closed it beneath what it held, or put something
                else in its place.
            StorageError: The disk refused. The old file stands.
        """
        try:
            self._end_writing()
            if self._how.durable:
                durable.start_writing(self._fd, 0, self.size())  # the disk works while we compute
            return checksum.of_file(self._fd, name)
        except OSError as error:
            raise storage_error("Writing", self.target.path, error) from error

    def sync(self) -> None:
        """Finish the content: the old file's owner, bits and attributes, then everything to the disk.

        Raises:
            InvalidInputError: Whoever wrote it has detached the file, closed it beneath what it held, or put something
                else in its place.
            StorageError: The disk refused; it may be full. The old file stands.
        """
        try:
            self._end_writing()
            if self.target.old is not None:  # its bits may be others by now
                attributes.keep(self.target.file, look(self.target.file) or self.target.old, self._fd)
            if self._how.durable:
                durable.sync_file(self._fd)
        except OSError as error:
            raise storage_error("Writing", self.target.path, error) from error

    def publish(self) -> None:
        """Put the new file in the old one's place, in one step; or leave that, if it mustn't be replaced.

        Raises:
            AlreadyExistsError: There is a file, and there mustn't be.
            StorageError: The old file stands. Or, with `unknown=True`, the new one does, but a power loss may
                bring the old one back.
        """
        if os.getpid() != self._process:
            message = f"{self.target.path!r} is written by the process that this one was forked from. "
            raise StorageError(message + "Nothing was changed. Write in one of them.", path=self.target.path)
        try:
            self._size = self.size()
            if self._how.keep is None:
                self._take_name()
                self._sync_folder()
            else:
                self._keep_and_take_name(Kept(self.target.file, self._how.keep))
        except AtioError:
            raise
        except OSError as error:
            if self.published:
                raise self._unsure(error) from error
            raise storage_error("Replacing", self.target.path, error) from error

    def close(self) -> None:
        """Close what is still open. What can't be written any more belongs to a file that is given up."""
        with contextlib.suppress(OSError, ValueError):  # a file that was detached can't be closed
            self.file.close()
        self._close()

    def _end_writing(self) -> None:
        """Flush; and go on with the file that has the name now, if a program was given that and made another one."""
        try:
            self.file.close()
        except ValueError as error:
            raise self._refused("was detached by whoever wrote into it; flush it instead") from error
        if not is_whole(self.file):
            raise self._refused(
                "was closed beneath what wasn't written yet, by its raw or its buffer; close it itself"
            )
        if self._path_known and not self._temporary.is_at(there := os.lstat(self.temporary)):
            if not stat.S_ISREG(there.st_mode):
                raise self._refused("has something else than a file under its name now; write into it")
            other = self._temporary.open_again()
            self._close()
            self._fd = other
        self._size = os.fstat(self._fd).st_size

    def _refused(self, why: str) -> InvalidInputError:
        message = f"The new content of {self.target.path!r} {why}. What was there stands unchanged."
        return InvalidInputError(message, path=self.target.path)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1  # closed even where close reports an error
        if fd >= 0:
            os.close(fd)

    def _keep_and_take_name(self, kept: Kept) -> None:
        with kept:
            try:
                kept.begin(durably=self._how.durable)
                self._take_name()
            except BaseException as error:
                if not self._is_published():
                    _undo(kept, error)
                raise
            if self.published:
                self.previous = kept.path
            self._sync_folder()
            kept.finish()

    def _take_name(self) -> None:
        file = self.target.file
        if durable.WINDOWS:
            self._close()  # no open file can be moved there
        try:
            if self._how.if_exists == "replace":
                durable.replace(self.temporary, file)
            else:
                durable.publish_new(self.temporary, file)
        except FileExistsError as error:
            if self._how.if_exists == "replace":
                raise
            there = look(file)
            if self._how.if_exists == "fail" or there is None or not stat.S_ISREG(there.st_mode):
                raise already_there(self.target) from error
            return
        except OSError:
            if not self._is_published():  # else a network drive did it, and lost its answer, or asked again
                raise
        self.published = True
        if self._fd >= 0:
            self._temporary.unlock(self._fd)
            self._close()

    def _is_published(self) -> bool:
        """Whether the new file has the target's name, whatever a call said, or Ctrl-C kept from being said."""
        if self._fd < 0:
            return self.published
        there = look(self.target.file)
        return there is not None and os.path.samestat(there, os.fstat(self._fd))

    def _sync_folder(self) -> None:
        if not (self._how.durable and self.published):
            return
        try:
            durable.sync_folder(self.target.folder)
        except OSError as error:
            raise self._unsure(error) from error

    def _unsure(self, error: OSError) -> StorageError:
        """What is raised of an error behind the one step that counts."""
        return StorageError(
            f"{self.target.path!r} has its new content, but the disk may not hold it ({reason(error)}): a power loss "
            "may undo the change. Check the disk and write again.",
            path=self.target.path,
            errno=error.errno,
            unknown=True,
        )


@contextlib.contextmanager
def replacement(publication: Publication, opening: Open | None = None) -> Generator[Replacement]:
    """Make a temporary file beside the target. At the end of the block it is published, or gone.

    Args:
        publication: What to replace, and how.
        opening: Opens the file for a writer that may use its path, else that is done here: gets its path and its
            descriptor, which must stay open.

    Yields:
        The new content: write into its `file`, then call `sync` and `publish`.

    Raises:
        StorageError: No file can be made in the target's folder.
        UnsupportedStoreError: The file system can't do what is asked for.

    Example:
        >>> import pathlib, tempfile
        >>> from atio_core.storage.files.publication import plan_publication
        >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt")
        >>> with replacement(plan_publication(path)) as new:
        ...     _ = new.file.write(b"whole")
        ...     new.sync()
        ...     new.publish()
        >>> path.read_bytes()
        b'whole'
    """
    process = os.getpid()
    made = temporary.Temporary(publication.target.file)
    new = None
    try:
        new = _begin(publication, made, opening)
        if publication.if_exists != "replace":
            _check_new_name(new)
        yield new
    finally:  # whatever happened, Ctrl-C included, and wherever
        try:
            if new is not None:
                new.close()
        finally:
            if not (new is not None and new.published) and os.getpid() == process:
                _take_away(made)


def _begin(publication: Publication, made: temporary.Temporary, opening: Open | None) -> Replacement:
    path, folder = publication.target.path, publication.target.folder
    try:
        if publication.mkdir:
            _make_folders(publication)
        locks_prove = temporary.clean(folder)
        return Replacement(publication, made, opening, locks_prove=locks_prove)
    except OSError as error:
        raise storage_error("Making a temporary file beside", path, error) from error


def _check_new_name(new: Replacement) -> None:
    """Find out, once for each folder, whether a name can be taken there without a race."""
    folder = new.target.folder
    if folder in _proven:
        return
    try:
        durable.check_publish_new(new.temporary, temporary.name_beside(new.target.file, temporary.CONTENT))
    except UnsupportedStoreError:
        raise
    except OSError as error:
        raise storage_error("Making a temporary file beside", new.target.path, error) from error
    if len(_proven) >= _MOST_FOLDERS:
        _proven.clear()
    _proven.add(folder)


def _undo(kept: Kept, error: BaseException) -> None:
    try:
        kept.undo()
    except OSError as second:
        error.add_note(f"The old file is kept as {kept.path!r} all the same: {reason(second)}.")


def _make_folders(publication: Publication) -> None:
    folders = [publication.target.folder]
    if publication.keep is not None:
        folders.append(os.path.dirname(publication.keep.file))
    for folder in folders:
        if not os.path.isdir(folder):
            FOLDERS.forget()  # somebody has removed it
        if publication.durable:
            FOLDERS.ensure(folder, folder)
        else:
            os.makedirs(folder, exist_ok=True)


def _take_away(made: temporary.Temporary) -> None:
    try:
        made.take_away()
    except OSError as error:
        message = (
            f"The temporary file {made.path!r} could not be removed: {reason(error)}. Remove it by hand."
        )
        if error.__context__ is None:
            raise StorageError(message, path=made.path, errno=error.errno) from error
        error.__context__.add_note(message)  # the error that is on its way says more than this one
