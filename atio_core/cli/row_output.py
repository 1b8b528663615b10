"""Rows of a version to stdout, or into a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import atio_core
from atio_core.cli.filter_text import parse_filter
from atio_core.cli.filter_values import as_filter, labels_named
from atio_core.cli.output import is_terminal
from atio_core.cli.row_formats import blocks, text_rows, write_rows
from atio_core.cli.row_options import Format, RowOptions
from atio_core.cli.row_terminal import draw_rows
from atio_core.errors import InvalidInputError
from atio_core.model.entry import ROWS
from atio_core.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa


def put_rows(snapshot: Snapshot, wanted: RowOptions) -> None:
    """Write rows of a version where they are wanted.

    Raises:
        InvalidInputError: They can't be meant.
        As for `Snapshot.scan` and `atio_core.write`.
    """
    if snapshot.kind != ROWS:
        _put_object(snapshot, wanted)
        return
    wanted.format()  # refused before anything is read
    columns = None if wanted.columns is None else labels_named(snapshot, wanted.columns)
    conditions = None if wanted.filter is None else as_filter(snapshot, parse_filter(wanted.filter))
    put_batches(snapshot.read("batches", columns=columns, filter=conditions, limit=wanted.limit), wanted)


def put_batches(reader: pa.RecordBatchReader, wanted: RowOptions) -> None:
    """Write rows where they are wanted.

    Raises:
        InvalidInputError: They can't be meant.
        As for `Snapshot.scan` and `atio_core.write`.
    """
    to = wanted.format()
    if wanted.output is not None:
        _into_file(reader, to, wanted.output)
    elif to == "table" and is_terminal(sys.stdout):
        draw_rows(reader.schema, map(text_rows, blocks(reader)))
    elif to == "parquet" and is_terminal(sys.stdout):
        raise InvalidInputError("parquet is nothing for a terminal: say --output FILE, or redirect it")
    else:
        sys.stdout.flush()
        write_rows(reader.schema, reader, sys.stdout.buffer, to)
        sys.stdout.buffer.flush()


def _into_file(reader: pa.RecordBatchReader, to: Format, output: str) -> None:
    def write(file: Any) -> None:
        write_rows(reader.schema, reader, file, to)

    watched = is_terminal(sys.stderr)
    done = atio_core.write(reader, output, to, writer=write, show_progress=watched)
    if not watched:  # else it has told of itself
        sys.stderr.write(f"{done.path}: {done.bytes:,} bytes\n")


def _put_object(snapshot: Snapshot, wanted: RowOptions) -> None:
    """An object goes to the disk as it is; what is there already isn't touched."""
    if wanted.output is None or wanted != RowOptions(output=wanted.output):
        raise InvalidInputError(
            f"version {snapshot.version} of {snapshot.table} holds no rows, but an object of the kind {snapshot.kind}:"
            " say --output PATH, and no other option, to put it there"
        )
    sys.stderr.write(f"{snapshot.download(wanted.output)}: {snapshot.bytes:,} bytes\n")
