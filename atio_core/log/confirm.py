"""Is this commit on the chain, or did it create a name that cleaning had freed (a stray)?

1. If no newer bucket than its own has an entry, it is on the chain: names in the newest bucket are never freed.
   On a flat store the same listing shows what lies below it, too. That must be its parent: a handle goes straight on
   from what it knows, and the table may have been deleted by other means meanwhile, and perhaps written anew.
2. Else the latest's recent ids tell, if they reach back to its version.
3. Else a retained entry at its version or a little above, whose recent ids do.
4. Else the key lists of the latest, if they span its version.
5. Else nobody can tell any more.
"""

from __future__ import annotations

from atio_core.errors import DamagedError
from atio_core.log.commit_log import CommitLog
from atio_core.log.key_list import find_older
from atio_core.model.entry import LogEntry

_ROUNDS = 100


def on_chain(log: CommitLog, mine: LogEntry) -> bool | None:
    """Return whether an entry that was created is a version of the table; None if that can't be found out."""
    for _ in range(_ROUNDS):
        told = _told_by_names(log, mine)
        if told is not None:
            return told
        latest = log.latest()
        try:
            return _told_by_all(log, latest, mine)
        except DamagedError:
            if log.latest().commit_id == latest.commit_id:
                raise  # else a later expiry may have let go what was read
    return None


def _told_by_names(log: CommitLog, mine: LogEntry) -> bool | None:
    if log.store.flat is None:
        return None if log.sequence.newer_bucket(mine.version) else True
    names, parent = log.sequence.names, mine.version - 1
    listed = log.sequence.listed_down_to(parent)
    newest = listed[0].number if listed else 0
    if names.bucket(newest) > names.bucket(mine.version):
        return None
    marks = {one.number: one.mark for one in listed}
    log.remember(mine, marks.get(mine.version))
    if not parent or log.is_known(mine.parent_commit_id, marks.get(parent)):
        return True
    if parent in marks:
        found = log.read(parent)
        return None if found is None else found.commit_id == mine.parent_commit_id
    # Only who lets the parent go can have freed its name: mine, or one that is newer.
    return False if newest <= mine.version and parent in mine.retained else None


def _told_by_all(log: CommitLog, latest: LogEntry, mine: LogEntry) -> bool | None:
    told = _told_by(latest, mine)
    if told is None:
        told = _told_by_retained(log, latest, mine)
    if told is None and any(
        ref.first_version <= mine.version <= ref.last_version for ref in latest.key_lists
    ):
        told = find_older(log.store, latest, bytes.fromhex(mine.commit_id)) == mine.version
    return told


def _told_by(witness: LogEntry, mine: LogEntry) -> bool | None:
    position = witness.version - mine.version
    if 0 <= position < len(witness.recent.commits):
        return witness.recent.commits[position] == bytes.fromhex(mine.commit_id)
    return False if position < 0 else None


def _told_by_retained(log: CommitLog, latest: LogEntry, mine: LogEntry) -> bool | None:
    """A stray that took the witness's freed name meanwhile tells the same: its maker's base was on the chain."""
    version = latest.retained.at_or_after(mine.version)
    while version is not None and version < latest.version and version - mine.version < log.limits.recent:
        witness = log.read(version)
        if witness is not None:
            return _told_by(witness, mine)
        version = latest.retained.at_or_after(version + 1)
    return None
