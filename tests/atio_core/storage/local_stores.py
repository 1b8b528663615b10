"""What the tests of stores on a disk share."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from atio_core.storage.local import LocalStore

WAYS = ["put", "put_if_absent", "open_write"]


def open_store(root: Path) -> LocalStore:
    """A store as tables use it."""
    return LocalStore(root, temporary="_atio/tmp")


def store_by(way: str, store: LocalStore, name: str, data: bytes) -> None:
    """Store an object in one of the three ways."""
    if way == "open_write":
        writer = store.open_write(name)
        try:
            writer.write(data)
            writer.close()
        except BaseException:
            writer.abort()
            raise
    else:
        getattr(store, way)(name, data)


def files_below(root: Path) -> list[str]:
    """The sorted paths of all files."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def refuse_link(source: object, target: object) -> None:
    """What a disk without links answers."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
