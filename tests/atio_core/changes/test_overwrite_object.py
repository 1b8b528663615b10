from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import (
    CommitConflictError,
    InvalidInputError,
    NewerFormatError,
    StorageError,
)
from atio_core.log import commit_log
from atio_core.storage.local import LocalStore
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, StoreWrapper, refusal, temporary_folder
from tests.support.folders import Tree, change, make, seen, trees
from tests.support.stores import CountingStore, between

NOW = timedelta(0)


def folder_of(path: Path, **files: str) -> Path:
    """A folder with these files."""
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def written(store: CountingStore) -> int:
    """How many data files were begun."""
    return store.counts["open_write"]


def data_files(root: Path) -> set[str]:
    """The names of all files in the table's data folder."""
    return {path.name for path in (root / "data").rglob("*") if path.is_file()}


def test_a_version_is_of_one_kind(tmp_path: Path) -> None:
    """An overwrite may change the kind; each version keeps its own, and the columns' ids go on."""
    table = Table(tmp_path / "t")
    table.overwrite(pa.table({"a": [1]}))
    table.overwrite({"a": 1})
    table.overwrite(folder_of(tmp_path / "f", x="1"))
    last = table.overwrite(pa.table({"a": [2], "b": [3]}))
    assert [snapshot.kind for snapshot in table.history()] == ["table", "folder", "json", "table"]
    assert table.read(1, "arrow").to_pydict() == {"a": [1]}
    assert table.read(2) == {"a": 1}
    assert table.snapshot(3).names == ("x",)
    assert table.read(output_as="arrow").to_pydict() == {"a": [2], "b": [3]}
    assert (table.snapshot(2).entry.schema, table.snapshot(2).entry.schemas) == (0, {})
    assert (last.entry.last_schema, last.entry.last_column) == (2, 3)
    assert table.append(pa.table({"a": [4], "b": [5]})).rows == 2


def test_an_older_release_refuses_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever doesn't know objects is told so, and reads the rows of other versions."""
    table = Table(tmp_path / "t")
    table.overwrite(pa.table({"a": [1]}))
    assert table.overwrite([1]).entry.reader_features == ("objects",)
    table.overwrite(pa.table({"a": [2]}))
    assert table.snapshot().entry.reader_features == ()
    table.restore(2)
    assert table.snapshot().entry.reader_features == ("objects",)
    table.restore(3)
    monkeypatch.setattr(commit_log, "READER_FEATURES", frozenset[str]())
    assert Table(tmp_path / "t").read(output_as="arrow").to_pydict() == {"a": [2]}
    with pytest.raises(NewerFormatError, match="a release that knows objects is needed"):
        Table(tmp_path / "t").read(2)


def test_rows_are_not_appended_to_an_object() -> None:
    """An append is refused on a version that has no rows, also if that came in between."""
    store = MemoryStore("rows on objects")
    table = Table(store=store)
    table.overwrite([1])
    with pytest.raises(InvalidInputError, match=r"holds an object \(json\), not rows"):
        table.append(pa.table({"a": [1]}))
    table.overwrite(pa.table({"a": [1]}))
    beaten = Table(store=between(store, lambda: Table(store=store).overwrite([2])))
    with pytest.raises(InvalidInputError, match=r"holds an object \(json\), not rows"):
        beaten.append(pa.table({"a": [1]}))
    assert table.read() == [2]


MATCHING: dict[str, Callable[[Table], object]] = {
    "delete": lambda table: table.delete([("a", "==", 1)]),
    "overwrite": lambda table: table.overwrite(pa.table({"a": [1]}), where=[("a", "==", 1)]),
}


@pytest.mark.parametrize("name", MATCHING)
def test_rows_are_not_looked_for_in_an_object(name: str) -> None:
    """A change of the rows that match is refused on a version that has none, which stands."""
    table = Table(store=MemoryStore(f"matching rows of objects {name}"))
    table.overwrite([1])
    with pytest.raises(InvalidInputError, match=r"holds an object \(json\), not rows"):
        MATCHING[name](table)
    assert table.read() == [1]


def test_staged_rows_are_not_added_to_an_object() -> None:
    """An append that was staged is refused if an object came in between."""
    table = Table(store=MemoryStore("staged rows"))
    table.overwrite(pa.table({"a": [1]}))
    staged = table.stage(pa.table({"a": [2]}))
    table.overwrite([1])
    with pytest.raises(InvalidInputError, match=r"holds an object \(json\), not rows"):
        table.commit([staged])
    assert table.read() == [1]


