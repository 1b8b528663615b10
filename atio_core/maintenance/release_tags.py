"""Which tags of releases protect nothing any more: their release died before it was made, or was dropped.

A release tags its versions before its entry makes it visible. So a tag without one may be of one in the making, until
its id is older than the horizon. Then its number is taken by a void entry, if it is still free: from then on no release
can be made under it, and only then does the tag go.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from atio_core.format.names import TEMPORARY
from atio_core.log.commit_log import CommitLog
from atio_core.log.store_log import StoreLog
from atio_core.model.entry import ReleaseRef, Tag
from atio_core.model.ids import Clock, uuid7_time_us
from atio_core.storage.locate import above, beside


def dead_release_tags(
    log: CommitLog, tags: Mapping[str, Tag], horizon_us: int, *, settle: bool, clock: Clock
) -> frozenset[str]:
    """Return those tags of releases that no release stands behind any more, nor ever will.

    Args:
        log: The table's log.
        tags: All tags of an entry.
        horizon_us: Younger tags may belong to a release in the making.
        settle: Take the numbers of releases that died. Without, only what would be done is told.
        clock: Where the time comes from.

    Raises:
        DamagedError: The log of releases can't be read.
        StorageError: The store failed.
    """
    stores: dict[tuple[int, str], StoreLog | None] = {}
    dead: set[str] = set()
    for name, tag in tags.items():
        ref = tag.release
        if ref is None or uuid7_time_us(uuid.UUID(ref.entry_id)) >= horizon_us:
            continue
        key = ref.levels, ref.store_id
        if key not in stores:
            stores[key] = store_of(log, ref, clock)
        store = stores[key]
        if store is not None and _is_dead(store, ref, settle=settle):
            dead.add(name)
    return frozenset(dead)


def store_of(log: CommitLog, ref: ReleaseRef, clock: Clock) -> StoreLog | None:
    """Return the releases of the store that a release is of; None if the table lies elsewhere: nobody can tell there.

    Args:
        log: The log of a table that has the release's tag.
        ref: The release.
        clock: Where the time comes from.

    Raises:
        As `dead_release_tags`.
    """
    place = above(log.location, ref.levels)
    if place is None:
        return None
    store = StoreLog(beside(log.store, place, temporary=TEMPORARY), clock)
    latest = store.latest()
    return store if latest is not None and latest.store_id == ref.store_id else None


def _is_dead(store: StoreLog, ref: ReleaseRef, *, settle: bool) -> bool:
    if ref.number not in store.numbers():
        if not settle:
            return True
        store.void(ref.number)
    return store.has_ended(ref.number, ref.entry_id)
