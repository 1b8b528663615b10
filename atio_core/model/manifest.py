"""Immutable lists of data files, and when small ones are merged into larger ones.

A version's files are, in the order of their rows: those of its manifests, one manifest after the other, then the
inline ones. An append adds to the inline ones. When they pass their bound they become a manifest of level 0; when
`FANOUT` neighbours of one level stand at the end, they become one of the next level, up to `target_files`. So a
version names few manifests, and a file's record is rewritten a few times only (a log-structured merge tree,
O'Neil et al. 1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atio_core.model.data_file import Scalar

FANOUT = 8


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
    """

    path: str
    digest: str
    size: int
    files: int
    rows: int
    bytes: int
    level: int
    partitions: tuple[tuple[str, str], ...] = ()


def may_hold(ref: ManifestRef, partition: tuple[Scalar, ...]) -> bool:
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


def merge_from(refs: Sequence[ManifestRef], *, fanout: int, target_files: int) -> int | None:
    """Return the position from which the manifests at the end are to become one, or None.

    Args:
        refs: The manifests of a version, in order.
        fanout: How many of one level make one of the next.
        target_files: No merge makes a manifest of more files.
    """
    if len(refs) < fanout:
        return None
    tail = refs[-fanout:]
    same_level = all(ref.level == tail[0].level for ref in tail)
    if same_level and sum(ref.files for ref in tail) <= target_files:
        return len(refs) - fanout
    return None
