"""The files that a set of versions reaches, by the UUID in their names: data files, manifests, schemas, key lists."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from atio_core.errors import NotFoundError
from atio_core.format.names import file_id_of
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import missing_file, read_paths
from atio_core.model.entry import LogEntry
from atio_core.model.manifest import ManifestRef


@dataclass(frozen=True, slots=True)
class ReachedFile:
    """A file that a version reaches.

    Attributes:
        path: Its name.
        size: Its length in bytes; 0 where no entry says it.
        late: Freed only behind the horizon.
    """

    path: str
    size: int
    late: bool = False


Reached = dict[uuid.UUID, ReachedFile]


class Reach:
    """Reads entries and manifests of a log once each, however often they are asked for.

    A retained entry never changes, so what was read under its number stays true.

    Args:
        log: The table's log.
    """

    def __init__(self, log: CommitLog) -> None:
        self._log = log
        self._entries: dict[int, LogEntry] = {}
        self._manifests: dict[str, list[ReachedFile]] = {}

    def entries(self, base: LogEntry) -> list[LogEntry]:
        """Return the entries that a base retains, oldest first, the base included.

        Raises:
            VersionExpiredError: The base is outdated: another expiry has let one go.
            DamagedError: One is missing or damaged.
        """
        self._entries[base.version] = base
        unread = [version for version in base.retained if version not in self._entries]
        self._entries |= {entry.version: entry for entry in self._log.read_retained(base, unread)}
        return [self._entries[version] for version in base.retained]

    def of(self, entries: Iterable[LogEntry]) -> Reached:
        """Return what these entries reach."""
        reached: Reached = {}
        seen: set[str] = set()
        for entry in entries:
            found = [ReachedFile(file.path, file.size, file.late) for file in entry.files]
            found += [ReachedFile(ref.path, 0) for ref in entry.schemas.values() if ref.path is not None]
            found += [ReachedFile(ref.path, ref.size) for ref in (*entry.manifests, *entry.key_lists)]
            for ref in entry.manifests:
                if ref.path not in seen:
                    seen.add(ref.path)
                    found += self.listed(ref, entry)
            for file in found:
                file_id = file_id_of(file.path)
                if file_id is not None:
                    reached[file_id] = file
        return reached

    def listed(self, ref: ManifestRef, entry: LogEntry) -> list[ReachedFile]:
        """Return the data files that an entry's manifest lists."""
        if ref.path not in self._manifests:
            try:
                self._manifests[ref.path] = [ReachedFile(*one) for one in read_paths(self._log.store, ref)]
            except NotFoundError as error:
                retained = entry.version in self._log.latest().retained
                raise missing_file(self._log.location, entry.version, error, retained=retained) from error
        return self._manifests[ref.path]
