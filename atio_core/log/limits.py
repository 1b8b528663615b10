"""Bounds that keep an entry small. Tests make them tiny, so that rare paths become common ones."""

from __future__ import annotations

from dataclasses import dataclass

from atio_core.storage.base import ObjectStore


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one table's entries.

    Attributes:
        per_bucket: Entries in a folder of the log (part of the format).
        recent: Commit ids that an entry holds at least; older ones move into a list once there are twice as many.
        inline_files: Data files that an entry holds at most.
        inline_bytes: Their records' length at most.
        inline_tags: Tags that an entry holds at most, beside its list of tags; with one, names that left it count too.
        inline_tag_bytes: Their length at most.
        fanout: Manifests, or key lists, of one level that become one of the next.
        manifest_files: Data files in a manifest at most.
        gathered_files: Manifests at the end that list no more than so many together become one with each that comes.
        gathered_ids: Likewise lists of commit ids and keys.
    """

    per_bucket: int = 64
    recent: int = 32
    inline_files: int = 16
    inline_bytes: int = 24_576
    inline_tags: int = 128
    inline_tag_bytes: int = 16_384
    fanout: int = 8
    manifest_files: int = 10_000
    gathered_files: int = 0
    gathered_ids: int = 0


DEFAULT_LIMITS = Limits()
FLAT_LIMITS = Limits(gathered_files=1_000, gathered_ids=10_000)
"""For buckets: a request more per read costs more than some hundred kilobytes more now and then in a write."""


def limits_of(store: ObjectStore) -> Limits:
    """Return the bounds that suit a store."""
    return DEFAULT_LIMITS if store.flat is None else FLAT_LIMITS
