"""Several changes as one version: each is applied to what those before it leave. They rebase over what all allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from atio_core.changes.schema import with_key_feature
from atio_core.log.change import Change, Rebased
from atio_core.log.file_list import difference
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, Totals


@dataclass(frozen=True, slots=True)
class Several:
    """Changes to be made together.

    Attributes:
        changes: In their order, each written against what those before it leave.
    """

    changes: Sequence[Change]
    operation: str = field(default="transaction", init=False)

    @property
    def changes_rows(self) -> bool:
        """Whether it makes a new data version."""
        return any(change.changes_rows for change in self.changes)

    @property
    def adds(self) -> Sequence[DataFile]:
        """All files that they bring along."""
        return [file for change in self.changes for file in change.adds]

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the changes to a base, one after the other; errors are theirs."""
        entry = base
        for change in self.changes:
            entry = applied(change, entry, scratch, base.version + 1)
        if entry is base:
            return None
        _, came = difference(base, entry, scratch, scratch)
        stays = {file.path for file in came}
        paths = [*(ref.path for ref in entry.manifests), *(ref.path for ref in entry.schemas.values())]
        scratch.keep({path for path in paths if path is not None})
        added = Totals.of(came)
        unused = [file.path for file in self.adds if file.path not in stays]
        return Rebased(entry, added, base.totals + added - entry.totals, unused)


def applied(change: Change, entry: LogEntry, scratch: Scratch, version: int) -> LogEntry:
    """Return what a change leaves of what those before it left; the entry itself if that is the same."""
    rebased = change.rebase(entry, scratch)
    return (
        entry if rebased is None else with_key_feature(rebased.entry, entry, scratch).with_(version=version)
    )
