"""An overwrite by what is there already: the new version names the files of the latest again, or no version is made.

Partitions that are replaced by what they hold keep their files, each by itself.

Rows are what is there if their content, their schema, their partitions and what belongs to the pieces (an index's
bounds, `attrs`) are the same, and if the files still hold what was written: so writing again mends a damaged version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import pyarrow as pa

from atio_core.changes.arrangement import Arrangement
from atio_core.changes.schema import WrittenSchema, read_schema
from atio_core.changes.writing import Writing, Written
from atio_core.cores import CORES
from atio_core.data.digests.content import ContentDigest, content_digest
from atio_core.data.frames.frames import Piece, slice_info
from atio_core.data.object_files.read import StoredFile
from atio_core.data.scan.scan import scan_portions
from atio_core.data.scan.small_files import neighbours
from atio_core.data.scan.source import Source
from atio_core.data.schema.labels import canonical_json
from atio_core.data.schema.layout import layout_of
from atio_core.data.schema.pieces import Pieces, has_default_index, merged_info
from atio_core.data.undoing import undo
from atio_core.errors import CommitConflictError, DamagedError, NotFoundError
from atio_core.log.change import Change, Rebased
from atio_core.log.file_list import files_of
from atio_core.log.scratch import Readable, Scratch
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import ROWS, LogEntry, Totals
from atio_core.model.manifest import may_hold, partition_key

_Found = TypeVar("_Found")
IfUnchanged = Literal["commit", "skip"]
"""What becomes of an overwrite by the rows that are there: a version that shares their files, or none."""

_LEAST_BYTES = 4 << 20  # to be read again: less isn't worth a thread
_FEW_BYTES = 64 << 20  # of rows that are read only to see whether they are those that are written
_WORKERS = min(8, CORES)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Rows that are there already.

    Attributes:
        seen: The data version that has them.
        skip: Make no version.
        content: The digest of the rows.
        fallback: What is done if that isn't the latest any more; None if nothing is written for it.
    """

    seen: int
    skip: bool
    content: str
    fallback: Change | None = None
    operation: str = field(default="overwrite", init=False)
    changes_rows: bool = field(default=True, init=False)

    @property
    def adds(self) -> Sequence[DataFile]:
        """See `Change`."""
        return self.fallback.adds if self.fallback else ()

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            CommitConflictError: With `write_again`: the base is of another data version, and nothing is written for it.
            What `fallback` raises.
        """
        if base.data.version != self.seen and self.fallback:
            return self.fallback.rebase(base, scratch)
        if base.data.version != self.seen:
            raise CommitConflictError(
                f"{self.operation} of {scratch.location} found its rows in version {self.seen}, which is no longer the"
                " latest; nothing was committed: write the data again",
                table=scratch.location,
                version=base.version,
                winner=base.version,
                write_again=True,
            )
        told = base.with_(content=self.content)
        return None if self.skip else Rebased(told, unused=[file.path for file in self.adds])


def find_unchanged(
    writing: Writing, piece: Piece, schema: WrittenSchema, arrangement: Arrangement
) -> str | None:
    """Return the digest of a piece if the latest has just its rows, before they are written; else None.

    Rows that are split are looked at afterwards.

    Args:
        writing: Against which version.
        piece: All rows, with ids, in the order in which they would lie.
        schema: Theirs.
        arrangement: Where they would go.
    """
    rows, base = piece.table, writing.base
    if (
        arrangement.fields
        or rows.num_rows != base.totals.rows
        or not may_be_there(writing, schema, arrangement)
    ):
        return None
    content, there = content_digest(rows), _files_there(writing)
    if there is None:
        return None
    if content == base.content and _are_in_order(there, content):
        same = _are_cut_from(piece, there) and _are_intact(writing, there)
    else:
        told = [(rows.num_rows, piece.info)]
        same = _tells_changes(base) and hold_the_same(_whole_source(writing), there, told, content)
    return content if same else None


def _are_cut_from(piece: Piece, files: Sequence[DataFile]) -> bool:
    start = 0
    for file in files:
        told = {key: one for key, one in file.piece.items() if key != "content"}  # of a stretch, maybe
        if canonical_json(slice_info(piece.info, start, file.rows)) != canonical_json(told):
            return False
        start += file.rows
    return True


def is_unchanged(writing: Writing, written: Written, schema: WrittenSchema, arrangement: Arrangement) -> bool:
    """Say whether the latest has just the rows that were written now, whatever files they are cut into."""
    if not may_be_there(writing, schema, arrangement):
        return False
    there = _files_there(writing)
    if there is None:
        return False
    ordered = bool(arrangement.fields) or _are_in_order(there, written.content)
    if written.content != writing.base.content or not ordered:
        may_be = not arrangement.fields and _tells_changes(writing.base)
        new = _pieces(written.files)
        return may_be and hold_the_same(_whole_source(writing), there, new, written.content)
    if _told(there) != _told(written.files):
        if arrangement.fields:  # each is looked at by itself
            return False
        if not _tell_the_same(own_source(writing).schema, _pieces(there), _pieces(written.files)):
            return False
    return _are_intact(writing, there)


def _are_in_order(files: Sequence[DataFile], content: str) -> bool:
    """Say whether files lie as rows of this content were written: those of a compaction, which may sort, don't."""
    return all(file.piece.get("content") == content for file in files)


