from __future__ import annotations

from dataclasses import replace

import pytest

from atio_core.errors import DamagedError
from atio_core.format.entry_json import encode_entry
from atio_core.log.confirm import on_chain
from atio_core.model.entry import DAY_US, LogEntry
from atio_core.storage.memory import MemoryStore
from tests.support.commits import Writer

STRAY = "0" * 32


def table(versions: int) -> Writer:
    """Return a writer of a table of so many versions."""
    writer = Writer(MemoryStore())
    for number in range(versions):
        writer.append(str(number))
    return writer


def entry(writer: Writer, version: int) -> LogEntry:
    """Return the entry of a version."""
    found = writer.log.read(version)
    assert found is not None
    return found


def let_go(writer: Writer, keep_last: int) -> None:
    """Expire, and free names."""
    writer.expire(keep_last=keep_last, grace_us=0)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_in_the_newest_bucket_an_entry_is_on_the_chain(version: int) -> None:
    """Names there are never freed, so whoever created one has made a version; nothing else is read."""
    writer = table(3)
    mine = entry(writer, version).with_(commit_id=STRAY)  # not even what it holds counts
    assert on_chain(writer.log, mine) is True


@pytest.mark.parametrize("later", [1, 2, 4])
def test_the_recent_ids_of_the_latest_tell(later: int) -> None:
    """Within the last commits the latest entry knows whose a version is."""
    writer = table(3 + later)
    assert on_chain(writer.log, entry(writer, 3)) is True
    assert on_chain(writer.log, entry(writer, 3).with_(commit_id=STRAY)) is False


def test_a_retained_entry_tells() -> None:
    """Beyond that, an entry a little above the version knows, if it is retained."""
    writer = table(30)
    assert len(writer.log.latest().recent.commits) < 20
    assert on_chain(writer.log, entry(writer, 3)) is True
    assert on_chain(writer.log, entry(writer, 3).with_(commit_id=STRAY)) is False


def test_the_lists_of_keys_tell() -> None:
    """If no such entry is retained, the lists of older ids know."""
    writer = table(30)
    mine = entry(writer, 3)
    let_go(writer, 1)
    assert on_chain(writer.log, mine) is True
    assert on_chain(writer.log, mine.with_(commit_id=STRAY)) is False


def test_after_the_key_retention_nobody_can_tell() -> None:
    """Once ids from then are forgotten and no entry is left, the answer is neither yes nor no."""
    writer = table(5)
    mine = entry(writer, 3)
    writer.now_us += 31 * DAY_US
    for number in range(12):
        writer.append(f"later {number}")
    let_go(writer, 1)
    assert on_chain(writer.log, mine) is None
    assert on_chain(writer.log, mine.with_(commit_id=STRAY)) is None


def test_a_witness_that_was_freed_does_not_count() -> None:
    """A stray under the name of a former witness is not asked: it would vouch for its own kind."""
    writer = table(30)
    mine, witness = entry(writer, 3), entry(writer, 5)
    let_go(writer, 1)
    name = writer.log.sequence.names.name(5)
    ids = witness.recent.commits
    lies = replace(witness.recent, commits=(*ids[:2], bytes.fromhex(STRAY), *ids[3:]))
    writer.store.put(name, encode_entry(witness.with_(recent=lies)))
    assert on_chain(writer.log, mine) is True
    assert on_chain(writer.log, mine.with_(commit_id=STRAY)) is False


def test_damage_that_stays_is_an_error() -> None:
    """If what would tell is damaged, and still needed, the question is answered by an error that names it."""
    writer = table(30)
    mine = entry(writer, 3)
    let_go(writer, 1)
    paths = [ref.path for ref in writer.log.latest().key_lists]
    writer.store.delete(paths)
    with pytest.raises(DamagedError, match="list of keys") as caught:
        on_chain(writer.log, mine)
    assert caught.value.facts["path"] in paths
