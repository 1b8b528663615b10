"""Releases that runs have made: which of them an expiry drops, so that what they name can expire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from atio_core.errors import ReleaseNotFoundError
from atio_core.store import Release, Store

_MESSAGE = "run {}"


def message_of_run(run_id: str) -> str:
    """Return what a release that a run makes says of itself: by it, and by its name, it is told from other people's."""
    return _MESSAGE.format(run_id)


def old_releases(releases: Iterable[Release], keep: int, since: datetime) -> list[Release]:
    """Return the releases that go.

    Those of people stay, whatever their number. So does what has been the latest release at any time since runs in
    progress may be reading.

    Args:
        releases: All that stand, the newest first.
        keep: How many of those that runs have made stay.
        since: Since when runs may be reading.

    Example:
        >>> from datetime import UTC
        >>> made = [
        ...     Release(number, f"r{number}", {}, number * 1_000_000, f"run r{number}")
        ...     for number in (4, 3, 2, 1)
        ... ]
        >>> [one.name for one in old_releases(made, 1, datetime.fromtimestamp(3.5, UTC))]
        ['r2', 'r1']
    """
    going: list[Release] = []
    kept, read = 0, True
    for one in releases:
        is_ours = one.message == message_of_run(one.name)
        if is_ours and kept >= keep and not read:
            going.append(one)
        kept += is_ours
        read = read and one.time >= since  # the first one before that was the latest then
    return going


def drop_old_releases(store: Store, keep: int, since: datetime, *, dry_run: bool) -> list[Release]:
    """Drop these releases, or only return them.

    Raises:
        AtioError: The store failed; some may be dropped.
    """
    going = old_releases(store.releases(), keep, since)
    dropped: list[Release] = []
    for one in going:
        try:
            if not dry_run:
                store.drop_release(one.number)
        except ReleaseNotFoundError:  # another expiry was faster
            continue
        dropped.append(one)
    return dropped
