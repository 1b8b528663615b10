"""Tags as JSON, as they stand in a log entry and in a list of tags: an object, name to `[version, until]`.

A release's tag has a third member. A list is such an object alone, sorted by names; what refers to it has its digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from atio_core.model.entry import ReleaseRef, Tag


def tags_to_json(tags: Mapping[str, Tag]) -> dict[str, Any]:
    """Return tags as plain values."""
    return {name: _tag_to_json(tag) for name, tag in tags.items()}


def tags_from_json(fields: Mapping[str, Any]) -> dict[str, Tag]:
    """Return the tags that plain values say. Raises TypeError if they say none."""
    return {name: _tag_from_json(*tag) for name, tag in fields.items()}


def encode_tags(tags: Mapping[str, Tag]) -> bytes:
    """Return the bytes of a list of tags: the same for equal ones."""
    ordered = tags_to_json(dict(sorted(tags.items())))
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()


def decode_tags(data: bytes) -> dict[str, Tag]:
    """Return the tags of a list."""
    return tags_from_json(json.loads(data))


def _tag_to_json(tag: Tag) -> list[Any]:
    release = tag.release
    of = [] if release is None else [[release.levels, release.store_id, release.number, release.entry_id]]
    return [tag.version, tag.until_us, *of]


def _tag_from_json(version: int, until_us: int | None, release: list[Any] | None = None) -> Tag:
    return Tag(version, until_us, None if release is None else ReleaseRef(*release))
