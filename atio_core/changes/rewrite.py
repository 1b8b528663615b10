"""Files that stand in the places of others: what changes of matching rows, and a compaction, come to.

It rebases over changes that leave the files that it replaces where they are, and add none that it would have had to
read. Else it is to be written again, against the new base. What came in between is found by comparing lists of files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from atio_core.changes.schema import WrittenSchema, add_schema, fits
from atio_core.errors import CommitConflictError, NotFoundError
from atio_core.format.digest import digest
from atio_core.log.change import Rebased
from atio_core.log.file_list import difference, with_added, with_replaced
from atio_core.log.limits import Limits
from atio_core.log.scratch import Readable, Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, Totals
from atio_core.model.manifest import ManifestRef


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Files to be replaced by others.

    Attributes:
        operation: Its name in the history.
        seen: The version that was read.
        store: Where the lists of that version can be read.
        replaced: For the path of each file that goes, those that stand in its place, written with `schema`.
        lists: The paths of that version's manifests that list them.
        behind: Files that come behind all others.
        reads: Whether a file that came meanwhile would have had to be read.
        schema: That of the version that was read, or one that has grown from it.
        content: Digest of what is done to the rows; None if they stay as they are.
        limits: Bounds of an entry.
        may_double: Whether it may bring a primary key that other rows have.
    """

    operation: str
    seen: LogEntry
    store: Readable
    replaced: Mapping[str, Sequence[DataFile]]
    lists: frozenset[str]
    behind: Sequence[DataFile]
    reads: Callable[[DataFile], bool]
    schema: WrittenSchema
    content: str | None
    limits: Limits
    may_double: bool = True

    @property
    def changes_rows(self) -> bool:
        """Whether it makes a new data version."""
        return self.content is not None

    @property
    def adds(self) -> Sequence[DataFile]:
        """The files that it brings along."""
        return [*(file for files in self.replaced.values() for file in files), *self.behind]

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            CommitConflictError: Files that were read are there no more, or others came that would have been.
        """
        self._require_untouched(base, scratch)
        if not self.replaced and not self.behind and self.schema.grown_from is None:
            return None
        entry, number = add_schema(base, self.schema, scratch)
        placed = {path: _with_schema(files, number) for path, files in self.replaced.items()}
        entry = with_replaced(entry, placed, self._may_list, scratch, self.limits)
        entry = with_added(entry, _with_schema(self.behind, number), scratch, self.limits)
        if self.content is not None:
            entry = entry.with_(content=digest(f"{base.content} {self.content}".encode()))
        added = Totals.of(list(self.adds))
        return Rebased(entry, added, base.totals + added - entry.totals)

    def _may_list(self, ref: ManifestRef) -> bool:
        return ref.path in self.lists or all(ref.path != one.path for one in self.seen.manifests)

    def _require_untouched(self, base: LogEntry, scratch: Scratch) -> None:
        if base is self.seen or self._is_untouched(base, scratch):
            return
        table = scratch.location
        raise CommitConflictError(
            f"{self.operation} of {table} was written against version {self.seen.data.version}, and version"
            f" {base.data.version} has other files where it looked; nothing was committed: write it again",
            table=table,
            version=base.version,
            winner=base.version,
            write_again=True,
        )

    def _is_untouched(self, base: LogEntry, scratch: Scratch) -> bool:
        if _manner(self.seen) != _manner(base) or not base.is_there or not fits(base, self.schema):
            return False
        try:
            gone, came = difference(self.seen, base, self.store, scratch)
        except NotFoundError:  # a list of the version that was read has expired
            return False
        return not any(file.path in self.replaced for file in gone) and not any(map(self._would_read, came))

    def _would_read(self, file: DataFile) -> bool:
        return file.schema not in self.seen.schemas or self.reads(file)


def _manner(entry: LogEntry) -> tuple[object, ...]:
    """How rows lie."""
    return entry.kind, entry.partition_fields, entry.sort_by


def _with_schema(files: Sequence[DataFile], number: int) -> list[DataFile]:
    return [replace(file, schema=number) for file in files]
