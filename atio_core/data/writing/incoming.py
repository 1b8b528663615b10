"""What a caller gives to be written, as pieces that follow each other: a frame is one, a stream any number.

The first piece is made at once, so that what can't be kept is refused before anything is written, and its columns are
those of all. Of a stream only a few pieces are in memory at a time, and it can be gone through only once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, cast

import pyarrow as pa

from atio_core.data.frames import frames_arrow
from atio_core.data.frames.frames import no_rows, stream_of, to_piece
from atio_core.data.kinds import kind_of
from atio_core.data.schema.pieces import Piece, joined, slice_info
from atio_core.data.writing.cuts import even_cuts
from atio_core.errors import CommitConflictError, InvalidInputError

_PIECE_BYTES = 16 << 20  # of record batches that are handed on together
_LAZY_ROWS = 1 << 16  # of a polars LazyFrame at a time


class Incoming:
    """Pieces to be written.

    Args:
        first: The first one.
        rest: The others; None if there are none.
    """

    def __init__(self, first: Piece, rest: Iterator[Piece] | None = None) -> None:
        self.first = first
        self.is_stream = rest is not None
        self._rest = rest or iter(())
        self._begun = False

    @classmethod
    def of(cls, data: Any) -> Incoming:
        """Return what a caller gave.

        Args:
            data: A frame; a polars LazyFrame, a record-batch reader, anything that exports an Arrow stream of rows; or
                an iterator of frames of one library, such as a generator.

        Raises:
            NotPreservableError: A part of the first frame couldn't come back equal.
            InvalidInputError: It is no frame, gives none, or its rows can't be computed.

        Example:
            >>> incoming = Incoming.of(pa.table({"n": [part]}) for part in range(3))
            >>> incoming.first.table.num_rows, [piece.table["n"].to_pylist() for piece in incoming.rest()]
            (1, [[1], [2]])
        """
        match kind_of(data):
            case "polars-lazy":
                pieces = _of_lazy(data)
            case "arrow-reader" | "capsule":
                pieces = _of_batches(stream_of(data))
            case "other" if isinstance(data, Iterator):
                pieces = _of_frames(cast("Iterator[Any]", data))
            case _:
                return cls(to_piece(data))
        first = next(pieces, None)
        if first is None:
            raise InvalidInputError(
                "the data is an iterator that gives no frame: give at least one, without rows"
            )
        return cls(first, pieces)

    @property
    def rows(self) -> int | None:
        """How many rows there are; None if nobody knows."""
        return None if self.is_stream else self.first.table.num_rows

    def rest(self) -> Iterator[Piece]:
        """Yield the pieces behind the first one.

        Raises:
            CommitConflictError: They were gone through before: what was written can't be written again.
        """
        if self._begun and self.is_stream:
            raise CommitConflictError(
                "the table was changed meanwhile, so that the data would have to be written again, and it comes from a"
                " stream that can be gone through only once; nothing was committed: make the stream anew, and write it"
            )
        self._begun = True
        return self._rest


def _of_frames(frames: Iterator[Any]) -> Iterator[Piece]:
    for frame in frames:
        yield to_piece(frame)


def _of_batches(reader: pa.RecordBatchReader) -> Iterator[Piece]:
    some: list[pa.RecordBatch] = []
    size, any_given = 0, False
    while (batch := _next_batch(reader)) is not None:
        some.append(batch)
        size += batch.nbytes
        if size >= _PIECE_BYTES:
            yield frames_arrow.to_piece(pa.Table.from_batches(some, reader.schema))
            some, size, any_given = [], 0, True
    if some or not any_given:
        yield frames_arrow.to_piece(pa.Table.from_batches(some, reader.schema))


def _next_batch(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except (pa.ArrowException, ValueError, OSError) as error:
        raise no_rows(reader, error) from error


def _of_lazy(lazy: Any) -> Iterator[Piece]:
    import polars as pl

    try:
        batches = lazy.collect_batches(chunk_size=_LAZY_ROWS, maintain_order=True, engine="streaming")
        first = next(batches, None)
        if first is None:
            first = pl.DataFrame(schema=lazy.collect_schema())
        for frame in itertools.chain([first], batches):
            yield to_piece(frame)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInputError(f"the rows of the polars LazyFrame can't be computed: {error}") from error


def of_size(pieces: Iterator[Piece], size_bytes: int) -> Iterator[Piece]:
    """Yield small pieces together and large ones cut, each of about so many bytes; of no rows at all one piece."""
    held: list[Piece] = []
    size = 0
    for piece in pieces:
        if held and (not piece.table.num_rows or joined([held[-1], piece]) is None):
            if not piece.table.num_rows:
                continue
            yield from _cut(held, size_bytes)
            held, size = [], 0
        held = [piece] if held and not held[0].table.num_rows else [*held, piece]
        size += piece.table.nbytes
        if size >= size_bytes:
            yield from _cut(held, size_bytes)
            held, size = [], 0
    if held:
        yield from _cut(held, size_bytes)


def _cut(held: list[Piece], size_bytes: int) -> Iterator[Piece]:
    piece = joined(held) or held[0]
    rows, size = piece.table.num_rows, piece.table.nbytes
    for offset, count in even_cuts(rows, max(1, size // (2 * size_bytes))):
        yield Piece(piece.table.slice(offset, count), slice_info(piece.info, offset, count))
