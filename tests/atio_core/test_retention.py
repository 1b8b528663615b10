from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import InvalidInputError
from atio_core.retention import (
    DEFAULT_RETENTION,
    Aged,
    Retention,
    decide,
    duration,
    require_policy,
    told_duration,
)

HOUR_US = 3_600_000_000
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime.fromtimestamp(0, UTC)

# Versions 1 to 5: superseded 4, 3, 2 and 1 hours ago; the last is the latest.
NOW_US = 100 * HOUR_US


def aged(*times_us: int) -> list[Aged]:
    """Return versions of these times, each superseded by the next."""
    following = [*times_us[1:], None]
    return [Aged(n, when, later) for n, (when, later) in enumerate(zip(times_us, following, strict=True), 1)]


VERSIONS = aged(*[NOW_US - hours * HOUR_US for hours in (5, 4, 3, 2, 1)])


def us(text: str) -> int:
    """Return a time, as of UTC, in microseconds since 1970."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // MICROSECOND


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Retention(keep_last=1), [5]),
        (Retention(keep_last=3), [3, 4, 5]),
        (Retention(keep_last=9), [1, 2, 3, 4, 5]),
        (Retention(keep_for=timedelta(0)), [5]),
        (Retention(keep_for=timedelta(hours=2)), [4, 5]),
        (Retention(keep_for=timedelta(hours=2, microseconds=1)), [3, 4, 5]),
        (Retention(keep_for=timedelta.max), [1, 2, 3, 4, 5]),
        (Retention(keep_for=timedelta(hours=2), keep_last=3), [3, 4, 5]),
        (Retention(keep_for=timedelta(hours=4), keep_last=1), [2, 3, 4, 5]),
        (Retention(keep_yearly=1), [5]),
        (Retention(keep_hourly=2, keep_for=timedelta(hours=4)), [2, 3, 4, 5]),
    ],
    ids=str,
)
def test_a_version_is_kept_if_any_rule_keeps_it(policy: Retention, expected: list[int]) -> None:
    """Rules add up; age counts from when a version was superseded, and the latest always stays."""
    assert list(decide(VERSIONS, policy, NOW_US)) == expected


def test_what_readers_may_be_reading_is_kept() -> None:
    """What was the latest at any time since a reader began is kept, and says for whom."""
    superseded = [aged.superseded_us for aged in VERSIONS]
    readers = [("run 7", (superseded[1] or 0)), ("run 8", NOW_US)]
    found = decide(VERSIONS, Retention(keep_last=1), NOW_US, readers)
    assert found == {3: ("read by run 7",), 4: ("read by run 7",), 5: ("latest", "last 1")}


def test_the_reasons_are_told() -> None:
    """Each version that is kept says why, with every rule that keeps it."""
    gold = (("gold", None), ("lent", NOW_US + 1), ("was lent", NOW_US))
    tagged = [Aged(1, us("1970-01-02T03:00"), VERSIONS[1].time_us, gold), *VERSIONS[1:]]
    policy = Retention(timedelta(hours=2), 2, 1, 1, 1, 1, 1)
    assert decide(tagged, policy, NOW_US) == {
        1: ("tag gold", "tag lent until 1970-01-05 04:00:00 UTC"),
        4: ("last 2", "kept for 2 hours"),
        5: (
            *("latest", "last 2", "hour 1970-01-05 03:00", "day 1970-01-05"),
            *("week 1970-W02", "month 1970-01", "year 1970"),
        ),
    }


PERIODS: dict[str, tuple[list[str], dict[int, str]]] = {
    "keep_hourly": (
        ["2026-11-24T10:00", "2026-11-24T10:59:59.999999", "2026-11-24T11:00", "2026-11-24T13:30"],
        {2: "hour 2026-11-24 10:00", 3: "hour 2026-11-24 11:00", 4: "hour 2026-11-24 13:00"},
    ),
    "keep_daily": (
        ["2026-11-22T00:00", "2026-11-22T23:59:59.999999", "2026-11-23T00:00", "2026-11-27T12:00"],
        {2: "day 2026-11-22", 3: "day 2026-11-23", 4: "day 2026-11-27"},
    ),
    "keep_weekly": (  # a week begins on Monday, and the year of the ISO week isn't always that of the day
        ["2026-12-27T12:00", "2026-12-28T00:00", "2027-01-03T23:59", "2027-01-04T00:00"],
        {1: "week 2026-W52", 3: "week 2026-W53", 4: "week 2027-W01"},
    ),
    "keep_monthly": (
        ["2026-01-31T23:59", "2026-02-01T00:00", "2026-02-28T23:59", "2027-02-01T00:00"],
        {1: "month 2026-01", 3: "month 2026-02", 4: "month 2027-02"},
    ),
    "keep_yearly": (
        ["2024-12-31T23:59", "2025-01-01T00:00", "2025-12-31T23:59", "2027-01-01T00:00"],
        {1: "year 2024", 3: "year 2025", 4: "year 2027"},
    ),
}


@pytest.mark.parametrize("rule", PERIODS)
def test_the_newest_of_each_period_is_kept(rule: str) -> None:
    """Of each of the last periods in UTC that have versions the newest stays; a period without one isn't counted."""
    texts, expected = PERIODS[rule]
    versions = aged(*map(us, texts))
    kept = decide(versions, Retention.from_dict({rule: 3}), us("2030-01-01T00:00"))
    assert {version: why[-1] for version, why in kept.items()} == expected
    fewer = decide(versions, Retention.from_dict({rule: 2}), us("2030-01-01T00:00"))
    assert list(fewer) == list(expected)[1:]


