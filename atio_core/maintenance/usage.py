"""How much space each version holds alone, and how much several share.

What a version holds alone is what comes free if it is the only one to go. Manifests are read once each, and who shares
a file is found by manifest where several versions name one: so a long history costs as much as the files that it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from atio_core.amounts import counted, readable_bytes
from atio_core.errors import NotFoundError
from atio_core.log.commit_log import CommitLog
from atio_core.maintenance.cleaning import leftovers, unreached
from atio_core.maintenance.expiry_report_lines import aligned
from atio_core.maintenance.reach import Listed, Reach
from atio_core.model.outline import Outline
from atio_core.times import time_of

if TYPE_CHECKING:
    import pandas as pd

_MANY = -1  # in place of a version: several have it


@dataclass(frozen=True, slots=True)
class VersionUsage:
    """The space that a version needs.

    Attributes:
        version: Its number.
        time: When it was committed (UTC).
        operation: The kind of change.
        rows: Rows in it.
        bytes: Size of its data files, shared or not.
        own_bytes: Size of all files that it alone needs, its log entry among them: what comes free if it goes.
    """

    version: int
    time: datetime
    operation: str
    rows: int
    bytes: int
    own_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "version": self.version,
            "time": self.time.isoformat(),
            "operation": self.operation,
            "rows": self.rows,
            "bytes": self.bytes,
            "own_bytes": self.own_bytes,
        }


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """The outcome of `Table.du`. `print` it.

    Attributes:
        table: The table's path.
        versions: Those that are retained, oldest first.
        shared_bytes: Size of the files that several of them need.
        other_bytes: Size of what none needs: leftovers, entries that are let go. Expiry takes it when it is old enough.
    """

    table: str
    versions: tuple[VersionUsage, ...]
    shared_bytes: int
    other_bytes: int

    @property
    def bytes(self) -> int:
        """Size of everything."""
        return sum(line.own_bytes for line in self.versions) + self.shared_bytes + self.other_bytes

    def __str__(self) -> str:
        """The usage as text: a headline, then the versions as a table."""
        told = (
            f"{self.table}: {readable_bytes(self.bytes)} in {counted(len(self.versions), 'version')};"
            f" {readable_bytes(self.shared_bytes)} shared, {readable_bytes(self.other_bytes)} in no version"
        )
        rows = [("version", "time (UTC)", "operation", "rows", "size", "alone")]
        for line in self.versions:
            time = f"{line.time:%Y-%m-%d %H:%M}"
            sizes = readable_bytes(line.bytes), readable_bytes(line.own_bytes)
            rows.append((str(line.version), time, line.operation, f"{line.rows:,}", *sizes))
        return "\n".join([told, *aligned(rows, left=(1, 2))])

    def to_dict(self) -> dict[str, Any]:
        """Return the usage as plain values, fit for JSON."""
        return {
            "table": self.table,
            "bytes": self.bytes,
            "shared_bytes": self.shared_bytes,
            "other_bytes": self.other_bytes,
            "versions": [line.to_dict() for line in self.versions],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the versions as a pandas frame, oldest first."""
        import pandas as pd

        return pd.DataFrame([line.to_dict() | {"time": line.time} for line in self.versions])


def usage(log: CommitLog) -> DiskUsage:
    """Measure a table.

    Args:
        log: The table's log.

    Raises:
        TableNotFoundError: There is no table.
        VersionExpiredError: An expiry came between; try again.
        DamagedError: An entry or a manifest is missing or damaged.
    """
    latest = log.latest()
    reach = Reach(log)
    entries = reach.entries(latest)
    owners = _owners(reach, entries)
    own = dict.fromkeys({entry.data.version for entry in entries}, 0)
    shared = 0
    for path, (owner, size) in owners.items():
        length = size or _size(log, path)
        if owner == _MANY:
            shared += length
        else:
            own[owner] += length
    for entry in entries:
        own[entry.data.version] += _size(log, log.sequence.names.name(entry.version))
    newest = {entry.data.version: entry for entry in entries}
    left = unreached(log, reach.keys(entries)).ours
    others = [one.size for one in leftovers(log, left)]
    retained = {entry.version for entry in entries}
    others += [_size(log, log.sequence.names.name(n)) for n in log.sequence.numbers() if n not in retained]
    lines = (_line(entry, own[version]) for version, entry in sorted(newest.items()))
    return DiskUsage(log.location, tuple(lines), shared, sum(others))


def _owners(reach: Reach, entries: Iterable[Outline]) -> dict[str, tuple[int, int]]:
    """For each file the version that alone needs it, or `_MANY`; and its size, 0 if no entry says it."""
    files: dict[str, tuple[int, int]] = {}
    manifests: dict[str, int] = {}
    listed: dict[str, Listed] = {}

    def add(path: str, size: int, owner: int) -> None:
        before, known = files.get(path, (owner, size))
        files[path] = owner if before == owner else _MANY, known or size

    for entry in entries:
        version = entry.data.version
        for ref in entry.manifests:
            manifests[ref.path] = version if manifests.get(ref.path, version) == version else _MANY
            listed.setdefault(ref.path, reach.listed(ref, entry))
            add(ref.path, ref.size, version)
        for file in entry.named_beside_manifests:
            add(file.path, file.size, version)
    for path, owner in manifests.items():
        for file_path, size, _ in listed[path]:
            add(file_path, size, owner)
    return files


def _size(log: CommitLog, path: str) -> int:
    with suppress(NotFoundError):  # let go meanwhile
        return log.store.size(path)
    return 0


def _line(entry: Outline, own_bytes: int) -> VersionUsage:
    data, totals = entry.data, entry.totals
    time = time_of(data.time_us)
    return VersionUsage(data.version, time, data.operation, totals.rows, totals.bytes, own_bytes)
