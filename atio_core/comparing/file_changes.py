"""What two versions' files differ in, and which of them have to be read to compare the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atio_core.data.schema.conform import field_id
from atio_core.log.file_list import difference, files_of
from atio_core.model.data_file import DataFile
from atio_core.model.entry import Totals
from atio_core.model.manifest import partition_key
from atio_core.reading.selection import Version

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class FileChanges:
    """Files, rows and bytes of two versions: see `Totals`.

    Attributes:
        added: Of the files that only the later one has.
        removed: Of those that only the earlier one has.
        shared: Of those that both have, which aren't read.
    """

    added: Totals
    removed: Totals
    shared: Totals

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {
            name: {"files": one.files, "rows": one.rows, "bytes": one.bytes}
            for name, one in (("added", self.added), ("removed", self.removed), ("shared", self.shared))
        }


@dataclass(frozen=True, slots=True)
class Differing:
    """The files of two versions whose rows have to be compared, in the order of their rows."""

    before: Sequence[DataFile]
    after: Sequence[DataFile]


def file_changes(before: Version, after: Version) -> tuple[FileChanges, Differing]:
    """Return what the files of two versions differ in, and those that have to be read.

    Manifests that both name aren't opened. Files of the same bytes, under two names, needn't be read.

    Raises:
        VersionExpiredError: One of the versions has expired meanwhile.
    """
    old, new = before.entry, after.entry
    hidden = _ids(after.source.schema) - _ids(before.source.schema)
    with before.explaining_missing(), after.explaining_missing():
        gone, came = difference(old, new, before.source.store, after.source.store)
        shown = _shown_otherwise(before, after, hidden, {file.path for file in came})
    removed, added = Totals.of(gone), Totals.of(came)
    told = FileChanges(added, removed, new.totals - added)
    is_split = any(field.column is None for field in (*old.partition_fields, *new.partition_fields))
    skipped = _equal(
        [file for file in gone if not _holds(before, file, hidden)],
        [file for file in came if not _holds(after, file, hidden)],
        is_split=is_split,
    )
    left = [[file for file in files if file.path not in skipped] for files in (gone, came)]
    return told, Differing([*shown, *left[0]], [*shown, *left[1]])


def _equal(gone: Sequence[DataFile], came: Sequence[DataFile], *, is_split: bool) -> set[str]:
    """The paths of files of the same bytes on both sides, as often as both have them."""

    def known(file: DataFile) -> tuple[object, ...]:
        return file.digest, file.size, partition_key(file.partition) if is_split else ()

    both = Counter(map(known, gone)) & Counter(map(known, came))
    found: set[str] = set()
    for files in (gone, came):
        left = both.copy()
        for file in files:
            if left[known(file)] > 0:
                left[known(file)] -= 1
                found.add(file.path)
    return found


def _shown_otherwise(
    before: Version, after: Version, hidden: set[int | None], came: set[str]
) -> list[DataFile]:
    """The files of both versions that hold values of a column which the later one has and the earlier one hasn't.

    So it is once a version is restored from before a column was dropped.
    """
    both = before.source.schemas.keys() & after.source.schemas.keys()
    holding = {number for number in both if _ids(before.source.schemas[number]) & hidden}
    if not holding:
        return []
    files = files_of(after.source.store, after.entry, lambda ref: not ref.schema or ref.schema in holding)
    return [file for file in files if file.schema in holding and file.path not in came]


def _holds(version: Version, file: DataFile, columns: set[int | None]) -> bool:
    """Whether a file may hold values of one of these columns."""
    kept = version.source.schemas.get(file.schema)  # one that isn't known is damage, which is told on reading
    return kept is not None and bool(_ids(kept) & columns)


def _ids(schema: pa.Schema) -> set[int | None]:
    return {field_id(field) for field in schema}
