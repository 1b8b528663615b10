"""End a table; its log goes on. Rebases over everything.

The versions before stay readable until they are expired, and what alone they need goes then. A write after it begins a
new table in the same log.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from atio_core.log.change import Rebased
from atio_core.log.commit_log import no_table
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS, LogEntry


@dataclass(frozen=True, slots=True)
class Drop:
    """A table that is to end."""

    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="drop", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base. Raises `TableNotFoundError` if there is no table."""
        if not base.is_there:
            raise no_table(scratch.location, base)
        return Rebased(base.emptied(ROWS), removed=base.totals)
