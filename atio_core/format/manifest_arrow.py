"""Manifests as bytes: an Arrow IPC file, one row per data file in the order of the rows.

`path`, `size` and `rows` are columns of their own, so that cleaning and counting read just these; `record` is the
whole record as JSON (`format/records.py`). Compressed with zstd. Its digest stands in the entry that names it.

A record batch has some of the rows. If there are several, the schema's metadata has `atio.spans`: a JSON list of what
is known of each one's files at once, so that a reader opens the records of those alone that it may want.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from atio_core.format.records import file_from_json, file_to_json, span_from_json, span_to_json
from atio_core.model.data_file import DataFile
from atio_core.model.manifest import Span, span_of

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST_FILES = (
    16  # of a batch: opening so many records takes about as long as looking at what is known of them
)
_SPANS_KEY = b"atio.spans"
_MOST_KNOWN = 4096
_KNOWN: dict[str, DataFile] = {}  # a process that works on a table opens mostly the same ones again


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
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
    import pyarrow as pa

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
    schema = _schema()
    length = max(_LEAST_FILES, math.isqrt(len(files)))  # as many looks at batches as at the files of one
    if len(files) > length:
        batches = [files[start : start + length] for start in range(0, len(files), length)]
        spans = [span_to_json(span_of(batch)) for batch in batches]
        schema = schema.with_metadata({_SPANS_KEY: json.dumps(spans, separators=(",", ":"), allow_nan=False)})
    sink = pa.BufferOutputStream()
    # Threads would pass five short columns around: 0.28 ms instead of 0.52 ms without, more while others are at work.
    options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        writer.write_table(pa.table(columns, schema=schema), max_chunksize=length)
    return sink.getvalue().to_pybytes()


def decode_manifest(data: bytes, wanted: Callable[[Span], bool] = lambda _: True) -> tuple[DataFile, ...]:
    """Return the files that a manifest lists.

    Args:
        data: Its bytes.
        wanted: Says of which of its files at once the records are to be opened.

    Raises:
        ValueError: The bytes are none. Also KeyError.
    """
    reader = _open(data, "record")
    metadata = cast("dict[bytes, bytes]", reader.schema.metadata or {})
    spans: list[Any] = json.loads(metadata.get(_SPANS_KEY, b"[]"))
    numbers = range(reader.num_record_batches)
    chosen = [number for number in numbers if not spans or wanted(span_from_json(spans[number]))]
    records = [
        record for number in chosen for record in reader.get_batch(number).column("record").to_pylist()
    ]
    return _files_of(records)


def decode_difference(
    old: Sequence[bytes], new: Sequence[bytes]
) -> tuple[tuple[DataFile, ...], tuple[DataFile, ...]]:
    """Return the files of some manifests whose records others lack, and the other way round; only those are opened.

    Args:
        old: The bytes of some manifests.
        new: Those of others.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    before, after = (
        pa.chunked_array([chunk for data in all_of for chunk in _records(data)], pa.string())
        for all_of in (old, new)
    )
    left = [
        texts.filter(pc.invert(pc.is_in(texts, value_set=others)))
        for texts, others in ((before, after), (after, before))
    ]
    gone, came = (_files_of(texts.to_pylist()) for texts in left)
    return gone, came


def _files_of(records: Sequence[str]) -> tuple[DataFile, ...]:
    """Return the files of records. One call for all that are new takes two thirds of the time."""
    found = [_KNOWN.get(record) for record in records]
    missing = [record for record, file in zip(records, found, strict=True) if file is None]
    if not missing:
        return tuple(file for file in found if file is not None)
    made = map(file_from_json, json.loads(f"[{','.join(missing)}]"))
    new = dict(zip(missing, made, strict=True))
    if len(_KNOWN) + len(new) > _MOST_KNOWN:
        _KNOWN.clear()
    if len(new) <= _MOST_KNOWN:
        _KNOWN.update(new)
    return tuple(file or new[record] for record, file in zip(records, found, strict=True))


def _records(data: bytes) -> list[pa.Array]:
    return _open(data, "record").read_all().column("record").chunks


def decode_paths(data: bytes) -> list[tuple[str, int, bool]]:
    """Return path, size and `late` of the files that a manifest lists, without opening their records."""
    names = ("path", "size", "late")
    table = _open(data, *names).read_all()
    return list(zip(*[table.column(name).to_pylist() for name in names], strict=True))


def _open(data: bytes, *columns: str) -> pa.RecordBatchFileReader:
    """Open a manifest for some of its columns. Batches are small: threads would take longer."""
    import pyarrow as pa

    places = [_schema().get_field_index(name) for name in columns]
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=places)
    return pa.ipc.open_file(pa.py_buffer(data), options=options)
