"""Table: what is done to a versioned table, by topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from atio_core.log.intent import Intent
from atio_core.snapshot import Snapshot
from atio_core.table.columns import ColumnChanges
from atio_core.table.comparison import Comparison
from atio_core.table.copying import Copying
from atio_core.table.erasing import Erasing
from atio_core.table.integrity import Integrity
from atio_core.table.mirroring import Mirroring
from atio_core.table.showing import Showing
from atio_core.table.transaction import Transactions
from atio_core.table.upkeep import Upkeep

if TYPE_CHECKING:
    from atio_core.changes.writing import Writing
    from atio_core.log.change import Change


class Table(
    Erasing, ColumnChanges[Snapshot], Transactions, Comparison, Upkeep, Integrity, Copying, Mirroring, Showing
):
    """A versioned table in a folder, or in a bucket. Nothing is made there before the first write.

    Args:
        path: The folder, the URL of a bucket (`s3://bucket/prefix`), or `memory://name` for a table that lives as long
            as the process.
        store: Where the table lies, instead of `path`.
        limits: Bounds on log entries; part of the format, for tests only.
        clock: Where the time comes from; for tests.
        storage_options: How the bucket of `path` is opened: credentials, endpoint, region, time-outs. Without them the
            environment, files and roles say so. See `docs/guide/object-stores.md`.

    Raises:
        InvalidInputError: The path can't be a table's.

    Example:
        >>> import pandas as pd
        >>> table = Table("memory://table-example")
        >>> table.append(pd.DataFrame({"a": [1]})).version
        1
        >>> table.append(pd.DataFrame({"a": [2]})).version
        2
        >>> table.read(columns=["a"])["a"].tolist(), table.read(version=1)["a"].tolist()
        ([1, 2], [1])
    """

    def _apply(self, write: Callable[[Writing], Change], intent: Intent) -> Snapshot:
        return self._handle.commit(write, intent)
