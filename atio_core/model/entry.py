"""A version as the log keeps it: self-contained, so that any set of older entries can be dropped.

`docs/format.md` describes every field as it is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from atio_core.model.data_file import DataFile
from atio_core.model.manifest import ManifestRef
from atio_core.model.ranges import VersionRanges

ROWS = "table"
"""The kind of a version that holds rows; any other is an object's."""
OBJECTS = "objects"
"""The feature that whoever reads a version of an object has to know."""
TAG_LIST = "tag_list"
"""The feature that whoever reads a version whose tags lie in a list has to know, to tell which there are."""
SORTED = "sorted"
"""The feature that whoever writes into a table that keeps its rows sorted has to know."""
PRIMARY_KEY = "primary_key"
"""The feature that whoever commits after a version whose rows have a primary key has to know."""

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of a set of data files."""

    files: int = 0
    rows: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, files: tuple[DataFile, ...] | list[DataFile]) -> Totals:
        """Return the counts of these files."""
        return cls(len(files), sum(f.rows for f in files), sum(f.size for f in files))

    def __add__(self, other: Totals) -> Totals:
        """Return both together."""
        return Totals(self.files + other.files, self.rows + other.rows, self.bytes + other.bytes)

    def __sub__(self, other: Totals) -> Totals:
        """Return what stays when `other` goes."""
        return Totals(self.files - other.files, self.rows - other.rows, self.bytes - other.bytes)


@dataclass(frozen=True, slots=True)
class SchemaRef:
    """An Arrow schema: inline (compressed bytes) or by the name of its file; `digest` is that of the plain bytes."""

    digest: str
    inline: bytes | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class PartitionField:
    """One dimension of a partitioning: a column by its id, or external (the value stands in the records only)."""

    name: str
    column: int | None = None

    @property
    def ref(self) -> int | str:
        """What a filter's predicate calls it."""
        return self.name if self.column is None else self.column


@dataclass(frozen=True, slots=True)
class ReleaseRef:
    """Which release a tag belongs to.

    Attributes:
        levels: How many folders above the table its store is.
        store_id: The store's: a table that was copied elsewhere may lie below another one.
        number: The release's.
        entry_id: That of its entry.
    """

    levels: int
    store_id: str
    number: int
    entry_id: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A name that protects a version from expiry, for good or until a time, or as long as a release stands."""

    version: int
    until_us: int | None = None
    release: ReleaseRef | None = None


@dataclass(frozen=True, slots=True)
class TagListRef:
    """An immutable list of so many tags."""

    path: str
    digest: str
    size: int
    count: int


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a table as an entry holds them: what changed since a list was written, and the list.

    Attributes:
        named: Tags that the list lacks or has otherwise; all if there is no list.
        gone: Names in the list that are no tags any more.
        older: The list.
    """

    named: dict[str, Tag] = field(default_factory=dict[str, Tag])
    gone: tuple[str, ...] = ()
    older: TagListRef | None = None


@dataclass(frozen=True, slots=True)
class Recent:
    """Commit ids and idempotency keys (as 16-byte digests) of the last commits, the newest first.

    Position `i` belongs to version `newest - i`, `newest` being the entry's own version. A commit without a key has
    `NO_KEY`.
    """

    commits: tuple[bytes, ...] = ()
    keys: tuple[bytes, ...] = ()
    times_us: tuple[int, ...] = ()


NO_KEY = bytes(16)


@dataclass(frozen=True, slots=True)
class KeyListRef:
    """An immutable sorted list of older commit ids and keys, with the versions and times that it spans."""

    path: str
    digest: str
    size: int
    count: int
    first_version: int
    last_version: int
    first_time_us: int
    last_time_us: int


