from __future__ import annotations

from unittest import mock

import pytest

from atio_core.errors import DamagedError, VersionExpiredError
from atio_core.format import schema_arrow
from atio_core.format.names import file_id_of
from atio_core.maintenance.reach import Reach
from atio_core.model.outline import Outline
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


def outline(writer: Writer, version: int) -> Outline:
    """Return a version's outline."""
    return Outline.of(writer.log.get(version))


def test_a_version_reaches_all_that_it_needs() -> None:
    """All versions together reach every file of a table: data, manifests, the schema and lists of keys."""
    writer = table(20)
    reach = Reach(writer.log)
    others = [name for name in writer.store.list() if not name.startswith("_atio/log/")]
    assert {name.split("/")[-2] for name in others} == {"data", "manifests", "schemas", "keys"}
    there = {str(file_id_of(name)): name for name in others}
    entries = reach.entries(writer.log.latest())
    assert reach.keys(entries) == there.keys()
    found = reach.among(there, entries)
    assert {key: file.path for key, file in found.items()} == there
    sizes = {file.path: file.size for file in found.values() if not file.path.startswith("_atio/schemas/")}
    assert sizes == {name: writer.store.size(name) for name in sizes}


def test_a_version_reaches_no_more_than_it_needs() -> None:
    """What came after a version isn't reached by it."""
    writer = table(3)
    data = {str(file_id_of(name)): name for name in writer.store.list("data/")}
    reach, first = Reach(writer.log), outline(writer, 1)
    found = [writer.store.read(file.path) for file in reach.among(data, [first]).values()]
    assert found == [b"0"]
    assert len(data.keys() & reach.keys([first])) == 1
    assert (reach.keys([]), reach.among(data, [])) == (set(), {})


def test_each_entry_and_manifest_is_read_once() -> None:
    """However often it is asked for, what was read stays true: a retained entry never changes."""
    store = CountingStore(MemoryStore())
    writer = table(12, store)
    latest = writer.log.latest()
    reach = Reach(writer.log)
    reach.keys(reach.entries(latest))
    store.reset()
    assert [entry.version for entry in reach.entries(latest)] == list(range(1, 13))
    reach.keys(reach.entries(latest))
    assert store.calls == []


def test_only_manifests_that_may_list_what_is_asked_for_are_read() -> None:
    """Of thousands of versions that go, nothing is opened if all that they name lies in versions that stay."""
    store = CountingStore(MemoryStore())
    writer = table(12, store)
    reach = Reach(writer.log)
    *older, latest = reach.entries(writer.log.latest())
    reached = reach.keys([latest])
    there = {str(file_id_of(name)): name for name in store.list() if not name.startswith("_atio/log/")}
    there = {key: name for key, name in there.items() if key not in reached}
    assert {name.split("/")[1] for name in there.values()} == {"manifests", "keys"}
    store.reset()
    assert reach.among(there, older).keys() == there.keys()
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
    old = outline(writer, 3)
    (ref, *_) = old.manifests
    data = writer.store.read(ref.path)
    writer.store.delete([ref.path])
    with pytest.raises(DamagedError) as caught:
        Reach(writer.log).keys([old])
    assert caught.value.facts["path"] == ref.path
    writer.store.put(ref.path, data)
    writer.expire(keep_last=1)
    with pytest.raises(VersionExpiredError):
        Reach(writer.log).keys([old])
