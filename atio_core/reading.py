"""Reads the rows of one version: which files, which rows, and in which form they are handed out."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atio_core.arguments import require_list, require_whole
from atio_core.data.conform import choose
from atio_core.data.filters import RowFilter, read_filter
from atio_core.data.frames import OutputAs, columns_to_read, to_output
from atio_core.data.layout import layout_of
from atio_core.data.pieces import kept_info
from atio_core.data.scan import Portion, joined, read_portions, scan_portions
from atio_core.data.source import Source
from atio_core.errors import InvalidInputError
from atio_core.log.file_list import files_of
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import LogEntry
from atio_core.model.manifest import ManifestRef, may_hold, partition_key
from atio_core.storage.base import ObjectStore

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows and columns of a version are read.

    Attributes:
        columns: Labels, in the order wished for; None for all.
        partitions: Values of partitions; None for all.
        row_filter: Which rows; None for all.
        limit: At most so many rows.
    """

    columns: list[Any] | None = None
    partitions: tuple[tuple[Scalar, ...], ...] | None = None
    row_filter: RowFilter | None = None
    limit: int | None = None


def make_selection(
    entry: LogEntry,
    schema: pa.Schema,
    *,
    columns: Sequence[Any] | None,
    partitions: Collection[tuple[Scalar, ...]] | None,
    row_filter: object,
    limit: int | None,
) -> Selection:
    """Return what a caller asked for.

    Raises:
        InvalidInputError: It makes no sense.
    """
    return Selection(
        None if columns is None else require_list("columns", columns, "labels"),
        None if partitions is None else tuple(partitions),
        None if row_filter is None else read_filter(row_filter, schema, field_names(entry)),
        None if limit is None else require_whole("limit", limit, least=0),
    )


def field_names(entry: LogEntry) -> list[str]:
    """Return the names of the partition fields, in order."""
    return [field.name for field in entry.partition_fields]


def select_files(
    store: ObjectStore, entry: LogEntry, partitions: Collection[tuple[Scalar, ...]] | None
) -> tuple[DataFile, ...]:
    """Return the files of some partitions, or of all, in the order of their rows."""
    return _files(store, entry, partitions, None)


def _files(
    store: ObjectStore,
    entry: LogEntry,
    partitions: Collection[tuple[Scalar, ...]] | None,
    row_filter: RowFilter | None,
) -> tuple[DataFile, ...]:
    """Return the files of some partitions but those that can't match, by what is recorded of manifests and files."""

    def may_list(ref: ManifestRef) -> bool:
        chosen = partitions is None or any(may_hold(ref, values) for values in partitions)
        return chosen and (row_filter is None or row_filter.manifest_may_match(ref))

    files = files_of(store, entry, may_list)
    if partitions is not None:
        keys = {partition_key(values) for values in partitions}
        files = tuple(file for file in files if partition_key(file.partition) in keys)
    return files


def _files_to_read(source: Source, entry: LogEntry, selection: Selection) -> tuple[DataFile, ...]:
    """Return the files that rows are read from."""
    chosen = selection.row_filter
    files = _files(source.store, entry, selection.partitions, chosen)
    if chosen is not None:
        known = (
            source.schemas
        )  # a record with another schema is damaged, which is told when the file is opened
        return tuple(f for f in files if f.schema not in known or chosen.file_may_match(f, known[f.schema]))
    if selection.limit is None:
        return files
    before = itertools.accumulate((file.rows for file in files), initial=0)
    return tuple(file for file, rows in zip(files, before, strict=False) if rows < selection.limit)


def read_rows(source: Source, entry: LogEntry, selection: Selection, output_as: OutputAs) -> Any:
    """Return the rows of a selection as a frame."""
    names = columns_to_read(source.schema, selection.columns, output_as)
    files = _files_to_read(source, entry, selection)
    if selection.limit is None:
        portions = read_portions(source, files, names, selection.row_filter)
    else:
        portions = list(scan_portions(source, files, names, selection.row_filter, selection.limit))
    if selection.limit is None and selection.row_filter is None:
        pieces = [(file.rows, source.info(file)) for file in files]
    else:
        pieces = list(_pieces_of(source, portions))
    rows = joined(portions, choose(source.schema, names))
    return to_output(rows, source.schema, pieces, output_as, selection.columns)


