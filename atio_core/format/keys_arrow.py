"""Lists of older commit ids and idempotency keys as bytes: an Arrow IPC file sorted by `id`.

`id` is 16 bytes (a commit id, or the digest of a key) and `version` the version that has it.
"""

from __future__ import annotations

from collections.abc import Mapping


def encode_keys(versions: Mapping[bytes, int]) -> bytes:
    """Return the bytes of a list of ids with their versions."""
    import pyarrow as pa

    schema = pa.schema([("id", pa.binary(16)), ("version", pa.int64())])
    ids = sorted(versions)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(pa.table({"id": ids, "version": [versions[one] for one in ids]}, schema=schema))
    return sink.getvalue().to_pybytes()


def decode_keys(data: bytes) -> dict[bytes, int]:
    """Return the ids of a list with their versions. Raises ValueError or KeyError if the bytes are none."""
    import pyarrow as pa

    table = pa.ipc.open_file(pa.py_buffer(data)).read_all()
    return dict(zip(table.column("id").to_pylist(), table.column("version").to_pylist(), strict=True))
