from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import InvalidInputError
from atio_core.retention import DEFAULT_RETENTION, Aged, Retention, decide

HOUR_US = 3_600_000_000

# Versions 1 to 5: superseded 4, 3, 2 and 1 hours ago; the last is the latest.
NOW_US = 100 * HOUR_US
VERSIONS = [Aged(n, NOW_US - (5 - n) * HOUR_US) for n in range(1, 5)] + [Aged(5, None)]


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
        (Retention(), [5]),
    ],
    ids=str,
)
def test_a_version_is_kept_if_any_rule_keeps_it(policy: Retention, expected: list[int]) -> None:
    """Rules add up; age counts from when a version was superseded, and the latest always stays."""
    assert list(decide(VERSIONS, policy, NOW_US)) == expected


def test_the_reasons_are_told() -> None:
    """Each version that is kept says why, with every rule that keeps it."""
    tagged = [Aged(1, 0, ("gold", "silver")), *VERSIONS[1:]]
    assert decide(tagged, Retention(keep_for=timedelta(hours=2), keep_last=2), NOW_US) == {
        1: ("tag gold", "tag silver"),
        4: ("one of the last 2", "superseded less than 2:00:00 ago"),
        5: ("latest", "one of the last 2"),
    }


@given(st.lists(st.integers(0, 100), max_size=8), st.integers(1, 8), st.integers(0, 100))
def test_the_latest_stays_and_others_by_rule(superseded: list[int], keep_last: int, hours: int) -> None:
    """Whatever the ages, the kept are the newest few, and those that were superseded a short while ago."""
    times = sorted(superseded)
    versions = [Aged(n, hour * HOUR_US) for n, hour in enumerate(times, start=1)] + [
        Aged(len(times) + 1, None)
    ]
    kept = decide(versions, Retention(keep_for=timedelta(hours=hours), keep_last=keep_last), 100 * HOUR_US)
    young = {aged.version for aged in versions[:-1] if 100 - (aged.superseded_us or 0) // HOUR_US < hours}
    last = {aged.version for aged in versions[-keep_last:]}
    assert set(kept) == young | last


def test_no_versions_no_decisions() -> None:
    """Nothing is kept of nothing."""
    assert decide([], DEFAULT_RETENTION, NOW_US) == {}


REFUSED: list[dict[str, Any]] = [
    {"keep_for": timedelta(seconds=-1)},
    {"keep_for": 7},
    {"keep_for": "7d"},
    {"keep_last": 0},
    {"keep_last": -1},
    {"keep_last": True},
    {"keep_last": 1.0},
    {"keep_last": "1"},
    {"keep_last": np.int64(0)},
]


@pytest.mark.parametrize("rules", REFUSED, ids=str)
def test_rules_that_no_one_can_mean_are_refused(rules: dict[str, Any]) -> None:
    """A rule of the wrong type, or a negative one, is refused by name; `keep_last=0` too: the latest always stays."""
    with pytest.raises(InvalidInputError, match=next(iter(rules))):
        Retention(**rules)


def test_a_number_of_numpy_is_a_number() -> None:
    """What comes out of a frame or a configuration may be a NumPy number."""
    three: Any = np.int64(3)
    assert Retention(keep_last=three) == Retention(keep_last=3)
    assert type(Retention(keep_last=three).keep_last) is int


def test_a_week_is_the_default() -> None:
    """Without a rule versions are kept for seven days."""
    assert Retention(keep_for=timedelta(days=7)) == DEFAULT_RETENTION
    assert Retention().says_nothing
    assert not DEFAULT_RETENTION.says_nothing
