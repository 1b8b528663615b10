"""The tags of a table whose list of tags may be damaged: told from what its other entries say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from atio_core.format.digest import digest
from atio_core.format.tags_json import encode_tags
from atio_core.model.entry import LogEntry, Tag, TagListRef


@dataclass(frozen=True, slots=True)
class KnownTags:
    """The tags of the latest version, as far as they can be told.

    Attributes:
        found: By their names.
        anew: The list that they were in, if it is damaged and all are known from elsewhere.
        forgotten: The list, if it is damaged and its other tags are let go.
        unknown: It is damaged, and stays as it is.
    """

    found: Mapping[str, Tag]
    anew: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def others(self) -> bool:
        """Whether they must be written anew."""
        return bool(self.anew or self.forgotten)


def known_tags(newest: LogEntry, tags: Mapping[int, Mapping[str, Tag]], *, forget: bool) -> KnownTags:
    """Return the tags of an entry.

    Args:
        newest: The entry.
        tags: All tags of each entry whose list is whole, by its number.
        forget: If the list is damaged and can't be made anew, let it go, but for what the next older entry says.
    """
    older = newest.tags.older
    if older is None or newest.version in tags:
        return KnownTags(tags[newest.version])
    before = [tags[number] for number in sorted(tags, reverse=True)]
    listed = _anew(older, before)
    if listed is None and not forget:
        return KnownTags({}, unknown=True)
    base: Mapping[str, Tag] = (before[0] if before else {}) if listed is None else listed
    found = {name: tag for name, tag in base.items() if name not in newest.tags.gone} | newest.tags.named
    lost = (older.path,)
    return KnownTags(found, forgotten=lost) if listed is None else KnownTags(found, anew=lost)


def _anew(ref: TagListRef, known: Iterable[Mapping[str, Tag]]) -> Mapping[str, Tag] | None:
    """The tags of a list, if an entry has just these, as the one before whose tags moved into it."""
    for tags in known:
        if len(tags) == ref.count and digest(encode_tags(tags)) == ref.digest:
            return tags
    return None
