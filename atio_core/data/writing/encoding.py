"""How Parquet is to encode the columns of a table, decided by writing a few thousand of its rows to memory.

Dictionaries for all columns, Parquet's usual choice, cost most of the time of a write where values hardly repeat, and
make such files larger; compressing what can't be compressed costs most of the time of a read. So each column gets a
dictionary, differences (ids, times, small numbers) or its plain values, whatever makes the sample clearly smallest,
and is then compressed with LZ4 if that is worth it: Zstandard makes texts a third smaller, but takes twice the time to
read them, and more of it to write. Small tables aren't worth a trial.
"""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_SMALL_BYTES = 1 << 20
_SAMPLES = 4
_SAMPLE_ROWS = 1024
_SAMPLE_BYTES = 1 << 20  # in a run; fewer rows where these are large

_REPEATING = 0.9  # a dictionary pays if the sample has fewer different values than this part of all
_REFERENCE_BYTES = 1.5  # at most, from a value of the sample to its entry of the dictionary: 12 bits
_DIFFERENCES_PAY = 0.75  # if they need less than this part of the plain values' bytes
_COMPRESSION_PAYS = 0.8  # likewise; less would not pay for the time of reading it

_DIFFERENCES = "DELTA_BINARY_PACKED"
_CODEC = "lz4"

Options = dict[str, Any]
"""Keyword arguments for `pyarrow.parquet.ParquetWriter`."""


def choose_encoding(table: pa.Table) -> Options:
    """Return how to encode a table.

    Raises:
        pyarrow.ArrowException: Parquet can't keep it.
    """
    size = table.nbytes
    if size < _SMALL_BYTES:
        return {"use_dictionary": False, "compression": _CODEC}
    rows = min(_SAMPLE_ROWS, max(1, _SAMPLE_BYTES * table.num_rows // size))
    return _tried_out(_sample(table, rows))


def _sample(table: pa.Table, rows: int) -> pa.Table:
    """A few runs of so many neighbours, spread over the table."""
    if table.num_rows <= _SAMPLES * rows:
        return table
    step = (table.num_rows - rows) // (_SAMPLES - 1)
    return pa.concat_tables([table.slice(index * step, rows) for index in range(_SAMPLES)])


def _tried_out(sample: pa.Table) -> Options:
    plain = _trial(sample, use_dictionary=False)
    paths = [column.path_in_schema for column in plain]
    # A dot in a name can look like the way to an inner field: options would go to both.
    if len(set(paths)) < len(paths):
        return {"use_dictionary": False, "compression": _CODEC}
    integers = [column.path_in_schema for column in plain if column.physical_type in {"INT32", "INT64"}]
    dictionaries = {
        new.path_in_schema: new.total_uncompressed_size
        for old, new in zip(plain, _trial(sample, use_dictionary=True), strict=True)
        if new.total_uncompressed_size
        < old.total_uncompressed_size * _REPEATING + old.num_values * _REFERENCE_BYTES
    }
    differing = _trial(sample, use_dictionary=False, column_encoding=dict.fromkeys(integers, _DIFFERENCES))
    differences = {
        new.path_in_schema: new.total_uncompressed_size
        for old, new in zip(plain, differing, strict=True)
        if new.total_uncompressed_size < old.total_uncompressed_size * _DIFFERENCES_PAY
    }
    encoding: Options = {
        "use_dictionary": [
            path for path in dictionaries if dictionaries[path] < differences.get(path, math.inf)
        ],
        "column_encoding": {
            path: _DIFFERENCES
            for path in differences
            if differences[path] <= dictionaries.get(path, math.inf)
        },
    }
    packed = _trial(sample, compression=_CODEC, **encoding)
    worth = {
        column.path_in_schema: column.total_compressed_size
        < column.total_uncompressed_size * _COMPRESSION_PAYS
        for column in packed
    }
    return {**encoding, "compression": {path: _CODEC if pays else "none" for path, pays in worth.items()}}


def _trial(sample: pa.Table, *, compression: str = "none", **options: Any) -> list[Any]:
    """Write the sample to memory; return what became of each Parquet column."""
    with pq.ParquetWriter(pa.MockOutputStream(), sample.schema, compression=compression, **options) as writer:
        writer.write_table(sample)
    group = writer.writer.metadata.row_group(0)
    return [group.column(index) for index in range(group.num_columns)]
