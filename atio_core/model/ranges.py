"""Sets of version numbers, kept as a few inclusive ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VersionRanges:
    """Ascending, disjoint, inclusive ranges that don't touch: `((1, 3), (7, 7))` holds 1, 2, 3 and 7.

    Example:
        >>> VersionRanges.of([3, 1, 2, 7]).spans
        ((1, 3), (7, 7))
    """

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, versions: Iterable[int]) -> VersionRanges:
        """Return the ranges that hold exactly these versions."""
        spans: list[tuple[int, int]] = []
        for version in sorted(set(versions)):
            if spans and spans[-1][1] == version - 1:
                spans[-1] = (spans[-1][0], version)
            else:
                spans.append((version, version))
        return cls(tuple(spans))

    def __contains__(self, version: int) -> bool:
        """Say whether the version is held."""
        return any(low <= version <= high for low, high in self.spans)

    def __iter__(self) -> Iterator[int]:
        """Yield the versions, ascending."""
        for low, high in self.spans:
            yield from range(low, high + 1)

    def __len__(self) -> int:
        """Return how many versions are held."""
        return sum(high - low + 1 for low, high in self.spans)

    def with_next(self, version: int) -> VersionRanges:
        """Return these ranges and a version higher than all of them."""
        if self.spans and self.spans[-1][1] == version - 1:
            return VersionRanges((*self.spans[:-1], (self.spans[-1][0], version)))
        return VersionRanges((*self.spans, (version, version)))

    def at_or_after(self, version: int) -> int | None:
        """Return the lowest held version that isn't below `version`."""
        return next((max(low, version) for low, high in self.spans if high >= version), None)

    def before(self, version: int) -> int | None:
        """Return the highest held version below `version`."""
        return next((min(high, version - 1) for low, high in reversed(self.spans) if low < version), None)

    def holds_all(self, others: VersionRanges) -> bool:
        """Say whether every version of `others` is held."""
        return all(any(low <= a and b <= high for low, high in self.spans) for a, b in others.spans)