def test_times_that_no_calendar_has_are_kept_like_others() -> None:
    """A wrong clock's versions are in the last period that there is, or in the first; they don't stop the expiry."""
    versions = aged(-(10**18), 0, 10**18, 10**18 + 1)
    policy = Retention(None, None, 9, 9, 9, 9, 9)
    assert list(decide(versions, policy, 0)) == [1, 2, 4]


MOMENTS = st.integers(0, 4 * 366 * 24).map(lambda hours: us("2024-01-01T00:00") + hours * HOUR_US)
PERIOD_OF: dict[str, Callable[[datetime], Any]] = {
    "keep_hourly": lambda when: (when.date(), when.hour),
    "keep_daily": datetime.date,
    "keep_weekly": lambda when: when.isocalendar()[:2],
    "keep_monthly": lambda when: (when.year, when.month),
    "keep_yearly": lambda when: when.year,
}
COUNTS = st.none() | st.integers(1, 5)


@given(
    times=st.lists(MOMENTS, min_size=1, max_size=30).map(sorted),
    later=st.integers(0, 400 * 24),
    keep_for=st.none() | st.integers(0, 400 * 24).map(lambda hours: timedelta(hours=hours)),
    keep_last=st.integers(1, 5),
    periods=st.fixed_dictionaries(dict.fromkeys(PERIOD_OF, COUNTS)),
)
def test_the_rules_add_up(
    times: list[int], later: int, keep_for: timedelta | None, keep_last: int, periods: dict[str, int | None]
) -> None:
    """Whatever the times and the rules: a version is kept if it is the latest, or if a rule by itself keeps it."""
    versions, now_us = aged(*times), times[-1] + later * HOUR_US
    expected = {one.version for one in versions[-keep_last:]}
    expected |= {
        one.version
        for one in versions
        if keep_for is not None
        and one.superseded_us is not None
        and timedelta(microseconds=now_us - one.superseded_us) < keep_for
    }
    for rule, count in periods.items():
        newest = {
            PERIOD_OF[rule](EPOCH + timedelta(microseconds=one.time_us)): one.version for one in versions
        }
        expected |= set(sorted(newest.values())[-(count or 0) :] if count else ())
    policy = Retention(keep_for=keep_for, keep_last=keep_last, **periods)
    kept = decide(versions, policy, now_us)
    assert set(kept) == expected
    assert all(kept.values())
    assert list(kept) == sorted(kept)


@given(
    st.lists(MOMENTS, min_size=1, max_size=20).map(sorted),
    st.fixed_dictionaries(
        {"keep_last": st.integers(1, 5)}, optional=dict.fromkeys(PERIOD_OF, st.integers(1, 5))
    ),
)
def test_what_was_kept_is_kept_again(times: list[int], rules: dict[str, int]) -> None:
    """An expiry right after another, by the same rules, takes nothing: but for age, time alone removes no version."""
    policy = Retention.from_dict(rules)
    versions = aged(*times)
    kept = decide(versions, policy, times[-1])
    left = aged(*[one.time_us for one in versions if one.version in kept])
    assert len(decide(left, policy, times[-1] + 10**15)) == len(left)


def test_no_versions_no_decisions() -> None:
    """Nothing is kept of nothing."""
    assert decide([], DEFAULT_RETENTION, NOW_US) == {}
    assert decide([], Retention(keep_last=1, keep_daily=1), NOW_US) == {}


COUNTED = ["keep_last", *PERIODS]
REFUSED: list[dict[str, Any]] = [
    {"keep_for": timedelta(seconds=-1)},
    {"keep_for": pd.NaT},
    {"keep_for": 7},
    {"keep_for": "7d"},
    *({rule: wrong} for rule in COUNTED for wrong in (0, -1, True, 1.0, float("nan"), "1", np.int64(0))),
]


@pytest.mark.parametrize("rules", REFUSED, ids=str)
def test_rules_that_no_one_can_mean_are_refused(rules: dict[str, Any]) -> None:
    """A rule of the wrong type, a negative one, or one that keeps none, is refused by name."""
    with pytest.raises(InvalidInputError, match=next(iter(rules))):
        Retention(**rules)


