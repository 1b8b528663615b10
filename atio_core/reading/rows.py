"""The rows of a selection, all at once or part by part."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from atio_core.data.frames.frames import OutputAs, columns_to_read, to_output
from atio_core.data.scan.scan import joined, read_portions, scan_portions
from atio_core.data.scan.scan_request import Portion
from atio_core.data.scan.source import Source
from atio_core.data.schema.conform import choose
from atio_core.data.schema.pieces import kept_info
from atio_core.reading import BATCH_ROWS
from atio_core.reading.selection import Selection, Version, files_to_read

if TYPE_CHECKING:
    import pyarrow as pa


def read_rows(version: Version, selection: Selection, output_as: OutputAs) -> Any:
    """Return the rows of a selection as a frame."""
    source = version.source
    names = columns_to_read(source.schema, selection.columns, output_as)
    files = files_to_read(version, selection)
    if selection.limit is None:
        portions = read_portions(source, files, names, selection.row_filter)
    else:
        portions = list(scan_portions(source, files, names, selection.row_filter, selection.limit))
    if selection.limit is None and selection.row_filter is None:
        pieces = [(file.rows, source.info(file)) for file in files]
    else:
        pieces = list(pieces_of(source, portions))
    rows = joined(portions, choose(source.schema, names))
    return to_output(rows, source.schema, pieces, output_as, selection.columns)


def as_frame(source: Source, portions: Sequence[Portion], output_as: OutputAs) -> Any:
    """Return rows that were read, with all columns, as a frame."""
    rows = joined(portions, source.schema)
    return to_output(rows, source.schema, list(pieces_of(source, portions)), output_as)


def pieces_of(source: Source, portions: Sequence[Portion]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield, of each file that rows were kept of, how many they are, and what belongs to them."""
    import numpy as np

    for file, parts in itertools.groupby((p for p in portions if len(p.kept)), lambda portion: portion.file):
        kept = np.concatenate([part.numbers() for part in parts])
        yield len(kept), kept_info(source.info(file), file.rows, kept)


def scan_frames(version: Version, selection: Selection, output_as: OutputAs) -> Generator[Any]:
    """Yield the rows of a selection as frames, one of each row group; a range index is left out."""
    source = version.source
    names = columns_to_read(source.schema, selection.columns, output_as)
    files = files_to_read(version, selection)
    for portion in scan_portions(source, files, names, selection.row_filter, selection.limit):
        yield to_output(portion.rows, source.schema, [(len(portion.kept), {})], output_as, selection.columns)


class Scan(Iterator["pa.RecordBatch"]):
    """The rows of a selection, batch by batch; also a stream of Arrow, for what takes one. Made by `Snapshot.scan`.

    Args:
        schema: That of each batch.
        batches: What gives them, once.
    """

    def __init__(self, schema: pa.Schema, batches: Generator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.schema = schema
        """The schema of each batch."""

    def __next__(self) -> pa.RecordBatch:
        """Return the next batch; none is empty."""
        return next(self._batches)

    def close(self) -> None:
        """End the scan: nothing more is read."""
        self._batches.close()

    def reader(self) -> pa.RecordBatchReader:
        """Return the batches that are left as a reader."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Export the batches that are left as an Arrow stream, which can be gone through once."""
        return self.reader().__arrow_c_stream__(requested_schema)


def scan_batches(version: Version, selection: Selection, batch_rows: int) -> Scan:
    """Return the rows of a selection as record batches of at most so many rows, all of one schema.

    The first of them is read already: what can't be read is told before any is handed out.
    """
    batches = version.guarded(_batches(version, selection, batch_rows))
    first = next(batches, None)
    return Scan(arrow_schema(version.source.schema, selection.columns), _followed(first, batches))


def _batches(version: Version, selection: Selection, batch_rows: int) -> Iterator[pa.RecordBatch]:
    most = min(batch_rows, sys.maxsize)
    for table in scan_frames(version, selection, "arrow"):
        yield from (batch for batch in table.to_batches(max_chunksize=most) if batch.num_rows)


def _followed(first: pa.RecordBatch | None, others: Iterator[pa.RecordBatch]) -> Generator[pa.RecordBatch]:
    if first is not None:
        yield first
        yield from others


def read_batches(version: Version, selection: Selection) -> pa.RecordBatchReader:
    """Return the rows of a selection as a reader of batches."""
    return scan_batches(version, selection, BATCH_ROWS).reader()


def arrow_schema(schema: pa.Schema, columns: list[Any] | None = None) -> pa.Schema:
    """Return the schema that some columns, or all, have as Arrow's own.

    Args:
        schema: The table's.
        columns: Labels.
    """
    return no_frame(schema, columns, "arrow").schema


def no_frame(schema: pa.Schema, columns: list[Any] | None, output_as: OutputAs) -> Any:
    """Return what `scan_frames` yields, without rows."""
    names = columns_to_read(schema, columns, output_as)
    return to_output(choose(schema, names).empty_table(), schema, [], output_as, columns)
