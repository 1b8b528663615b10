"""Name a version, which protects it from expiry, or take the name away. The rows stay as they are.

A tag rebases over everything, while its version is still retained; taking one away over everything, while it is there.
One that ends before the base's horizon is refused: expiries have been decided after its end already.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from atio_core.errors import AlreadyExistsError, InvalidInputError
from atio_core.log.change import Rebased
from atio_core.log.commit_log import CommitLog
from atio_core.log.lookup import no_tag
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, ReleaseRef, Tag
from atio_core.times import told_time


@dataclass(frozen=True, slots=True)
class SetTag:
    """A name for a version.

    Attributes:
        log: The table's log.
        name: The tag's.
        version: Its number. An entry that keeps the rows stands for its data version.
        force: Take the name from another version that has it, or give it another end.
        until_us: When it ends; None for never.
        release: Which release the tag belongs to, if it isn't a user's.
    """

    log: CommitLog
    name: str
    version: int
    force: bool = False
    until_us: int | None = None
    release: ReleaseRef | None = None
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="tag", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            VersionExpiredError: The base doesn't retain the version.
            AlreadyExistsError: Another version has the name, or this one until another time.
            InvalidInputError: The tag would end before the base's horizon.
        """
        version = self.log.held_by(base, self.version).data.version
        tags = self.log.tags_of(base)
        tag, there = Tag(version, self.until_us, self.release), tags.get(self.name)
        if there == tag:
            return None
        if self.until_us is not None and self.until_us < base.horizon_us:
            raise InvalidInputError(
                f"the tag {self.name!r} would end at {told_time(self.until_us)}, and the table {scratch.location} has"
                f" been cleaned as of {told_time(base.horizon_us)}: choose a later end, and look at this clock",
                table=scratch.location,
            )
        if there is not None and not self.force:
            raise AlreadyExistsError(
                f"version {there.version} of the table {scratch.location} has the tag {self.name!r} already; choose"
                f" another name, or move it to version {self.version} with force=True",
                table=scratch.location,
                version=there.version,
            )
        return Rebased(self.log.tag_lists.with_tags(base, tags | {self.name: tag}, scratch))


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
        tags = self.log.tags_of(base)
        if tags.pop(self.name, None) is None:
            raise no_tag(tags, self.name, scratch.location)
        return Rebased(self.log.tag_lists.with_tags(base, tags, scratch))


@dataclass(frozen=True, slots=True)
class EndLease:
    """The end of a lease, which says whether its version was there all the time: what was let go never comes back.

    Attributes:
        log: The table's log.
        name: The tag's.
        version: The version that it kept.
    """

    log: CommitLog
    name: str
    version: int
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="untag", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base; nothing is left to be done if the tag ran out and was cleaned away.

        Raises:
            VersionExpiredError: The base doesn't retain the version any more.
        """
        self.log.held_by(base, self.version)
        tags = self.log.tags_of(base)
        if tags.pop(self.name, None) is None:
            return None
        return Rebased(self.log.tag_lists.with_tags(base, tags, scratch))
