"""Take a table's mirrors away: what they tell of files holds bounds of values, and names of partitions."""

from __future__ import annotations

from atio_core.log.commit_log import CommitLog
from atio_core.mirrors.delta_log import DeltaLog
from atio_core.mirrors.iceberg_state import IcebergFolder
from atio_core.model.ids import system_clock


def mirror_files(log: CommitLog) -> dict[str, tuple[str, ...]]:
    """Return the files of the mirrors that a table has, by whose readers they are for."""
    latest = log.find_latest()
    if latest is None:
        return {}
    found = {
        "Delta": tuple(DeltaLog(log.store, latest.table_id).own_files()),
        "Iceberg": tuple(IcebergFolder(log.store, latest.table_id, system_clock).own_files()),
    }
    return {kind: files for kind, files in found.items() if files}


def remove_mirrors(log: CommitLog) -> int:
    """Delete the files of a table's mirrors; returns how many there were. Their tags stay."""
    files = [path for paths in mirror_files(log).values() for path in paths]
    log.store.delete(files)
    return len(files)
