"""Keep what a mirror shows, as long as it shows it, by tags: `mirror/<kind>/<number of the entry>`.

1. Before the mirror names files, their entries get tags.
2. When it does, and is known to, tags that were there before go, but for those of what it shows still.
3. Another who brings the mirror up to date meanwhile may take the tags for such: so they are set again at the end.
"""

from __future__ import annotations

from collections.abc import Iterable

from atio_core.changes.mirror import KeepMirrored
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import make_intent
from atio_core.model.ids import Clock
from atio_core.model.tag_name import MIRROR


class MirrorTags:
    """The tags of one mirror.

    Args:
        log: The table's log.
        kind: Whose readers the mirror is for.
        clock: Where the time comes from.
    """

    def __init__(self, log: CommitLog, kind: str, clock: Clock) -> None:
        self._log = log
        self._prefix = f"{MIRROR}{kind}/"
        self._clock = clock
        self._before = {
            name: tag.version for name, tag in log.tags().items() if name.startswith(self._prefix)
        }

    def keep(self, entries: Iterable[int]) -> None:
        """Keep entries, before the mirror shows them.

        Raises:
            VersionExpiredError: One of them has expired.
        """
        self._commit(KeepMirrored(self._log, self._named(entries)))

    def settle(self, entries: Iterable[int]) -> None:
        """Keep entries that the mirror shows, and what others have begun to show since; let go what it showed before.

        Raises:
            VersionExpiredError: One of them has expired, since another took its tag away: mirror it again.
        """
        kept = self._named(entries)
        self._commit(KeepMirrored(self._log, kept, frozenset(self._before.keys() - kept.keys())))

    def had(self, entry: int) -> bool:
        """Say whether an entry was kept when this began."""
        return self._before.get(f"{self._prefix}{entry}") == entry

    def _named(self, entries: Iterable[int]) -> dict[str, int]:
        return {f"{self._prefix}{number}": number for number in entries}

    def _commit(self, change: KeepMirrored) -> None:
        commit(self._log, change, make_intent(self._clock), clock=self._clock)
