"""A checkpoint of a mirror's log, by Delta's protocol: all that its latest version shows, in one Parquet file.

What the mirror itself has to know besides stands in the file's metadata.
"""

from __future__ import annotations

import json
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.mirrors.delta_state import DeltaState, Shown

_KEY = b"atio"
_TEXTS = pa.map_(pa.string(), pa.string())
_ADD = pa.struct(
    {
        "path": pa.string(),
        "partitionValues": _TEXTS,
        "size": pa.int64(),
        "modificationTime": pa.int64(),
        "dataChange": pa.bool_(),
        "stats": pa.string(),
        "tags": _TEXTS,
    }
)
_REMOVE = pa.struct({"path": pa.string(), "deletionTimestamp": pa.int64(), "dataChange": pa.bool_()})
_METADATA = pa.struct(
    {
        "id": pa.string(),
        "name": pa.string(),
        "description": pa.string(),
        "format": pa.struct({"provider": pa.string(), "options": _TEXTS}),
        "schemaString": pa.string(),
        "partitionColumns": pa.list_(pa.string()),
        "createdTime": pa.int64(),
        "configuration": _TEXTS,
    }
)
_PROTOCOL = pa.struct(
    {
        "minReaderVersion": pa.int32(),
        "minWriterVersion": pa.int32(),
        "readerFeatures": pa.list_(pa.string()),
        "writerFeatures": pa.list_(pa.string()),
    }
)
_TXN = pa.struct({"appId": pa.string(), "version": pa.int64(), "lastUpdated": pa.int64()})
_SCHEMA = pa.schema(
    {"txn": _TXN, "add": _ADD, "remove": _REMOVE, "metaData": _METADATA, "protocol": _PROTOCOL}
)


def encode_checkpoint(state: DeltaState, table_id: str) -> bytes:
    """Return the bytes of a checkpoint of what a mirror shows."""
    rows = [{"protocol": state.protocol}, {"metaData": state.metadata}]
    rows += [{"add": add | {"dataChange": False}} for add in state.adds.values()]
    told = {
        "table": table_id,
        "protocol": state.protocol,
        "metaData": state.metadata,
        "shown": [[number, one.version, one.entry] for number, one in state.shown.items()],
    }
    schema = _SCHEMA.with_metadata({_KEY: json.dumps(told).encode()})
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), out)
    return out.getvalue().to_pybytes()


def decode_checkpoint(data: bytes, table_id: str) -> DeltaState | None:
    """Return what a mirror shows by a checkpoint; None if it isn't that of a mirror of this table."""
    try:
        found = pq.read_table(pa.BufferReader(data), columns=["add"])
        told = json.loads(cast("dict[bytes, bytes]", found.schema.metadata)[_KEY])
        shown = {int(number): Shown(int(version), int(entry)) for number, version, entry in told["shown"]}
        own = told["table"] == table_id
        state = DeltaState(shown, {}, told["metaData"], told["protocol"])
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException):
        return None
    for add in found["add"].to_pylist():
        if add is not None:
            add.pop("tags")
            state.adds[add["path"]] = add | {
                "partitionValues": dict(add["partitionValues"]),
                "dataChange": True,
            }
    return state if own else None
