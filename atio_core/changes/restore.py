"""Make an old version's content the latest. Rebases over everything, while that version is still retained.

No data is copied: the new version names the old one's files. These may be older than the horizon, for a retained
version reaches them; and none is there twice, for they replace those of the base.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from atio_core.log.change import Rebased
from atio_core.log.commit_log import CommitLog
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry


@dataclass(frozen=True, slots=True)
class Restore:
    """A version whose content is to be the latest.

    Attributes:
        log: The table's log.
        version: Its number.
    """

    log: CommitLog
    version: int
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="restore", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:  # noqa: ARG002 - nothing to be written first
        """Apply the change to a base.

        Raises:
            TableNotFoundError: There is no table.
            VersionNotFoundError: No such version was ever committed.
            VersionExpiredError: The base doesn't retain it.
        """
        old = self.log.held_by(base, self.version)
        return Rebased(with_content(base, old), old.totals, base.totals)


def with_content(base: LogEntry, old: LogEntry) -> LogEntry:
    """Return the base with the content of an older version."""
    return (
        base.of_kind(old.kind)
        .arranged(old.partition_fields, old.sort_by)
        .with_(
            schema=old.schema,
            schemas=old.schemas,
            manifests=old.manifests,
            files=old.files,
            totals=old.totals,
            content=old.content,
        )
    )
