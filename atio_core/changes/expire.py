"""Let versions go, and move the horizon. Rebases over everything: it decides again from each new base."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from atio_core.log.change import Rebased
from atio_core.log.commit_log import CommitLog
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry
from atio_core.model.ranges import VersionRanges


@dataclass(frozen=True, slots=True)
class ExpiryDecision:
    """A decision: what stays retained beside the new entry itself, the new horizon, and tags that go.

    None of it if `nothing`.
    """

    retained: VersionRanges
    horizon_us: int
    tags: tuple[str, ...] = ()
    nothing: bool = False


@dataclass(frozen=True, slots=True)
class Expire:
    """Versions to be let go.

    Attributes:
        log: The table's log.
        decide: Decides from a base; it reads all that has to be known before the entry is created.
    """

    log: CommitLog
    decide: Callable[[LogEntry], ExpiryDecision]
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="expire", init=False)
    changes_rows: bool = field(default=False, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base."""
        decision = self.decide(base)
        if decision.nothing:
            return None
        left = self._untagged(base, decision.tags, scratch) if decision.tags or base.tags.gone else base
        return Rebased(left.with_(retained=decision.retained, horizon_us=decision.horizon_us))

    def _untagged(self, base: LogEntry, names: Collection[str], scratch: Scratch) -> LogEntry:
        """The base without some tags; nor does a list tell of those that were taken away before."""
        tags = {name: tag for name, tag in self.log.tags_of(base).items() if name not in names}
        return self.log.tag_lists.with_tags(base, tags, scratch, settle=True)
