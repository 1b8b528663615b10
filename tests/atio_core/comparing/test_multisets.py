from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atio_core.comparing.multisets import doubled, pairs, unmatched

numbers = st.lists(st.integers(0, 5), max_size=12)


def side(values: list[int]) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    """Return digests of some numbers; those of 0 to 2 have the same first half."""
    return np.array([[value // 3 for value in values], values], np.uint64)


@given(numbers, numbers)
def test_what_is_left_is_the_difference_of_the_bags(before: list[int], after: list[int]) -> None:
    """Each digest cancels one of the other side, and what is left comes in order."""
    left = unmatched(side(before), side(after))
    assert [places.tolist() for places in left] == [sorted(places.tolist()) for places in left]
    assert Counter(before[place] for place in left[0]) == Counter(before) - Counter(after)
    assert Counter(after[place] for place in left[1]) == Counter(after) - Counter(before)


@given(numbers, numbers)
def test_pairs_are_what_both_have(before: list[int], after: list[int]) -> None:
    """Distinct digests of both sides are paired, in the order of those after."""
    before, after = list(dict.fromkeys(before)), list(dict.fromkeys(after))
    old, new = pairs(side(before), side(after))
    assert [before[place] for place in old] == [after[place] for place in new]
    assert [after[place] for place in new] == [value for value in after if value in before]


@given(numbers)
def test_the_first_of_those_that_come_twice_are_told(values: list[int]) -> None:
    """Of each digest that comes twice or more, the first place is told."""
    expected = sorted(values.index(value) for value, count in Counter(values).items() if count > 1)
    assert doubled(side(values)).tolist() == expected
