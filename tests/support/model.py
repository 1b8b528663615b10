"""A table as a list of versions: what `atio_core.Table` must come to, without files and races."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from atio_core import errors
from tests.support.held import Change, Held, applied

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
KEY_RETENTION_US = 30 * DAY_US

Tags = dict[str, tuple[int, int | None]]
"""The numbers of versions by their tags, each with the end of the tag."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an expiry keeps."""

    keep_last: int = 0
    keep_for_us: int | None = None
    keep_daily: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """A data version; `entry` is the newest log entry that has it."""

    number: int
    entry: int
    operation: str
    time_us: int
    held: Held

    def told(self) -> Version | type[errors.AtioError]:
        """Return what a look for it comes to."""
        return self if self.held.is_there else errors.TableNotFoundError


@dataclass(frozen=True, slots=True)
class Expiry:
    """What an expiry would keep and move, which leftovers it would take, and which tags it would leave."""

    kept: tuple[Version, ...]
    leftovers: frozenset[str]
    names: frozenset[int]
    horizon_us: int
    tags: Tags


@dataclass(slots=True)
class TableModel:
    """A table: the data versions that can be read, oldest first, and what the rest of the log comes to."""

    per_bucket: int
    versions: list[Version] = field(default_factory=list[Version])
    latest: int = 0  # the number of the latest entry, and its time
    time_us: int = 0
    horizon_us: int = 0
    names: frozenset[int] = frozenset()  # the entries that lie in the log
    retained: tuple[int, ...] = ()  # those of them that are retained
    ever: tuple[int, ...] = ()  # the numbers of all data versions
    tags: Tags = field(default_factory=dict[str, tuple[int, int | None]])
    keys: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])  # -> version, time
    rules: Rules | None = None  # the policy that the table has of its own
    grace_us: int = HOUR_US
    leftovers: dict[str, int] = field(default_factory=dict[str, int])  # a file of nobody -> when written

    def known(self, key: str | None) -> tuple[int | None, bool]:
        """Return the version that has a key, and whether the table must still remember it."""
        number, time_us = self.keys.get(key or "", (None, 0))
        return number, number is not None and self.time_us - time_us <= KEY_RETENTION_US

    @property
    def held(self) -> Held:
        """What the latest version holds."""
        return self.versions[-1].held if self.versions else Held()

    def unexpected(self, expected: int | None) -> set[type[errors.AtioError]]:
        """Return the error for an expectation that doesn't hold."""
        newest = self.versions[-1].number if self.versions else 0
        fits = expected in (None, newest) or (expected == 0 and not self.held.is_there)
        return set() if fits else {errors.CommitConflictError}

    def commit(
        self, changes: Sequence[Change], key: str | None, now_us: int, operation: str | None = None
    ) -> Version | None:
        """Make changes the next version; None if they do nothing."""
        held = self.held
        for change in changes:
            held = applied(held, change, self.latest + 1)
        made = Version(0, 0, operation or changes[0].operation, 0, held)
        return None if held is self.held else self._add_version(made, key, now_us)

    def restore(self, version: Version, key: str | None, now_us: int) -> Version:
        """Make a version's content the latest."""
        return self._add_version(replace(version, operation="restore"), key, now_us)

    def keep_rows(self, now_us: int) -> None:
        """Make an entry that keeps the rows."""
        self._add_entry(now_us)
        self.versions[-1] = replace(self.versions[-1], entry=self.latest)

    def set_tags(self, tags: Tags, now_us: int) -> None:
        """Make an entry that keeps the rows."""
        if tags != self.tags:
            self.tags = tags
            self.keep_rows(now_us)

    def find(self, number: int | None) -> Version | type[errors.AtioError]:
        """Return what a read of a version comes to; None stands for the latest, and a negative number counts back."""
        if not self.versions:
            return errors.TableNotFoundError
        if number is None or -len(self.versions) <= number < 0:
            return self.versions[-1 if number is None else number].told()
        found = next((one for one in self.versions if one.entry >= number > 0), None)
        if found is None:
            return errors.VersionNotFoundError
        return found.told() if found.number <= number else errors.VersionExpiredError

    def as_of(self, time_us: int) -> Version | type[errors.AtioError]:
        """Return what a read of the version as of a time comes to."""
        if not self.versions:
            return errors.TableNotFoundError
        earlier = [version for version in self.versions if version.time_us <= time_us]
        if not earlier and self.versions[0].number == 1:
            return errors.VersionNotFoundError
        following = [number for number in self.ever if not earlier or number > earlier[-1].number]
        if following and following[0] not in [version.number for version in self.versions]:
            return errors.VersionExpiredError
        return earlier[-1].told()

    def set_rules(self, rules: Rules | None, now_us: int) -> None:
        """Make an entry that keeps the rows, if there are other rules."""
        if rules != self.rules:
            self.rules = rules
            self.keep_rows(now_us)

    def set_grace(self, grace_us: int, now_us: int) -> None:
        """Make an entry that keeps the rows, if it is another grace period."""
        if grace_us != self.grace_us:
            self.grace_us = grace_us
            self.keep_rows(now_us)

    def plan(self, rules: Rules, grace_us: int | None, now_us: int) -> Expiry:
        """Return what an expiry would do."""
        grace_us = self.grace_us if grace_us is None else grace_us
        *older, newest = self.versions
        days = {one.time_us // DAY_US: one.number for one in self.versions}  # the last of each day
        tags = {name: tag for name, tag in self.tags.items() if tag[1] is None or tag[1] > now_us}
        tagged = [number for number, _ in tags.values()]
        kept = [
            version
            for place, (version, next_one) in enumerate(zip(older, self.versions[1:], strict=True))
            if version.number in tagged
            or len(older) - place < rules.keep_last
            or (rules.keep_for_us is not None and now_us - next_one.time_us < rules.keep_for_us)
            or (rules.keep_daily and version.number in list(days.values())[-rules.keep_daily :])
        ]
        horizon_us = max(self.horizon_us, (now_us - grace_us) // 1000 * 1000)
        names = self._after(self.latest + 1, kept)
        return Expiry((*kept, newest), self._older(horizon_us), names, horizon_us, tags)

    def expire(self, plan: Expiry, now_us: int) -> int | None:
        """Finish what is let go already, then do it; return the number of its entry, None if nothing is left to do."""
        self.names = self._after(self.latest, self.versions)
        self._take(self._older(self.horizon_us))
        nothing = self.retained == tuple(version.entry for version in plan.kept) and self.names == plan.names
        if nothing and not plan.leftovers & self.leftovers.keys() and plan.tags == self.tags:
            return None
        self.names, self.horizon_us, self.tags = plan.names, plan.horizon_us, plan.tags
        self._take(plan.leftovers)
        *kept, newest = plan.kept
        self.retained = tuple(version.entry for version in kept)
        self._add_entry(now_us)
        self.versions = [*kept, replace(newest, entry=self.latest)]
        return self.latest

    def _older(self, than_us: int) -> frozenset[str]:
        return frozenset(path for path, written_us in self.leftovers.items() if written_us < than_us)

    def _take(self, paths: frozenset[str]) -> None:
        self.leftovers = {path: us for path, us in self.leftovers.items() if path not in paths}

    def _after(self, latest: int, kept: list[Version]) -> frozenset[int]:
        bucket, stays = latest // self.per_bucket, {version.entry for version in kept}
        return frozenset(one for one in self.names if one // self.per_bucket >= bucket or one in stays)

    def _add_version(self, version: Version, key: str | None, now_us: int) -> Version:
        self._add_entry(now_us)
        self.ever += (self.latest,)
        self.versions.append(replace(version, number=self.latest, entry=self.latest, time_us=self.time_us))
        if key is not None:
            self.keys[key] = self.latest, self.time_us
        return self.versions[-1]

    def _add_entry(self, now_us: int) -> None:
        self.latest, self.time_us = self.latest + 1, max(self.time_us, now_us)
        self.names |= {self.latest}
        self.retained += (self.latest,)
