"""What every store knows: where it lies, and which tables are in it."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from typing import Any

from atio_core.arguments import require_flag, require_text
from atio_core.errors import InvalidInputError, StorageError
from atio_core.format.names import LOG, META, TEMPORARY, Numbered
from atio_core.log.commit_log import CommitLog
from atio_core.log.sequence import Sequence
from atio_core.log.store_log import StoreLog
from atio_core.model.ids import Clock, require_clock, system_clock
from atio_core.storage.base import ObjectStore, check_name
from atio_core.storage.buckets.fsspec_paths import Place
from atio_core.storage.files.new_folder import is_unfinished
from atio_core.storage.locate import beside, given_store, memories_below
from atio_core.table import Table

_DATA = "data/"
_CLOSED = (errno.EACCES, errno.EPERM)  # the latter is what macOS says of folders that are private


class StoreBase:
    """A folder of tables.

    Args:
        path: The folder, the URL of a bucket (`s3://bucket/prefix`), or `memory://name`.
        store: Where the log of releases lies, instead of `path`; the tables lie below its location.
        clock: Where the time comes from; for tests.
        storage_options: How the bucket of `path` is opened, for its tables too: see `Table`.

    Raises:
        InvalidInputError: The path can't be a store's, or an argument is none.
    """

    def __init__(
        self,
        path: Place | None = None,
        *,
        store: ObjectStore | None = None,
        clock: Clock = system_clock,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._root = given_store(
            path, store, temporary=TEMPORARY, what="a store of tables", storage_options=storage_options
        )
        self._clock = require_clock(clock)
        self._log = StoreLog(self._root, clock)

    @property
    def path(self) -> str:
        """Where the store lies."""
        return self._root.location

    def table(self, name: str) -> Table:
        """Return a table, which needs not be there yet.

        Args:
            name: Its folder below the store: "orders", "raw/orders".

        Raises:
            InvalidInputError: No table can be there.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://store-table-example")
            >>> _ = store.table("raw/orders").append(pd.DataFrame({"a": [1]}))
            >>> store.tables()
            ['raw/orders']
        """
        name = require_table_name(name)
        return Table(store=self._beside(name), clock=self._clock)

    def tables(self, *, dropped: bool = False) -> list[str]:
        """Return the names of the tables that are there, sorted.

        Folders that this user may not look into are passed over, as a disk's `lost+found` mostly is.
        A table that was made by itself may have a name that is no Unicode text, which `table` refuses: rename it.

        Args:
            dropped: Also those that were dropped, whose older versions may still be there.

        Raises:
            InvalidInputError: `dropped` is neither True nor False.
        """
        dropped = require_flag("dropped", dropped)
        return [name for name in self._folders() if dropped or self._is_there(name)]

    def _is_there(self, name: str) -> bool:
        latest = self._table_log(name).find_latest()
        return latest is not None and latest.is_there

    def _table_log(self, name: str) -> CommitLog:
        return CommitLog(self._beside(name))

    def _beside(self, name: str) -> ObjectStore:
        return beside(self._root, f"{self.path.rstrip('/')}/{name}", temporary=TEMPORARY)

    def _folders(self) -> Iterator[str]:
        """The folders that hold the log of a table, sorted."""
        if self.path.startswith("memory://"):
            names = memories_below(self.path)
            yield from (name for name in names if self._table_log(name).find_latest() is not None)
        else:
            yield from sorted(name for name in self._walk("") if name)

    def _walk(self, folder: str) -> Iterator[str]:
        inside = self._inside(folder)
        is_table = f"{folder}{META}/" in inside and self._has_entries(f"{folder}{LOG}")
        if is_table:
            yield folder.removesuffix("/")
        for name in inside:
            own = name.removeprefix(folder)
            if is_unfinished(own.removesuffix("/")):  # a copy on its way here, which is nobody's yet
                continue
            if name.endswith("/") and own != f"{META}/" and not (is_table and own == _DATA):
                yield from self._walk(name)

    def _inside(self, folder: str) -> list[str]:
        """What lies in a folder; nothing if this user may not look into it, unless it is the store's own."""
        try:
            return self._root.look(folder)
        except StorageError as error:
            if folder and error.errno in _CLOSED:
                return []
            raise

    def _has_entries(self, folder: str) -> bool:
        """Whether there is a version: a first commit that died may have left an empty folder of the log."""
        return next(Sequence(self._root, Numbered(folder)).numbers(), None) is not None


def require_table_name(name: object) -> str:
    """Return the name of a folder in which a table may lie. Raises `InvalidInputError` if it is none."""
    text = require_text("name", name)
    check_name(text)
    if META in text.casefold().split("/"):  # some file systems fold case
        raise InvalidInputError(f"{text!r} can't be a table: a folder named {META} is atio's own")
    return text
