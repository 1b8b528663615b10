"""Manifests as bytes: an Arrow IPC file, one row per data file in the order of the rows.

`path`, `size` and `rows` are columns of their own, so that cleaning and counting read just these; `record` is the
whole record as JSON (`format/records.py`). Compressed with zstd. Its digest stands in the entry that names it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from atio_core.format.records import file_from_json, file_to_json
from atio_core.model.data_file import DataFile

_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("rows", pa.int64()),
        ("late", pa.bool_()),
        ("record", pa.string()),
    ]
)


def encode_manifest(files: Sequence[DataFile]) -> bytes:
    """Return the bytes of a manifest of these files."""
    records = [
        json.dumps(file_to_json(f), ensure_ascii=False, separators=(",", ":"), allow_nan=False) for f in files
    ]
    columns = {
        "path": [f.path for f in files],
        "size": [f.size for f in files],
        "rows": [f.rows for f in files],
        "late": [f.late for f in files],
        "record": records,
    }
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(pa.table(columns, schema=_SCHEMA))
    return sink.getvalue().to_pybytes()


def decode_manifest(data: bytes) -> tuple[DataFile, ...]:
    """Return the files that a manifest lists. Raises ValueError or KeyError if the bytes are none."""
    column = pa.ipc.open_file(pa.py_buffer(data)).read_all().column("record")
    return tuple(file_from_json(json.loads(record)) for record in column.to_pylist())


def decode_paths(data: bytes) -> list[tuple[str, int, bool]]:
    """Return path, size and `late` of the files that a manifest lists, without opening their records."""
    table = pa.ipc.open_file(pa.py_buffer(data)).read_all()
    columns = [table.column(name).to_pylist() for name in ("path", "size", "late")]
    return list(zip(*columns, strict=True))
