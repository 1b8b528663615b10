"""How Parquet is to encode a table's columns, decided by a look at a few thousand of its values.

Dictionaries for all columns, Parquet's usual choice, cost most of the time of a write where values hardly repeat, and
make such files larger. So: a dictionary where few values repeat often; differences where integers lie close to the
ones before them (ids, times, small numbers); else the plain values. All of it is compressed with Zstandard at its
fastest level, but for tables so small that setting it up would cost more than writing them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_SMALL_BYTES = 64 << 10
_SAMPLES = 4
_SAMPLE_ROWS = 1024
_REPEATED = 4  # a dictionary pays where a value comes so many times in the sample, on the average
_CLOSE = 0.75  # differences pay where they need less than this part of the values' own bits


@dataclass(frozen=True, slots=True)
class Encoding:
    """Options for `pyarrow.parquet.ParquetWriter`."""

    compression: str = "snappy"
    compression_level: int | None = None
    use_dictionary: list[str] = field(default_factory=list[str])
    column_encoding: dict[str, str] = field(default_factory=dict[str, str])

    def options(self) -> dict[str, Any]:
        """Return them as keyword arguments."""
        return {
            "compression": self.compression,
            "compression_level": self.compression_level,
            "use_dictionary": self.use_dictionary,
            "column_encoding": self.column_encoding,
        }


def choose_encoding(table: pa.Table) -> Encoding:
    """Return how to encode a table."""
    if table.nbytes < _SMALL_BYTES:
        return Encoding()
    chosen = Encoding("zstd", 1)
    for name, values in zip(table.column_names, table.columns, strict=True):
        if "." in name or pa.types.is_nested(values.type):
            continue  # Parquet takes a dot for the way to an inner field
        samples = list(_samples(values))
        if _lie_close(values.type, samples):
            chosen.column_encoding[name] = "DELTA_BINARY_PACKED"
        elif _repeat(values.type, samples):
            chosen.use_dictionary.append(name)
    return chosen


def _samples(values: pa.ChunkedArray) -> Iterator[pa.ChunkedArray]:
    """A few runs of neighbours, spread over the column."""
    if len(values) <= _SAMPLES * _SAMPLE_ROWS:
        yield values
        return
    step = (len(values) - _SAMPLE_ROWS) // (_SAMPLES - 1)
    for start in range(0, step * _SAMPLES, step):
        yield values.slice(start, _SAMPLE_ROWS)


def _lie_close(kind: pa.DataType, samples: list[pa.ChunkedArray]) -> bool:
    if not pa.types.is_integer(kind) and not pa.types.is_temporal(kind):
        return False
    bits = max(32, kind.bit_width)  # in Parquet
    spans = [_span_of_differences(sample) for sample in samples]
    return max(spans).bit_length() < bits * _CLOSE


def _span_of_differences(sample: pa.ChunkedArray) -> int:
    kind = sample.type
    plain = pa.int32() if pa.types.is_date32(kind) or pa.types.is_time32(kind) else pa.int64()
    found = pc.min_max(pc.pairwise_diff(sample.drop_null().combine_chunks().cast(plain, safe=False)))
    low, high = found["min"].as_py(), found["max"].as_py()
    return 0 if low is None else high - low


def _repeat(kind: pa.DataType, samples: list[pa.ChunkedArray]) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    if pa.types.is_boolean(kind) or pa.types.is_null(kind) or isinstance(kind, pa.BaseExtensionType):
        return False
    together = pa.chunked_array([chunk for sample in samples for chunk in sample.chunks], kind)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        together = together.cast(pa.large_binary())  # views can't be counted
    return pc.count_distinct(together).as_py() * _REPEATED <= len(together)
