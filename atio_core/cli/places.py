"""From what stands on the command line to tables and stores."""

from __future__ import annotations

from atio_core.cli.on_disk import require_on_disk
from atio_core.store import Store
from atio_core.table import Table


def open_table(path: str) -> Table:
    """Return the table in a folder.

    Raises:
        InvalidInputError: No table can be there.
    """
    return Table(require_on_disk(path))


def open_store(path: str) -> Store:
    """Return the store in a folder.

    Raises:
        InvalidInputError: No store can be there.
    """
    return Store(require_on_disk(path))
