"""Keep the entries whose files a mirror names, and let those go that it names no more. The rows stay as they are.

It rebases over everything, while these entries are retained.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from atio_core.errors import VersionExpiredError
from atio_core.log.change import Rebased
from atio_core.log.commit_log import CommitLog
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, Tag


@dataclass(frozen=True, slots=True)
class KeepMirrored:
    """Tags of a mirror.

    Attributes:
        log: The table's log.
        kept: The numbers of the entries to be kept, by the names of their tags.
        let_go: Names of tags that go.
    """

    log: CommitLog
    kept: dict[str, int]
    let_go: frozenset[str] = frozenset()
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="tag", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            VersionExpiredError: The base doesn't retain an entry.
        """
        for number in self.kept.values():
            if number not in base.retained:
                message = f"what was to be mirrored of the table {scratch.location} has just expired; mirror it again"
                raise VersionExpiredError(message, table=scratch.location, version=number)
        before = self.log.tags_of(base)
        tags = {name: tag for name, tag in before.items() if name not in self.let_go}
        tags |= {name: Tag(number) for name, number in self.kept.items()}
        if tags == before:
            return None
        return Rebased(self.log.tag_lists.with_tags(base, tags, scratch))
