from __future__ import annotations

import pytest

from atio_core.changes.tag import EndLease, RemoveTag, SetTag
from atio_core.errors import (
    AlreadyExistsError,
    InvalidInputError,
    TableNotFoundError,
    TagNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.model.entry import Tag
from atio_core.storage.memory import MemoryStore
from tests.support.commits import Writer

KEPT = (
    *("data", "files", "manifests", "totals", "schema", "schemas", "content", "partition_fields"),
    *("table_id", "horizon_us", "grace_us", "last_schema", "last_column"),
)
"""What a tag leaves as it is."""


def table(*words: str) -> Writer:
    """Return a writer of a table that was overwritten by each of these words in turn."""
    writer = Writer(MemoryStore())
    for word in words:
        writer.overwrite(word)
    return writer


def untag(writer: Writer, name: str) -> int:
    """Take a tag away; return the version of the entry that does."""
    return writer.commit(RemoveTag(writer.log, name)).version


def test_a_tag_keeps_the_rows() -> None:
    """Tags come and go by entries of their own, which carry the data version on."""
    writer = table("a", "b")
    base = writer.log.latest()
    tagged = writer.tag("first", 1).entry
    assert tagged is not None
    assert (tagged.version, tagged.operation, writer.log.tags()) == (3, "tag", {"first": Tag(1)})
    assert {name: getattr(tagged, name) for name in KEPT} == {name: getattr(base, name) for name in KEPT}
    writer.overwrite("c")
    assert writer.log.tags() == {"first": Tag(1)}
    assert untag(writer, "first") == 5
    gone = writer.log.latest()
    assert (gone.operation, gone.data.version, writer.log.tags()) == ("untag", 4, {})
    assert writer.words() == ["c"]


def test_a_tag_names_the_data_version() -> None:
    """The number of an entry that keeps the rows will do: what it protects is the version whose rows these are."""
    writer = table("a", "b")
    writer.tag("t", 1)
    writer.overwrite("c")
    writer.tag("u", 3)
    assert writer.log.tags() == {"t": Tag(1), "u": Tag(2)}


def test_a_tag_that_is_there_is_nothing_new() -> None:
    """The same name for the same version makes no entry, so that a retry does no harm."""
    writer = table("a")
    assert writer.tag("t", 1).version == 2
    again = writer.tag("t", 1)
    assert (again.version, again.nothing) == (2, True)


def test_a_tag_moves_only_by_force() -> None:
    """A name that another version has is refused, and taken from it if asked for."""
    writer = table("a", "b")
    writer.tag("t", 1)
    with pytest.raises(
        AlreadyExistsError, match=r"version 1 of .* has the tag 't' already.*force=True"
    ) as caught:
        writer.tag("t", 2)
    assert caught.value.version == 1
    assert writer.log.latest().version == 3
    writer.tag("t", 2, force=True)
    assert writer.log.tags() == {"t": Tag(2)}


def test_a_tag_may_end() -> None:
    """A tag has an end, which is moved only by force."""
    writer = table("a")
    ends = {
        until_us: SetTag(writer.log, "t", 1, force=False, until_us=until_us)
        for until_us in (None, 10**17, 10**18)
    }
    assert writer.commit(ends[10**17]).version == 2
    assert writer.commit(ends[10**17]).nothing
    for until_us in (None, 10**18):
        with pytest.raises(AlreadyExistsError, match="has the tag 't' already"):
            writer.commit(ends[until_us])
    writer.commit(SetTag(writer.log, "t", 1, force=True, until_us=10**18))
    assert writer.log.tags() == {"t": Tag(1, 10**18)}


def test_a_tag_that_ends_before_the_horizon_is_refused() -> None:
    """Expiries have been decided as of a later time: such a tag would have protected nothing."""
    writer = table("a", "b")
    writer.now_us += 10**9
    writer.expire(1, grace_us=0)
    horizon_us = writer.log.latest().horizon_us
    with pytest.raises(InvalidInputError, match=r"'t' would end at .* has been cleaned as of .* this clock"):
        writer.commit(SetTag(writer.log, "t", 2, force=False, until_us=horizon_us - 1))
    writer.commit(SetTag(writer.log, "t", 2, force=False, until_us=horizon_us))
    assert writer.log.tags() == {"t": Tag(2, horizon_us)}


def test_the_end_of_a_lease_tells_whether_its_version_was_kept() -> None:
    """It takes the tag away, if it is there; if the version has gone, it says so."""
    writer = table("a", "b")
    writer.lease(1, until_us=writer.now_us + 1)
    end = EndLease(writer.log, "lease", 1)
    done = writer.commit(end).entry
    assert done is not None
    assert (done.operation, writer.log.tags(), done.data.version) == ("untag", {}, 2)
    assert writer.commit(end).nothing
    base = writer.log.latest()
    writer.expire(1)
    with pytest.raises(VersionExpiredError):
        writer.commit(end, base=base)


def test_a_name_that_was_taken_away_meanwhile_is_free() -> None:
    """What stood against a tag on an outdated base doesn't count."""
    writer = table("a", "b")
    writer.tag("t", 1)
    base = writer.log.latest()
    untag(writer, "t")
    assert writer.commit(SetTag(writer.log, "t", 2, force=False), base=base).version == 5


def test_a_version_that_is_not_retained_can_not_be_tagged() -> None:
    """A tag protects; it brings nothing back."""
    writer = table("a", "b", "c")
    base = writer.log.latest()
    writer.expire(2)
    with pytest.raises(VersionExpiredError):
        writer.commit(SetTag(writer.log, "t", 1, force=False), base=base)
    with pytest.raises(VersionNotFoundError):
        writer.tag("t", 9)
    assert writer.log.tags() == {}


def test_a_tag_that_is_not_there_can_not_be_taken_away() -> None:
    """The error tells the tags that there are."""
    writer = table("a")
    with pytest.raises(TagNotFoundError, match="no tag 't'; its tags: none"):
        untag(writer, "t")
    writer.tag("u", 1)
    with pytest.raises(TagNotFoundError, match="no tag 't'; its tags: 'u'"):
        untag(writer, "t")


def test_no_table_has_no_tags() -> None:
    """Where there is no table none is made."""
    writer = Writer(MemoryStore())
    with pytest.raises(TableNotFoundError):
        writer.tag("t", 1)
    with pytest.raises(TableNotFoundError):
        untag(writer, "t")
    assert list(writer.store.list()) == []
