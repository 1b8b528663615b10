"""Data files without a table around them: written and read as a table would."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from atio_core.data.scan.scan import read_files
from atio_core.data.schema.conform import FIELD_ID
from atio_core.data.writing.writer import write_files
from atio_core.model.data_file import DataFile
from atio_core.storage.base import ObjectStore

_numbers = itertools.count(1)

COLUMNS: dict[str, st.SearchStrategy[pa.Array]] = {
    name: st.lists(st.none() | values, min_size=7, max_size=7).map(
        lambda drawn, kind=kind: pa.array(drawn, kind)
    )
    for name, kind, values in [
        ("int8", pa.int8(), st.integers(-128, 127)),
        ("uint64", pa.uint64(), st.integers(0, 2**64 - 1)),
        ("float32", pa.float32(), st.floats(width=32)),
        ("float64", pa.float64(), st.floats()),
        ("bool", pa.bool_(), st.booleans()),
        ("string", pa.string(), st.text()),
        ("large_string", pa.large_string(), st.text()),
        ("binary", pa.binary(), st.binary()),
        ("date", pa.date32(), st.dates()),
        ("timestamp", pa.timestamp("us", "Asia/Seoul"), st.integers(-(2**55), 2**55)),
        ("decimal", pa.decimal128(20, 3), st.decimals(-1000, 1000, places=3)),
        ("list", pa.list_(pa.string()), st.lists(st.none() | st.text(), max_size=3)),
        (
            "struct",
            pa.struct([("x", pa.int8()), ("y", pa.list_(pa.int8()))]),
            st.fixed_dictionaries({"x": st.none()}),
        ),
        ("dictionary", pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "b"])),
        ("null", pa.null(), st.none()),
    ]
}
"""Arrays of 7 values, by the name of their type."""


def with_ids(rows: pa.Table, ids: Iterable[int] | None = None) -> pa.Table:
    """Give each column an id: these, or 1, 2, 3 and so on."""
    numbered = zip(rows.schema, ids or itertools.count(1), strict=False)
    fields = [field.with_metadata({FIELD_ID: str(number).encode()}) for field, number in numbered]
    return rows.cast(pa.schema(fields, metadata=rows.schema.metadata)) if fields else rows


FEW = with_ids(pa.table({"n": [1, None, 3], "t": ["a", "b", None], "f": [0.5, 1.5, 2.5]}))


def noise(rows: int, columns: str = "abc") -> pa.Table:
    """Numbers that don't compress."""
    length = 8 * rows
    drawn = [
        pa.Array.from_buffers(pa.int64(), rows, [None, pa.py_buffer(os.urandom(length))]) for _ in columns
    ]
    return with_ids(pa.table(drawn, names=list(columns)))


def write(store: ObjectStore, rows: pa.Table, **options: Any) -> list[DataFile]:
    """Write rows whose columns have ids, with schema number 1."""
    defaults: dict[str, Any] = {
        "new_path": lambda: f"data/{next(_numbers)}.parquet",
        "info": {},
        "slice_info": lambda info, offset, count: {**info, "offset": offset, "rows": count},
        "schema": 1,
        "partition": (),
        "commit_id": "c",
        "time_us": 1,
    }
    return write_files(store, rows, **(defaults | options))


def read(store: ObjectStore, files: Sequence[DataFile], schema: pa.Schema, **options: Any) -> pa.Table:
    """Read files that were all written with `schema`, unless `schemas` says otherwise."""
    return read_files(
        store, files, **({"schema": schema, "schemas": {1: schema}, "table": "t", "version": 3} | options)
    )
