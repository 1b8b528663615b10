"""An overwrite by what is there already: the new version names the files of the latest again, or no version is made.

Rows are what is there if their content, their schema, their partitions and what belongs to the pieces (an index's
bounds, `attrs`) are the same, and if the files still hold what was written: so writing again mends a damaged version.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from atio_core.changes.arrangement import Arrangement
from atio_core.changes.schema import WrittenSchema
from atio_core.changes.writing import Writing, Written
from atio_core.data.content import content_digest
from atio_core.data.frames import Piece, slice_info
from atio_core.data.labels import canonical_json
from atio_core.data.object_files.read import StoredFile
from atio_core.errors import CommitConflictError
from atio_core.log.change import Rebased
from atio_core.log.file_list import files_of
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS, LogEntry
from atio_core.model.manifest import partition_key


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Rows that are there already.

    Attributes:
        seen: The data version that has them.
        skip: Make no version.
    """

    seen: int
    skip: bool
    adds: tuple[DataFile, ...] = field(default=(), init=False)
    operation: str = field(default="overwrite", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            CommitConflictError: With `write_again`: the base is of another data version.
        """
        if base.data.version != self.seen:
            raise CommitConflictError(
                f"{self.operation} of {scratch.location} found its rows in version {self.seen}, which is no longer the"
                " latest; nothing was committed: write the data again",
                table=scratch.location,
                version=base.version,
                winner=base.version,
                write_again=True,
            )
        return None if self.skip else Rebased(base)


def find_unchanged(writing: Writing, piece: Piece, schema: WrittenSchema, arrangement: Arrangement) -> bool:
    """Say whether the latest has just the rows of a piece, before they are written.

    Rows that are split or sorted are looked at afterwards.

    Args:
        writing: Against which version.
        piece: All rows, with ids.
        schema: Theirs.
        arrangement: Where they would go.
    """
    rows, base = piece.table, writing.base
    is_split = arrangement.fields or arrangement.sort_by
    if is_split or rows.num_rows != base.totals.rows or not _may_be(writing, schema, arrangement):
        return False
    if content_digest(rows) != base.content:
        return False
    there, start = files_of(writing.store, base), 0
    for file in there:
        info = {**slice_info(piece.info, start, file.rows), "content": base.content}
        if canonical_json(info) != canonical_json(file.piece):
            return False
        start += file.rows
    return _are_intact(writing, there)


def is_unchanged(writing: Writing, written: Written, schema: WrittenSchema, arrangement: Arrangement) -> bool:
    """Say whether the latest has just the rows that were written now, file by file."""
    if written.content != writing.base.content or not _may_be(writing, schema, arrangement):
        return False
    there = files_of(writing.store, writing.base)
    return _told(there) == _told(written.files) and _are_intact(writing, there)


def _may_be(writing: Writing, schema: WrittenSchema, arrangement: Arrangement) -> bool:
    base = writing.base
    return (
        writing.may_share
        and base.is_there
        and base.kind == ROWS
        and base.schemas[base.schema].digest == schema.digest
        and (base.partition_fields, base.sort_by) == (arrangement.fields, arrangement.sort_by)
    )


def _told(files: Iterable[DataFile]) -> list[tuple[str, int, bytes]]:
    return sorted(
        (repr(partition_key(file.partition)), file.rows, canonical_json(file.piece)) for file in files
    )


def _are_intact(writing: Writing, files: Iterable[DataFile]) -> bool:
    return all(StoredFile(writing.store, file).is_intact() for file in files)
