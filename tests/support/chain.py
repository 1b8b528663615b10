"""The true history of a table, as one sees it who watches each call that changes something at its moment.

What is created as the next number is a version; what is created under a freed name is a stray. So this knows at each
moment, without asking the code under test, which versions there are, what each must hold, and what must not go:

- a version holds what its change makes of the version before; a commit, and a key, is in the chain once; a change with
  an expectation follows the version that was expected (P4);
- all that a version names is there when it comes (P1), and stays as long as the latest retains it (P6); so do the names
  in the newest bucket;
- the file of a kept stage stays until the horizon has passed its time, whatever became of it;
- times and the horizon never go back; nothing is retained that the version before didn't retain; what a tag names is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from atio_core.errors import NotFoundError
from atio_core.format.entry_json import decode_entry
from atio_core.format.names import LOG, Numbered
from atio_core.format.tags_json import decode_tags
from atio_core.log.file_list import files_of
from atio_core.log.limits import Limits
from atio_core.model.entry import LogEntry, Tag
from tests.support.schedule import Call, Direct
from tests.support.world import BrokenPromiseError, promised

REWRITES = ("delete", "update", "compact")
"""What looks for a word first, and makes no version if it isn't there."""

_decode = lru_cache(maxsize=10_000)(decode_entry)


@dataclass(slots=True, eq=False)
class Deed:
    """What one call of a party is to change.

    Attributes:
        commit_id: Of its commit.
        kind: "append", "overwrite", "restore", "tag", "untag", "transaction", or one of `REWRITES`.
        word: What it writes, or takes away.
        version: The data version that it restores or names.
        tag: The name that it gives or takes away.
        key: Its idempotency key.
        expected: The data version that it must follow.
        refused: Its caller was told that it was not done, and won't be.
        instead: What it writes in the place of the word; what a transaction writes behind it.
        until_us: When the tag ends.
    """

    commit_id: str
    kind: str
    word: str = ""
    version: int = 0
    tag: str = ""
    key: str | None = None
    expected: int | None = None
    refused: bool = False
    instead: str = ""
    until_us: int | None = None


@dataclass(slots=True)
class Stage:
    """A change that is kept.

    Attributes:
        id: Its id.
        kind: "append" or "overwrite".
        word: What it writes.
        until_us: How long it is kept at least.
        path: Of its file.
    """

    id: str
    kind: str
    word: str
    until_us: int
    path: str


@dataclass(frozen=True, slots=True)
class Link:
    """A version: entry, rows, all files that it reaches, tags, and whose it is (None for what was there at first)."""

    entry: LogEntry
    words: tuple[str, ...]
    reach: frozenset[str]
    tags: dict[str, Tag]
    deed: Deed | None