def test_a_policy_without_a_rule_is_refused() -> None:
    """Nobody means by saying nothing that all versions but the latest should go."""
    with pytest.raises(InvalidInputError, match=r"needs a rule: keep_for, keep_last, .* say keep_last=1"):
        Retention()


def test_numbers_of_others_are_numbers() -> None:
    """What comes out of a frame or a configuration may be a number of NumPy, or a duration of pandas."""
    three: Any = np.int64(3)
    policy = Retention(keep_for=pd.Timedelta(days=1), keep_last=three)
    assert policy == Retention(keep_for=timedelta(days=1), keep_last=3)
    assert (type(policy.keep_for), type(policy.keep_last)) == (timedelta, int)


def test_a_week_is_the_default() -> None:
    """Without a rule versions are kept for seven days."""
    assert Retention(keep_for=timedelta(days=7)) == DEFAULT_RETENTION


DURATIONS = st.timedeltas(timedelta(0), timedelta.max)
POLICIES = st.builds(
    Retention, keep_for=DURATIONS, **dict.fromkeys(COUNTED, st.none() | st.integers(1, 2**60))
) | st.builds(Retention, keep_last=st.integers(1, 9))


@given(POLICIES)
def test_a_policy_comes_back_from_plain_values(policy: Retention) -> None:
    """Whatever it says, its dict fits JSON, and gives it back as it was."""
    told = policy.to_dict()
    assert Retention.from_dict(json.loads(json.dumps(told))) == policy


def test_hours_may_be_given() -> None:
    """People count in hours, with fractions."""
    assert Retention.from_dict({"keep_for_hours": 1.5}) == Retention(keep_for=timedelta(minutes=90))
    assert Retention.from_dict({"keep_for_hours": None, "keep_last": 2}) == Retention(keep_last=2)


ODD_DICTS: list[tuple[Any, str]] = [
    ({}, "needs a rule"),
    ({"keep": 3}, "any of keep_for_us, keep_for_hours, keep_last, keep_hourly"),
    ({"keep_for": 3}, "any of keep_for_us"),
    ([("keep_last", 3)], "a mapping"),
    (None, "a mapping"),
    ({"keep_last": 0}, "keep_last must be a whole number of 1 or more"),
    ({"keep_for_us": -1}, "keep_for_us"),
    ({"keep_for_hours": float("nan")}, "keep_for_hours"),
    ({"keep_for_hours": 1e300}, "keep_for_hours"),
    ({"keep_for_hours": True}, "keep_for_hours must be a number"),
    ({"keep_for_hours": 1, "keep_for_us": 1}, "give one of them"),
    ({1: 2}, "a mapping"),
]


@pytest.mark.parametrize(("rules", "told"), ODD_DICTS, ids=str)
def test_plain_values_that_say_no_policy_are_refused(rules: Any, told: str) -> None:
    """What can't be meant is refused, and the message names what could be."""
    with pytest.raises(InvalidInputError, match=told):
        Retention.from_dict(rules)


def test_a_caller_gives_a_policy_or_its_rules() -> None:
    """A policy, a duration, or rules by name; none of them says nothing."""
    week = timedelta(days=7)
    assert require_policy(None) is None
    assert require_policy(None, keep_for=None, keep_last=None) is None
    assert require_policy(DEFAULT_RETENTION) is DEFAULT_RETENTION
    assert require_policy(week) == require_policy(None, keep_for=week) == DEFAULT_RETENTION
    assert require_policy(week, keep_last=2) == Retention(week, 2)


@pytest.mark.parametrize(
    ("policy", "rules", "told"),
    [
        (Retention(keep_last=1), {"keep_daily": 1}, "put keep_daily into it"),
        (timedelta(1), {"keep_for": timedelta(1)}, "a Retention, or a timedelta"),
        (7, {}, "a Retention, or a timedelta"),
        ({"keep_last": 1}, {}, "a Retention, or a timedelta"),
        (None, {"keep": 1}, "no rule keep; there are keep_for, keep_last"),
    ],
    ids=str,
)
def test_a_caller_who_gives_something_else_is_refused(policy: Any, rules: Any, told: str) -> None:
    """Two policies at once, an unknown rule and other things are refused."""
    with pytest.raises(InvalidInputError, match=told):
        require_policy(policy, **rules)


@pytest.mark.parametrize(
    ("lasting", "told"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=1000), "1,000 days"),
        (timedelta(hours=25), "25 hours"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(milliseconds=1500), "1.5 seconds"),
    ],
    ids=str,
)
def test_durations_are_told_exactly(lasting: timedelta, told: str) -> None:
    """In the largest unit that needs no fraction."""
    assert told_duration(lasting) == told


def test_a_unit_that_is_too_long_is_refused() -> None:
    """A number of units that no duration can be is refused by its name."""
    with pytest.raises(InvalidInputError, match="grace_minutes"):
        duration("grace_minutes", 10**30, timedelta(minutes=1))