def _files_there(writing: Writing) -> Sequence[DataFile] | None:
    """Return the latest's files; None if their list is lost: an overwrite doesn't need it, and mends the table."""
    try:
        return files_of(writing.store, writing.base)
    except (DamagedError, NotFoundError):
        return None


def _tells_changes(base: LogEntry) -> bool:
    """Say whether the digest of a version's content may be of what was done to its rows, instead of the rows.

    After an overwrite it is of the rows, so that those needn't be read; but for one of the rows that matched, which
    looks the same: few rows are read to be sure, where their files don't tell.
    """
    return base.data.operation != "overwrite" or base.totals.bytes <= _FEW_BYTES


def lie_there(writing: Writing, files: Sequence[DataFile]) -> bool:
    """Say whether these, of which there are some, are the latest's files, in their order."""
    base = writing.base
    if not files or base.kind != ROWS or Totals.of(list(files)) != base.totals:
        return False
    return [file.path for file in files] == [file.path for file in files_of(writing.store, base)]


@dataclass(frozen=True, slots=True)
class SharedPartitions:
    """Partitions that hold just the rows that are to replace theirs: they needn't be replaced while they do.

    Attributes:
        seen: The data version in which they do.
        files: By a partition's values its files.
    """

    seen: int = 0
    files: Mapping[tuple[Scalar, ...], Sequence[DataFile]] = field(default_factory=dict[Any, Any])

    def held_in(
        self, base: LogEntry, scratch: Scratch, written: Collection[tuple[Scalar, ...]]
    ) -> frozenset[tuple[Scalar, ...]]:
        """Return the partitions that a base has just so.

        Args:
            base: The version.
            scratch: Its lists.
            written: The partitions whose rows are written, too, should others be there.

        Raises:
            CommitConflictError: With `write_again`: one that isn't written may hold others there.
        """
        if not self.files or base.data.version == self.seen:
            return frozenset(self.files)
        there = files_by_partition(scratch, base, self.files)
        held = frozenset(
            values
            for values, files in self.files.items()
            if _paths(there.get(partition_key(values), ())) == _paths(files)
        )
        if not (self.files.keys() - held).issubset(written):
            raise CommitConflictError(
                f"overwrite_partitions of {scratch.location} found its rows in version {self.seen}, and other files"
                " are there by now; nothing was committed: write the data again",
                table=scratch.location,
                version=base.version,
                winner=base.version,
                write_again=True,
            )
        return held

    def instead_of(self, written: Sequence[DataFile]) -> list[DataFile]:
        """Return files that were written, in their order, with the shared ones of a partition in the place of its own.

        Returns none if nothing is shared.
        """
        shared = {partition_key(values): files for values, files in self.files.items()}
        if not shared:
            return []
        placed, keys = list[DataFile](), frozenset(shared)
        for file in written:
            key = partition_key(file.partition)
            placed += shared.pop(key, ()) if key in keys else [file]
        return placed


def shared_partitions(
    writing: Writing, written: Written, schema: WrittenSchema, arrangement: Arrangement
) -> SharedPartitions:
    """Return the partitions that hold just the rows in the latest that were written for them.

    Args:
        writing: Against which version.
        written: What was written.
        schema: Of its rows.
        arrangement: Where they lie.
    """
    base = writing.base
    if not written.partitions or not may_be_there(writing, schema, arrangement):
        return SharedPartitions(base.data.version)
    there = files_by_partition(writing.store, base, written.partitions)
    new: dict[tuple[str, ...], list[DataFile]] = {}
    for file in written.files:
        new.setdefault(partition_key(file.partition), []).append(file)
    source = own_source(writing)
    found: dict[tuple[Scalar, ...], Sequence[DataFile]] = {}
    for values in written.partitions:
        key = partition_key(values)
        files = new.get(key, [])
        contents = {file.piece["content"] for file in files}  # that of all of them together
        told = [(file.rows, file.piece) for file in files]
        if key in there and contents and hold_the_same(source, there[key], told, *contents):
            found[values] = there[key]
    return SharedPartitions(base.data.version, found)


