"""Immutable lists of data files, and when small ones are merged into larger ones.

A version's files are, in the order of their rows: those of its manifests, one manifest after the other, then the
inline ones. An append adds to the inline ones. When they pass their bound they become a manifest of level 0; when
`fanout` neighbours of one level stand at the end, they become one of the next level, up to `target_files`. So a
version names few manifests, and a file's record is rewritten a few times only (a log-structured merge tree,
O'Neil et al. 1996). In a bucket, where each manifest costs a reader a request, those of level 0 are gathered in one
until it is large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from atio_core.model.data_file import ColumnStats, DataFile, Scalar

_COLUMNS = 8  # have bounds over several files

Stats = Mapping[int, ColumnStats]


@dataclass(frozen=True, slots=True)
class Span:
    """What is known of the rows of several files at once, so that those that can't match are passed over together.

    Attributes:
        rows: How many they are.
        partitions: For each partition field the lowest and the highest value as text; empty if not partitioned.
        schema: Number of the schema that all the files were written with; 0 if there are several, or it isn't known.
        stats: Bounds of the first columns, by column id; none without a schema.
    """

    rows: int
    partitions: tuple[tuple[str, str], ...] = ()
    schema: int = 0
    stats: Stats = field(default_factory=dict[int, ColumnStats])


@dataclass(frozen=True, slots=True)
class ManifestRef:
    """What an entry says of a manifest, so that planning opens only those that it needs.

    Attributes:
        path: Name relative to the table.
        digest: Digest of the manifest's bytes.
        size: Its length in bytes.
        files: Number of data files in it.
        rows: Their rows in all.
        bytes: Their size in all.
        level: How often its files were merged.
        partitions: For each partition field the lowest and the highest value as text; empty if not partitioned.
        schema: As in `Span`; of small manifests it isn't known.
        stats: Likewise.
    """

    path: str
    digest: str
    size: int
    files: int
    rows: int
    bytes: int
    level: int
    partitions: tuple[tuple[str, str], ...] = ()
    schema: int = 0
    stats: Stats = field(default_factory=dict[int, ColumnStats])


def span_of(files: Sequence[DataFile]) -> Span:
    """Return what is known of the rows of some files, one at least."""
    rows, schemas = sum(file.rows for file in files), {file.schema for file in files}
    partitions = _partition_bounds(files)
    if len(schemas) > 1:
        return Span(rows, partitions)
    columns = list(files[0].stats)[:_COLUMNS]
    merged = {column: _merged(column, files) for column in columns}
    return Span(
        rows, partitions, schemas.pop(), {c: stats for c, stats in merged.items() if stats is not None}
    )


def _partition_bounds(files: Sequence[DataFile]) -> tuple[tuple[str, str], ...]:
    dimensions = {len(file.partition) for file in files}
    if len(dimensions) != 1:
        return ()
    texts = [[bound_text(file.partition[d]) for file in files] for d in range(dimensions.pop())]
    return tuple((min(column), max(column)) for column in texts)


def _merged(column: int, files: Sequence[DataFile]) -> ColumnStats | None:
    """Bounds over all files; None if one of them has none that could be merged."""
    nulls = 0
    lows, highs = list[Any](), list[Any]()
    for file in files:
        stats = file.stats.get(column)
        if stats is None or stats.nulls is None:
            return None
        nulls += stats.nulls
        if stats.nulls < file.rows:  # else it has no values
            if stats.low is None or stats.high is None:
                return None
            lows.append(stats.low)
            highs.append(stats.high)
    return ColumnStats(nulls, min(lows, default=None), max(highs, default=None))


def may_hold(ref: ManifestRef | Span, partition: tuple[Scalar, ...]) -> bool:
    """Say whether a manifest may list a file of this partition."""
    return len(ref.partitions) != len(partition) or all(
        low <= text <= high
        for (low, high), text in zip(ref.partitions, partition_key(partition), strict=True)
    )


def partition_key(partition: tuple[Scalar, ...]) -> tuple[str, ...]:
    """Return what only the same partition has: 1, 1.0 and True are three, though Python calls them equal."""
    return tuple(bound_text(value) for value in partition)


def bound_text(value: Scalar) -> str:
    """Return a partition value as text that orders it among others; only equality and order of texts count."""
    return "" if value is None else f"{type(value).__name__}:{value}"


def merge_from(
    refs: Sequence[ManifestRef], *, fanout: int, target_files: int, gathered_files: int = 0
) -> tuple[int, int] | None:
    """Return the position from which the manifests at the end are to become one, and the level of that; or None.

    Args:
        refs: The manifests of a version, in order.
        fanout: How many of one level make one of the next.
        target_files: No merge makes a manifest of more files.
        gathered_files: Two of the lowest level become one of that level, if it isn't more files.
    """
    last = refs[-2:]
    if (
        len(last) > 1
        and not any(ref.level for ref in last)
        and sum(ref.files for ref in last) <= gathered_files
    ):
        return len(refs) - 2, 0
    if len(refs) < fanout:
        return None
    tail = refs[-fanout:]
    same_level = all(ref.level == tail[0].level for ref in tail)
    if same_level and sum(ref.files for ref in tail) <= target_files:
        return len(refs) - fanout, tail[0].level + 1
    return None
