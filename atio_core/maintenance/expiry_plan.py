"""What an expiry would do to one base: decided from what the base retains and what lies in the folders.

A plan that lost its race to commits that need nothing of what it lets go still holds, if all that came since stays: so
an expiry comes to an end, however busy the others are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from atio_core.log.commit_log import CommitLog
from atio_core.maintenance.cleaning import Leftover, leftovers, old_entries, unreached
from atio_core.maintenance.policies import Policies
from atio_core.maintenance.reach import Reach
from atio_core.maintenance.release_tags import dead_release_tags
from atio_core.model.entry import LogEntry, Tag
from atio_core.model.ids import Clock
from atio_core.model.outline import NamedFile, Outline
from atio_core.model.ranges import VersionRanges
from atio_core.model.tag_name import is_mirrors
from atio_core.retention import Aged, aged, decide

_MEANWHILE = ("written while this expiry was at work",)


@dataclass(frozen=True, slots=True)
class ExpiryPlan:
    """What an expiry would do to one base.

    Attributes:
        base: The entry that it was made for.
        kept: Data versions that stay, each with its reasons.
        removed: Data versions that go.
        let_go: Entries retained no more: those of the versions that go, and older ones of those that stay.
        standing: For each data version that stays, the newest entry that has it, and any that is mirrored; the last is
            the base.
        retained: Entries that stay retained beside the expire entry itself.
        horizon_us: The new horizon.
        freed: Files that only the dropped versions reach, to be deleted at once.
        cleaned: Leftovers behind the horizon.
        waiting: Leftovers, files that came in late and kept stages, whose time hasn't passed.
        entries: Numbers of entries whose names are freed.
        tags: Names that ran out, and go with the expire entry.
    """

    base: LogEntry
    kept: dict[int, tuple[str, ...]]
    removed: tuple[Outline, ...]
    let_go: tuple[Outline, ...]
    standing: tuple[Outline, ...]
    retained: VersionRanges
    horizon_us: int
    freed: tuple[NamedFile, ...]
    cleaned: tuple[Leftover, ...]
    waiting: tuple[Leftover, ...]
    entries: tuple[int, ...]
    tags: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether nothing would go."""
        return not (self.let_go or self.cleaned or self.entries or self.tags)


def plan_expiry(
    log: CommitLog,
    reach: Reach,
    base: LogEntry,
    *,
    policies: Policies,
    grace_us: int | None,
    clock: Clock,
    settle: bool,
) -> ExpiryPlan:
    """Decide what goes. Nothing is changed by it; but with `settle`, releases that died can't be made any more."""
    entries = reach.entries(base)
    newest = {entry.data.version: entry for entry in entries}
    now_us = clock()
    horizon_us = max(
        base.horizon_us, (now_us - (base.grace_us if grace_us is None else grace_us)) // 1000 * 1000
    )
    tags = log.tags_of(base)
    dead = dead_release_tags(log, tags, horizon_us, settle=settle, clock=clock)
    protecting = {name: tag for name, tag in tags.items() if name not in dead}
    shown = _aged(newest, _of_data(protecting, entries))
    kept = decide(shown, policies.policy(base, log.location), now_us, policies.readers)
    removed = tuple(entry for version, entry in newest.items() if version not in kept)
    own = {entry.version for version, entry in newest.items() if version in kept} | _mirrored(protecting)
    standing = tuple(entry for entry in entries if entry.version in own)
    stays = {entry.version for entry in standing}
    let_go = tuple(entry for entry in entries if entry.version not in stays)
    there = unreached(log, reach.keys(standing))
    # What came in by descriptors or a kept stage may be about to be committed again: it waits for the horizon.
    freed = {key: file for key, file in reach.among(there.paths, let_go).items() if not file.late}
    listed = leftovers(log, [(key, path) for key, path in there.ours if key not in freed])
    retained = VersionRanges.of(entry.version for entry in standing if entry.version != base.version)
    return ExpiryPlan(
        base=base,
        kept=kept,
        removed=removed,
        let_go=let_go,
        standing=standing,
        retained=retained,
        horizon_us=horizon_us,
        freed=tuple(freed.values()),
        cleaned=tuple(left for left in listed if left.needed_us < horizon_us),
        waiting=tuple(left for left in listed if left.needed_us >= horizon_us),
        entries=tuple(old_entries(log, base.version + 1, retained)),
        tags=tuple(sorted(dead | _run_out(tags, now_us))),
    )


def carried_on(
    log: CommitLog, plan: ExpiryPlan, reach: Reach, base: LogEntry, policies: Policies
) -> ExpiryPlan | None:
    """Return a plan for a later base: what it lets go still goes, and all that came since stays.

    Args:
        log: The table's log.
        plan: For an earlier base, which lets something go.
        reach: What has been read.
        base: A later one, which retains the earlier one.
        policies: Who says what is kept.

    Returns:
        The plan; None if what came since asks for another decision: another expiry's entry, another policy, a tag of
        what would go.
    """
    old, location = plan.base, reach.location
    retained = old.retained
    for version in range(old.version + 1, base.version + 1):
        retained = retained.with_next(version)
    if (
        base.retained != retained
        or base.horizon_us != old.horizon_us
        or policies.policy(base, location) != policies.policy(old, location)
    ):
        return None
    removed = {entry.data.version for entry in plan.removed}
    let_go = {entry.version for entry in plan.let_go}
    before, tags = log.tags_of(old), log.tags_of(base)
    gone = (name for name, tag in tags.items() if tag.version in (let_go if is_mirrors(name) else removed))
    if any(tags[name] != before.get(name) for name in gone):
        return None
    later = {entry.data.version: entry for entry in reach.entries(base) if entry.version > old.version}
    mirrored = _mirrored(tags)
    stay = (e for e in plan.standing if e.data.version not in later or e.version in mirrored)
    standing = (*stay, *later.values())
    retained = VersionRanges.of(entry.version for entry in standing if entry.version != base.version)
    return replace(
        plan,
        base=base,
        kept=dict.fromkeys(later, _MEANWHILE) | plan.kept,
        standing=standing,
        retained=retained,
        entries=tuple(number for number in plan.entries if number not in retained),  # the old base stays
        tags=tuple(name for name in plan.tags if tags.get(name) == before[name]),
    )


def _mirrored(tags: Mapping[str, Tag]) -> frozenset[int]:
    """The entries whose files others read by a mirror's metadata, which knows nothing of compactions."""
    return frozenset(tag.version for name, tag in tags.items() if is_mirrors(name))


def _of_data(tags: Mapping[str, Tag], entries: Iterable[Outline]) -> dict[str, Tag]:
    """Tags by data versions, those of mirrors too."""
    data = {entry.version: entry.data.version for entry in entries}
    return {name: replace(tag, version=data.get(tag.version, tag.version)) for name, tag in tags.items()}


def _run_out(tags: Mapping[str, Tag], now_us: int) -> frozenset[str]:
    """Tags that protect nothing any more: who died in a lease leaves one, and entries stay small."""
    return frozenset(
        name for name, tag in tags.items() if tag.until_us is not None and tag.until_us <= now_us
    )


def _aged(newest: Mapping[int, Outline], tags: Mapping[str, Tag]) -> list[Aged]:
    named = [(name, tag.version, tag.until_us) for name, tag in tags.items()]
    return aged({version: entry.data.time_us for version, entry in newest.items()}, named)