@dataclass(slots=True)
class Chain:
    """All versions, from the first on, with those that have expired.

    Args:
        objects: What is stored: the store's own dict.
        limits: Bounds of an entry.
        told: Gives the latest time that a clock has told.
    """

    objects: dict[str, bytes]
    limits: Limits
    links: list[Link] = field(default_factory=list[Link])
    deeds: dict[str, Deed] = field(default_factory=dict[str, Deed])
    stages: list[Stage] = field(default_factory=list[Stage])
    strays: int = 0
    told: Callable[[], int] = lambda: 0

    def __post_init__(self) -> None:
        """Take over what is there at first, none of which has expired, unless it is known already."""
        if self.links:
            return
        for name in sorted(
            filter(self.names.parse, self.objects), key=lambda name: self.names.parse(name) or 0
        ):
            self.links.append(self._link(name, None))

    @property
    def names(self) -> Numbered:
        """How entries are named."""
        return Numbered(LOG, self.limits.per_bucket)

    @property
    def tip(self) -> int:
        """The number of the latest version; 0 if there is none."""
        return len(self.links)

    def link(self, version: int) -> Link:
        """Return a version."""
        return self.links[version - 1]

    def expect(self, deed: Deed) -> Deed:
        """Note what somebody is about to do."""
        self.deeds[deed.commit_id] = deed
        return deed

    def holding(self, version: int) -> Link | None:
        """Return the link that the latest retains for a data version."""
        stands_for = self.link(self.tip).entry.retained.at_or_after(version) if self.tip else None
        found = None if stands_for is None else self.link(stands_for)
        return found if found is not None and found.entry.data.version == version else None

    def watch(self, call: Call) -> None:
        """See a call that has changed something."""
        number = self.names.parse(call.name)
        if call.verb == "delete":
            self._deleted(call.name, number)
        elif number is not None and number > self.tip:
            self._created(call.name, number)
        elif number is not None:
            self.strays += 1

    def _created(self, name: str, number: int) -> None:
        promised(number == self.tip + 1, f"version {number} was created after version {self.tip}")
        entry = self._decode(name)
        deed = self.deeds.get(entry.commit_id)
        promised(deed or entry.operation == "expire", f"nobody made version {number}: {entry.operation}")
        link = self._link(name, deed)
        before = self.links[-1] if self.links else None
        if deed is not None:
            self._check_deed(deed, link, before)
        self._check_entry(link, before)
        self.links.append(link)
        for tag, meant in link.tags.items():
            promised(
                self.holding(meant.version),
                f"version {number} let {meant.version} go, which has the tag {tag}",
            )

    def _check_deed(self, deed: Deed, link: Link, before: Link | None) -> None:
        version, base = link.entry.version, before.entry.data.version if before else 0
        told = f"version {version}, {deed.kind} {deed.word}"
        promised(not deed.refused, f"{told}, was refused")
        for other in self.links:
            twice = other.deed is deed or (deed.key and other.deed and other.deed.key == deed.key)
            promised(not twice, f"{told}, is version {other.entry.version} once more")
        promised(deed.expected in (None, base), f"{told}, was to follow {deed.expected}, and follows {base}")
        if deed.kind == "restore":
            promised(self.holding(deed.version), f"{told}, has version {deed.version}, which had been let go")

    def _check_entry(self, link: Link, before: Link | None) -> None:
        entry, told = link.entry, f"version {link.entry.version}"
        words = self._words_after(link.deed, before)
        promised(link.words == words, f"{told} holds {link.words}, and should hold {words}")
        missing = sorted(link.reach - self.objects.keys())
        promised(not missing, f"{told} names what isn't there: {missing}")
        if before is None:
            return
        parent = before.entry
        of_parent = (entry.parent_commit_id, entry.table_id) == (parent.commit_id, parent.table_id)
        promised(of_parent, f"{told} isn't made from the one before")
        in_time = entry.time_us >= parent.time_us and entry.horizon_us >= parent.horizon_us
        promised(in_time, f"{told} goes back in time")
        new = [one for one in entry.retained if one != entry.version and one not in parent.retained]
        promised(not new, f"{told} retains {new}, which the one before had let go")
        tags = self._tags_after(link, before)
        promised(link.tags == tags, f"{told} has the tags {link.tags}, and should have {tags}")
        ids = [one.hex() for one in entry.recent.commits]
        known = [one.entry.commit_id for one in reversed(self.links[-len(ids) :])]
        promised(
            ids == [entry.commit_id, *known[: len(ids) - 1]],
            f"{told} remembers other commits than there were",
        )

    def _tags_after(self, link: Link, before: Link) -> dict[str, Tag]:
        tags, deed = dict(before.tags), link.deed
        if deed is None:  # an expiry takes those that have ended
            # The clock may have been set back since it decided.
            now_us = max(link.entry.clock_us, self.told())
            return {
                name: tag
                for name, tag in tags.items()
                if name in link.tags or tag.until_us is None or tag.until_us > now_us
            }
        if deed.kind == "tag":
            tags[deed.tag] = Tag(deed.version, deed.until_us)
        elif deed.kind == "untag":
            tags.pop(deed.tag, None)
        return tags

    def _words_after(self, deed: Deed | None, before: Link | None) -> tuple[str, ...]:
        words = before.words if before else ()
        match deed.kind if deed else "expire":
            case "append":
                return (*words, deed.word) if deed else ()
            case "overwrite":
                return (deed.word,) if deed else ()
            case "restore":
                return self.link(deed.version).words if deed else ()
            case "transaction":
                return (*words, deed.word, deed.instead) if deed else ()
            case "delete" | "update" if deed:
                new = (deed.instead,) if deed.instead else ()
                return tuple(one for word in words for one in (new if word == deed.word else (word,)))
            case _:
                return words

    def _deleted(self, name: str, number: int | None) -> None:
        for version in self.links[-1].entry.retained if self.links else ():
            is_needed = name in self.link(version).reach or number == version
            promised(not is_needed, f"{name} was deleted, which version {version} needs")
        for stage in self.stages:
            ended = self.links and self.links[-1].entry.horizon_us > stage.until_us
            promised(ended or name != stage.path, f"{name} was deleted, which is kept as a stage")
        if number and self.links:
            newest = self.names.bucket(number) == self.names.bucket(self.tip)
            promised(not newest, f"{name} was freed in the newest bucket")

    def _link(self, name: str, deed: Deed | None) -> Link:
        entry, store = self._decode(name), Direct(self.objects)
        try:
            files = files_of(store, entry)
            words = tuple(store.read(file.path).decode() for file in files)
        except NotFoundError as error:
            raise BrokenPromiseError(f"version {entry.version} names what isn't there: {error}") from error
        schemas = [ref for ref in entry.schemas.values() if ref.path is not None]
        named = (*files, *entry.manifests, *entry.other_lists, *schemas)
        return Link(entry, words, frozenset(str(one.path) for one in named), self._tags(entry), deed)

    def _tags(self, entry: LogEntry) -> dict[str, Tag]:
        older, listed = entry.tags.older, {}
        if older is not None:
            promised(
                older.path in self.objects, f"version {entry.version} names no list of tags: {older.path}"
            )
            listed = decode_tags(self.objects[older.path])
        return {name: tag for name, tag in listed.items() if name not in entry.tags.gone} | entry.tags.named

    def _decode(self, name: str) -> LogEntry:
        number = self.names.parse(name)
        assert number is not None
        return _decode(self.objects[name], path=name, version=number, table="memory://schedule")
