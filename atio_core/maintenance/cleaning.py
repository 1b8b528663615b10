"""What may be deleted beside the files that an expiry frees at once: leftovers and old entries.

- A leftover is a file in one of atio's folders, with a name that atio gives, that no retained version reaches: a dead
  writer's, a stray's, a crashed expiry's. It may go once its UUID is older than the horizon, for then no commit will
  take it up any more.
- The files of a kept stage may go once the time until which it is kept is before the horizon too, and its records with
  them: from then on nobody can publish it.
- An entry may go if it lies below the latest, outside its ranges, in an older bucket: names in the newest bucket are
  never freed, so that the first name there always is the latest.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from atio_core.errors import NotFoundError
from atio_core.format.names import CLEANED, file_key_of, nested_table_of, stage_id_of
from atio_core.log.commit_log import CommitLog
from atio_core.log.kept import StoredRecord, all_records
from atio_core.maintenance.expiry_report_lines import FileLine
from atio_core.model.ids import uuid7_time_us
from atio_core.model.ranges import VersionRanges


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that no retained version reaches.

    Attributes:
        path: Its name.
        size: Its length in bytes.
        written_us: When its name was made, in microseconds since 1970.
        needed_us: It may go once the horizon is later than this.
    """

    path: str
    size: int
    written_us: int
    needed_us: int


@dataclass(frozen=True, slots=True)
class Unreached:
    """Files in atio's folders, with names that atio gives, that some entries don't reach.

    Attributes:
        paths: Their names, by UUID; but for the records of stages.
        ours: UUIDs and names of those that don't lie in another table's folder, within this one's.
    """

    paths: dict[str, str]
    ours: tuple[tuple[str, str], ...]


def unreached(log: CommitLog, reached: Collection[str]) -> Unreached:
    """Return the files that are not among those that are reached, by their UUIDs."""
    nested: set[str] = set()
    found: list[tuple[str, str]] = []
    for folder in CLEANED:
        for path in log.store.list(f"{folder.rstrip('/')}/"):
            key, other = file_key_of(path), nested_table_of(path)
            if other is not None:
                nested.add(other)
            if key is not None and key not in reached and stage_id_of(path) is None:
                found.append((key, path))
    ours = tuple((key, path) for key, path in found if not any(map(path.startswith, nested)))
    return Unreached(dict(found), ours)


def leftovers(log: CommitLog, files: Iterable[tuple[str, str]]) -> list[Leftover]:
    """Return what is to be known of files that nobody reaches, and the records of kept stages.

    Args:
        log: The table's log.
        files: UUIDs and names.

    Raises:
        DamagedError: A record can't be read, so that nobody knows which files its stage needs.
    """
    records = all_records(log)
    kept = _kept_until(records)
    found = [
        Leftover(one.path, one.size, uuid7_time_us(one.record.staged.id), one.record.until_us)
        for one in records
    ]
    for key, path in files:
        with suppress(NotFoundError):  # another cleaner was faster
            written_us = uuid7_time_us(uuid.UUID(key))
            needed_us = max(written_us, kept.get(key, written_us))
            found.append(Leftover(path, log.store.size(path), written_us, needed_us))
    return found


def file_lines(found: Iterable[Leftover], now_us: int) -> tuple[FileLine, ...]:
    """Return leftovers as lines of a report, by their names."""
    ordered = sorted(found, key=lambda left: left.path)
    return tuple(
        FileLine(left.path, left.size, timedelta(microseconds=now_us - left.written_us)) for left in ordered
    )


def still_needed(log: CommitLog, horizon_us: int) -> frozenset[str]:
    """Return the files of kept stages whose time isn't before a horizon: by their UUIDs, as the records name them now.

    Raises:
        DamagedError: A record can't be read.
    """
    return frozenset(one for one, until_us in _kept_until(all_records(log)).items() if until_us >= horizon_us)


def _kept_until(records: Iterable[StoredRecord]) -> dict[str, int]:
    until: dict[str, int] = {}
    for one in records:
        for file in one.record.files.files:
            key = file_key_of(file.path)
            if key is not None:
                until[key] = max(until.get(key, 0), one.record.until_us)
    return until


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
