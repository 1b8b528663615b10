"""What sees whether the tables of a store are whole, and what the store itself keeps: releases and pins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from atio_core.arguments import require_choice, require_flag
from atio_core.errors import AtioError, DamagedError
from atio_core.format.names import PINS
from atio_core.maintenance.store_report import StoreVerifyReport
from atio_core.maintenance.verify_report import Problem
from atio_core.model.store_entry import StoreEntry
from atio_core.store.pins import Pins
from atio_core.store.releases import StoreAt
from atio_core.store.side_by_side import side_by_side
from atio_core.store.upkeep import StoreUpkeep


class StoreIntegrity(StoreUpkeep, Pins):
    """What sees whether all of a store is whole."""

    def verify(
        self, versions: Literal["latest", "all"] = "latest", *, deep: bool = True, values: bool = False
    ) -> StoreVerifyReport:
        """See whether all tables are whole, and so are releases and pins. Nothing is changed.

        Each release that stands must name versions that are retained. A pin whose version has expired is no problem.

        Args:
            versions: Of each table, as for `Table.verify`.
            deep: Likewise.
            values: Likewise.

        Returns:
            What was found; `ok` says whether there is no problem. Damage raises nothing.

        Raises:
            InvalidInputError: An argument makes no sense.
            NewerFormatError: A release was written by a later release of atio.
            StorageError: The store failed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> store = atio.Store("memory://store-verify-example")
            >>> _ = store.table("report").overwrite(pd.DataFrame({"a": [1]}))
            >>> _ = store.create_release("first", ["report"])
            >>> store.verify("all").ok
            True
        """
        require_choice("versions", versions, ("latest", "all"))
        require_flag("deep", deep)
        require_flag("values", values)
        own = (*self._damaged_entries(), *self._damaged_pins())
        tables, failures = side_by_side(
            self.tables(dropped=True),
            lambda name: self.table(name).verify(versions, deep=deep, values=values),
        )
        return StoreVerifyReport(self.path, tables, failures, own or tuple(self._broken_releases()))

    def _damaged_entries(self) -> Iterator[Problem]:
        for number in self._log.numbers():
            yield from _problem(self._log.name(number), lambda number=number: self._log.require(number))

    def _damaged_pins(self) -> Iterator[Problem]:
        for folder in self._root.look(PINS):
            for name in self._pin_names(folder) if folder.endswith("/") else ():
                yield from _problem(name, lambda name=name: self._find_pin(name))

    def _broken_releases(self) -> Iterator[Problem]:
        """Releases that name what isn't there. They can be told from those that were dropped only if all is whole."""
        for entry in self._log.standing():
            for table in entry.tables:
                problem = self._broken(entry, table)
                if problem is not None and self._log.find_release(entry.number, entry.entry_id) is not None:
                    yield problem

    def _broken(self, entry: StoreEntry, table: str) -> Problem | None:
        try:
            StoreAt(self, entry).snapshot(table)
        except AtioError as error:
            what = f"(the release {entry.name!r}) names a version of {table} that can't be read"
            version = entry.tables[table].version
            return Problem(self._log.name(entry.number), what, (version,), "a retained version", str(error))
        return None


def _problem(path: str, look: Callable[[], object]) -> Iterator[Problem]:
    """What is wrong with a file, if looking at it tells."""
    try:
        look()
    except DamagedError as error:
        yield Problem.of(path, error)
