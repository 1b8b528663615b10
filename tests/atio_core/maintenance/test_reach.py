from __future__ import annotations

from unittest import mock

import pytest

from atio_core.errors import DamagedError, VersionExpiredError
from atio_core.format import schema_arrow
from atio_core.format.names import file_id_of
from atio_core.maintenance.reach import Reach
from atio_core.storage.memory import MemoryStore
from tests.support.commits import Writer
from tests.support.stores import CountingStore


def table(versions: int, store: object = None) -> Writer:
    """Return a writer of a table of so many appends, whose schema lies in a file."""
    writer = Writer(store or MemoryStore())  # pyright: ignore[reportArgumentType]
    with mock.patch.object(schema_arrow, "INLINE_BYTES", 0):
        for number in range(versions):
            writer.append(str(number))
    return writer


def test_a_version_reaches_all_that_it_needs() -> None:
    """All versions together reach every file of a table: data, manifests, the schema and lists of keys."""
    writer = table(20)
    reach = Reach(writer.log)
    reached = reach.of(reach.entries(writer.log.latest()))
    others = [name for name in writer.store.list() if not name.startswith("_atio/log/")]
    assert {name.split("/")[-2] for name in others} == {"data", "manifests", "schemas", "keys"}
    assert {file_id_of(name) for name in others} == set(reached)
    assert {file.path for file in reached.values()} == set(others)


def test_a_version_reaches_no_more_than_it_needs() -> None:
    """What came after a version isn't reached by it."""
    writer = table(3)
    reached = Reach(writer.log).of([writer.log.get(1)])
    data = [file.path for file in reached.values() if file.path.startswith("data/")]
    assert [writer.store.read(path) for path in data] == [b"0"]
    assert all(file.size == writer.store.size(file.path) for file in reached.values() if file.path in data)
    assert Reach(writer.log).of([]) == {}


def test_each_entry_and_manifest_is_read_once() -> None:
    """However often it is asked for, what was read stays true: a retained entry never changes."""
    store = CountingStore(MemoryStore())
    writer = table(12, store)
    latest = writer.log.latest()
    reach = Reach(writer.log)
    reach.of(reach.entries(latest))
    store.reset()
    assert [entry.version for entry in reach.entries(latest)] == list(range(1, 13))
    reach.of(reach.entries(latest))
    assert store.calls == []


def test_an_outdated_base_is_told() -> None:
    """If a version was let go since, what it named is not to be relied on."""
    writer = table(6)
    base = writer.log.latest()
    writer.expire(keep_last=1)
    with pytest.raises(VersionExpiredError):
        Reach(writer.log).entries(base)


def test_a_missing_manifest_is_damage_or_expiry() -> None:
    """Of a version that is retained it is damage; of one that is not, the version has expired."""
    writer = table(6)
    old = writer.log.get(3)
    (ref, *_) = old.manifests
    data = writer.store.read(ref.path)
    writer.store.delete([ref.path])
    with pytest.raises(DamagedError) as caught:
        Reach(writer.log).of([old])
    assert caught.value.facts["path"] == ref.path
    writer.store.put(ref.path, data)
    writer.expire(keep_last=1)
    with pytest.raises(VersionExpiredError):
        Reach(writer.log).of([old])
