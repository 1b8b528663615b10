"""The files that versions reach: data files, manifests, schemas, key lists. Known by the UUIDs in their names.

Tables may have millions of files and thousands of versions, so all that is kept of a file is its UUID, as text; and the
manifests of versions that go are read only while something lies there that no version that stays reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from atio_core.errors import DamagedError, NotFoundError
from atio_core.format.names import file_key_of
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import missing_file, read_paths
from atio_core.model.entry import LogEntry
from atio_core.model.manifest import ManifestRef
from atio_core.model.outline import NamedFile, Outline

Listed = list[tuple[str, int, bool]]
"""Path, size and `late` of files."""


class Reach:
    """Reads entries of a log once each, and the manifests of those that stay, however often they are asked for.

    A retained entry never changes, so what was read under its number stays true.

    Args:
        log: The table's log.

    Attributes:
        location: The table's, for messages.
    """

    def __init__(self, log: CommitLog) -> None:
        self._log = log
        self.location = log.location
        self._entries: dict[int, Outline] = {}
        self._keys: dict[str, list[str]] = {}

    def entries(self, base: LogEntry) -> list[Outline]:
        """Return the entries that a base retains, oldest first, the base included.

        Raises:
            VersionExpiredError: The base is outdated: another expiry has let one go.
            DamagedError: One is missing or damaged.
        """
        self._entries[base.version] = Outline.of(base)
        unread = [version for version in base.retained if version not in self._entries]
        self._entries |= {entry.version: entry for entry in self._log.outline_retained(base, unread)}
        return [self._entries[version] for version in base.retained]

    def keys(self, entries: Iterable[Outline]) -> set[str]:
        """Return the UUIDs of all files that these entries reach.

        Raises:
            DamagedError: A manifest is missing or damaged, so that nobody knows.
            VersionExpiredError: So it is, and its version isn't retained any more.
        """
        reached: set[str] = set()
        seen: set[str] = set()
        for entry in entries:
            paths = [file.path for file in entry.named_beside_manifests]
            for ref in entry.manifests:
                if ref.path not in seen:
                    seen.add(ref.path)
                    paths.append(ref.path)
                    reached.update(self._keys_of(ref, entry))
            reached.update(filter(None, map(file_key_of, paths)))
        return reached

    def among(self, there: Mapping[str, str], entries: Iterable[Outline]) -> dict[str, NamedFile]:
        """Return which of some files these entries reach; not what only damaged manifests list.

        Args:
            there: Paths by UUID. No entry that stays reaches them.
            entries: Those that go.

        Raises:
            VersionExpiredError: A manifest is missing, since its version isn't retained any more.
        """
        lists: dict[str, tuple[ManifestRef, Outline]] = {}
        named: dict[str, NamedFile] = {}
        for entry in entries:  # most name what the one before names
            lists.update((ref.path, (ref, entry)) for ref in entry.manifests if ref.path not in lists)
            named.update((file.path, file) for file in entry.named_beside_manifests)
        named.update((path, NamedFile(path, ref.size)) for path, (ref, _) in lists.items())
        found = {key: file for path, file in named.items() if (key := file_key_of(path) or "") in there}
        for ref, entry in lists.values():
            if len(found) == len(there):
                break
            # A manifest that a version that stays reaches lists none of these files.
            if file_key_of(ref.path) in there:
                with suppress(DamagedError):
                    for path, size, late in self.listed(ref, entry):
                        if (key := file_key_of(path) or "") in there:
                            found[key] = NamedFile(path, size, late)
        return found

    def _keys_of(self, ref: ManifestRef, entry: Outline) -> list[str]:
        if ref.path not in self._keys:
            keys = (file_key_of(path) for path, _, _ in self.listed(ref, entry))
            self._keys[ref.path] = [key for key in keys if key]
        return self._keys[ref.path]

    def listed(self, ref: ManifestRef, entry: Outline) -> Listed:
        """Return the data files that an entry's manifest lists.

        Raises:
            DamagedError: It is missing or damaged.
            VersionExpiredError: It is missing, and its version isn't retained any more.
        """
        try:
            return read_paths(self._log.store, ref)
        except NotFoundError as error:
            retained = entry.version in self._log.latest().retained
            raise missing_file(self._log.location, entry.version, error, retained=retained) from error
