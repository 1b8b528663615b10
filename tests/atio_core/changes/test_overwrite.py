from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from atio_core.errors import InvalidInputError, SchemaMismatchError, StorageError
from atio_core.model.entry import Totals
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import Writer
from tests.support.stores import between


def frame(*values: int) -> pd.DataFrame:
    """Return rows of one column."""
    return pd.DataFrame({"a": list(values)}, dtype="int64")


def test_all_rows_are_replaced() -> None:
    """An overwrite leaves only its own files, and counts both what went and what came."""
    writer = Writer(MemoryStore())
    for word in ("a", "bb", "ccc"):
        writer.append(word)
    entry = writer.overwrite("dddd").entry
    assert entry is not None
    assert writer.words() == ["dddd"]
    assert (entry.totals, entry.manifests) == (Totals(1, 1, 4), ())
    assert (entry.data.added, entry.data.removed) == (Totals(1, 1, 4), Totals(3, 3, 6))


def test_it_replaces_whatever_came_first() -> None:
    """An overwrite rebases over everything: it replaces blindly what is there then."""
    writer = Writer(MemoryStore())
    writer.append("a")
    base = writer.log.latest()
    change = writer.overwriting(writer.file("mine"))
    writer.append("b")
    assert writer.commit(change, base=base).version == 3
    assert writer.words() == ["mine"]
    assert writer.log.latest().data.removed == Totals(2, 2, 2)


def test_the_schema_is_replaced_too() -> None:
    """Other columns come with other ids; those that stay keep theirs; older schemas are not carried along."""
    table = Table(store=MemoryStore())
    table.overwrite(pd.DataFrame({"a": [1], "b": [1]}))
    second = table.overwrite(pd.DataFrame({"b": [2], "c": [2]}))
    ids = [int(field.metadata[b"PARQUET:field_id"]) for field in second.schema]
    assert ids == [2, 3]
    assert list(second.entry.schemas) == [2]
    assert list(table.read().columns) == ["b", "c"]
    third = table.overwrite(pd.DataFrame({"a": [3]}))
    assert [int(field.metadata[b"PARQUET:field_id"]) for field in third.schema] == [4]


def test_the_content_is_that_of_the_data() -> None:
    """Equal data gives equal content, whatever was there before."""
    table = Table(store=MemoryStore())
    first = table.overwrite(frame(1, 2))
    table.append(frame(3))
    assert table.overwrite(frame(1, 2)).content == first.content


def test_an_overwrite_makes_a_table_plain() -> None:
    """A partitioned table that is overwritten as a whole has no partitions any more, and takes appends again."""
    table = Table(store=MemoryStore())
    table.overwrite_partitions({"x": frame(1)})
    assert table.overwrite(frame(2)).partition_fields == ()
    assert table.append(frame(3)).rows == 2


def test_matching_rows_are_replaced() -> None:
    """Rows that match go, the new ones come behind all others, and columns stay as they are."""
    table = Table(store=MemoryStore())
    table.append(frame(1, 2, 3))
    table.append(frame(4, 5))
    snapshot = table.overwrite(frame(20, 50), where=[("a", "in", [2, 4])])
    assert table.read()["a"].tolist() == [1, 3, 5, 20, 50]
    assert (snapshot.operation, snapshot.version) == ("overwrite", 3)
    assert (snapshot.added.rows, snapshot.removed.rows) == (5, 5)
    with pytest.raises(SchemaMismatchError):
        table.overwrite(pd.DataFrame({"b": [1]}), where=[("a", "==", 1)])


def test_what_replaces_matching_rows_may_be_nothing_or_match_nothing() -> None:
    """Without rows it is a delete; where nothing matches it is an append."""
    table = Table(store=MemoryStore())
    table.append(frame(1, 2))
    table.overwrite(frame(), where=[("a", "==", 1)])
    assert table.read()["a"].tolist() == [2]
    assert table.overwrite(frame(), where=[("a", "==", 1)]).unchanged
    assert table.overwrite(frame(7), where=[("a", "==", 1)]).version == 3
    assert table.read()["a"].tolist() == [2, 7]
    assert table.overwrite(frame(8), where=[]).rows == 1


def test_matching_rows_of_a_table_that_is_not_there() -> None:
    """There are none: the table is made of the data, unless the filter couldn't be one of its rows."""
    table = Table(store=MemoryStore())
    with pytest.raises(InvalidInputError, match="no column 'b'"):
        table.overwrite(frame(1), where=[("b", "==", 1)])
    assert not table.exists()
    assert table.overwrite(frame(1), where=[("a", "==", 1)]).version == 1


