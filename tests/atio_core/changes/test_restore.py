from __future__ import annotations

import pytest

from atio_core.changes.restore import Restore
from atio_core.errors import (
    CommitConflictError,
    TableNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.log.file_list import files_of
from atio_core.storage.memory import MemoryStore
from tests.support.commits import WIDE, Writer, verify
from tests.support.stores import CountingStore

DAY_US = 86_400_000_000


def table(*words: str, store: MemoryStore | None = None) -> Writer:
    """Return a writer of a table that was overwritten by each of these words in turn."""
    writer = Writer(store or MemoryStore())
    for word in words:
        writer.overwrite(word)
    return writer


def test_the_content_is_the_old_ones_and_all_else_the_parents() -> None:
    """A restore takes files, schema, partitioning and digest of the old version; tags, keys and ids go on."""
    writer = Writer(MemoryStore())
    writer.replace({"x": ["a"], "y": ["b"]})
    writer.schema = WIDE
    writer.overwrite("c", idempotency_key="k")
    writer.tag("kept", 2)
    old, base = writer.log.get(1), writer.log.latest()
    entry = writer.restore(1, message="m", properties={"p": "q"}).entry
    assert entry is not None
    content = (
        *("kind", "schema", "schemas", "partition_fields", "manifests", "files"),
        *("totals", "content"),
    )
    assert {name: getattr(entry, name) for name in content} == {name: getattr(old, name) for name in content}
    others = ("table_id", "last_schema", "last_column", "tags", "horizon_us", "grace_us", "key_retention_us")
    assert {name: getattr(entry, name) for name in others} == {name: getattr(base, name) for name in others}
    assert entry.last_schema == 2
    assert (entry.data.version, entry.data.operation, entry.data.message) == (4, "restore", "m")
    assert (entry.data.added, entry.data.removed) == (old.totals, base.totals)
    assert writer.append("d", idempotency_key="k").repeated


def test_no_data_is_copied() -> None:
    """A restore writes one log entry and nothing else, however much the version holds."""
    store = MemoryStore()
    table("a", "b", store=store)
    counting = CountingStore(store)
    Writer(counting).restore(1)
    assert counting.counts["put_if_absent"] == 1
    assert counting.counts["put"] == counting.counts["open_write"] == 0
    assert verify(store)[3] == ["a"]


def test_files_older_than_the_horizon_come_back() -> None:
    """A retained version reaches its files, so they are never too old for a restore; cleaning leaves them then."""
    writer = table("a", "b", "c")
    writer.now_us += 10 * DAY_US
    writer.expire(2, grace_us=0)
    writer.restore(2)
    writer.expire(1, grace_us=0)
    (rows,) = verify(writer.store).values()
    assert rows == ["b"]


def test_what_both_share_stays_once() -> None:
    """A restored version that shares files with its parent has each of them once."""
    writer = Writer(MemoryStore())
    for word in "abcdefg":
        writer.append(word)
    entry = writer.restore(5).entry
    assert entry is not None
    assert writer.words(entry) == [*"abcde"]
    assert len({file.path for file in files_of(writer.store, entry)}) == 5
    writer.append("h")
    assert writer.words() == [*"abcdeh"]


def test_a_damaged_latest_version_can_be_restored_over() -> None:
    """A restore reads nothing of what it replaces: so it is the way out when files of the latest version are gone."""
    writer = Writer(MemoryStore())
    for word in "abcdef":
        writer.append(word)
    latest = writer.log.latest()
    old = writer.log.get(2)
    assert latest.manifests
    writer.store.delete([ref.path for ref in latest.manifests])
    entry = writer.restore(2).entry
    assert entry is not None
    assert (entry.files, writer.words(entry)) == (old.files, ["a", "b"])


def test_a_restore_is_built_anew_on_what_came_in_between() -> None:
    """A restore that loses a race follows the winner, as long as the version is retained."""
    writer = table("a", "b")
    base = writer.log.latest()
    writer.overwrite("c")
    change = writer.restore(1)
    assert change.version == 4
    late = Writer(writer.store)
    assert late.commit(Restore(late.log, 2), base=base).version == 5
    assert writer.words() == ["b"]
    with pytest.raises(CommitConflictError):
        writer.restore(1, expected_version=4)


def test_a_version_that_has_expired_meanwhile_is_refused() -> None:
    """A restore whose version was let go since its base says so, and nothing is committed."""
    writer = table("a", "b", "c")
    base = writer.log.latest()
    writer.expire(1)
    with pytest.raises(VersionExpiredError, match="version 1 of"):
        writer.commit(Restore(writer.log, 1), base=base)
    assert writer.log.latest().version == 4


@pytest.mark.parametrize("version", [0, -1, 3])
def test_a_version_that_was_never_there_is_refused(version: int) -> None:
    """Only what was committed can be restored."""
    with pytest.raises(VersionNotFoundError, match="its latest is 2"):
        table("a", "b").restore(version)


def test_no_table_is_no_version() -> None:
    """Where there is no table there is nothing to be restored, and none is made."""
    writer = Writer(MemoryStore())
    with pytest.raises(TableNotFoundError):
        writer.restore(1)
    assert list(writer.store.list()) == []
