"""Say how old a file of no version must be before an expiry takes it. The rows stay as they are.

It rebases over everything: what was said last counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from atio_core.log.change import Rebased
from atio_core.log.commit_log import CommitLog
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry


@dataclass(frozen=True, slots=True)
class SetGrace:
    """A grace period for a table.

    Attributes:
        log: The table's log.
        grace_us: In microseconds.
    """

    log: CommitLog
    grace_us: int
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="set_grace", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:  # noqa: ARG002 - nothing to be written first
        """Apply the change to a base. Raises `TableNotFoundError` if there is no table."""
        self.log.require_table(base)
        if base.grace_us == self.grace_us:
            return None
        return Rebased(base.with_(grace_us=self.grace_us))
