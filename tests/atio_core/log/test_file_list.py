from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import DamagedError, NotFoundError, VersionExpiredError
from atio_core.log.file_list import (
    difference,
    files_of,
    missing_file,
    read_manifest,
    read_paths,
    with_added,
    with_replaced,
    without,
)
from atio_core.log.limits import DEFAULT_LIMITS, Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.model.entry import LogEntry, Totals, empty_entry
from atio_core.model.ids import uuid7
from atio_core.model.manifest import Span, may_hold
from atio_core.storage.memory import MemoryStore
from tests.support.commits import SMALL, START_US
from tests.support.stores import CountingStore


def files(count: int, partition: tuple[str, ...] = ()) -> list[DataFile]:
    """Return records of so many files."""
    return [
        DataFile(f"data/{uuid7()}.parquet", "parquet", 10 + n, n, "d", 1, "f", 1, partition)
        for n in range(count)
    ]


def added(store: MemoryStore, entry: LogEntry, new: list[DataFile], limits: Limits = SMALL) -> LogEntry:
    """Return the entry with these files behind its own, manifests stored."""
    scratch = Scratch(store, entry, lambda: START_US)
    entry = with_added(entry, new, scratch, limits)
    scratch.write()
    return entry


def removed(store: MemoryStore, entry: LogEntry, partition: str) -> LogEntry:
    """Return the entry without the files of a partition, manifests stored."""
    scratch = Scratch(store, entry, lambda: START_US)
    entry = without(
        entry,
        goes=lambda file: file.partition == (partition,),
        may_hold=lambda ref: may_hold(ref, (partition,)),
        scratch=scratch,
    )
    scratch.write()
    return entry


def replaced(store: MemoryStore, entry: LogEntry, others: dict[str, list[DataFile]]) -> LogEntry:
    """Return the entry with other files in the places of some, manifests stored."""
    scratch = Scratch(store, entry, lambda: START_US)
    entry = with_replaced(entry, others, lambda _: True, scratch, SMALL)
    scratch.write()
    return entry


steps = st.lists(
    st.tuples(st.just("add"), st.sampled_from("abc"), st.integers(0, 5))
    | st.tuples(st.just("remove"), st.sampled_from("abc"), st.just(0))
    | st.tuples(st.just("replace"), st.sampled_from("abc"), st.integers(0, 3)),
    max_size=25,
)


@given(steps)
def test_a_list_of_files_is_a_list_of_files(history: list[tuple[str, str, int]]) -> None:
    """Whatever is added, replaced and removed: the files come back in order, and the totals are theirs."""
    store, entry = MemoryStore(), empty_entry("t")
    expected: list[DataFile] = []
    for what, partition, count in history:
        if what == "add":
            new = files(count, (partition,))
            expected += new
            entry = added(store, entry, new)
        elif what == "replace":
            others = {f.path: files(count, (partition,)) for f in expected[1:] if f.partition == (partition,)}
            expected = [new for file in expected for new in others.get(file.path, [file])]
            entry = replaced(store, entry, others)
        else:
            expected = [file for file in expected if file.partition != (partition,)]
            entry = removed(store, entry, partition)
        assert files_of(store, entry) == tuple(expected)
        assert all(ref.files <= SMALL.manifest_files for ref in entry.manifests)
        assert entry.totals == Totals.of(expected)
        assert len(entry.files) <= SMALL.inline_files
        paths = [path for ref in entry.manifests for path, _, _ in read_paths(store, ref)]
        assert [*paths, *(file.path for file in entry.files)] == [file.path for file in expected]
        assert sum(ref.files for ref in entry.manifests) == len(paths)


def test_a_version_names_few_manifests() -> None:
    """Their number grows with a logarithm of the files, until they have their full size."""
    store, entry = MemoryStore(), empty_entry("t")
    limits = Limits(inline_files=2, fanout=2, manifest_files=1000)
    for count in range(1, 201):
        entry = added(store, entry, files(1), limits)
        assert len(entry.manifests) <= count.bit_length()
    assert len(entry.manifests) < 8


def test_full_manifests_are_left_alone() -> None:
    """A manifest of full size is never rewritten, and a large portion is split into such."""
    store = MemoryStore()
    entry = added(store, empty_entry("t"), files(2 * SMALL.manifest_files + 3))
    first, second, rest = entry.manifests
    assert [ref.files for ref in (first, second, rest)] == [SMALL.manifest_files, SMALL.manifest_files, 3]
    for _ in range(5):
        entry = added(store, entry, files(3))
    assert entry.manifests[:2] == (first, second)


def test_records_that_are_long_leave_the_entry_too() -> None:
    """An entry stays small in bytes: a few files with much to say of them move into a manifest."""
    store = MemoryStore()
    long = [replace(file, piece={"attrs": "x" * 20_000}) for file in files(2)]
    assert added(store, empty_entry("t"), long[:1], DEFAULT_LIMITS).files == tuple(long[:1])
    entry = added(store, empty_entry("t"), long, DEFAULT_LIMITS)
    assert entry.files == ()
    assert files_of(store, entry) == tuple(long)


