"""Arrow schemas as bytes: the IPC schema message. Inline in an entry it is compressed with zlib and base64."""

from __future__ import annotations

import functools
import zlib

import pyarrow as pa

from atio_core.format.digest import digest
from atio_core.model.entry import SchemaRef

INLINE_BYTES = 2_048
"""A schema whose compressed form is larger lies in a file of its own."""


def encode_schema(schema: pa.Schema) -> bytes:
    """Return the plain bytes of a schema."""
    return schema.serialize().to_pybytes()


def inline_ref(plain: bytes) -> SchemaRef | None:
    """Return a reference that carries the schema itself, or None if it is too large for that."""
    compressed = zlib.compress(plain, 9)
    return SchemaRef(digest(plain), inline=compressed) if len(compressed) <= INLINE_BYTES else None


def carried_ref(plain: bytes) -> SchemaRef:
    """Return a reference that carries the schema itself, however large."""
    return SchemaRef(digest(plain), inline=zlib.compress(plain, 9))


def inline_bytes(ref: SchemaRef) -> bytes:
    """Return the plain bytes that an inline reference carries. Raises ValueError if they are damaged."""
    if ref.inline is None:
        raise ValueError("the schema is not inline")
    return zlib.decompress(ref.inline)


@functools.lru_cache(maxsize=32)  # each commit and read of a table asks for the same ones
def decode_schema(plain: bytes) -> pa.Schema:
    """Return the schema that plain bytes hold. Raises ValueError if they are none."""
    return pa.ipc.read_schema(pa.py_buffer(plain))
