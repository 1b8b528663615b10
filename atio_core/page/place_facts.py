"""What a page shows of a table alone, or of a store: its tables and its releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from atio_core.errors import AtioError
from atio_core.log.commit_log import CommitLog
from atio_core.model.store_entry import StoreEntry
from atio_core.page import name_of
from atio_core.page.difference_facts import Effort
from atio_core.page.table_facts import PageOptions, table_facts
from atio_core.times import time_of


def facts_of_table(log: CommitLog, options: PageOptions) -> dict[str, Any]:
    """Return what a page of a table shows. Raises as `table_facts`."""
    return _facts(options, None, [table_facts(log, name_of(log.location), options, Effort())])


def facts_of_store(
    path: str, logs: Mapping[str, CommitLog], releases: Iterable[StoreEntry], options: PageOptions
) -> dict[str, Any]:
    """Return what a page of a store shows. Of a table that can't be read it tells why.

    Args:
        path: The store's.
        logs: Of its tables, by their names.
        releases: Those that stand, the newest first.
        options: What is to be shown.
    """
    effort = Effort()
    tables = [_told(name, log, options, effort) for name, log in logs.items()]
    store = {"name": name_of(path), "path": path, "releases": list(map(_release, releases))}
    return _facts(options, store, tables)


def _facts(
    options: PageOptions, store: dict[str, Any] | None, tables: list[dict[str, Any]]
) -> dict[str, Any]:
    made = time_of(options.clock()).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    return {"made": made, "sampled": options.sample > 0, "store": store, "tables": tables}


def _told(name: str, log: CommitLog, options: PageOptions, effort: Effort) -> dict[str, Any]:
    try:
        return table_facts(log, name, options, effort)
    except AtioError as error:  # it is told; the other tables are shown
        return {"name": name, "path": log.location, "error": error.code, "message": str(error)}


def _release(entry: StoreEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "name": entry.name,
        "time": time_of(entry.time_us).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00"),
        "message": entry.message,
        "tables": {name: table.version for name, table in entry.tables.items()},
    }
