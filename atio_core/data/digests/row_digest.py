"""A digest of each row, computed over whole columns: equal for rows that hold the same values, as they are stored.

A digest is two 64-bit numbers, so that rows that differ have the same one never, as far as anybody will see. It holds
within a process alone: it is made with a secret number that each process draws, so nobody can make rows that collide.

NaN is NaN, whatever its bits; 0.0 isn't -0.0; null equals null alone. A dictionary counts as its values, string and
large_string as one type, an extension as its storage. Values of two different types are never equal.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.digests.content import lists_of, plain_type
from atio_core.data.schema import arrow_types
from atio_core.data.schema.conform import may_become

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Digests = npt.NDArray[np.uint64]

_SECRET = secrets.token_bytes(32)


def row_digests(columns: Iterable[Digests], rows: int, name: str = "row") -> Digests:
    """Return the digest of each row, from those of its values.

    Args:
        columns: Of each column, as `value_digests` gives them.
        rows: How many rows there are.
        name: Rows of another name have other digests.

    Returns:
        An array of two rows, with a column for each digest.

    Example:
        >>> columns = [pa.chunked_array([[1, 1, 2]]), pa.chunked_array([["a", "a", "a"]])]
        >>> first, second, third = row_digests(map(value_digests, columns), 3).T.tolist()
        >>> first == second, first == third
        (True, False)
    """
    import numpy as np

    found = np.repeat(_seeds(name), rows, axis=1)
    for column in columns:
        found = _mixed(found ^ column)
    return found


def value_digests(values: pa.ChunkedArray) -> Digests:
    """Return the digest of each value of a column: an array of two rows, with a column for each."""
    import numpy as np

    parts = [_digests(chunk) for chunk in values.chunks]
    return np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.uint64)


def compared_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the type in which values of two types are compared; None if they can't be equal."""
    first, second = plain_type(one), plain_type(other)
    if may_become(first, second):
        return second
    return first if may_become(second, first) else None


def as_compared(values: pa.ChunkedArray, t: pa.DataType | None) -> Sequence[pa.ChunkedArray]:
    """Return the parts of a column in the type that it is compared in; values that don't fit it in their own."""
    if t is None or values.type == t:
        return [values]
    return [pa.chunked_array([part]) for chunk in values.chunks for part in _fitted(chunk, t)]


def _fitted(array: pa.Array, t: pa.DataType) -> list[pa.Array]:
    try:
        return list(arrow_types.restore(pa.chunked_array([array]), t).chunks)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if len(array) <= 1:
            return [array]
    half = len(array) // 2
    return [*_fitted(array.slice(0, half), t), *_fitted(array.slice(half), t)]


# --- By type


def _digests(array: pa.Array) -> Digests:
    if isinstance(array, pa.DictionaryArray):
        return _taken(_digests_of_each(array.dictionary), array.indices)
    if array.type != plain_type(array.type) and not arrow_types.is_text_or_bytes(array.type):
        return value_digests(arrow_types.restore(pa.chunked_array([array]), plain_type(array.type)))
    found = _digests_by_type(array)
    if array.null_count:
        found[:, array.is_null().to_numpy(zero_copy_only=False)] = _seeds("null")
    return found


def _digests_by_type(array: pa.Array) -> Digests:
    """The digests of an array's values; those of nulls are anything."""
    import numpy as np

    t: Any = array.type
    if pa.types.is_null(t):
        return np.repeat(_seeds("null"), len(array), axis=1)
    if arrow_types.is_text_or_bytes(t):
        encoded = array.dictionary_encode()
        return _taken(_digests_of_each(encoded.dictionary), encoded.indices)
    if pa.types.is_map(t):
        return _digests_of_lists(lists_of(array))
    if pa.types.is_struct(t):
        return row_digests(map(_digests, array.flatten()), len(array), "struct")
    if t.num_fields:
        return _digests_of_lists(array)
    return row_digests(_words(array), len(array), str(t))


