from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.model.ranges import VersionRanges

numbers = st.integers(1, 30)
sets = st.frozensets(numbers)


@given(sets)
def test_ranges_hold_what_they_were_made_of(versions: frozenset[int]) -> None:
    """Ranges are a set of numbers, whatever the gaps."""
    ranges = VersionRanges.of(versions)
    assert sorted(versions) == list(ranges)
    assert len(versions) == len(ranges)
    assert [number in versions for number in range(32)] == [number in ranges for number in range(32)]


@given(sets)
def test_ranges_are_as_few_as_can_be(versions: frozenset[int]) -> None:
    """Neighbours share a range, so that an entry stays small."""
    spans = VersionRanges.of(versions).spans
    assert all(low <= high for low, high in spans)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(spans))


@given(sets, numbers)
def test_the_next_version_joins(versions: frozenset[int], gap: int) -> None:
    """A version above all others is added, next to them or not."""
    new = max(versions, default=0) + gap
    assert VersionRanges.of([*versions, new]) == VersionRanges.of(versions).with_next(new)


@given(sets, st.integers(0, 31))
def test_finds_the_next_held(versions: frozenset[int], start: int) -> None:
    """The lowest version at or after a number is found, if there is one."""
    assert min((one for one in versions if one >= start), default=None) == VersionRanges.of(
        versions
    ).at_or_after(start)


@given(sets, st.integers(0, 31))
def test_finds_the_one_before(versions: frozenset[int], start: int) -> None:
    """The highest version below a number is found, if there is one."""
    expected = max((one for one in versions if one < start), default=None)
    assert expected == VersionRanges.of(versions).before(start)


@given(sets, sets)
def test_compares_sets(some: frozenset[int], others: frozenset[int]) -> None:
    """Ranges hold all of others exactly if the sets do."""
    assert (others <= some) == VersionRanges.of(some).holds_all(VersionRanges.of(others))


def test_an_empty_set_holds_nothing() -> None:
    """No versions, no ranges."""
    assert VersionRanges().spans == ()
    assert 1 not in VersionRanges()
    with pytest.raises(StopIteration):
        next(iter(VersionRanges()))
