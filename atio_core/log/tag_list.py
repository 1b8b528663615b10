"""The tags of a table: a few lie in the entry, the others in a list that stays while these change.

An entry holds what was tagged, moved or taken away since its list was written. When that is more than it may hold, the
tags of the entry before become a new list; when all are few, they lie in the entry again, and there is no list. So a
commit that changes no tag writes the same few bytes whatever their number, and who doesn't ask for tags reads none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from atio_core.errors import DamagedError
from atio_core.format.digest import digest
from atio_core.format.names import tag_list_path
from atio_core.format.tags_json import decode_tags, encode_tags, tags_to_json
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.entry import LogEntry, Tag, TagListRef, Tags
from atio_core.storage.base import ObjectStore


class TagLists:
    """Reads and writes the tags of a table. The list that was read last is remembered, since most entries name it.

    Args:
        store: The table's store.
        limits: Bounds of an entry.
    """

    def __init__(self, store: ObjectStore, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._last: tuple[TagListRef, dict[str, Tag]] | None = None

    def of(self, entry: LogEntry) -> dict[str, Tag]:
        """Return all tags of an entry.

        Raises:
            NotFoundError: Their list isn't there: damage, or the entry has expired.
            DamagedError: The list's bytes are not what was written.
        """
        tags = entry.tags
        listed = {name: tag for name, tag in self._listed(tags.older).items() if name not in tags.gone}
        return listed | tags.named

    def with_tags(
        self, base: LogEntry, tags: Mapping[str, Tag], scratch: Scratch, *, settle: bool = False
    ) -> LogEntry:
        """Return an entry with other tags.

        Args:
            base: The entry. What it has now becomes a list, if the change since the last one is too large.
            tags: All tags that it is to have.
            scratch: What the attempt writes.
            settle: No name that isn't among them may stay, neither in the entry nor in its list.

        Raises:
            As `of`.
        """
        return base.tagged(next(self._ways(base, tags, scratch, settle=settle)))

    def _ways(
        self, base: LogEntry, tags: Mapping[str, Tag], scratch: Scratch, *, settle: bool
    ) -> Iterator[Tags]:
        """Ways to hold tags, those first that write least."""
        old = base.tags.older
        # From a list back to none only at half of the bound: else two changes in turn would write a list each time.
        if self._fits(whole := Tags(dict(tags)), 1 if old is None else 2):
            yield whole
        if old is not None and self._fits(changed := _since(self._listed(old), tags), settle=settle):
            yield Tags(changed.named, changed.gone, old)
        for content in (self.of(base), tags):
            if self._fits(changed := _since(content, tags), settle=settle):
                yield Tags(changed.named, changed.gone, _write(content, scratch))

    def _fits(self, tags: Tags, share: int = 1, *, settle: bool = False) -> bool:
        if settle and tags.gone:
            return False
        count, limits = len(tags.named) + len(tags.gone), self._limits
        length = len(json.dumps([tags_to_json(tags.named), tags.gone], ensure_ascii=False).encode())
        return count <= limits.inline_tags // share and (
            not count or length <= limits.inline_tag_bytes // share
        )

    def _listed(self, ref: TagListRef | None) -> dict[str, Tag]:
        if ref is None:
            return {}
        if self._last is None or self._last[0] != ref:
            self._last = ref, _read(self._store, ref)
        return self._last[1]


def _since(listed: Mapping[str, Tag], tags: Mapping[str, Tag]) -> Tags:
    """What makes these tags of those of a list."""
    named = {name: tag for name, tag in tags.items() if listed.get(name) != tag}
    return Tags(named, tuple(sorted(name for name in listed if name not in tags)))


def _write(tags: Mapping[str, Tag], scratch: Scratch) -> TagListRef:
    data, path = encode_tags(tags), tag_list_path(scratch.new_id())
    scratch.put(path, data)
    return TagListRef(path, digest(data), len(data), len(tags))


def _read(store: ObjectStore, ref: TagListRef) -> dict[str, Tag]:
    data = store.read(ref.path)
    found = digest(data)
    if found != ref.digest:
        raise _damaged(store, ref, found)
    try:
        return decode_tags(data)
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise _damaged(store, ref, "no list of tags") from error


def _damaged(store: ObjectStore, ref: TagListRef, found: str) -> DamagedError:
    message = (
        f"the list of tags {ref.path} of the table {store.location} is damaged; bring it back from a backup"
    )
    return DamagedError(message, table=store.location, path=ref.path, expected=ref.digest, found=found)
