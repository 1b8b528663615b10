"""What may be deleted beside the files that an expiry frees at once: leftovers and old entries.

- A leftover is a file in one of atio's folders, with a name that atio gives, that no retained version reaches: a dead
  writer's, a stray's, a crashed expiry's. It may go once its UUID is older than the horizon, for then no commit will
  take it up any more.
- An entry may go if it lies below the latest, outside its ranges, in an older bucket: names in the newest bucket are
  never freed, so that the first name there always is the latest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from atio_core.errors import NotFoundError
from atio_core.format.names import CLEANED, file_id_of, without_nested_tables
from atio_core.log.commit_log import CommitLog
from atio_core.maintenance.reach import Reached
from atio_core.model.ids import uuid7_time_us
from atio_core.model.ranges import VersionRanges
from atio_core.storage.base import ObjectStore


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that no retained version reaches.

    Attributes:
        path: Its name.
        size: Its length in bytes.
        written_us: When its name was made, in microseconds since 1970.
    """

    path: str
    size: int
    written_us: int


def leftovers(store: ObjectStore, reached: Reached) -> list[Leftover]:
    """Return the files that are not reached, in the order of their names."""
    found: list[Leftover] = []
    for folder in CLEANED:
        for path in without_nested_tables(store.list(f"{folder.rstrip('/')}/")):
            file_id = file_id_of(path)
            if file_id is None or file_id in reached:
                continue
            try:
                found.append(Leftover(path, store.size(path), uuid7_time_us(file_id)))
            except NotFoundError:
                continue  # another cleaner was faster
    return found


def old_entries(log: CommitLog, version: int, retained: VersionRanges) -> list[int]:
    """Return the numbers of the entries that an entry on the chain lets go and whose names may be freed.

    Args:
        log: The table's log.
        version: The number of the entry that lets go.
        retained: What it retains.
    """
    names = log.sequence.names
    bucket = names.bucket(version)
    return [
        number
        for number in log.sequence.numbers()
        if names.bucket(number) < bucket and number not in retained
    ]


def delete_entries(log: CommitLog, numbers: Iterable[int]) -> int:
    """Delete log entries; returns how many there were."""
    names = [log.sequence.names.name(number) for number in numbers]
    return len(names) - len(log.store.delete(names))
