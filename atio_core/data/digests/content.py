"""The digest of a table's content: equal for equal values, however rows were cut, chunked or encoded.

Each column is a tree of nodes, one for the column and one for each field inside it. A node feeds up to three streams,
each with its own digest:

- *nulls*: the positions of its nulls among its values, as 8-byte integers;
- *sizes*: for texts, bytes and lists, the length of each value, as 8-byte integers (0 for a null);
- *values*: what is left: the values' bytes, a byte each for booleans, 0 for a null; texts and bytes joined.

A list's node has its elements as a child, a struct's node each of its fields; what lies under a null list or struct
is left out of a list's and null in a struct's children. Integers are little-endian. A dictionary counts as its values,
string and large_string as one type, an extension as its storage.

The result is the digest of a JSON text: the rows, the layout, and of each column its name, its type, and the digests
of its nodes' streams, outer before inner.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.schema import arrow_types
from atio_core.data.schema.layout import METADATA_KEY
from atio_core.format.digest import digest, named, running_digest

_SLICE_ROWS = 1 << 20  # what is encoded is decoded by so many rows at a time


class ContentDigest:
    """A digest of content that is fed table by table, or batch by batch.

    Example:
        >>> a, b = ContentDigest(), ContentDigest()
        >>> a.update(pa.table({"n": [1, 2, 3]}))
        >>> b.update(pa.table({"n": [1]}))
        >>> b.update(pa.table({"n": [2, 3]}))
        >>> a.result() == b.result()
        True
    """

    def __init__(self) -> None:
        self._rows = 0
        self._layout = ""
        self._columns: list[_Node] | None = None
        self._names: list[str] = []

    def update(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Take in further rows; all have the columns of the first.

        Args:
            rows: At least once, if only to tell the columns.
        """
        if self._columns is None:
            self._names = list(rows.schema.names)
            self._columns = [_Node(field.type) for field in rows.schema]
            metadata = cast("dict[bytes, bytes]", rows.schema.metadata or {})
            self._layout = digest(metadata.get(METADATA_KEY, b""))
        for node, column in zip(self._columns, rows.columns, strict=True):
            for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
                node.update(chunk)
        self._rows += rows.num_rows

    def result(self) -> str:
        """Return the digest of all rows so far."""
        columns = [
            [name, *node.summary()] for name, node in zip(self._names, self._columns or [], strict=True)
        ]
        text = json.dumps([self._rows, self._layout, columns], separators=(",", ":"))
        return digest(text.encode("ascii"))


def content_digest(table: pa.Table) -> str:
    """Return the digest of a table's content.

    Args:
        table: Stored columns, as a `Piece` has them.
    """
    content = ContentDigest()
    content.update(table)
    return content.result()


class _Node:
    """The streams of a column, or of a field inside one."""

    def __init__(self, t: pa.DataType) -> None:
        self._type = plain_type(t)
        self._count = 0
        self._nulls = running_digest()
        self._sizes = running_digest()
        self._values = running_digest()
        self._feed, inner = _feeder_of(self._type)
        self._children = [_Node(t) for t in inner]

    def summary(self) -> Iterator[Any]:
        """Yield the type and the streams of this node, then those of its children."""
        yield _type_name(self._type)
        yield [self._count, named(self._nulls), named(self._sizes), named(self._values)]
        for child in self._children:
            yield from child.summary()

    def update(self, array: pa.Array) -> None:
        """Feed an array of any encoding."""
        if array.type != self._type:
            for start in range(0, len(array), _SLICE_ROWS):
                part = pa.chunked_array([array.slice(start, _SLICE_ROWS)])
                for chunk in arrow_types.restore(part, self._type).chunks:
                    self.update(chunk)
            return
        if array.null_count and not pa.types.is_null(array.type):
            self._nulls.update(_positions(array, self._count))
        self._feed(self, array)
        self._count += len(array)

    def feed_nothing(self, array: pa.Array) -> None:
        """A null has no values: its count says all."""

    def feed_fixed(self, array: pa.Array) -> None:
        width = array.type.bit_width // 8
        if not len(array) or not width:
            return
        if array.null_count:
            array = _zeroed(array)
        data = memoryview(array.buffers()[1]).cast("B")
        self._values.update(data[array.offset * width : (array.offset + len(array)) * width])

    def feed_bool(self, array: pa.Array) -> None:
        plain = pc.fill_null(array, False) if array.null_count else array  # noqa: FBT003 # Arrow's signature
        self.feed_fixed(plain.cast(pa.uint8()))

    def feed_bytes(self, array: pa.Array) -> None:
        if array.null_count:
            array = pc.fill_null(array, "" if pa.types.is_large_string(array.type) else b"")
        offsets = _offsets(array)
        self._sizes.update(_sizes(offsets))
        data = array.buffers()[2]
        if data is not None:
            self._values.update(memoryview(data).cast("B")[offsets[0] : offsets[-1]])

    def feed_list(self, array: pa.Array) -> None:
        lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64())
        if len(array):
            self._sizes.update(memoryview(lengths.to_numpy()).cast("B"))
        self._children[0].update(array.flatten())

    def feed_map(self, array: pa.Array) -> None:
        self.feed_list(lists_of(array))

    def feed_struct(self, array: pa.Array) -> None:
        for child, values in zip(self._children, array.flatten(), strict=True):
            child.update(values)


