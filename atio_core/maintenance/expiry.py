"""Expire versions by policy, then delete what no retained version reaches. The order of steps is the promise.

1. Finish what the latest entry already lets go: old entries, and leftovers behind its horizon. Needs no free space.
2. From the latest entry decide what is retained, and read the entries of all versions retained now.
3. If nothing would go, commit nothing. Else commit an `expire` entry with the new ranges and the new horizon, through
   the whole commit loop: after a rebase, decide and read again.
4. Only when it is known to be on the chain, delete by the entry as stored: files that only the dropped versions reach,
   leftovers behind the horizon, entries outside the ranges in older buckets. Before leftovers go, the records of kept
   stages are listed again, since the makers of those that came before the entry rely on it. Then the latest is read
   again: if it has a later horizon, records that were needed here may be gone, and leftovers are left to its maker.

What is to be known about retained versions is read before the entry is created (3), or the latest is read again before
anything is deleted (1). A crash in between is finished by the next expiry. A dry run is the plan of step 3, printed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from atio_core.changes.expire import Expire, ExpiryDecision
from atio_core.errors import CommitConflictError, DamagedError, VersionExpiredError
from atio_core.format.names import file_key_of
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import make_intent
from atio_core.maintenance.cleaning import (
    Leftover,
    delete_entries,
    file_lines,
    leftovers,
    old_entries,
    still_needed,
    unreached,
)
from atio_core.maintenance.expiry_plan import ExpiryPlan, carried_on, plan_expiry
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.expiry_report_lines import VersionLine
from atio_core.maintenance.policies import Policies
from atio_core.maintenance.reach import Reach
from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock, system_clock
from atio_core.model.outline import Outline
from atio_core.model.ranges import VersionRanges

_logger = logging.getLogger("atio")
_ROUNDS = 100
_WHOLE_DECISIONS = 3


def expire(
    log: CommitLog,
    policies: Policies,
    *,
    grace_us: int | None = None,
    dry_run: bool,
    clock: Clock = system_clock,
    pause: Callable[[int], None] | None = None,
) -> ExpiryReport:
    """Expire versions and clean up.

    Args:
        log: The table's log.
        policies: Who says what is kept.
        grace_us: How far the horizon lies behind the clock, in microseconds; the table's own grace period if None.
        dry_run: Report what would be done, and do nothing.
        clock: Where the time comes from.
        pause: Waits after the n-th lost race; as for `commit`.

    Raises:
        TableNotFoundError: There is no table.
        InvalidInputError: Nothing says what is kept; nothing was deleted.
        NewerFormatError: The table's own policy has a rule of a later release; nothing was deleted.
        DamagedError: A version that stays can't be read, so that nobody knows what it needs; nothing was deleted.
        CommitUnknownError: The expire entry may have been committed; nothing was deleted.
    """
    for _ in range(_ROUNDS):
        try:
            if dry_run:
                base = log.latest()
                plan = plan_expiry(
                    log, Reach(log), base, policies=policies, grace_us=grace_us, clock=clock, settle=False
                )
                return _report(log, plan, dry_run=True, version=None, now_us=clock())
            return _Expiry(log, policies, grace_us, clock).run(pause)
        except VersionExpiredError as outdated:
            _logger.debug("expiry of %s starts over: %s", log.location, outdated)
    raise CommitConflictError(
        f"other expiries of {log.location} came first {_ROUNDS} times; nothing is left undone that they didn't do",
        table=log.location,
    )


class _Expiry:
    """One real run."""

    def __init__(self, log: CommitLog, policies: Policies, grace_us: int | None, clock: Clock) -> None:
        self.log = log
        self.policies = policies
        self.grace_us = grace_us
        self.clock = clock
        self.reach = Reach(log)
        self.finished: tuple[list[Leftover], list[int]] = [], []
        self.last: ExpiryPlan | None = None
        self.plans: dict[tuple[int, VersionRanges, int], ExpiryPlan] = {}
        self.decisions = 0

    def run(self, pause: Callable[[int], None] | None) -> ExpiryReport:
        """Do all steps, and say what was done."""
        latest = self.log.latest()
        self.policies.policy(latest, self.log.location)  # refused before anything is deleted
        self.finish(latest)
        change, intent = Expire(self.log, self.decide), make_intent(self.clock)
        committed = commit(self.log, change, intent, base=latest, clock=self.clock, pause=pause)
        entry = committed.entry
        if entry is None or self.last is None:
            raise VersionExpiredError("the expire entry has been let go already", table=self.log.location)
        if committed.nothing:
            return self.report(self.last, None)
        plan = self.plans.get((entry.version, entry.retained, entry.horizon_us))
        if plan is None:
            raise VersionExpiredError("another expiry stands for the expire entry", table=self.log.location)
        return self.report(self.execute(plan, entry), entry.version)

    def report(self, plan: ExpiryPlan, version: int | None) -> ExpiryReport:
        """Tell what a plan did, and what was finished before it."""
        leftovers_gone, entries_gone = self.finished
        done = replace(plan, cleaned=(*leftovers_gone, *plan.cleaned), entries=(*entries_gone, *plan.entries))
        return _report(self.log, done, dry_run=False, version=version, now_us=self.clock())

    def finish(self, latest: LogEntry) -> None:
        """Delete what the latest entry lets go; nothing if it is outdated by the time that all is read.

        Nothing either if a version is damaged: perhaps it is about to go, and the rest can be cleaned after that.
        """
        try:
            reached = self.reach.keys(self.reach.entries(latest))
            found = leftovers(self.log, unreached(self.log, reached).ours)
            gone = [left for left in found if left.needed_us < latest.horizon_us]
        except DamagedError as error:
            _logger.debug("%s: nothing can be finished: %s", self.log.location, error)
            return
        entries = old_entries(self.log, latest.version, latest.retained)
        if not (gone or entries):
            return
        again = self.log.latest()
        if again.horizon_us > latest.horizon_us or not again.retained.holds_all(latest.retained):
            raise VersionExpiredError("another expiry came first", table=self.log.location)
        self.finished = gone, entries
        _logger.info("%s: finishing: %d files, %d entries", self.log.location, len(gone), len(entries))
        self.log.store.delete([left.path for left in gone])
        delete_entries(self.log, entries)

    def decide(self, base: LogEntry) -> ExpiryDecision:
        """Plan from a base; the plan is kept, as that of the entry that may get on the chain.

        Those of versions up to the base's aren't: a commit that rebases knows these versions to be others'. After some
        lost races only what came since is looked at: a plan takes longer than most commits.
        """
        if not base.version:
            self.log.latest()
        self.decisions += 1
        last, plan = self.last, None
        if last is not None and self.decisions > _WHOLE_DECISIONS and not last.nothing:
            plan = carried_on(self.log, last, self.reach, base, self.policies)
        plan = self.last = plan or plan_expiry(
            self.log,
            self.reach,
            base,
            policies=self.policies,
            grace_us=self.grace_us,
            clock=self.clock,
            settle=True,
        )
        version = base.version + 1
        self.plans = {key: kept for key, kept in self.plans.items() if key[0] >= version}
        self.plans[version, plan.retained.with_next(version), plan.horizon_us] = plan
        return ExpiryDecision(plan.retained, plan.horizon_us, plan.tags, plan.nothing)

    def execute(self, plan: ExpiryPlan, entry: LogEntry) -> ExpiryPlan:
        """Delete by a plan whose entry is on the chain: files first, then the entries that named them.

        Lists of keys and tags that the parent named go too, if its expire entry has put others in their place.

        Returns:
            The plan, as far as it was done.
        """
        plan = self.without_kept(plan, entry)
        *others, parent = plan.standing
        reached = self.reach.keys([*others, Outline.of(entry)])
        freed = tuple(file for file in plan.freed if file_key_of(file.path) not in reached)
        cleaned = tuple(left for left in plan.cleaned if file_key_of(left.path) not in reached)
        lists = [ref for ref in parent.other_lists if file_key_of(ref.path) not in reached]
        plan = replace(plan, freed=freed, cleaned=cleaned)
        paths = [gone.path for gone in (*freed, *cleaned, *lists)]
        _logger.info("%s: deleting %d files, %d entries", self.log.location, len(paths), len(plan.entries))
        self.log.store.delete(paths)
        delete_entries(self.log, plan.entries)
        return plan

    def without_kept(self, plan: ExpiryPlan, entry: LogEntry) -> ExpiryPlan:
        """Return the plan without the leftovers that have been kept since it was made."""
        if not plan.cleaned:
            return plan
        needed = still_needed(self.log, entry.horizon_us)
        outdated = self.log.latest().horizon_us > entry.horizon_us
        spared = tuple(left for left in plan.cleaned if outdated or file_key_of(left.path) in needed)
        cleaned = tuple(left for left in plan.cleaned if left not in spared)
        return replace(plan, cleaned=cleaned, waiting=(*plan.waiting, *spared))


def _report(
    log: CommitLog, plan: ExpiryPlan, *, dry_run: bool, version: int | None, now_us: int
) -> ExpiryReport:
    newest = {entry.data.version: entry for entry in plan.standing}
    removed_bytes = sum(file.size for file in plan.freed) + sum(left.size for left in plan.cleaned)
    return ExpiryReport(
        table=log.location,
        dry_run=dry_run,
        version=version,
        kept=tuple(VersionLine.of(entry, plan.kept[number]) for number, entry in newest.items()),
        removed=tuple(VersionLine.of(entry) for entry in plan.removed),
        files_removed=len(plan.freed) + len(plan.cleaned),
        bytes_removed=removed_bytes,
        leftovers=file_lines(plan.cleaned, now_us),
        waiting=file_lines(plan.waiting, now_us),
        entries_removed=len(plan.entries),
        tags_removed=plan.tags,
    )
