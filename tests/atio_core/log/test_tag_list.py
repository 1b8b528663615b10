from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.changes.tag import RemoveTag, SetTag
from atio_core.errors import AlreadyExistsError, DamagedError, NewerFormatError, TagNotFoundError
from atio_core.format.digest import digest
from atio_core.format.entry_json import encode_entry
from atio_core.log import commit_log
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.log.tag_list import TagLists
from atio_core.model.entry import OBJECTS, TAG_LIST, LogEntry, Tag, TagListRef, Tags, empty_entry
from atio_core.storage.base import ObjectStore
from atio_core.storage.memory import MemoryStore
from tests.support.commits import SMALL, START_US, Writer, needed
from tests.support.stores import CountingStore
from tests.support.strategies import tag_dicts

LISTS = "_atio/tags/"


def changed(
    store: ObjectStore, base: LogEntry, tags: Mapping[str, Tag], limits: Limits, *, settle: bool = False
) -> LogEntry:
    """Return an entry with other tags, what it names stored."""
    scratch = Scratch(store, base, lambda: START_US)
    entry = TagLists(store, limits).with_tags(base, tags, scratch, settle=settle)
    scratch.write()
    return entry


def table(*names: str) -> Writer:
    """Return a writer of a table of one version with these tags, set one after the other."""
    writer = Writer(MemoryStore())
    writer.append("a")
    for name in names:
        writer.tag(name, 1)
    return writer


def lists(writer: Writer) -> list[str]:
    """Return the lists of tags that lie there."""
    return list(writer.store.list(LISTS))