def test_manifests_of_other_partitions_are_not_opened() -> None:
    """Removing a partition reads and rewrites only manifests that may list files of it."""
    inner = MemoryStore()
    entry = empty_entry("t")
    for partition in ("a", "b", "c"):
        entry = added(inner, entry, files(9, (partition,)), Limits(inline_files=2, manifest_files=9))
    store = CountingStore(inner)
    less = removed(store, entry, "b")  # pyright: ignore[reportArgumentType]
    assert store.calls == [("read", entry.manifests[1].path)]
    assert less.manifests == (entry.manifests[0], entry.manifests[2])


def test_the_difference_of_two_lists() -> None:
    """What came and what went is found by opening only manifests that one of both alone names."""
    inner = MemoryStore()
    limits = Limits(inline_files=2, manifest_files=9)
    old = added(inner, empty_entry("t"), files(9), limits)
    old = added(inner, old, files(2), limits)
    more = files(9)
    new = replaced(inner, added(inner, old, more), {old.files[0].path: [], more[3].path: []})
    store = CountingStore(inner)
    gone, came = difference(old, new, store, store)
    assert gone == (old.files[0],)
    assert came == (*more[:3], *more[4:])
    assert old.manifests[0].path not in {name for _, name in store.calls}
    assert difference(old, old, store, store) == ((), ())


def test_only_wanted_manifests_are_opened() -> None:
    """Whoever wants some partitions reads no manifest that has none of them."""
    inner = MemoryStore()
    entry = empty_entry("t")
    for partition in ("a", "b"):
        entry = added(inner, entry, files(3, (partition,)), Limits(inline_files=2))
    store = CountingStore(inner)
    found = files_of(store, entry, lambda ref: may_hold(ref, ("b",)))
    assert {file.partition for file in found} == {("b",)}
    assert {name for _, name in store.calls} < {ref.path for ref in entry.manifests}


def test_of_a_long_manifest_only_wanted_files_are_looked_at() -> None:
    """An entry gives the bounds of many files at once; their manifest gives those of some of them each."""
    store, entry = MemoryStore(), empty_entry("t")
    long = [
        replace(one, rows=10, stats={1: ColumnStats(0, 10 * n, 10 * n + 9)})
        for n, one in enumerate(files(1_000))
    ]
    for some, length in ((long[:600], 24), (long, 31)):  # as many batches as there are files in one
        (ref,) = added(store, entry, some, DEFAULT_LIMITS).manifests
        parts: list[Span] = []

        def within(span: Span, parts: list[Span] = parts) -> bool:
            parts.append(span)
            return len(parts) == 5

        assert read_manifest(store, ref, within) == tuple(some[4 * length : 5 * length])
        assert [part.rows for part in parts][:2] == [10 * length] * 2
        assert sum(part.rows for part in parts) == ref.rows == 10 * len(some)
        assert read_manifest(store, ref) == tuple(some)
        assert ref.stats == ({1: ColumnStats(0, 0, 9_999)} if len(some) == 1_000 else {})
        assert ref.schema == (len(some) == 1_000)


def test_a_part_of_a_manifest_that_stays_keeps_its_level() -> None:
    """What is left of a merged manifest counts as merged as before."""
    store = MemoryStore()
    entry = added(store, empty_entry("t"), [*files(2, ("a",)), *files(2, ("b",))])
    less = removed(store, entry, "a")
    assert [(ref.files, ref.level) for ref in less.manifests] == [(2, entry.manifests[0].level)]
    assert removed(store, less, "b").manifests == ()


@pytest.mark.parametrize("read", [read_manifest, read_paths])
def test_a_damaged_manifest_is_named(read: object) -> None:
    """A manifest that isn't what was written is damage; a missing one may be of a version that has expired."""
    store = MemoryStore("table")
    (ref,) = added(store, empty_entry("t"), files(3)).manifests
    store.delete([ref.path])
    with pytest.raises(NotFoundError):
        read(store, ref)  # pyright: ignore[reportCallIssue]
    store.put(ref.path, b"other bytes")
    with pytest.raises(
        DamagedError, match=r"the manifest .* of the table memory://table is damaged"
    ) as caught:
        read(store, ref)  # pyright: ignore[reportCallIssue]
    assert (caught.value.facts["path"], caught.value.facts["expected"]) == (ref.path, ref.digest)


def test_a_missing_file_is_damage_only_while_its_version_is_retained() -> None:
    """Of a retained version it is damage, named and with what to do; of another, the version has expired."""
    gone = NotFoundError("gone", path="data/x.parquet")
    damage = missing_file("t", 7, gone, retained=True)
    assert isinstance(damage, DamagedError)
    assert (damage.facts["path"], damage.table, damage.version) == ("data/x.parquet", "t", 7)
    assert "bring it back from a backup" in str(damage)
    expired = missing_file("t", 7, gone, retained=False)
    assert isinstance(expired, VersionExpiredError)
    assert "keep_for" in str(expired)


def test_a_manifest_has_a_name_of_its_own() -> None:
    """Equal lists get manifests of different names: nothing is named by its content."""
    store, listed = MemoryStore(), files(3)
    names = {added(store, empty_entry("t"), listed).manifests[0].path for _ in range(2)}
    assert len(names) == 2
    assert all(uuid.UUID(name[-42:-6]).version == 7 for name in names)
