"""Reads one part of a data file: a run of its row groups, or all of a small one.

Nothing is decoded before its digest was checked. Bytes are read into memory of our own, so that what is decoded is what
was checked, whatever happens to the file meanwhile.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atio_core.data.blocks import Blocks
from atio_core.data.conform import field_id, restore, widen
from atio_core.data.filters import RowFilter
from atio_core.data.source import Source, sparse_memory
from atio_core.model.data_file import DataFile

_GAP_BYTES = 512 << 10  # unwanted bytes between two wanted ranges, read along rather than asked for anew


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be read.

    Attributes:
        source: Where the rows are.
        schema: The columns that are wanted.
        row_filter: Which rows.
        at_once: How many bytes of row groups make one part, if one group alone doesn't have more.
    """

    source: Source
    schema: pa.Schema
    row_filter: RowFilter | None
    at_once: int = 0

    @property
    def needed(self) -> pa.Schema:
        """The columns that are wanted, then those that only the filter looks at."""
        if self.row_filter is None:
            return self.schema
        names = dict.fromkeys([*self.schema.names, *self.row_filter.columns])
        return pa.schema([self.source.schema.field(name) for name in names], metadata=self.schema.metadata)


@dataclass(frozen=True, slots=True)
class Part:
    """A run of a file's row groups, or all of a small one: what a thread reads at a time.

    `start` is the number of its first row in the file; `blocks` the digests, None if they aren't asked for; `whole` the
    file's bytes, if they are read and checked already.
    """

    wish: Wish
    file: DataFile
    metadata: pq.FileMetaData
    start: int
    groups: list[int]
    leaves: list[int]
    blocks: Blocks | None
    whole: pa.Buffer | None


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows that were read.

    Attributes:
        file: Where they lie.
        rows: With the wanted columns.
        kept: Which rows of the file they are, from 0.
    """

    file: DataFile
    rows: pa.Table
    kept: range | pa.Int64Array

    def head(self, rows: int) -> Portion:
        """Return at most so many of the rows."""
        return (
            self if len(self.kept) <= rows else Portion(self.file, self.rows.slice(0, rows), self.kept[:rows])
        )


def read_part(part: Part) -> Portion:
    """Return the rows of a part that are wanted."""
    rows = sum(part.metadata.row_group(group).num_rows for group in part.groups)
    found, wish = _decoded(part, rows), part.wish
    kept = range(part.start, part.start + rows)
    if wish.row_filter is None:
        return Portion(part.file, found, kept)
    truth = pc.fill_null(wish.row_filter.truth(found, part.file.partition), fill_value=False)
    chosen = pc.indices_nonzero(truth)
    if len(chosen) < rows:
        kept = pc.add(chosen.cast(pa.int64()), part.start)
    if not wish.schema.names:
        return Portion(part.file, no_columns(len(kept), wish.schema), kept)
    wanted = found.select(wish.schema.names)
    return Portion(part.file, wanted if len(chosen) == rows else wanted.filter(truth), kept)


def _decoded(part: Part, rows: int) -> pa.Table:
    """Return a part's rows, with all columns that are needed."""
    source = part.wish.source
    if not part.leaves:
        return _conform(part, pa.table({}), rows)
    large = part.whole is None
    buffer = _read_blocks(part) if large else part.whole
    try:
        opened = pq.ParquetFile(pa.BufferReader(buffer), metadata=part.metadata, pre_buffer=False)
        found = opened.reader.read_row_groups(part.groups, column_indices=part.leaves, use_threads=large)
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise source.damaged(part.file, "its content", "what can be decoded", str(error)) from error
    if found.num_rows != rows:
        raise source.damaged(part.file, "its number of rows", str(rows), str(found.num_rows))
    return _conform(part, found, rows)


def _read_blocks(part: Part) -> pa.Buffer:
    """Read and check the blocks that hold a part's columns, each into its place in memory as large as the file.

    What isn't read takes no memory: the system gives pages only once they are written to.
    """
    memory = sparse_memory(part.file.size)
    with memoryview(memory) as view:
        for start, stop in _ranges(part):
            # Bytes that don't come, as the file has been cut meanwhile, stay zero, and are found wrong.
            part.wish.source.read(part.file, start, view[start:stop])
            wrong = () if part.blocks is None else part.blocks.wrong(start, view[start:stop])
            for at, expected, found in wrong:
                raise part.wish.source.damaged(
                    part.file, f"the digest of the block at byte {at}", expected, found
                )
    return pa.py_buffer(memory)


def _ranges(part: Part) -> list[tuple[int, int]]:
    """The bounds of the blocks that hold a part's columns; those close to each other are one range."""
    ranges: list[tuple[int, int]] = []
    for group, leaf in itertools.product(part.groups, part.leaves):
        chunk = part.metadata.row_group(group).column(leaf)
        first = chunk.data_page_offset
        if chunk.has_dictionary_page:
            first = min(first, chunk.dictionary_page_offset)
        last = first + chunk.total_compressed_size
        end = part.file.size if part.blocks is None else part.blocks.end
        if not 0 <= first < last <= end:
            expected = f"up to byte {end}, where its columns end"
            raise part.wish.source.damaged(part.file, "the place of a column", expected, f"{first} to {last}")
        start, stop = (first, last) if part.blocks is None else part.blocks.widened(first, last)
        if ranges and ranges[-1][0] <= start <= ranges[-1][1] + _GAP_BYTES:
            ranges[-1] = (ranges[-1][0], max(stop, ranges[-1][1]))
        else:
            ranges.append((start, stop))
    return ranges


def _conform(part: Part, found: pa.Table, rows: int) -> pa.Table:
    """Give what a file holds the columns and types of the version."""
    source, file, schema = part.wish.source, part.file, part.wish.needed
    kept = {field_id(field): field for field in source.schemas[file.schema]}
    places = {field_id(field): place for place, field in enumerate(found.schema)}
    columns: list[pa.ChunkedArray] = []
    for field in schema:
        column = field_id(field)
        if column not in kept:
            columns.append(pa.chunked_array([pa.nulls(rows, field.type)]))
            continue
        if column not in places:
            raise source.damaged(file, f"its column {field.name!r}", str(kept[column].type), "missing")
        try:
            values = restore(found.column(places[column]), kept[column].type)
        except (TypeError, pa.ArrowException) as error:
            expected = str(kept[column].type)
            raise source.damaged(file, f"its column {field.name!r}", expected, str(error)) from error
        columns.append(widen(values, field, table=source.table, version=source.version))
    if not columns:
        return no_columns(rows, schema)
    return pa.Table.from_arrays(columns, schema=schema)


def no_columns(rows: int, schema: pa.Schema) -> pa.Table:
    """A table of so many rows, and no columns."""
    some = pa.table({"": pa.nulls(rows)}, metadata=schema.metadata)
    return some.select([])  # most other ways forget the number of rows
