"""Name a version, which protects it from expiry, or take the name away. The rows stay as they are.

A tag rebases over everything, while its version is still retained; taking one away over everything, while it is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from atio_core.errors import AlreadyExistsError
from atio_core.log.change import Rebased
from atio_core.log.commit_log import CommitLog
from atio_core.log.lookup import no_tag
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, Tag


@dataclass(frozen=True, slots=True)
class SetTag:
    """A name for a version.

    Attributes:
        log: The table's log.
        name: The tag's.
        version: Its number. An entry that keeps the rows stands for its data version.
        force: Take the name from another version that has it.
    """

    log: CommitLog
    name: str
    version: int
    force: bool
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="tag", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            VersionExpiredError: The base doesn't retain the version.
            AlreadyExistsError: Another version has the name.
        """
        tag, there = Tag(self.log.held_by(base, self.version).data.version), base.tags.get(self.name)
        if there == tag:
            return None
        if there is not None and not self.force:
            raise AlreadyExistsError(
                f"version {there.version} of the table {scratch.location} has the tag {self.name!r} already; choose"
                f" another name, or move it to version {self.version} with force=True",
                table=scratch.location,
                version=there.version,
            )
        return Rebased(base.with_(tags=base.tags | {self.name: tag}))


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """A name that is to go.

    Attributes:
        log: The table's log.
        name: The tag's.
    """

    log: CommitLog
    name: str
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="untag", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base.

        Raises:
            TableNotFoundError: There is no table.
            TagNotFoundError: It has no such tag.
        """
        self.log.require_table(base)
        if self.name not in base.tags:
            raise no_tag(base, self.name, scratch.location)
        return Rebased(base.with_(tags={name: tag for name, tag in base.tags.items() if name != self.name}))
