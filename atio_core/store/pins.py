"""Pins: the version of a table that a reader of many processes reads, whichever of them comes first.

1. Who opens a table for a reader looks for its pin. If there is one, it names the version.
2. Else the version wished for is looked up, and the pin created, if its name is still free: the first one stands. A
   lost answer is settled as in committing (`storage/readback.py`).

Pins are never changed. They protect nothing: retention must keep versions for longer than a reader takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from atio_core.arguments import require_text
from atio_core.errors import NotFoundError, StorageError, VersionExpiredError
from atio_core.format.names import PINS, pin_path, pins_folder
from atio_core.format.pin_json import Pin, decode_pin, encode_pin
from atio_core.log.commit_log import CommitLog
from atio_core.log.lookup import AnyVersion, Found, VersionSelector, find, require_selector
from atio_core.snapshot import Snapshot
from atio_core.storage.readback import Answer, create
from atio_core.store.base import StoreBase, require_table_name
from atio_core.table import Table
from atio_core.times import time_of, told_time


class Pins(StoreBase):
    """What gives all processes of one reader the same versions."""

    def pin(self, reader: str, table: str | Table, version: AnyVersion | None = None) -> Snapshot:
        """Return the version of a table that a reader reads: the same in all its processes, machines and retries.

        The first call for a reader and a table notes the version; every later one returns that, whatever was committed
        meanwhile, and whatever `version` says. It is noted durably, before anything is read.

        A pin doesn't keep its version from expiring: retention must keep versions for longer than readers take
        (`keep_for`). A reader that has come to its end is forgotten by `unpin`.

        Args:
            reader: Any text that names the reader, such as the id of a run of many steps.
            table: The table's name in the store; or a table that lies elsewhere.
            version: Which version a first call notes, as for `Table.snapshot`; the latest if None.

        Returns:
            The version.

        Raises:
            VersionExpiredError: The version that the reader has pinned has expired.
            InvalidInputError: An argument can't be meant.
            StorageError: Whether the pin was made isn't known, or the store failed: call again.
            DamagedError: The pin isn't what was written.
            As for `Table.snapshot`: no such table or version; then nothing was noted.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://pin-example")
            >>> _ = store.table("orders").overwrite(pd.DataFrame({"a": [1]}))
            >>> store.pin("run 7", "orders").version
            1
            >>> _ = store.table("orders").overwrite(pd.DataFrame({"a": [2]}))
            >>> store.pin("run 7", "orders").version, store.pin("run 8", "orders").version
            (1, 2)
        """
        reader, log = require_text("reader", reader), self._log_of(table)
        wanted = require_selector(version)
        latest = log.latest()
        path = pin_path(reader, latest.table_id)
        pin = self._find_pin(path)
        if pin is None:
            found = find(log, wanted)
            made = Pin(reader, found.entry.table_id, found.entry.data.version, self._clock())
            pin = self._create_pin(path, made)
            if pin.version == made.version:
                return Snapshot.of(log, found)
        if pin.version == latest.data.version and latest.is_there:
            return Snapshot.of(log, Found(latest, latest))
        return _pinned(log, pin)

    def pinned(self, reader: str, table: str | Table) -> Snapshot | None:
        """Return the version of a table that a reader has pinned, or None if it has pinned none.

        Args:
            reader: As for `pin`.
            table: As for `pin`; it needs not be there.

        Raises:
            VersionExpiredError: The version has expired.
            InvalidInputError: An argument can't be meant.
            DamagedError: The pin isn't what was written.

        Example:
            >>> import atio_core as atio
            >>> atio.Store("memory://pinned-example").pinned("run 7", "orders") is None
            True
        """
        reader, log = require_text("reader", reader), self._log_of(table)
        latest = log.find_latest()
        pin = None if latest is None else self._find_pin(pin_path(reader, latest.table_id))
        return None if pin is None else _pinned(log, pin)

    def pins(self) -> dict[str, datetime]:
        """Return the readers that have pins, each with the time (UTC) at which it made one of them.

        Raises:
            DamagedError: A pin isn't what was written.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://pins-example")
            >>> _ = store.table("orders").overwrite(pd.DataFrame({"a": [1]}))
            >>> _ = store.pin("run 7", "orders")
            >>> list(store.pins())
            ['run 7']
        """
        found = (self._first_pin(name) for name in self._root.look(PINS) if name.endswith("/"))
        return {pin.reader: time_of(pin.time_us) for pin in found if pin is not None}

    def unpin(self, reader: str) -> None:
        """Forget what a reader has pinned, if anything. Call it when the reader has come to its end.

        Args:
            reader: The name by which it pinned.

        Raises:
            StorageError: Some of it may be there still: call again.

        Example:
            >>> import atio_core as atio
            >>> atio.Store("memory://unpin-example").unpin("run 7")
        """
        folder = pins_folder(require_text("reader", reader))
        self._root.delete(list(self._root.list(folder)))
        self._root.prune(PINS)

    def _log_of(self, table: str | Table) -> CommitLog:
        if isinstance(table, Table):
            return table._log  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - ours, and open already
        return self._table_log(require_table_name(table))

    def _first_pin(self, folder: str) -> Pin | None:
        """One of the pins in a folder; None if none is left."""
        return next(filter(None, map(self._find_pin, self._pin_names(folder))), None)

    def _pin_names(self, folder: str) -> Iterator[str]:
        return (name for name in self._root.look(folder) if name.endswith(".json"))

    def _find_pin(self, path: str) -> Pin | None:
        try:
            data = self._root.read(path)
        except NotFoundError:
            return None
        return decode_pin(data, path=path, store=self.path)

    def _create_pin(self, path: str, pin: Pin) -> Pin:
        """Return the pin that stands under a name: this one, or that of whoever came first."""
        data = encode_pin(pin)
        created = create(self._root, path, data, after=None, is_ours=lambda found: found == data)
        if created.answer in (Answer.OURS, Answer.TAKEN):
            return decode_pin(created.data, path=path, store=self.path)
        raise StorageError(
            f"whether the pin {path} of the store {self.path} was made isn't known: call again, which reads it if it"
            " was",
            path=path,
            unknown=True,
        ) from created.cause


def _pinned(log: CommitLog, pin: Pin) -> Snapshot:
    try:
        return Snapshot.of(log, find(log, VersionSelector(number=pin.version)))
    except VersionExpiredError:
        raise VersionExpiredError(
            f"version {pin.version} of the table {log.location}, which {pin.reader!r} has read since"
            f" {told_time(pin.time_us)}, has expired: begin again as another reader, and keep"
            " versions for longer than readers take (keep_for, a tag or a lease)",
            table=log.location,
            version=pin.version,
        ) from None
