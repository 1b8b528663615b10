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
    """

    entry: LogEntry
    added: Totals = field(default_factory=Totals)
    removed: Totals = field(default_factory=Totals)


class Change(Protocol):
    """A wish to change a table, which can be applied to any base or refuses it."""

    @property
    def operation(self) -> str:
        """Its name in the history: "append", "overwrite", …"""
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


@dataclass(frozen=True, slots=True)
class Intent:
    """Who commits what, the same over all tries.

    Attributes:
        commit_id: 16 bytes, unique to the commit.
        key: Digest of the idempotency key; `NO_KEY` for none.
        key_not_before_us: The key can't have been used before this time.
        expected_version: The data version that the change must follow directly; None for any.
        message: A sentence for the history.
        properties: Facts for the history.
        grace_us: The grace period of a table made by this commit.
    """

    commit_id: bytes
    key: bytes
    key_not_before_us: int = 0
    expected_version: int | None = None
    message: str | None = None
    properties: dict[str, str] = field(default_factory=dict[str, str])
