"""Where the rows of a table are cut, to lie in several files.

**Stable** cuts lie where the rows themselves say so: inserting, removing or changing rows moves the cuts beside them
and no others. Each row has a fingerprint, made of some columns of it and of the few rows before it; a cut lies before
each row whose fingerprint is smaller than those of all others up to `radius` rows away. So stretches between cuts are
longer than `radius` rows, twice as long on average, and depend on nothing but what is near.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from atio_core.data.schema import arrow_types

LEAST_BYTES = 64 << 20  # of Arrow data; files of less than a few hundred kilobytes cost more than they share
_FEWEST, _MOST = 140, 340  # stretches of a table that goes on with the radius of its parent
_FRESH = 250  # at most, with a radius of its own; 177 at least
_LONGEST = 8  # times the radius: longer stretches of rows that all look alike are cut evenly

_COLUMNS = 4  # of which a fingerprint is made
_WINDOW_STEPS = (
    1,
    2,
    4,
    8,
)  # each row's fingerprint is made of 16 rows, so that repeating values tell places apart
_WORD_BYTES = 8
_WHOLE = (1, 2, 4, 8)  # widths of values that are numbers themselves
_ODD = 0x9E3779B97F4A7C15
_SMALL_ODD = 0x85EBCA6B
_GREATEST = 0xFFFFFFFF


def even_cuts(rows: int, files: int) -> list[tuple[int, int]]:
    """Cut rows into pieces of equal length: the offset and the number of rows of each.

    Example:
        >>> even_cuts(5, 2)
        [(0, 2), (2, 3)]
    """
    return _between([rows * index // files for index in range(files + 1)]) or [(0, 0)]


def stable_radius(rows: pa.Table, parent_rows: int = 0, parent_files: int = 0) -> int | None:
    """Return the radius by which a table is to be cut: that of its parent, as long as it makes a good number of files.

    Args:
        rows: The table.
        parent_rows: How many rows the version before has.
        parent_files: In how many files.

    Returns:
        None if it isn't to be cut: it is small, or nothing tells its rows apart.
    """
    if rows.nbytes < LEAST_BYTES or rows.num_rows < 2 * _FRESH or not _telling(rows.schema):
        return None
    if parent_files:
        like = _on_grid(round(2 * math.log2(max(1, parent_rows / parent_files / 2))))
        if _FEWEST <= rows.num_rows / (2 * like) <= _MOST:
            return like
    return _on_grid(math.ceil(2 * math.log2(rows.num_rows / (2 * _FRESH))))


def _on_grid(half_power: int) -> int:
    """A radius of few possible ones, so that a table of a few rows more has the same."""
    return max(1, round(2 ** (half_power / 2)))


def stable_cuts(rows: pa.Table, radius: int) -> list[tuple[int, int]]:
    """Cut rows where they themselves say so: the offset and the number of rows of each stretch.

    Args:
        rows: The table.
        radius: The shortest stretch, but for the first and the last one.
    """
    bounds = [0, *_least_within(rows, radius), rows.num_rows]
    filled = [bounds[:1]]
    for start, stop in itertools.pairwise(bounds):
        longest = range(start + 2 * radius, stop - radius, 2 * radius)
        filled.append([*(longest if stop - start > _LONGEST * radius else ()), stop])
    return _between(list(itertools.chain.from_iterable(filled)))


def _between(bounds: Sequence[int]) -> list[tuple[int, int]]:
    return [(start, stop - start) for start, stop in itertools.pairwise(bounds) if stop > start]


def _least_within(rows: pa.Table, radius: int) -> Iterator[int]:
    """Yield the rows whose fingerprint is the least up to `radius` rows away, of equal ones the first.

    Such a row has the least of its block of `radius` rows, so there is one of each block to be looked at.
    """
    import numpy as np

    before, block = np.zeros(0, np.uint32), _fingerprints(rows, 0, radius)
    for start in range(0, rows.num_rows, radius):
        behind = _fingerprints(rows, start + radius, start + 2 * radius)
        near, at = np.concatenate([before, block, behind]), len(before) + int(block.argmin())
        left, right = near[max(0, at - radius) : at], near[at + 1 : at + 1 + radius]
        if at and left.min(initial=_GREATEST) > near[at] <= right.min(initial=_GREATEST):
            yield start + at - len(before)
        before, block = block, behind


def _fingerprints(rows: pa.Table, start: int, stop: int) -> Any:
    """A number of 32 bits for each row from `start` to `stop`, as far as there are any."""
    import numpy as np

    stop = min(stop, rows.num_rows)
    if start >= stop:
        return np.zeros(0, np.uint32)
    first = max(0, start - sum(_WINDOW_STEPS))
    part = rows.slice(first, stop - first)
    found = np.zeros(len(part), np.uint32)
    for place in _telling(rows.schema):
        words = np.concatenate([_words(chunk) for chunk in part.column(place).chunks if len(chunk)])
        words *= np.uint64(_ODD)
        words >>= np.uint64(32)
        found *= np.uint32(_SMALL_ODD)
        found += words.astype(np.uint32)
    found ^= found >> np.uint32(15)
    for step in _WINDOW_STEPS:
        found[step:] = found[step:] * np.uint32(_SMALL_ODD) + found[:-step]
    found ^= found >> np.uint32(15)
    found *= np.uint32(_SMALL_ODD)
    return found[start - first :]


def _telling(schema: pa.Schema) -> list[int]:
    """The columns that fingerprints are made of: the first few whose values are looked at fast."""
    plain = [_plain(field.type) for field in schema]
    fixed = [place for place, t in enumerate(plain) if _width(t)]
    texts = [place for place, t in enumerate(plain) if arrow_types.is_text_or_bytes(t)]
    return [*fixed, *texts][:_COLUMNS]


def _plain(t: pa.DataType) -> pa.DataType:
    return _plain(t.storage_type) if isinstance(t, pa.BaseExtensionType) else t


def _width(t: pa.DataType) -> int:
    """The bytes of a value that lies in its place, of a type whose bytes are looked at; else 0."""
    is_fixed = pa.types.is_primitive(t) or pa.types.is_decimal(t) or pa.types.is_fixed_size_binary(t)
    width = t.bit_width // 8 if is_fixed and not pa.types.is_boolean(t) else 0
    return width if width in _WHOLE or width > _WORD_BYTES else 0


def _words(array: pa.Array) -> Any:
    """A number of 64 bits for each value, 0 for a null."""
    import numpy as np

    if isinstance(array, pa.ExtensionArray):
        return _words(array.storage)
    words = _of_fixed(array) if _width(array.type) else _of_bytes(array.cast(pa.large_binary()))
    if array.null_count:
        words[array.is_null().to_numpy(zero_copy_only=False)] = np.uint64(0)
    return words


def _of_fixed(array: pa.Array) -> Any:
    """The lowest bytes of values that lie in their places."""
    import numpy as np

    width = _width(array.type)
    data = memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]
    if width in _WHOLE:
        return np.frombuffer(data, f"<u{width}").astype(np.uint64)
    return np.ndarray((len(array),), "<u8", data, 0, (width,)).copy()


def _of_bytes(array: pa.Array) -> Any:
    """The last bytes of each value, and its length."""
    import numpy as np

    offsets = np.frombuffer(array.buffers()[1], "<i8")[array.offset : array.offset + len(array) + 1]
    sizes = np.diff(offsets).astype(np.uint64)
    data = array.buffers()[2]
    if data is None or data.size < _WORD_BYTES:
        return sizes
    last = np.maximum(offsets[1:] - _WORD_BYTES, 0)
    every = np.ndarray((data.size - _WORD_BYTES + 1,), "<u8", memoryview(data), 0, (1,))
    missing = np.uint64(_WORD_BYTES) - np.minimum(sizes, np.uint64(_WORD_BYTES))
    words = every[last] >> np.minimum(missing * np.uint64(8), np.uint64(63))
    return (words ^ (sizes << np.uint64(56))) * np.where(sizes > 0, 1, 0).astype(np.uint64)
