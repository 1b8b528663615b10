"""Take a table's mirrors away: what they tell of files holds bounds of values, and names of partitions."""

from __future__ import annotations

from collections.abc import Iterable

from atio_core.log.commit_log import CommitLog
from atio_core.mirrors.delta_log import DeltaLog
from atio_core.mirrors.iceberg_state import IcebergFolder
from atio_core.model.ids import Clock, system_clock
from atio_core.model.tag_name import MIRROR

_TITLES = {"delta": "Delta", "iceberg": "Iceberg"}


def mirrors_of(log: CommitLog, tags: Iterable[str]) -> tuple[str, ...]:
    """Return whose readers a table's mirrors are for, and those that were being made: these have a tag by then.

    Args:
        log: The table's.
        tags: Names of tags that it has.
    """
    latest = log.find_latest()
    if latest is None:
        return ()
    tagged = tuple(tags)
    files = {
        "delta": DeltaLog(log.store, latest.table_id).own_files(),
        "iceberg": IcebergFolder(log.store, latest.table_id, system_clock).own_files(),
    }
    return tuple(
        title
        for kind, title in _TITLES.items()
        if files[kind] or any(name.startswith(f"{MIRROR}{kind}/") for name in tagged)
    )


def remove_mirrors(log: CommitLog, mirrors: Iterable[str], clock: Clock) -> int:
    """Delete the files of a table's mirrors, and see that none comes that was begun before. Their tags stay.

    Args:
        log: The table's.
        mirrors: Which ones.
        clock: Where the time comes from.

    Returns:
        How many files went.
    """
    table_id, gone = log.latest().table_id, 0
    for title in mirrors:
        if title == _TITLES["delta"]:
            gone += DeltaLog(log.store, table_id).erase(clock())
        else:
            gone += IcebergFolder(log.store, table_id, clock).erase()
    return gone
