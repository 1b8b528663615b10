"""Follow a damaged version: its content or an older one's, with what was rebuilt. Holds for one base only.

The base may stand in for entries that can't be read any more; whoever has made another one behind these was faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from atio_core.log.change import Rebased
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry


@dataclass(frozen=True, slots=True)
class Repair:
    """What the latest version is to be.

    Attributes:
        base: What was looked at, with the lists of keys that are to go on.
        entry: What it is to become.
        objects: What both name and isn't there yet.
        changes_rows: Whether the rows are another version's.
    """

    base: LogEntry
    entry: LogEntry
    objects: Mapping[str, bytes]
    changes_rows: bool
    adds: tuple[DataFile, ...] = field(default=(), init=False)

    @property
    def operation(self) -> str:
        """Its name in the history."""
        return "restore" if self.changes_rows else "repair"

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change, or leave a base alone that nobody has looked at."""
        if (base.version, base.commit_id) != (self.base.version, self.base.commit_id):
            return None
        for name, data in self.objects.items():
            scratch.put(name, data)
        return (
            Rebased(self.entry, self.entry.totals, base.totals) if self.changes_rows else Rebased(self.entry)
        )