@dataclass(frozen=True, slots=True)
class DataVersion:
    """What a data version says of itself; an entry that keeps the rows carries it on."""

    version: int
    time_us: int
    operation: str
    message: str | None = None
    properties: dict[str, str] = field(default_factory=dict[str, str])
    added: Totals = field(default_factory=Totals)
    removed: Totals = field(default_factory=Totals)
    who: str | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One version of a table.

    Attributes:
        table_id: The same in every entry of a table.
        version: Number of the entry; the first is 1, and 0 stands for a table that isn't there yet.
        commit_id: 32 hexadecimal digits, unique to the commit.
        parent_commit_id: That of the entry before.
        clock_us: The writer's clock, in microseconds since 1970.
        time_us: The version's time: the clock's, but never before the parent's.
        operation: The kind of change: "append", "overwrite", …
        data: The newest data version at or before this entry; its `version` is this entry's own for a change of rows.
        kind: "table" for rows, or, without a schema, for none: the table was dropped; other kinds hold objects.
        schema: Number of the current schema in `schemas`; 0 for none.
        schemas: Every schema that a file of this version was written with.
        last_schema: The highest schema number ever given.
        last_column: The highest column id ever given.
        partition_fields: How rows are split over folders.
        sort_by: Ids of the columns that the rows of each write are sorted by, within their partition.
        manifests: Lists of older data files, in the order of their rows.
        files: The newest data files.
        totals: Files, rows and bytes of the version.
        content: Digest of the values, whatever the files.
        tags: Named versions, or what changed of them since a list was written: see `TagLists`.
        retained: The versions that can be read, this one included.
        horizon_us: Files older than this that no retained version names may be deleted, and are never committed.
        grace_us: How far an expiry's horizon lies behind its clock.
        retention: The rules by which versions are kept, as `Retention.to_dict` says them; empty for none.
        key_retention_us: How long an idempotency key is remembered.
        recent: The last commit ids and keys.
        key_lists: Lists of the older ones, oldest first.
        reader_features: Names of what a reader must know to read this version.
        writer_features: Names of what a writer must know to commit after it.
    """

    table_id: str
    version: int
    commit_id: str
    parent_commit_id: str | None
    clock_us: int
    time_us: int
    operation: str
    data: DataVersion
    kind: str = ROWS
    schema: int = 0
    schemas: dict[int, SchemaRef] = field(default_factory=dict[int, SchemaRef])
    last_schema: int = 0
    last_column: int = 0
    partition_fields: tuple[PartitionField, ...] = ()
    sort_by: tuple[int, ...] = ()
    manifests: tuple[ManifestRef, ...] = ()
    files: tuple[DataFile, ...] = ()
    totals: Totals = field(default_factory=Totals)
    content: str | None = None
    tags: Tags = field(default_factory=Tags)
    retained: VersionRanges = field(default_factory=VersionRanges)
    horizon_us: int = 0
    grace_us: int = HOUR_US
    retention: dict[str, int] = field(default_factory=dict[str, int])
    key_retention_us: int = 30 * DAY_US
    recent: Recent = field(default_factory=Recent)
    key_lists: tuple[KeyListRef, ...] = ()
    reader_features: tuple[str, ...] = ()
    writer_features: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether there is a table: not before its first version, nor after it was dropped."""
        return self.version > 0 and (self.schema > 0 or self.kind != ROWS)

    @property
    def other_lists(self) -> tuple[KeyListRef | TagListRef, ...]:
        """The lists that it names beside manifests: of keys, and of tags."""
        return self.key_lists if self.tags.older is None else (*self.key_lists, self.tags.older)

    def with_(self, **changes: Any) -> LogEntry:
        """Return a copy with other fields."""
        return replace(self, **changes)

    def tagged(self, tags: Tags) -> LogEntry:
        """Return a copy with other tags; whoever reads it has to know lists of tags, or needn't."""
        others = tuple(name for name in self.reader_features if name != TAG_LIST)
        features = others if tags.older is None else (*others, TAG_LIST)
        return replace(self, tags=tags, reader_features=features)

    def of_kind(self, kind: str) -> LogEntry:
        """Return a copy that holds what this kind says; whoever reads it has to know objects, or needn't."""
        others = tuple(name for name in self.reader_features if name != OBJECTS)
        return replace(self, kind=kind, reader_features=others if kind == ROWS else (*others, OBJECTS))

    def arranged(self, fields: tuple[PartitionField, ...], sort_by: tuple[int, ...]) -> LogEntry:
        """Return a copy whose rows are split and sorted so; whoever writes has to know, if they are sorted."""
        arranged = replace(self, partition_fields=fields, sort_by=sort_by)
        return arranged.with_feature(SORTED, needed=bool(sort_by))

    def with_feature(self, name: str, *, needed: bool) -> LogEntry:
        """Return a copy that writers need a feature for, or don't."""
        others = tuple(one for one in self.writer_features if one != name)
        return replace(self, writer_features=(*others, name) if needed else others)

    def holding(self, files: tuple[DataFile, ...]) -> LogEntry:
        """Return a copy to read these of its files by, and nothing else: as small as can be."""
        needed = {self.schema, *(file.schema for file in files)}
        return replace(
            self,
            schemas={number: ref for number, ref in self.schemas.items() if number in needed},
            manifests=(),
            files=files,
            totals=Totals.of(files),
            content=None,
            tags=Tags(),
            retained=VersionRanges(),
            recent=Recent(),
            key_lists=(),
        )

    def emptied(self, kind: str) -> LogEntry:
        """Return a copy that holds nothing of what an overwrite replaces, and is of this kind."""
        return (
            self.of_kind(kind)
            .arranged((), ())
            .with_(
                schema=0,
                schemas={},
                manifests=(),
                files=(),
                totals=Totals(),
                content=None,
            )
        )


def empty_entry(table_id: str) -> LogEntry:
    """Return version 0: what the first commit of a table is based on."""
    return LogEntry(
        table_id=table_id,
        version=0,
        commit_id="",
        parent_commit_id=None,
        clock_us=0,
        time_us=0,
        operation="none",
        data=DataVersion(0, 0, "none"),
    )