def or_undone(
    look: Callable[[Writing, Written, WrittenSchema, Arrangement], _Found],
    writing: Writing,
    written: Written,
    schema: WrittenSchema,
    arrangement: Arrangement,
) -> _Found:
    """Return what is found of rows that are written; if that fails, their files go."""
    try:
        return look(writing, written, schema, arrangement)
    except BaseException as error:
        undo(lambda: writing.store.delete([file.path for file in written.files]), error)
        raise


def own_source(writing: Writing) -> Source:
    """Return where the rows of the latest lie, of its own schema alone: files of others can't be shared by parts."""
    source = _whole_source(writing)
    return replace(source, schemas={writing.base.schema: source.schema})


def _whole_source(writing: Writing) -> Source:
    """Return where the rows of the latest lie, of whatever schema."""
    base, store = writing.base, writing.store
    schemas = {number: read_schema(store, ref, base.version) for number, ref in base.schemas.items()}
    return Source(store, schemas[base.schema], schemas, store.location, base.version)


def hold_the_same(source: Source, there: Sequence[DataFile], new: Pieces, content: str) -> bool:
    """Say whether the files of a partition hold the rows of new ones, in their order, intact.

    Args:
        source: Where they lie; its own schema is that of the new rows. Files of one that it doesn't know don't count.
        there: The files.
        new: The new rows.
        content: The digest of these.
    """
    if Totals.of(list(there)).rows != sum(rows for rows, _ in new):
        return False
    if any(file.schema not in source.schemas for file in there):
        return False
    if _are_one_piece(source, there) and there[0].piece.get("content") != content:
        return False
    if not _tell_the_same(source.schema, [(file.rows, source.info(file)) for file in there], new):
        return False
    found = ContentDigest()
    found.update(source.schema.empty_table())
    try:
        for portion in scan_portions(source, there, None):
            found.update(pa.Table.from_arrays(portion.rows.columns, schema=source.schema))
    except (DamagedError, NotFoundError):
        return False
    return found.result() == content


def _are_one_piece(source: Source, files: Sequence[DataFile]) -> bool:
    """Say whether the content that files tell is that of all of them together, with the columns as they are now."""
    said = {(file.commit_id, file.piece.get("content")) for file in files}
    alone = len(files) == 1 or any(
        (file.rows, file.stats) != (files[0].rows, files[0].stats) for file in files
    )
    return len(said) == 1 and alone and source.schemas[files[0].schema] is source.schema


def _pieces(files: Iterable[DataFile]) -> list[tuple[int, dict[str, Any]]]:
    return [(file.rows, file.piece) for file in files]


def _tell_the_same(schema: pa.Schema, old: Pieces, new: Pieces) -> bool:
    """Say whether what belongs to pieces of the same rows is the same of all of them."""
    if not old or not new:
        return not old and not new
    counted = all(has_default_index(info) for _, info in (*old, *new))
    labelled = layout_of(schema).has_range and not counted
    infos = [merged_info(pieces, labelled=labelled) for pieces in (old, new)]
    return infos[0] is not None and canonical_json(infos[0]) == canonical_json(infos[1])


def _paths(files: Iterable[DataFile]) -> frozenset[str]:
    return frozenset(file.path for file in files)


def files_by_partition(
    store: Readable, entry: LogEntry, partitions: Iterable[tuple[Scalar, ...]]
) -> dict[tuple[str, ...], list[DataFile]]:
    """Return the files of some partitions, by these (`partition_key`)."""
    wanted = {partition_key(values): values for values in partitions}
    found: dict[tuple[str, ...], list[DataFile]] = {}
    for file in files_of(store, entry, lambda ref: any(may_hold(ref, values) for values in wanted.values())):
        if (key := partition_key(file.partition)) in wanted:
            found.setdefault(key, []).append(file)
    return found


def may_be_there(writing: Writing, schema: WrittenSchema, arrangement: Arrangement) -> bool:
    """Say whether the latest may have rows of a schema that lie as these do, and they may be shared."""
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


def _are_intact(writing: Writing, files: Sequence[DataFile]) -> bool:
    def intact(some: Iterable[DataFile]) -> bool:
        return all(StoredFile(writing.store, file).is_intact() for file in some)

    if sum(file.size for file in files) < _LEAST_BYTES:
        return intact(files)
    runs = neighbours(files, _LEAST_BYTES)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="atio-digest") as pool:
        return all(pool.map(intact, runs))
