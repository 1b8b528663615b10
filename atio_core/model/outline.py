"""What cleaning needs to know of a version: which files its entry names, and what a report tells. Kept by thousands."""

from __future__ import annotations

from dataclasses import dataclass

from atio_core.model.entry import DataVersion, LogEntry, Totals
from atio_core.model.manifest import ManifestRef


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that an entry names.

    Attributes:
        path: Its name.
        size: Its length in bytes; 0 where no entry says it.
        late: Freed only behind the horizon.
    """

    path: str
    size: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """A log entry, without what only readers and writers of rows need.

    Attributes:
        table_id: As in `LogEntry`, and so the following.
        version: The entry's number.
        commit_id: 32 hexadecimal digits.
        data: The data version, without message and properties.
        totals: Files, rows and bytes of the version.
        manifests: References to manifests, without bounds.
        files: The data files that it lists itself.
        schemas: The schemas that lie in files.
        other_lists: The lists of keys, and that of tags.
        reader_features: What a reader must know.
    """

    table_id: str
    version: int
    commit_id: str
    data: DataVersion
    totals: Totals
    manifests: tuple[ManifestRef, ...]
    files: tuple[NamedFile, ...]
    schemas: tuple[NamedFile, ...]
    other_lists: tuple[NamedFile, ...]
    reader_features: tuple[str, ...]

    @classmethod
    def of(cls, entry: LogEntry) -> Outline:
        """Return the outline of an entry."""
        return cls(
            table_id=entry.table_id,
            version=entry.version,
            commit_id=entry.commit_id,
            data=entry.data,
            totals=entry.totals,
            manifests=entry.manifests,
            files=tuple(NamedFile(file.path, file.size, file.late) for file in entry.files),
            schemas=tuple(NamedFile(ref.path, 0) for ref in entry.schemas.values() if ref.path is not None),
            other_lists=tuple(NamedFile(ref.path, ref.size) for ref in entry.other_lists),
            reader_features=entry.reader_features,
        )

    @property
    def named_beside_manifests(self) -> tuple[NamedFile, ...]:
        """All files that the entry names itself, but for its manifests."""
        return (*self.files, *self.schemas, *self.other_lists)
