"""Leave nothing of older versions behind: what an expiry spares for others' sake, and for its own.

Done after the rows are gone from the latest version, and nothing protects an older one any more:

1. The log goes on into its next bucket, by entries that change nothing: names in the newest bucket are never freed.
2. An expiry without grace lets all older versions go, with their entries and files.
3. Stages that were published or dropped are forgotten: their records, and files that no version reaches. Anybody else's
   cleaning that has read its ranges before may need a record, and finds the expiry's later horizon before it deletes.
   Those that were kept meanwhile stay: they may be about to be published.
4. Folders of partitions that hold nothing go, since their names tell values.
"""

from __future__ import annotations

import logging
import time

from atio_core.changes.expire import Expire, ExpiryDecision
from atio_core.errors import StorageError
from atio_core.format.names import DATA, file_key_of
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import make_intent
from atio_core.log.kept import all_records, is_open
from atio_core.maintenance.expiry import expire
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.policies import Policies
from atio_core.maintenance.reach import Reach
from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock
from atio_core.retention import Retention

_logger = logging.getLogger("atio")
_TICK_SECONDS = 0.002  # horizons and the times in names are whole milliseconds


def purge(log: CommitLog, clock: Clock) -> tuple[ExpiryReport, int]:
    """Let all but the latest version go, and leave nothing of them behind.

    Args:
        log: The table's log. No tag and no stage that could be published is in the way.
        clock: Where the time comes from.

    Returns:
        What the expiry did, and how many files of stages went beside.

    Raises:
        As `expire`.
        StorageError: A file can't be deleted; do it again.
    """
    _begin_bucket(log, clock)
    time.sleep(_TICK_SECONDS)
    report = expire(log, Policies(Retention(keep_last=1)), grace_us=0, dry_run=False, clock=clock)
    forgotten = _forget_stages(log)
    log.store.prune(DATA)
    return report, forgotten


def _begin_bucket(log: CommitLog, clock: Clock) -> None:
    """Add entries that change nothing until the next one is the first of a bucket."""
    names, latest = log.sequence.names, log.latest()
    last = names.bucket(latest.version)

    def nothing_new(base: LogEntry) -> ExpiryDecision:
        return ExpiryDecision(base.retained, base.horizon_us)

    while names.bucket(latest.version + 1) == last:
        made = commit(log, Expire(log, nothing_new), make_intent(clock), base=latest, clock=clock)
        latest = made.entry or log.latest()


def _forget_stages(log: CommitLog) -> int:
    records = all_records(log)  # before the latest: what was published by then is reached, or let go again
    reached, latest = Reach(log), log.latest()
    needed = reached.keys(reached.entries(latest))
    records = [one for one in records if not is_open(log, latest, one.record)]
    files = [
        file.path
        for one in records
        for file in one.record.files.files
        if file_key_of(file.path) not in needed
    ]
    paths = list(dict.fromkeys([*files, *(one.path for one in records)]))
    _logger.info("%s: deleting %d files of stages", log.location, len(paths))
    left = log.store.delete(paths)
    if left:
        raise StorageError(
            f"{len(left)} files of the table {log.location} are open elsewhere and couldn't be deleted, {left[0]} the"
            " first of them; close them and erase again",
            table=log.location,
        )
    return len(paths)