def test_objects_and_rows_are_changes_of_one_transaction(tmp_path: Path) -> None:
    """Within a transaction each change sees what those before it left: files of an earlier one are shared too."""
    table = Table(tmp_path / "t")
    folder = folder_of(tmp_path / "f", a="1", b="2")
    with table.transaction() as changes:
        changes.overwrite(pa.table({"a": [1]}))
        changes.overwrite({"a": 1})
        assert changes.read() == {"a": 1}
        changes.overwrite(folder)
        (folder / "b").write_text("3")
        changes.overwrite(folder)
    snapshot = table.snapshot()
    assert (snapshot.version, snapshot.kind, snapshot.added.files) == (1, "folder", 2)
    assert seen(snapshot.download(tmp_path / "out")) == seen(folder)
    assert len(data_files(tmp_path / "t")) == 2


def test_a_table_of_objects_can_be_dropped() -> None:
    """It ends as one of rows does, and its versions stay."""
    table = Table("memory://dropped objects")
    table.overwrite("a")
    table.drop()
    assert not table.exists()
    assert table.read(1) == "a"
    assert table.overwrite("b").version == 3


def test_an_object_replaces_all_or_nothing() -> None:
    """`where` is for rows."""
    with pytest.raises(InvalidInputError, match="an object is kept whole"):
        Table("memory://where").overwrite([1], where=[("a", "==", 1)])


def test_partitions_are_not_replaced_in_an_object() -> None:
    """The same of replaced partitions."""
    store = MemoryStore("partitions on objects")
    table = Table(store=store)
    table.overwrite([1])
    with pytest.raises(InvalidInputError, match="is not partitioned"):
        table.overwrite_partitions({"x": pa.table({"a": [1]})})
    table.overwrite(pa.table({"b": [1]}))
    partitioned = Table(store=MemoryStore("partitions and objects"))
    partitioned.overwrite_partitions({"x": pa.table({"a": [1]})}, partition_by=["p"])
    assert partitioned.overwrite([1]).partition_fields == ()
    assert partitioned.restore(1).partition_fields == ("p",)
    assert partitioned.snapshot().kind == "table"


def test_unchanged_files_are_shared(tmp_path: Path) -> None:
    """Of a folder, only what changed is written; the rest are the files of the version before, whatever their names."""
    store = CountingStore(LocalStore(tmp_path / "t", temporary="_atio/tmp"))
    table = Table(store=store)
    folder = folder_of(tmp_path / "f", a="1", b="2", c="3")
    first = table.overwrite(folder)
    (folder / "b").write_text("4")
    (folder / "c").rename(folder / "d")
    folder_of(folder, e="1")
    store.reset()
    second = table.overwrite(folder)
    assert written(store) == 1
    assert (first.added.files, second.added.files, second.removed.files) == (3, 2, 1)
    assert second.files == first.files - second.removed.files + second.added.files
    paths = {
        name: {f.piece["name"]: f.path for f in one.data_files()}
        for name, one in zip("12", (first, second), strict=True)
    }
    assert paths["2"]["a"] == paths["2"]["e"] == paths["1"]["a"]
    assert paths["2"]["d"] == paths["1"]["c"]
    assert {table.snapshot(n).open("a").read() for n in (1, 2)} == {b"1"}


@pytest.mark.parametrize(
    "obj", [np.arange(5), {"a": 1}, "text", b"bytes"], ids=["array", "json", "text", "bytes"]
)
def test_an_equal_object_is_shared(obj: Any) -> None:
    """The same object again writes no file, and has the same digest; another one has another."""
    store = CountingStore(MemoryStore())
    table = Table(store=store)
    first = table.overwrite(obj)
    store.reset()
    second = table.overwrite(obj)
    assert written(store) == 0
    assert second.content == first.content
    assert [f.path for f in second.data_files()] == [f.path for f in first.data_files()]
    assert table.overwrite(b"other").content != first.content


def test_a_digest_is_that_of_all_that_is_kept(tmp_path: Path) -> None:
    """Names, content, rights and empty folders of a folder count; so does the kind."""
    table = Table(tmp_path / "t")
    folder = folder_of(tmp_path / "f", a="1")
    digests = [table.overwrite(folder).content]
    for touch in (
        lambda: (folder / "a").chmod(0o755),
        lambda: (folder / "a").rename(folder / "b"),
        lambda: (folder / "b").write_text("2"),
        (folder / "e").mkdir,
    ):
        touch()
        digests.append(table.overwrite(folder).content)
    digests += [
        table.overwrite(obj, format=name).content
        for obj, name in [("1", "text"), ("1", "json"), (b"1", None)]
    ]
    assert len(set(digests)) == 8


