"""Which of some digests have no partner among others. Duplicates count: three of one and two of the other leave one.

Digests are arrays of two rows, as `data/digests/row_digest.py` gives them. Sorting them takes some 80 bytes for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from atio_core.data.digests.row_digest import Digests

    Places = npt.NDArray[np.int64]


def unmatched(before: Digests, after: Digests) -> tuple[Places, Places]:
    """Return the places of the digests on each side that have no partner on the other, rising.

    Example:
        >>> import numpy as np
        >>> side = lambda *numbers: np.array([numbers, numbers], np.uint64)
        >>> [places.tolist() for places in unmatched(side(1, 2, 2), side(2, 3))]
        [[0, 2], [1]]
    """
    import numpy as np

    groups = _Groups.of(before, after)
    old, new = groups.counts
    place = np.arange(len(groups.order)) - groups.starts[groups.of_each]  # in its group: first the old ones
    rank = np.where(groups.is_old, place, place - old[groups.of_each])
    left = groups.order[rank >= np.minimum(old, new)[groups.of_each]]
    border = before.shape[1]
    return np.sort(left[left < border]), np.sort(left[left >= border]) - border


def pairs(before: Digests, after: Digests) -> tuple[Places, Places]:
    """Return the places of the digests that are on both sides, those before in the order of those after.

    Args:
        before: Each there once.
        after: Each there once.
    """
    import numpy as np

    groups = _Groups.of(before, after)
    first = groups.starts[(groups.counts[0] == 1) & (groups.counts[1] == 1)]
    old, new = groups.order[first], groups.order[first + 1] - before.shape[1]
    order = np.argsort(new)
    return old[order], new[order]


def doubled(digests: Digests) -> Places:
    """Return the places of the first of those digests that come twice, rising."""
    import numpy as np

    groups = _Groups.of(digests, digests[:, :0])
    return np.sort(groups.order[groups.starts[groups.counts[0] > 1]])


@dataclass(frozen=True, slots=True)
class _Groups:
    """Equal digests, side by side.

    Attributes:
        order: The places of the digests, those of the second side behind those of the first, group by group.
        of_each: Which group each of them belongs to.
        starts: Where each group begins.
        is_old: Which of them are of the first side.
        counts: How many of each side there are in each group.
    """

    order: Places
    of_each: Places
    starts: Places
    is_old: npt.NDArray[np.bool_]
    counts: tuple[Places, Places]

    @classmethod
    def of(cls, before: Digests, after: Digests) -> _Groups:
        import numpy as np

        both = np.concatenate([before, after], axis=1)
        order = np.lexsort((both[1], both[0]))
        both = both[:, order]
        begins = np.ones(len(order), np.bool_)
        begins[1:] = (both[:, 1:] != both[:, :-1]).any(axis=0)
        starts = np.flatnonzero(begins)
        is_old = order < before.shape[1]
        sizes = np.diff(np.append(starts, len(order)))
        old = np.add.reduceat(is_old.astype(np.int64), starts) if len(starts) else sizes
        return cls(order, np.cumsum(begins) - 1, starts, is_old, (old, sizes - old))
