from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.model.data_file import Scalar
from atio_core.model.manifest import ManifestRef, bound_text, may_hold, merge_from
from tests.support.strategies import scalars

FANOUT = 8


def ref(files: int = 1, level: int = 0, partitions: tuple[tuple[str, str], ...] = ()) -> ManifestRef:
    """Return a reference to a manifest of so many files."""
    return ManifestRef("_atio/manifests/x.arrow", "d", 1, files, files, files, level, partitions)


def bounds(*values: Scalar) -> tuple[tuple[str, str], ...]:
    """Return the bounds of some values of one partition field."""
    texts = [bound_text(value) for value in values]
    return ((min(texts), max(texts)),)


@given(st.lists(scalars, min_size=1, max_size=5))
def test_no_partition_is_overlooked(values: list[Scalar]) -> None:
    """A manifest that lists a file of a partition is always opened for it, whatever the types of the values."""
    assert all(may_hold(ref(partitions=bounds(*values)), (value,)) for value in values)


def test_manifests_of_other_partitions_stay_closed() -> None:
    """A manifest whose bounds exclude a partition isn't opened for it."""
    held = ref(partitions=bounds("2013-02", "2013-04"))
    asked = ["2013-01", "2013-02", "2013-03", "2013-04", "2013-05", None, 3]
    assert [may_hold(held, (value,)) for value in asked] == [False, True, True, True, False, False, False]


def test_one_dimension_is_enough_to_exclude() -> None:
    """With several partition fields each has to fit."""
    held = ref(partitions=(*bounds("a", "b"), *bounds(1, 2)))
    assert may_hold(held, ("a", 2))
    assert not may_hold(held, ("c", 2))
    assert not may_hold(held, ("a", 3))


def test_without_bounds_any_partition_may_be_there() -> None:
    """A manifest that says nothing of partitions, or of others, has to be opened."""
    assert may_hold(ref(), ("a",))
    assert may_hold(ref(partitions=bounds("a")), ("a", "b"))


def test_values_of_several_types_have_bounds_of_their_own() -> None:
    """The number 1, the text "1", true, null and "" are five partitions, none of them mistaken for another."""
    assert len({bound_text(value) for value in (1, "1", True, None, "")}) == 5


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0] * (FANOUT - 1), None),
        ([0] * FANOUT, 0),
        ([1] * 3 + [0] * FANOUT, 3),
        ([0] * (FANOUT + 2), 2),
        ([0] * (FANOUT - 1) + [1], None),
        ([1] + [0] * (FANOUT - 1), None),
        ([1] * FANOUT, 0),
    ],
    ids=str,
)
def test_neighbours_of_one_level_at_the_end_become_one(levels: list[int], expected: int | None) -> None:
    """So many manifests of one level at the end are merged, no fewer, and never across levels."""
    refs = [ref(level=level) for level in levels]
    found = merge_from(refs, fanout=FANOUT, target_files=10_000)
    assert found == (None if expected is None else (expected, levels[-1] + 1))


def test_no_merge_makes_a_manifest_beyond_the_target() -> None:
    """A manifest that is merged stays within its size, so that an append never rewrites all records of a table."""
    assert merge_from([ref(5), ref(5)], fanout=2, target_files=10) == (0, 1)
    assert merge_from([ref(5), ref(6)], fanout=2, target_files=10) is None


def test_small_manifests_are_gathered() -> None:
    """Two of the lowest level become one of that level, as long as it stays small."""
    assert merge_from([ref(9), ref(5), ref(5)], fanout=8, target_files=99, gathered_files=10) == (1, 0)
    assert merge_from([ref(5), ref(6)], fanout=8, target_files=99, gathered_files=10) is None
    assert merge_from([ref(5, level=1), ref(5)], fanout=8, target_files=99, gathered_files=10) is None
    assert merge_from([ref(5)], fanout=8, target_files=99, gathered_files=10) is None
    many = [ref(10)] * 7 + [ref(6)]
    assert merge_from(many, fanout=8, target_files=99, gathered_files=10) == (0, 1)
