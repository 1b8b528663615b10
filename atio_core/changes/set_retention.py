"""Say how long a table's versions are kept, where nothing else is said. The rows stay as they are.

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
class SetRetention:
    """A policy for a table.

    Attributes:
        log: The table's log.
        retention: Its rules, as `Retention.to_dict` says them; empty for none.
    """

    log: CommitLog
    retention: dict[str, int]
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="set_retention", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:  # noqa: ARG002 - nothing to be written first
        """Apply the change to a base. Raises `TableNotFoundError` if there is no table."""
        self.log.require_table(base)
        if base.retention == self.retention:
            return None
        return Rebased(base.with_(retention=self.retention))