def _digests_of_each(values: pa.Array) -> Digests:
    """The digests of the entries of a dictionary; of texts and bytes, one by one."""
    import numpy as np

    if not arrow_types.is_text_or_bytes(values.type):
        return _digests(values)
    key = _key("text" if arrow_types.is_text(values.type) else "bytes")
    each = [blake2b(one, digest_size=16, key=key).digest() for one in _as_bytes(values)]
    return np.ascontiguousarray(np.frombuffer(b"".join(each), np.uint64).reshape(len(each), 2).T)


def _as_bytes(values: pa.Array) -> list[bytes]:
    plain = (
        values.cast(pa.large_string()).view(pa.large_binary()) if arrow_types.is_text(values.type) else values
    )
    return cast("list[bytes]", plain.to_pylist())


def _taken(digests: Digests, indices: pa.Array) -> Digests:
    import numpy as np

    places = pc.fill_null(indices.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    if not digests.shape[1]:
        return np.repeat(_seeds("null"), len(places), axis=1)
    found = digests[:, places]
    if indices.null_count:
        found[:, indices.is_null().to_numpy(zero_copy_only=False)] = _seeds("null")
    return found


def _digests_of_lists(lists: pa.Array) -> Digests:
    """The digests of lists: the sums of what their elements are in their places."""
    import numpy as np

    lengths, elements = pc.list_value_length(lists), lists.flatten()
    counts = pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False).astype(np.uint64)
    ends = np.cumsum(counts, dtype=np.uint64)
    starts = ends - counts
    places = np.arange(len(elements), dtype=np.uint64) - np.repeat(starts, counts.astype(np.int64))
    each = _mixed(_mixed(_seeds("element") ^ places) ^ _digests(elements))
    sums = np.concatenate([np.zeros((2, 1), np.uint64), np.cumsum(each, axis=1, dtype=np.uint64)], axis=1)
    whole = sums[:, ends.astype(np.int64)] - sums[:, starts.astype(np.int64)]  # what overflows comes back
    return row_digests([whole, counts], len(counts), "list")


def _words(array: pa.Array) -> list[Any]:
    """The bytes of values of fixed width, as numbers of 64 bits."""
    import numpy as np

    if pa.types.is_boolean(array.type):
        return [pc.fill_null(array.cast(pa.uint8()), 0).to_numpy(zero_copy_only=False).astype(np.uint64)]
    width, rows = array.type.bit_width // 8, len(array)
    if not rows or not width:
        return []
    data = np.frombuffer(array.buffers()[1], np.uint8)[array.offset * width : (array.offset + rows) * width]
    if pa.types.is_floating(array.type):
        numbers = data.view(f"f{width}")
        data = np.where(np.isnan(numbers), numbers.dtype.type("nan"), numbers).view(np.uint8)
    if width in (1, 2, 4, 8):
        return [data.view(f"u{width}").astype(np.uint64)]
    padded = np.zeros((rows, -(-width // 8) * 8), np.uint8)
    padded[:, :width] = data.reshape(rows, width)
    return list(padded.view(np.uint64).T)


# --- Numbers


def _mixed(digests: Any) -> Digests:
    """Each number becomes another one, of which every bit depends on every bit: the finalizer of SplitMix64."""
    import numpy as np

    found = digests + np.uint64(0x9E3779B97F4A7C15)
    found ^= found >> np.uint64(30)
    found *= np.uint64(0xBF58476D1CE4E5B9)
    found ^= found >> np.uint64(27)
    found *= np.uint64(0x94D049BB133111EB)
    found ^= found >> np.uint64(31)
    return found


@functools.cache
def _key(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=32, key=_SECRET).digest()


@functools.cache
def _seeds(name: str) -> Digests:
    """Two numbers that are known to this process alone, as a column of digests."""
    import numpy as np

    return np.frombuffer(_key(name)[:16], np.uint64).reshape(2, 1)
