from __future__ import annotations

import pytest

from atio_core.errors import InvalidInputError, NewerFormatError
from atio_core.maintenance.policies import Policies, stored_policy
from atio_core.model.entry import empty_entry
from atio_core.retention import Retention

ONE, TWO, THREE = (Retention(keep_last=number) for number in (1, 2, 3))
BASE = empty_entry("t")
STORED = BASE.with_(retention=TWO.to_dict())


def test_the_callers_word_goes_before_the_tables_and_that_before_the_default() -> None:
    """The order in which policies count: argument, table, default."""
    assert Policies(ONE, THREE).policy(STORED, "t") == ONE
    assert Policies(None, THREE).policy(STORED, "t") == TWO
    assert Policies(None, THREE).policy(BASE, "t") == THREE


def test_if_nobody_says_anything_it_is_refused() -> None:
    """Nothing is expired by a rule that nobody gave; the message says how to give one."""
    with pytest.raises(
        InvalidInputError, match=r"of the table t are kept; nothing was removed: .* set_retention"
    ):
        Policies(None).policy(BASE, "t")


def test_rules_of_a_later_release_remove_nothing() -> None:
    """A rule that this release doesn't know might keep a version: an expiry by it is refused, unless told otherwise."""
    newer = BASE.with_(retention={"keep_last": 1, "keep_quarterly": 4})
    for keeping in (Policies(None), Policies(None, ONE)):
        with pytest.raises(NewerFormatError, match=r"the table t .*keep_quarterly.*upgrade atio"):
            keeping.policy(newer, "t")
    assert Policies(ONE).policy(newer, "t") == ONE


def test_a_table_without_a_policy_has_none() -> None:
    """None says so."""
    assert stored_policy(BASE, "t") is None