def test_a_damaged_file_is_not_shared(tmp_path: Path) -> None:
    """Writing the data again mends a version: what is shared was checked."""
    table = Table(tmp_path / "t")
    folder = folder_of(tmp_path / "f", a="1", b="2")
    files = {file.piece["name"]: tmp_path / "t" / file.path for file in table.overwrite(folder).data_files()}
    files["a"].write_text("x")
    files["b"].unlink()
    again = table.overwrite(folder)
    assert (again.open("a").read(), again.open("b").read()) == (b"1", b"2")
    assert again.added.files == 2


def test_shared_files_outlive_the_version_that_brought_them(tmp_path: Path) -> None:
    """Expiry takes what only the dropped versions reach, and nothing that is shared."""
    table = Table(tmp_path / "t")
    folder = folder_of(tmp_path / "f", a="1", b="2")
    table.overwrite(folder)
    (folder / "b").write_text("3")
    table.overwrite(folder)
    assert len(data_files(tmp_path / "t")) == 3
    report = table.expire(keep_last=1, grace=NOW)
    assert report.files_removed == 1
    assert len(data_files(tmp_path / "t")) == 2
    table.overwrite(folder)  # the horizon has passed the files by now
    assert len(data_files(tmp_path / "t")) == 2
    assert seen(table.snapshot().download(tmp_path / "out")) == seen(folder)


def test_a_base_that_lacks_shared_files_is_written_for_anew(tmp_path: Path) -> None:
    """If another overwrite came first, and its expiry took the files that were to be shared, they are written again."""
    store = LocalStore(tmp_path / "t", temporary="_atio/tmp")
    folder = folder_of(tmp_path / "f", a="1", b="2")
    Table(store=store).overwrite(folder)

    def come_between() -> None:
        Table(store=store).overwrite([1])
        Table(store=store).expire(keep_last=1, grace=NOW)

    snapshot = Table(store=between(store, come_between)).overwrite(folder)
    assert snapshot.version == 4
    assert seen(snapshot.download(tmp_path / "out")) == seen(folder)
    assert len(data_files(tmp_path / "t")) == 3  # and that of the version in between


def test_who_keeps_losing_shared_files_shares_none_in_the_end(tmp_path: Path) -> None:
    """However often others replace all that is there, an overwrite comes through: it replaces blindly."""
    store = LocalStore(tmp_path / "t", temporary="_atio/tmp")
    folder = folder_of(tmp_path / "f", a="1", b="2")
    Table(store=store).overwrite(folder)

    class Rival(StoreWrapper):
        rounds = 12

        def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
            if self.rounds:
                self.rounds -= 1
                Table(store=store).overwrite([1])
                Table(store=store).overwrite(folder)
            super().put_if_absent(name, data, after=after)

    snapshot = Table(store=Rival(store)).overwrite(folder)
    assert snapshot.version == 26
    assert seen(snapshot.download(tmp_path / "out")) == seen(folder)


def test_a_base_that_has_them_still_is_not_written_for_anew(tmp_path: Path) -> None:
    """An overwrite rebases over a version of the same files, and over an expiry, without writing again."""
    store = CountingStore(LocalStore(tmp_path / "t", temporary="_atio/tmp"))
    folder = folder_of(tmp_path / "f", a="1", b="2")
    Table(store=store).overwrite(folder)

    def come_between() -> None:
        (folder / "b").write_text("3")
        Table(store=store).overwrite(folder)
        Table(store=store).expire(keep_last=1)

    (folder / "b").write_text("4")
    beaten = between(store, come_between)
    store.reset()
    snapshot = Table(store=beaten).overwrite(folder)
    assert written(store) == 2
    assert snapshot.version == 4
    assert snapshot.open("b").read() == b"4"


def test_an_expectation_holds_of_objects() -> None:
    """`expected_version` refuses, a key counts once, and a failed commit leaves no file; shared ones stay."""
    store = MemoryStore("expectations of objects")
    table = Table(store=store)
    table.overwrite("a", idempotency_key="k", message="m", properties={"p": "q"})
    assert table.overwrite("b", idempotency_key="k").repeated
    assert table.snapshot().message == "m"
    before = list(store.list())
    for obj in ("a", "c"):
        with pytest.raises(CommitConflictError):
            Table(store=between(store, lambda: table.tag("t", 1, force=True))).overwrite(
                obj, expected_version=7
            )
    assert [name for name in store.list() if name.startswith("data/")] == [
        name for name in before if name.startswith("data/")
    ]
    assert table.read() == "a"


