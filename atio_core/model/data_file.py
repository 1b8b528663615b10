"""What a version knows of each of its data files, without opening it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Scalar = str | int | float | bool | None
"""A partition value or a bound as JSON keeps it. Bounds of temporal columns are integers in the column's unit."""


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """Bounds of one column in one file. A bound may be wider than the values, never narrower; None is unknown."""

    nulls: int | None = None
    low: Scalar = None
    high: Scalar = None


@dataclass(frozen=True, slots=True)
class DataFile:
    """One immutable file of rows.

    Attributes:
        path: Name relative to the table.
        format: How the bytes are to be read; "parquet".
        size: Length in bytes.
        rows: Number of rows.
        digest: Digest of the whole file.
        footer_size: Length in bytes of the file's end, which holds the digests of the blocks before it.
        footer_digest: Digest of that end.
        schema: Number of the schema that it was written with, in the entry's `schemas`.
        partition: Value of each partition field, in the fields' order.
        stats: Bounds of the first columns, by column id.
        commit_id: The commit that added it.
        time_us: When it was written, in microseconds since 1970.
        late: It came in by a descriptor or a kept stage: expiry frees it only behind the horizon.
        piece: What belongs to this piece of data alone: a RangeIndex's bounds, `attrs`, the digest of the content.
    """

    path: str
    format: str
    size: int
    rows: int
    digest: str
    footer_size: int
    footer_digest: str
    schema: int
    partition: tuple[Scalar, ...] = ()
    stats: dict[int, ColumnStats] = field(default_factory=dict[int, ColumnStats])
    commit_id: str = ""
    time_us: int = 0
    late: bool = False
    piece: dict[str, Any] = field(default_factory=dict[str, Any])
