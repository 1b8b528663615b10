"""Rows of a version in the formats of `atio read`, written batch by batch into any stream of bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from atio_core.cli.output import aligned
from atio_core.cli.plain import printable
from atio_core.cli.row_options import Format
from atio_core.data.schema.cells import json_rows, text_cells
from atio_core.errors import InvalidInputError

Batches = Iterable[pa.RecordBatch]
BLOCK_ROWS = 1_000
"""So many rows of a table are laid out at a time."""


def write_rows(schema: pa.Schema, batches: Batches, stream: BinaryIO, to: Format) -> None:
    """Write rows into a stream.

    Args:
        schema: Their columns.
        batches: The rows.
        stream: Open for writing bytes.
        to: As what.

    Raises:
        InvalidInputError: The format can't hold such columns.
    """
    _WRITERS[to](schema, batches, stream)


def _csv(schema: pa.Schema, batches: Batches, stream: BinaryIO) -> None:
    shown = pa.schema([pa.field(field.name, _csv_type(field.type)) for field in schema])
    with pc.CSVWriter(stream, shown) as writer:
        for batch in batches:
            columns = [
                column if field.type == column.type else pa.array(text_cells(column), pa.string())
                for field, column in zip(shown, batch.columns, strict=True)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=shown))
            stream.flush()


def _csv_type(t: pa.DataType) -> pa.DataType:
    """A type that pyarrow's writer spells as it should; all else is spelled by us."""
    as_it_is = (
        pa.types.is_boolean(t) or pa.types.is_integer(t) or pa.types.is_float64(t) or pa.types.is_string(t)
    )
    return t if as_it_is else pa.string()


def _json(schema: pa.Schema, batches: Batches, stream: BinaryIO) -> None:
    before = b"[\n"
    for row in _objects(schema, batches):
        stream.write(before + row)
        before = b",\n"
    stream.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def _json_lines(schema: pa.Schema, batches: Batches, stream: BinaryIO) -> None:
    stream.writelines(row + b"\n" for row in _objects(schema, batches))


def _objects(schema: pa.Schema, batches: Batches) -> Iterator[bytes]:
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise InvalidInputError(
            f"JSON can't hold two columns of one name ({', '.join(twice)}): choose --columns, or --to csv"
        )
    for batch in batches:
        for row in json_rows(batch):
            yield json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _parquet(schema: pa.Schema, batches: Batches, stream: BinaryIO) -> None:
    with pq.ParquetWriter(pa.PythonFile(_Counted(stream), mode="w"), schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _table(schema: pa.Schema, batches: Batches, stream: BinaryIO) -> None:
    """A line for each row; a wider value further down moves its own line only."""
    right = [
        field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    ]
    titles, begun = [printable(name) for name in schema.names], False
    for block in blocks(batches):
        rows = text_rows(block)
        lines = aligned(titles, rows, right)
        stream.writelines(f"{line}\n".encode(errors="backslashreplace") for line in lines[int(begun) :])
        begun = True
    if not begun:
        stream.write(f"{'  '.join(titles)}\n".encode())


def blocks(batches: Batches) -> Iterator[pa.RecordBatch]:
    """Yield the rows in blocks that fit for laying them out."""
    for batch in batches:
        for start in range(0, batch.num_rows, BLOCK_ROWS):
            yield batch.slice(start, BLOCK_ROWS)


def text_rows(batch: pa.RecordBatch) -> list[list[str]]:
    """Return rows as cells of a table; a null is `null`, and a text that could be taken for one has quotes."""
    columns = [[_cell(value) for value in text_cells(column)] for column in batch.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _cell(value: str | None) -> str:
    if value is None:
        return "null"
    return json.dumps(value) if value in ("", "null") else printable(value)


class _Counted:
    """A stream that knows how many bytes went into it, which a pipe doesn't."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._written = 0

    def write(self, data: Any) -> int:
        """Write, and count."""
        self._stream.write(data)
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        """Return how many there were."""
        return self._written

    def flush(self) -> None:
        """Pass them on."""
        self._stream.flush()

    def writable(self) -> bool:
        """Say so."""
        return True

    def readable(self) -> bool:
        """Say so."""
        return False

    def seekable(self) -> bool:
        """Say so."""
        return False

    def close(self) -> None:
        """Leave the stream open: it isn't ours."""


_WRITERS: dict[Format, Callable[[pa.Schema, Batches, BinaryIO], None]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "jsonl": _json_lines,
    "parquet": _parquet,
}