def _pieces_of(source: Source, portions: Sequence[Portion]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield, of each file that rows were kept of, how many they are, and what belongs to them."""
    import numpy as np

    for file, parts in itertools.groupby((p for p in portions if len(p.kept)), lambda portion: portion.file):
        kept = np.concatenate([np.asarray(part.kept) for part in parts])
        yield len(kept), kept_info(source.info(file), file.rows, kept)


def scan_frames(source: Source, entry: LogEntry, selection: Selection, output_as: OutputAs) -> Generator[Any]:
    """Yield the rows of a selection as frames, one of each row group; a range index is left out."""
    names = columns_to_read(source.schema, selection.columns, output_as)
    files = _files_to_read(source, entry, selection)
    for portion in scan_portions(source, files, names, selection.row_filter, selection.limit):
        yield to_output(portion.rows, source.schema, [(len(portion.kept), {})], output_as, selection.columns)


def scan_batches(
    source: Source, entry: LogEntry, selection: Selection, batch_rows: int
) -> Generator[pa.RecordBatch]:
    """Yield the rows of a selection as record batches of at most so many rows, all of one schema."""
    for table in scan_frames(source, entry, selection, "arrow"):
        yield from (batch for batch in table.to_batches(max_chunksize=batch_rows) if batch.num_rows)


def no_frame(schema: pa.Schema, columns: list[Any] | None, output_as: OutputAs) -> Any:
    """Return what `scan_frames` yields, without rows."""
    names = columns_to_read(schema, columns, output_as)
    return to_output(choose(schema, names).empty_table(), schema, [], output_as, columns)


def lazy_frame(
    source: Source, entry: LogEntry, selection: Selection, guarded: Callable[[Iterator[Any]], Iterator[Any]]
) -> Any:
    """Return a polars LazyFrame that reads what it needs of a selection, each time it is computed.

    Args:
        source: Where the rows are.
        entry: The version.
        selection: Which rows.
        guarded: Gives the errors of a scan their meaning.
    """
    from polars.io.plugins import register_io_source

    empty = no_frame(source.schema, selection.columns, "polars")

    def frames(columns: list[str] | None, predicate: Any, rows: int | None, _: int | None) -> Iterator[Any]:
        pushed = _pushed_down(source, entry, selection, columns=columns, predicate=predicate, rows=rows)
        for frame in guarded(scan_frames(source, entry, pushed, "polars")):
            some = frame if columns is None else frame.select(columns)
            yield some if predicate is None else some.filter(predicate)

    return register_io_source(frames, schema=dict(empty.schema), validate_schema=True, is_pure=True)


def _pushed_down(
    source: Source,
    entry: LogEntry,
    selection: Selection,
    *,
    columns: list[str] | None,
    predicate: Any,
    rows: int | None,
) -> Selection:
    """Return what is to be read of a selection for what polars asks of it."""
    known = {str(column.value): column.value for column in layout_of(source.schema).columns}
    limit = min((most for most in (selection.limit, rows) if most is not None), default=None)
    wanted, row_filter = selection.columns, selection.row_filter
    if columns is not None and known.keys() >= set(
        columns
    ):  # else they are of the index, which comes with all
        wanted = [known[name] for name in columns]
    # polars wants the first rows before those that match.
    if limit is None and predicate is not None and known.keys() >= set(predicate.meta.root_names()):
        with contextlib.suppress(
            InvalidInputError
        ):  # polars filters by what can't be read; files can't be passed over
            own = read_filter(predicate, source.schema, field_names(entry))
            row_filter = own if row_filter is None else row_filter.and_also(own)
    return Selection(wanted, selection.partitions, row_filter, limit)