_Feed = Callable[[_Node, pa.Array], None]


def _feeder_of(t: pa.DataType) -> tuple[_Feed, list[pa.DataType]]:
    """Return what feeds the values of a type, and the types inside it."""
    if pa.types.is_null(t):
        return _Node.feed_nothing, []
    if pa.types.is_boolean(t):
        return _Node.feed_bool, []
    if arrow_types.is_text_or_bytes(t):
        return _Node.feed_bytes, []
    if pa.types.is_map(t):
        return _Node.feed_map, [pa.struct([t.key_field, t.item_field])]
    if pa.types.is_struct(t):
        return _Node.feed_struct, [t.field(i).type for i in range(t.num_fields)]
    if t.num_fields:
        return _Node.feed_list, [t.value_type]
    return _Node.feed_fixed, []


def lists_of(maps: pa.Array) -> pa.Array:
    """Return maps as the lists of their entries."""
    entries, own = maps.values, maps.buffers()[:2]  # `keys` and `items` overlook where the entries begin
    return pa.Array.from_buffers(pa.list_(entries.type), len(maps), own, -1, maps.offset, [entries])


def plain_type(t: pa.DataType) -> pa.DataType:
    """Return the type that a column counts as."""
    if pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t):
        return plain_type(t.value_type)
    if isinstance(t, pa.BaseExtensionType):
        return plain_type(t.storage_type)
    if arrow_types.is_text(t):
        return pa.large_string()
    return pa.large_binary() if arrow_types.is_text_or_bytes(t) else t


def _type_name(t: pa.DataType) -> str:
    """Return the name of a type; what lies inside has its own node."""
    if pa.types.is_struct(t):
        return json.dumps(["struct", *(t.field(i).name for i in range(t.num_fields))])
    if pa.types.is_map(t):
        return "map"
    if pa.types.is_fixed_size_list(t):
        return f"list[{t.list_size}]"
    return "list" if t.num_fields else str(t).removeprefix("large_")


def _positions(array: pa.Array, start: int) -> bytes:
    import numpy as np

    found = np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))
    return (found + start).astype("<i8").tobytes()


def _zeroed(array: pa.Array) -> pa.Array:
    """Return an array of fixed width with zeros under its nulls."""
    if pa.types.is_decimal32(array.type):  # Arrow would make decimals of 128 bits of it
        array = array.view(pa.int32())
    elif pa.types.is_decimal64(array.type):
        array = array.view(pa.int64())
    width = array.type.bit_width // 8
    zero = pa.Array.from_buffers(array.type, 1, [None, pa.py_buffer(bytes(width))])
    return pc.if_else(array.is_valid(), array, zero[0])


def _offsets(array: pa.Array) -> Any:
    import numpy as np

    if not len(array):
        return np.zeros(1, "<i8")
    data = memoryview(array.buffers()[1]).cast("B")
    return np.frombuffer(data, "<i8")[array.offset : array.offset + len(array) + 1]


def _sizes(offsets: Any) -> memoryview:
    import numpy as np

    lengths = np.diff(offsets)
    return memoryview(lengths).cast("B") if len(lengths) else memoryview(b"")
