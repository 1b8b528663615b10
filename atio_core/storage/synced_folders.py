"""Folders whose names survive a power loss, whoever made them."""

from __future__ import annotations

import errno
import os

from atio_core.storage import durable

_MAKE_TRIES = 100
_MOST_FOLDERS = 100_000  # remembered by one `SyncedFolders`


class SyncedFolders:
    """Makes folders, and makes their names survive a power loss.

    A folder's name is synced whoever made it: a writer that died before it did so leaves a folder that looks
    like any other. That is done once per folder and instance, and costs a look into a set from then on.

    Example:
        >>> import tempfile
        >>> root = tempfile.mkdtemp()
        >>> SyncedFolders().ensure(f"{root}/a/b", root)
        >>> os.listdir(root)
        ['a']
    """

    __slots__ = ("_known", "_made")

    def __init__(self) -> None:
        self._known: set[str] = set()  # folders that are there, with durable names from the mount point down
        self._made: set[str] = set()  # folders that were made here, whose names aren't durable yet

    def ensure(self, folder: durable.AnyPath, root: durable.AnyPath) -> None:
        """Make `folder` and all above it, where missing, and sync all their names.

        Args:
            folder: The folder that is about to hold a file: `root`, or below it. Absolute.
            root: Above it, folders are somebody else's: those that may not be opened are passed over.

        Raises:
            OSError: A folder can't be made or synced; those made so far stay.
        """
        self.make(folder)
        self.sync(folder, root)

    def make(self, folder: durable.AnyPath) -> None:
        """Make `folder` and all above it, where missing. Raises as `ensure`.

        Their names wait for `sync`. Behind that of a file in them it costs least: a file system with a journal has
        written their names with the file's bytes by then.
        """
        wanted: str = os.fspath(folder)
        if wanted in self._known:
            return
        made = _make_all(wanted)
        self._known -= made  # one that had vanished is another folder now
        self._made |= made

    def sync(self, folder: durable.AnyPath, root: durable.AnyPath) -> None:
        """Sync the names of a folder that was made, and of all above it. Args and errors are those of `ensure`."""
        wanted: str = os.fspath(folder)
        if wanted in self._known:
            return
        if len(self._known) > _MOST_FOLDERS:
            self._known.clear()
        top: str = os.fspath(root)
        if top not in self._known:
            _sync_above(top, self._made.copy())  # other threads make folders meanwhile
            self._known.add(top)
            self._made.discard(top)
        for path in reversed(_between(wanted, top)):
            if path not in self._known:
                self._sync_names(os.path.dirname(path))
                self._known.add(path)

    def _sync_names(self, parent: str) -> None:
        """Sync a folder whose own name is durable, and so the names of all folders that were made in it up to now."""
        made = {path for path in self._made.copy() if os.path.dirname(path) == parent}
        durable.sync_folder(parent)
        self._known |= made
        self._made -= made

    def forget(self) -> None:
        """Look again at every folder: one of them has vanished."""
        self._known.clear()


FOLDERS = SyncedFolders()
"""What this process knows of folders, whichever handles it makes. Another one looks for itself."""


def _between(folder: str, root: str) -> list[str]:
    """`folder` and those above it, without `root`."""
    found: list[str] = []
    path = folder
    while path != root:
        found.append(path)
        path = os.path.dirname(path)
        if path == found[-1]:
            message = f"{folder!r} does not lie below {root!r}"
            raise ValueError(message)
    return found


def _make_all(folder: str) -> set[str]:
    """`mkdir -p`, while others may make and remove folders; returns those that this call made."""
    made: set[str] = set()
    missing = [folder]
    for _ in range(_MAKE_TRIES):
        if not missing:
            return made
        try:
            os.mkdir(missing[-1])
            made.add(missing.pop())
        except FileNotFoundError:
            parent = os.path.dirname(missing[-1])
            if parent == missing[-1]:
                raise
            missing.append(parent)
        except OSError as error:
            if os.path.isdir(missing[-1]):
                missing.pop()  # there already, whatever the error: a drive's is "permission denied"
            elif not isinstance(error, FileExistsError):
                raise
            elif os.path.lexists(missing[-1]):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), missing[-1]) from error
    message = "folders on the way vanish as fast as they are made"
    raise FileNotFoundError(errno.ENOENT, message, folder)


def _sync_above(root: str, made: set[str]) -> None:
    """Sync the names from `root` up to its mount point."""
    made_here = {os.path.realpath(path) for path in made}
    path = os.path.realpath(root)
    while not os.path.ismount(path):
        parent = os.path.dirname(path)
        try:
            durable.sync_folder(parent)
        except PermissionError:
            if path in made_here:  # our own new name would be lost; an older one has been there all along
                raise
        path = parent
