"""Reads large data files part by part: runs of row groups that may have rows which match.

Bytes are read into memory of our own, so that what is decoded is what was checked, whatever happens to the file
meanwhile. Nothing is decoded before the digests of its blocks were checked.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.data.digests.blocks import Blocks, blocks_of_footer
from atio_core.data.scan.opening import Opened
from atio_core.data.scan.scan_request import Portion, ScanRequest
from atio_core.data.scan.source import sparse_memory
from atio_core.data.writing.stats import group_stats

_GAP_BYTES = 512 << 10  # unwanted bytes between two wanted ranges, read along rather than asked for anew


@dataclass(frozen=True, slots=True)
class Part:
    """A run of a file's row groups: what a thread reads at a time.

    `start` is the number of its first row in the file; `blocks` the digests, None if they aren't asked for.
    """

    request: ScanRequest
    opened: Opened
    start: int
    groups: list[int]
    blocks: Blocks | None


def parts_of(request: ScanRequest, opened: Opened) -> list[Part]:
    """Return the parts of a file that may have rows that match.

    Raises:
        DamagedError: Its footer doesn't tell what it should.
    """
    source, metadata = request.source, opened.metadata
    try:
        blocks = blocks_of_footer(metadata.metadata) if source.checked else None
    except ValueError as error:
        raise source.damaged(opened.file, "its footer", "one that can be read", str(error)) from error
    rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    starts = list(itertools.accumulate(rows, initial=0))
    wanted = _that_may_match(request, opened)
    runs = _runs(wanted, [metadata.row_group(group).total_byte_size for group in wanted], request.at_once)
    return [Part(request, opened, starts[run[0]], run, blocks) for run in runs]


def _runs(groups: Sequence[int], sizes: Sequence[int], most: int) -> list[list[int]]:
    """Cut groups into runs of neighbours, each as long as its sizes don't go beyond `most`, or of one group."""
    runs: list[list[int]] = []
    total = 0
    for group, size in zip(groups, sizes, strict=True):
        total += size
        if runs and runs[-1][-1] == group - 1 and total <= most:
            runs[-1].append(group)
        else:
            runs.append([group])
            total = size
    return runs


def _that_may_match(request: ScanRequest, opened: Opened) -> list[int]:
    """Return the row groups of which a row may match, by the statistics that Parquet keeps of them."""
    metadata, row_filter = opened.metadata, request.row_filter
    groups = [group for group in range(metadata.num_row_groups) if metadata.row_group(group).num_rows]
    if row_filter is None:
        return groups
    file, own = opened.file, opened.parquet.schema_arrow
    kept, columns = request.source.schemas[file.schema], row_filter.asked_of

    def may_match(group: int) -> bool:
        found = metadata.row_group(group)
        stats = group_stats(found, columns, own, kept, file.stats)
        return row_filter.file_may_match(replace(file, rows=found.num_rows, stats=stats), kept)

    return [group for group in groups if may_match(group)]


def decode_part(part: Part, data: pa.Buffer) -> list[Portion]:
    """Return the rows of a part that are wanted, as one portion.

    Args:
        part: Which rows.
        data: What `read_blocks` gave.

    Raises:
        DamagedError: The file isn't what was written.
        SchemaMismatchError: A value doesn't fit the version's type.
    """
    file, metadata = part.opened.file, part.opened.metadata
    rows = sum(metadata.row_group(group).num_rows for group in part.groups)
    parquet = pq.ParquetFile(pa.BufferReader(data), metadata=metadata, pre_buffer=False)
    found = part.opened.columns.read(part.request.source, file, parquet, part.groups, rows, use_threads=True)
    return [part.request.portion(file, found, part.start, rows)]


def read_blocks(part: Part) -> pa.Buffer:
    """Read and check the blocks that hold a part's columns, each into its place in memory as large as the file.

    What isn't read takes no memory: the system gives pages only once they are written to.

    Raises:
        NotFoundError: The file is missing.
        DamagedError: It isn't what was written.
        StorageError: It can't be read.
    """
    memory = sparse_memory(part.opened.file.size)
    with memoryview(memory) as view:
        for start, stop in _ranges(part):
            # Bytes that don't come, as the file has been cut meanwhile, stay zero, and are found wrong.
            part.request.source.read(part.opened.file, start, view[start:stop])
            wrong = () if part.blocks is None else part.blocks.wrong(start, view[start:stop])
            for at, expected, found in wrong:
                raise part.request.source.damaged(
                    part.opened.file, f"the digest of the block at byte {at}", expected, found
                )
    return pa.py_buffer(memory)


def _ranges(part: Part) -> list[tuple[int, int]]:
    """The bounds of the blocks that hold a part's columns; those close to each other are one range."""
    ranges: list[tuple[int, int]] = []
    for group, leaf in itertools.product(part.groups, part.opened.columns.leaves):
        chunk = part.opened.metadata.row_group(group).column(leaf)
        first = chunk.data_page_offset
        if chunk.has_dictionary_page:
            first = min(first, chunk.dictionary_page_offset)
        last = first + chunk.total_compressed_size
        end = part.opened.file.size if part.blocks is None else part.blocks.end
        if not 0 <= first < last <= end:
            expected = f"up to byte {end}, where its columns end"
            raise part.request.source.damaged(
                part.opened.file, "the place of a column", expected, f"{first} to {last}"
            )
        start, stop = (first, last) if part.blocks is None else part.blocks.widened(first, last)
        if ranges and ranges[-1][0] <= start <= ranges[-1][1] + _GAP_BYTES:
            ranges[-1] = (ranges[-1][0], max(stop, ranges[-1][1]))
        else:
            ranges.append((start, stop))
    return ranges