@given(st.lists(tag_dicts, max_size=8), st.integers(0, 3), st.booleans())
def test_what_was_put_is_found(steps: list[dict[str, Tag]], most: int, settle: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever tags follow whatever tags, an entry tells all of them, and holds no more than it may."""
    store, entry, limits = MemoryStore(), empty_entry("t"), Limits(inline_tags=most)
    for tags in steps:
        entry = changed(store, entry, tags, limits, settle=settle)
        assert TagLists(store, limits).of(entry) == tags
        assert len(entry.tags.named) + len(entry.tags.gone) <= most
        assert (TAG_LIST in entry.reader_features) == (entry.tags.older is not None)
        if settle and entry.tags.older is not None:
            listed = json.loads(store.read(entry.tags.older.path))
            assert (entry.tags.gone, listed.keys() - tags.keys()) == ((), set())


def test_a_few_tags_need_no_list() -> None:
    """Up to the bound all tags lie in the entry, and nothing else is written."""
    limits = Limits()
    tags = {f"t{number}": Tag(number) for number in range(limits.inline_tags)}
    store = MemoryStore()
    entry = changed(store, empty_entry("t"), tags, limits)
    assert (entry.tags, list(store.list())) == (Tags(tags), [])
    entry = changed(store, entry, tags | {"more": Tag(1)}, limits)
    assert (entry.tags.named, len(list(store.list()))) == ({"more": Tag(1)}, 1)


def test_long_names_go_to_the_list_sooner() -> None:
    """What an entry holds is bounded in bytes, too."""
    limits = Limits(inline_tag_bytes=300)
    entry = changed(MemoryStore(), empty_entry("t"), {"é" * 255: Tag(1)}, limits)
    assert (entry.tags.named, entry.tags.older is None) == ({}, False)


def test_tags_move_into_a_list_as_the_entry_before_had_them() -> None:
    """The last change stays in the entry: so a list can be made anew from the entry before."""
    writer = table("t", "u")
    (path,) = lists(writer)
    before, latest = writer.log.read(2), writer.log.latest()
    assert before is not None
    data = writer.store.read(path)
    assert json.loads(data) == {"t": [1, None]}
    assert latest.tags == Tags({"u": Tag(1)}, (), TagListRef(path, digest(data), len(data), 1))
    assert writer.log.tags_of(before) == {"t": Tag(1)}


def test_a_tag_is_moved_and_taken_away_over_a_list() -> None:
    """The list stays while tags that it holds are moved or go, up to the bound; with few left there is none."""
    limits, store = Limits(inline_tags=4), MemoryStore()
    tags = {name: Tag(1) for name in "abcdefgh"}
    entry = changed(store, empty_entry("t"), tags, limits)
    older = entry.tags.older
    tags["a"] = Tag(2)
    del tags["b"]
    entry = changed(store, entry, tags, limits)
    assert entry.tags == Tags({"a": Tag(2)}, ("b",), older)
    del tags["c"], tags["d"], tags["e"]
    entry = changed(store, entry, tags, limits)
    assert entry.tags.older != older
    assert TagLists(store, limits).of(entry) == tags
    del tags["f"], tags["g"]
    entry = changed(store, entry, tags, limits)
    assert entry.tags == Tags({"a": Tag(2), "h": Tag(1)})
    assert entry.reader_features == ()


def test_two_changes_in_turn_write_no_list_each_time() -> None:
    """A lease that comes and goes at the bound doesn't go back and forth between a list and none."""
    limits, store = Limits(inline_tags=4), MemoryStore()
    tags = {name: Tag(1) for name in "abcd"}
    entry = changed(store, empty_entry("t"), tags, limits)
    for _ in range(4):
        entry = changed(store, entry, tags | {"lease": Tag(1, 7)}, limits)
        entry = changed(store, entry, tags, limits)
    assert len(list(store.list())) == 1


def test_a_commit_s_bytes_do_not_grow_with_the_tags() -> None:
    """With 2,000 tags a commit writes as much as with none, but for the few that an entry may hold."""
    store, limits = MemoryStore(), Limits()
    writer = Writer(store, limits=limits)
    writer.overwrite("a")
    writer.overwrite("b")
    few = len(encode_entry(writer.log.latest()))
    tags = {f"release/{number}-01234567": Tag(1) for number in range(2_000)}
    entry = changed(store, writer.log.latest(), tags, limits)
    assert len(encode_entry(entry)) < few + 250
    tags["one"] = Tag(1)
    entry = changed(store, entry, tags, limits)
    assert len(encode_entry(entry)) < few + 300
    for number in range(300):
        tags[f"later {number}"] = Tag(2)
        entry = changed(store, entry, tags, limits)
        assert len(encode_entry(entry)) < few + 250 + limits.inline_tag_bytes
    assert len(list(store.list(LISTS))) <= 2 + 300 // limits.inline_tags


def test_who_asks_for_no_tag_reads_no_list() -> None:
    """Opening the latest, reading a version by its number and committing read no list of tags."""
    writer = table("t", "u", "v")
    store = CountingStore(writer.store)
    other = Writer(store)
    other.log.latest()
    other.log.get(1)
    other.append("b")
    assert not [name for _, name in store.calls if name.startswith(LISTS)]
    assert set(other.log.tags()) == {"t", "u", "v"}
    assert [name for _, name in store.calls if name.startswith(LISTS)]


def test_a_list_is_read_once() -> None:
    """The tags of many versions that name one list are told by reading it once."""
    writer = table("t", "u", "v")
    store = CountingStore(writer.store)
    history = Writer(store).table.history()
    assert [one.tags for one in history] == [("t", "u", "v")]
    history += Writer(store).table.history()
    assert len([name for _, name in store.calls if name.startswith(LISTS)]) == 1


def test_a_release_that_knows_no_lists_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that would tell too few tags, and a cleaner that would take the list, stop at the entry."""
    writer = table("t", "u")
    assert writer.log.latest().reader_features == (TAG_LIST,)
    monkeypatch.setattr(commit_log, "READER_FEATURES", frozenset({OBJECTS}))
    for act in (writer.log.latest, lambda: writer.append("b"), lambda: writer.expire(1)):
        with pytest.raises(NewerFormatError, match="tag_list"):
            act()


@pytest.mark.parametrize("change", ["tag", "untag"])
def test_a_refused_change_leaves_no_list(change: str) -> None:
    """A tag that is refused, and one that isn't there, write nothing."""
    writer = table("t", "u", "v")
    writer.overwrite("b")
    before = sorted(writer.store.list())
    if change == "tag":
        with pytest.raises(AlreadyExistsError):
            writer.commit(SetTag(writer.log, "t", 5))
    else:
        with pytest.raises(TagNotFoundError, match="its tags: 't', 'u', 'v'"):
            writer.commit(RemoveTag(writer.log, "w"))
    assert sorted(writer.store.list()) == before


def test_a_lost_race_leaves_no_list() -> None:
    """A list that was written for an entry which another came before goes; the next try writes its own."""
    writer = table("t")
    base = writer.log.latest()
    writer.append("b")
    done = writer.commit(SetTag(writer.log, "u", 1), base=base)
    assert done.entry is not None
    assert lists(writer) == [done.entry.tags.older and done.entry.tags.older.path]


def test_an_expiry_takes_lists_that_no_version_reaches() -> None:
    """The lists of versions that go, go with them; that of the latest stays; what it held is there."""
    writer = table(*"tuvwx")
    assert len(lists(writer)) > 1
    writer.expire(1)
    older = writer.log.latest().tags.older
    assert older is not None
    assert lists(writer) == [older.path]
    assert older.path in needed(writer.store)
    assert set(writer.log.tags()) == set("tuvwx")


def test_after_an_expiry_nothing_tells_of_names_that_went() -> None:
    """An expire entry's list holds no name that was taken away before; the list that did is gone."""
    writer = table("t", "secret", "u", "v", "w")
    writer.commit(RemoveTag(writer.log, "secret"))
    assert any(b"secret" in writer.store.read(path) for path in lists(writer))
    writer.expire(1)
    older = writer.log.latest().tags.older
    assert older is not None
    assert lists(writer) == [older.path]
    assert b"secret" not in writer.store.read(older.path)
    assert "secret" not in writer.log.latest().tags.gone


def test_a_list_that_is_gone_is_looked_for_in_the_latest() -> None:
    """A reader with an outdated entry, whose list an expiry took, tells the tags that there are now."""
    writer = table("t", "u")
    other = Writer(writer.store)
    snapshot = other.table.snapshot()
    for name in "vwx":
        writer.tag(name, 1)
    writer.expire(1)
    assert snapshot.tags == ("t", "u", "v", "w", "x")


def test_a_list_that_is_missing_or_damaged_is_told() -> None:
    """Tags aren't guessed: what reads them says which list is damaged, and a commit that needs none goes on."""
    for damage in (b"{}", b"[1]", None):
        writer = table("t", "u")
        (path,) = lists(writer)
        writer.store.delete([path])
        if damage is not None:
            writer.store.put(path, damage)
        other = Writer(writer.store)
        for act in (
            other.log.tags,
            lambda other=other: other.tag("w", 1),
            lambda other=other: other.expire(1),
            lambda other=other: other.table.snapshot("t"),
            lambda other=other: other.table.untag("t"),
        ):
            with pytest.raises(DamagedError) as caught:
                act()
            assert caught.value.facts["path"] == path
        other.append("b")
        assert writer.words() == ["a", "b"]


def test_what_no_list_can_hold_is_damage() -> None:
    """Bytes that have the right digest, and aren't a list of tags, raise an error of ours."""
    for data in (b"[]", b"{", b"[" * 100_000, b'{"t":7}', b'{"t":[1]}', b'{"t":[1,null,[2]]}'):
        store = MemoryStore()
        store.put("_atio/tags/x.json", data)
        ref = TagListRef("_atio/tags/x.json", digest(data), len(data), 1)
        with pytest.raises(DamagedError, match="list of tags"):
            TagLists(store, SMALL).of(empty_entry("t").tagged(Tags(older=ref)))


def test_an_error_names_some_tags() -> None:
    """Of many tags the first ones are named, so that the message stays short."""
    writer = Writer(MemoryStore())
    writer.append("a")
    tags = {f"t{number:03}": Tag(1) for number in range(300)}
    entry = changed(writer.store, writer.log.latest(), tags, SMALL)
    writer.store.put(writer.log.sequence.names.name(2), encode_entry(entry.with_(version=2)))
    with pytest.raises(TagNotFoundError, match=r"its tags: 't000', .*, 't019', and 280 more$"):
        writer.table.snapshot("x")
