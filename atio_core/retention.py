"""Which versions are kept, and why. Pure: versions and a policy in, decisions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from atio_core.arguments import require_duration, require_whole

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """A policy: a version is kept if any rule keeps it, and the latest always is.

    Args:
        keep_for: Keep a version for this long after it was superseded. It is also the longest time that a read of it
            may take.
        keep_last: Keep this many of the newest versions.

    Raises:
        InvalidInputError: A rule is negative, or of the wrong type.

    Example:
        >>> Retention(keep_for=timedelta(days=7), keep_last=3).keep_last
        3
    """

    keep_for: timedelta | None = None
    keep_last: int | None = None

    def __post_init__(self) -> None:
        """Refuse rules that no one can mean."""
        if self.keep_for is not None:
            require_duration("keep_for", self.keep_for)
        if self.keep_last is not None:
            object.__setattr__(self, "keep_last", require_whole("keep_last", self.keep_last, least=1))

    @property
    def says_nothing(self) -> bool:
        """Whether no rule is given."""
        return self.keep_for is None and self.keep_last is None


DEFAULT_RETENTION = Retention(keep_for=timedelta(days=7))


@dataclass(frozen=True, slots=True)
class Aged:
    """A data version as retention sees it.

    Attributes:
        version: Its number.
        superseded_us: When the next one came, in microseconds since 1970; None for the latest.
        tags: The names that protect it now.
    """

    version: int
    superseded_us: int | None
    tags: tuple[str, ...] = ()


def decide(versions: Sequence[Aged], policy: Retention, now_us: int) -> dict[int, tuple[str, ...]]:
    """Return the versions to be kept, each with its reasons.

    Args:
        versions: All that are retained now, oldest first.
        policy: The rules.
        now_us: The time, in microseconds since 1970.

    Example:
        >>> decide([Aged(1, 10), Aged(2, None)], Retention(keep_last=1), 20)
        {2: ('latest', 'one of the last 1')}
    """
    kept: dict[int, tuple[str, ...]] = {}
    newest = len(versions) - 1
    for position, aged in enumerate(versions):
        reasons: list[str] = []
        if position == newest:
            reasons.append("latest")
        reasons += [f"tag {name}" for name in aged.tags]
        if policy.keep_last is not None and newest - position < policy.keep_last:
            reasons.append(f"one of the last {policy.keep_last}")
        if policy.keep_for is not None and aged.superseded_us is not None:
            age_us = now_us - aged.superseded_us
            if age_us < policy.keep_for // _MICROSECOND:
                reasons.append(f"superseded less than {policy.keep_for} ago")
        if reasons:
            kept[aged.version] = tuple(reasons)
    return kept
