"""What a kind of change must answer, so that the commit loop can make it a version whatever came in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, Totals


@dataclass(frozen=True, slots=True)
class Rebased:
    """A change applied to a base: the base with another content, and what that added and removed.

    Version, ids, times and keys are filled in by the commit.

    Attributes:
        entry: The base with another content.
        added: What came.
        removed: What went.
        unused: The paths of files that the change brought along and this version doesn't name: they go once it is
            committed.
    """

    entry: LogEntry
    added: Totals = field(default_factory=Totals)
    removed: Totals = field(default_factory=Totals)
    unused: Sequence[str] = ()


class Change(Protocol):
    """A wish to change a table, which can be applied to any base or refuses it."""

    @property
    def operation(self) -> str:
        """Its name in the history, such as "append"."""
        ...

    @property
    def changes_rows(self) -> bool:
        """Whether it makes a new data version; False for what keeps the rows (expire, tag, compact)."""
        ...

    @property
    def adds(self) -> Sequence[DataFile]:
        """The data files that it brings along, already written."""
        ...

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base; None if nothing is left to be done.

        Raises:
            CommitConflictError: It can't be applied to this base.
            InvalidInputError: It doesn't fit this base.
        """
        ...
