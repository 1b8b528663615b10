"""Which versions are kept, and why. Pure: versions and a policy in, decisions out.

Rules add up: a version stays if any of them keeps it. Those by the calendar are counted as other tools do: the periods
are hours, days, ISO weeks, months and years in UTC; of each period the newest version is kept; and a period without a
version isn't counted, so that `keep_daily=7` keeps what the last seven days with versions ended with, however long ago.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack, cast

from atio_core.amounts import counted
from atio_core.arguments import refusal, require_duration, require_whole
from atio_core.errors import InvalidInputError
from atio_core.times import MICROSECOND, calendar_time, told_time


class Rules(TypedDict, total=False):
    """The rules of a `Retention`, as arguments by name."""

    keep_for: timedelta | None
    keep_last: int | None
    keep_hourly: int | None
    keep_daily: int | None
    keep_weekly: int | None
    keep_monthly: int | None
    keep_yearly: int | None


def _plain(name: str, rule: object) -> timedelta | int:
    if name != "keep_for":
        return require_whole(name, rule, least=1)
    return timedelta(microseconds=require_duration(name, rule) // MICROSECOND)


@dataclass(frozen=True, slots=True)
class Retention:
    """A policy: a version is kept if any rule keeps it, and the latest always is.

    Args:
        keep_for: Keep a version for this long after it was superseded. It is also the longest time that a read of it
            may take.
        keep_last: Keep this many of the newest versions.
        keep_hourly: Keep the newest version of each of the last so many hours that have one (UTC).
        keep_daily: The same by days.
        keep_weekly: The same by ISO weeks, which begin on Monday.
        keep_monthly: The same by months.
        keep_yearly: The same by years.

    Raises:
        InvalidInputError: A rule is negative, keeps none or has the wrong type; or there is no rule at all.

    Example:
        >>> Retention(keep_for=timedelta(days=7), keep_monthly=12).to_dict()
        {'keep_for_us': 604800000000, 'keep_monthly': 12}
    """

    keep_for: timedelta | None = None
    keep_last: int | None = None
    keep_hourly: int | None = None
    keep_daily: int | None = None
    keep_weekly: int | None = None
    keep_monthly: int | None = None
    keep_yearly: int | None = None

    def __post_init__(self) -> None:
        """Refuse rules that no one can mean."""
        given = self._given()
        if not given:
            raise InvalidInputError(
                f"a retention needs a rule: {', '.join(_NAMES)}; to keep the latest version alone, say keep_last=1"
            )
        for name, rule in given.items():
            object.__setattr__(self, name, _plain(name, rule))

    def to_dict(self) -> dict[str, int]:
        """Return the rules as plain values, fit for JSON; `from_dict` takes them back.

        A duration comes as `keep_for_us`, in microseconds.
        """
        given = self._given()
        keep_for = given.pop("keep_for", None)
        return ({} if keep_for is None else {"keep_for_us": keep_for // MICROSECOND}) | given

    @classmethod
    def from_dict(cls, rules: Mapping[str, Any]) -> Retention:
        """Return the policy that plain values say, such as a configuration's.

        Args:
            rules: Numbers by the names of rules. In place of `keep_for`, `keep_for_us` counts microseconds, and
                `keep_for_hours` hours, with a fraction if need be.

        Raises:
            InvalidInputError: That is no such mapping, it says nothing, or a rule makes no sense.

        Example:
            >>> Retention.from_dict({"keep_for_hours": 24, "keep_last": 3}) == Retention(timedelta(days=1), 3)
            True
        """
        known = [*_UNITS, *_NAMES[1:]]
        if not isinstance(cast("object", rules), Mapping) or not set(rules) <= set(known):
            raise refusal("a retention", f"a mapping with any of {', '.join(known)}", rules)
        given: dict[str, Any] = {name: rule for name, rule in rules.items() if rule is not None}
        durations = [name for name in _UNITS if name in given]
        if len(durations) > 1:
            raise InvalidInputError(f"{' and '.join(durations)} each say how long to keep: give one of them")
        for name in durations:
            given["keep_for"] = duration(name, given.pop(name), _UNITS[name])
        return cls(**given)

    def _given(self) -> dict[str, Any]:
        return {name: rule for name in _NAMES if (rule := getattr(self, name)) is not None}


_NAMES = tuple(field.name for field in fields(Retention))
_UNITS = {"keep_for_us": MICROSECOND, "keep_for_hours": timedelta(hours=1)}

DEFAULT_RETENTION = Retention(keep_for=timedelta(days=7))


def require_policy(policy: object, **rules: Unpack[Rules]) -> Retention | None:
    """Return the policy that a caller gave, as one or by its rules; None if none.

    Args:
        policy: A policy, or a duration, which is short for `keep_for`.
        **rules: Or rules by name.

    Raises:
        InvalidInputError: It is none, a rule makes no sense or isn't known, or both were given.

    Example:
        >>> require_policy(timedelta(days=7)) == require_policy(None, keep_for=timedelta(days=7))
        True
    """
    named = {name: rule for name, rule in rules.items() if rule is not None}
    if unknown := sorted(named.keys() - set(_NAMES)):
        raise InvalidInputError(f"there is no rule {', '.join(unknown)}; there are {', '.join(_NAMES)}")
    if policy is None:
        return Retention(**cast("Rules", named)) if named else None
    if isinstance(policy, timedelta) and "keep_for" not in named:
        return Retention(**cast("Rules", {"keep_for": policy, **named}))
    if not isinstance(policy, Retention):
        raise refusal("a retention", "a Retention, or a timedelta that says for how long to keep", policy)
    if named:
        raise InvalidInputError(f"a Retention has all its rules: put {', '.join(named)} into it")
    return policy


def duration(name: str, number: Any, unit: timedelta) -> timedelta:
    """Return so many units of time.

    Raises:
        InvalidInputError: It is no number, or a negative one, or one that no duration is as long as.
    """
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise refusal(name, "a number", number)
    try:
        return require_duration(name, number * unit)
    except (ValueError, OverflowError) as error:
        raise refusal(name, "a number of zero or more, and fit for a duration", number) from error


@dataclass(frozen=True, slots=True)
class Aged:
    """A data version as retention sees it.

    Attributes:
        version: Its number.
        time_us: When it was committed, in microseconds since 1970.
        superseded_us: When the next one came; None for the latest.
        tags: The names that it has, each with the time until which it protects it, None for good.
    """

    version: int
    time_us: int
    superseded_us: int | None
    tags: tuple[tuple[str, int | None], ...] = ()


def aged(times_us: Mapping[int, int], tags: Iterable[tuple[str, int, int | None]]) -> list[Aged]:
    """Return versions as retention sees them, oldest first.

    A version's age counts from when the next retained one came: never longer ago than it was superseded.

    Args:
        times_us: When each version was committed, by its number, in microseconds since 1970.
        tags: Names, each with its version, and the time until which it protects that, None for good.

    Example:
        >>> aged({2: 10, 1: 5}, [("first", 1, None)])[0]
        Aged(version=1, time_us=5, superseded_us=10, tags=(('first', None),))
    """
    named: dict[int, list[tuple[str, int | None]]] = {}
    for name, version, until_us in tags:
        named.setdefault(version, []).append((name, until_us))
    versions = sorted(times_us)
    next_us = [*(times_us[version] for version in versions[1:]), None]
    return [
        Aged(version, times_us[version], superseded_us, tuple(named.get(version, ())))
        for version, superseded_us in zip(versions, next_us, strict=True)
    ]


def decide(
    versions: Sequence[Aged], policy: Retention, now_us: int, readers: Sequence[tuple[str, int]] = ()
) -> dict[int, tuple[str, ...]]:
    """Return the versions to be kept, each with its reasons.

    Args:
        versions: All that are retained now, oldest first.
        policy: The rules.
        now_us: The time, in microseconds since 1970.
        readers: Who may be reading what has been the latest since when, in microseconds since 1970.

    Example:
        >>> decide([Aged(1, 5, 10), Aged(2, 10, None)], Retention(keep_last=1), 20)
        {2: ('latest', 'last 1')}
    """
    reasons: dict[int, list[str]] = {aged.version: [] for aged in versions}
    if versions:
        reasons[versions[-1].version].append("latest")
    for aged in versions:
        reasons[aged.version] += _protecting(aged.tags, now_us) + _read_by(aged, readers)
    if policy.keep_last is not None:
        for aged in versions[-policy.keep_last :]:
            reasons[aged.version].append(f"last {policy.keep_last}")
    if policy.keep_for is not None:
        for aged in versions:
            if (
                aged.superseded_us is not None
                and now_us - aged.superseded_us < policy.keep_for // MICROSECOND
            ):
                reasons[aged.version].append(f"kept for {told_duration(policy.keep_for)}")
    for name, period in _PERIODS.items():
        for version, label in _newest_of_each(versions, period, getattr(policy, name) or 0):
            reasons[version].append(label)
    return {version: tuple(why) for version, why in reasons.items() if why}


def _read_by(aged: Aged, readers: Sequence[tuple[str, int]]) -> list[str]:
    superseded_us = aged.superseded_us
    if superseded_us is None:
        return []
    return [f"read by {name}" for name, since_us in readers if superseded_us > since_us]


def told_policy(policy: Retention | None) -> str:
    """Return a policy in words.

    Example:
        >>> told_policy(Retention(keep_last=3, keep_daily=7))
        'keep last 3, daily 7'
    """
    if policy is None:
        return "none"
    rules = {
        name.removeprefix("keep_"): rule for name, rule in policy.to_dict().items() if name != "keep_for_us"
    }
    told = [] if policy.keep_for is None else [f"for {told_duration(policy.keep_for)}"]
    return "keep " + ", ".join([*told, *(f"{name} {rule}" for name, rule in rules.items())])


def told_duration(lasting: timedelta) -> str:
    """Return a duration as people say it, exactly.

    Example:
        >>> (
        ...     told_duration(timedelta(days=7)),
        ...     told_duration(timedelta(hours=36)),
        ...     told_duration(timedelta(seconds=1.5)),
        ... )
        ('7 days', '36 hours', '1.5 seconds')
    """
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number, left = divmod(lasting, timedelta(seconds=length))
        if not left and (number or unit == "second"):
            return counted(number, unit)
    return f"{lasting.total_seconds():,} seconds"


def _protecting(tags: Sequence[tuple[str, int | None]], now_us: int) -> list[str]:
    return [
        f"tag {name}" if until_us is None else f"tag {name} until {told_time(until_us)}"
        for name, until_us in tags
        if until_us is None or until_us > now_us
    ]


_PERIODS: dict[str, Callable[[datetime], str]] = {
    "keep_hourly": lambda when: f"hour {when:%Y-%m-%d %H}:00",
    "keep_daily": lambda when: f"day {when:%Y-%m-%d}",
    "keep_weekly": lambda when: "week {}-W{:02}".format(*when.isocalendar()),
    "keep_monthly": lambda when: f"month {when:%Y-%m}",
    "keep_yearly": lambda when: f"year {when:%Y}",
}


def _newest_of_each(
    versions: Sequence[Aged], period: Callable[[datetime], str], count: int
) -> list[tuple[int, str]]:
    """The newest version of each of the last so many periods that have one, with the period's name."""
    found: dict[str, int] = {}
    for aged in reversed(versions if count else ()):
        label = period(calendar_time(aged.time_us))
        if label not in found and len(found) == count:
            break
        found.setdefault(label, aged.version)
    return [(version, label) for label, version in found.items()]
