"""Drop a kept stage: a commit of its key alone, so that publishing and dropping exclude each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry


@dataclass(frozen=True, slots=True)
class DropStaged:
    """A kept stage that is never to be published: nothing but its key is kept of it."""

    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="drop_staged", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> None:
        """Do nothing. Where there is no table, the log begins by that, and there still is none."""