def test_a_conflict_leaves_shared_files_alone() -> None:
    """A commit that loses takes away what it wrote, not what it shares."""
    store = MemoryStore("losers")
    table = Table(store=store)
    table.overwrite("a")

    def come_between() -> None:
        table.overwrite("a", message="first")

    with pytest.raises(CommitConflictError):
        Table(store=between(store, come_between)).overwrite("a", expected_version=1)
    assert table.read() == "a"


@pytest.mark.parametrize("at", range(1, 4))
@pytest.mark.parametrize("verb", ["open_write", "write", "close"])
def test_a_write_that_fails_leaves_nothing(verb: str, at: int, tmp_path: Path) -> None:
    """If a file of a folder can't be written, none is left, and the version before stands."""
    store = MemoryStore()
    table = Table(store=store)
    table.overwrite("a")
    before = list(store.list())
    failing = FaultyStore(store, Fault(verb, at=at, error=refusal))
    with pytest.raises(StorageError, match="refused"):
        Table(store=failing).overwrite(folder_of(tmp_path / "f", a="1", b="2", c="3"))
    assert list(store.list()) == before


def test_a_folder_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A file that comes while others are written makes the whole refused, and nothing is left."""
    folder = folder_of(tmp_path / "f", a="1")
    store = MemoryStore()

    class Meddler(CountingStore):
        def around(self, verb: str, name: str, call: Callable[[], Any]) -> Any:
            if verb == "close":
                (folder / "new").touch()
            return super().around(verb, name, call)

    with pytest.raises(InvalidInputError, match=re.escape(f"{os.fspath(folder / 'new')!r} changed")):
        Table(store=Meddler(store)).overwrite(folder)
    assert list(store.list()) == []


def test_many_files_go_into_a_manifest(tmp_path: Path) -> None:
    """A folder of any number of files is a version whose entry stays small."""
    folder = folder_of(tmp_path / "f", **{f"file {number}": str(number) for number in range(300)})
    table = Table("memory://many files")
    snapshot = table.overwrite(folder)
    assert (len(snapshot.entry.files), len(snapshot.entry.manifests), snapshot.files) == (0, 1, 300)
    assert snapshot.open("file 77").read() == b"77"
    assert seen(snapshot.download(tmp_path / "out")) == seen(folder)


def test_an_empty_folder_is_a_version(tmp_path: Path) -> None:
    """A folder without anything in it comes back as one."""
    snapshot = Table("memory://nothing").overwrite(folder_of(tmp_path / "f"))
    assert (snapshot.kind, snapshot.names, snapshot.files) == ("folder", (), 0)
    assert list(snapshot.download(tmp_path / "out").iterdir()) == []


def test_a_large_file_is_not_held_in_memory(tmp_path: Path) -> None:
    """A file goes into the table and out again step by step."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100 << 20)
    table = Table(tmp_path / "t")
    code_peak = peak_kib(lambda: table.overwrite(tmp_path / "large").download(tmp_path / "out"))
    assert (tmp_path / "out").stat().st_size == 100 << 20
    assert code_peak < 20 << 10


def peak_kib(act: Callable[[], object]) -> int:
    """By how much an act raised the peak of this process's memory, as Python counts it."""
    import tracemalloc

    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] >> 10
    finally:
        tracemalloc.stop()


@given(first=trees, changes=st.lists(trees, min_size=1, max_size=3))
def test_any_history_of_a_folder_comes_back(first: Tree, changes: list[Tree]) -> None:
    """Whatever changes in a folder, each version gives what was there, and nothing that stayed is written again."""
    with temporary_folder() as root:
        store = CountingStore(MemoryStore())
        table = Table(store=store)
        contents: list[Tree] = []
        known: set[bytes] = set()
        for tree in (first, *changes):
            current = tree if not contents else change(contents[-1], tree)
            make(root / "source", current)
            store.reset()
            table.overwrite(root / "source")
            assert written(store) == sum(content not in known for content in current.contents())
            contents.append(current)
            known = set(current.contents())
        for version, expected in enumerate(contents, 1):
            out = table.snapshot(version).download(root / f"out {version}")
            assert seen(out) == expected.seen()
            assert table.snapshot(version).names == tuple(sorted(expected.files))