def test_two_writers_of_matching_rows_who_begin_a_table() -> None:
    """Rows of whoever was first stay, but for those that match: a write of some rows never replaces all."""
    store = MemoryStore()
    slow = Table(store=between(store, lambda: Table(store=store).append(frame(1, 5))))
    slow.overwrite(frame(8, 9), where=[("a", ">", 3)])
    assert sorted(Table(store=store).read()["a"]) == [1, 8, 9]
    assert len(set(store.list("data/"))) == 3


def test_two_writers_of_the_same_rows() -> None:
    """Whoever comes last has replaced what the other wrote; of other rows, both stand."""
    store = MemoryStore()
    one, other = Table(store=store), Table(store=store)
    one.append(frame(1, 2, 30))
    other.overwrite(frame(1, 1), where=[("a", "<", 10)])
    one.overwrite(frame(5), where=[("a", "<", 10)])
    assert sorted(one.read()["a"]) == [5, 30]
    other.overwrite(frame(40), where=[("a", ">", 10)])
    assert sorted(one.read()["a"]) == [5, 40]


def test_matching_rows_of_partitions_are_not_overwritten() -> None:
    """The data doesn't say to which partition it would go."""
    table = Table(store=MemoryStore())
    table.overwrite_partitions({"x": frame(1)})
    with pytest.raises(InvalidInputError, match="partitioned by partition"):
        table.overwrite(frame(2), where=[("a", "==", 1)])


def test_partitions_are_replaced_whole() -> None:
    """Replacing some partitions removes all of their files, in manifests too, and leaves those of the others."""
    writer = Writer(MemoryStore())
    writer.replace({"x": ["x1", "x2", "x3"], "y": ["y1"]})
    writer.replace({"z": ["z1", "z2"]})
    entry = writer.replace({"x": ["x4"], "y": []}).entry
    assert entry is not None
    assert sorted(writer.words()) == ["x4", "z1", "z2"]
    assert (entry.data.added, entry.data.removed) == (Totals(1, 1, 2), Totals(4, 4, 8))
    assert entry.totals == Totals(3, 3, 6)


def test_other_partitions_rebase_over_each_other() -> None:
    """Two writers of different partitions both succeed; of the same one, the last stands."""
    writer = Writer(MemoryStore())
    writer.replace({"x": ["x1"], "y": ["y1"]})
    one, other = Writer(writer.store), Writer(writer.store)
    one.replace({"x": ["x2"]})
    other.replace({"y": ["y2"]})
    one.replace({"y": ["y3"]})
    assert sorted(writer.words()) == ["x2", "y3"]


def test_a_plain_table_is_refused_before_a_file_is_written(tmp_path: Path) -> None:
    """What can't be done leaves no file."""
    table = Table(tmp_path)
    table.overwrite(frame(1))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InvalidInputError, match="is not partitioned"):
        table.overwrite_partitions({"x": frame(2)})
    assert sorted(tmp_path.rglob("*")) == before


def test_all_partitions_fit_before_the_first_is_written(tmp_path: Path) -> None:
    """One partition that doesn't fit the table, or the others, stops all of them."""
    odd = pd.DataFrame({"a": ["x"]})
    table = Table(tmp_path)
    with pytest.raises(SchemaMismatchError, match=r"data doesn't fit the table .* 'a' is int64"):
        table.overwrite_partitions({"x": frame(1), "y": odd})
    assert list(tmp_path.iterdir()) == []
    table.overwrite_partitions({"x": frame(1)})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SchemaMismatchError, match="version 1"):
        table.overwrite_partitions({"x": frame(2), "y": odd})
    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_that_fails_midway_keeps_no_partition() -> None:
    """If the second partition can't be written, the files of the first are taken away."""
    store = FaultyStore(MemoryStore(), Fault("open_write", at=2, error=refusal))
    with pytest.raises(StorageError, match="refused"):
        Table(store=store).overwrite_partitions({"x": frame(1), "y": frame(2)})
    assert list(store.list()) == []


def test_partitions_have_folders_of_their_own(tmp_path: Path) -> None:
    """People find a partition's files in a folder that is named after it; the values stand in the records."""
    table = Table(tmp_path)
    table.overwrite_partitions({("2013/01", None): frame(1)}, partition_by=["month", "origin"])
    (folder,) = (path.parent for path in tmp_path.glob("data/**/*.parquet"))
    assert folder.relative_to(tmp_path).as_posix() == "data/month=2013%2F01/origin=%null"
    assert table.snapshot().partitions() == [("2013/01", None)]
