"""Tables that keep their rows sorted, whatever writes into them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import CommitConflictError, InvalidInputError, NewerFormatError, NotPreservableError
from atio_core.log import commit, commit_log
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table

KINDS = {
    "int": (pa.int64(), st.integers(-3, 3)),
    "float": (pa.float64(), st.sampled_from([math.nan, -0.0, 0.0, 1.5, -math.inf, math.inf])),
    "half": (pa.float16(), st.sampled_from([1.5, -2.0, math.nan])),
    "text": (pa.string(), st.text(max_size=2)),
    "bytes": (pa.binary(), st.binary(max_size=2)),
    "date": (pa.date32(), st.dates()),
    "time": (pa.timestamp("ns", "UTC"), st.integers(-(2**40), 2**40)),
    "decimal": (pa.decimal32(5, 1), st.decimals(-100, 100, places=1)),
    "category": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["b", "a", "c"])),
    "bool": (pa.bool_(), st.booleans()),
    "null": (pa.null(), st.none()),
}


def rows(*numbers: int | None) -> pa.Table:
    """Rows with numbers to sort by, and their places before."""
    return pa.table({"n": pa.array(numbers, pa.int64()), "place": list(range(len(numbers)))})


def numbers_by_file(table: Table, column: str = "n") -> list[list[Any]]:
    """Return what each data file holds in a column."""
    counts = [file.rows for file in table.snapshot().data_files()]
    found = table.read(output_as="arrow")[column].to_pylist()
    return [found[sum(counts[:at]) : sum(counts[: at + 1])] for at in range(len(counts))]


def is_sorted(numbers: list[Any]) -> bool:
    """Say whether numbers rise, with nulls behind them."""
    return numbers == sorted(numbers, key=lambda one: (one is None, one))


def key_of(value: Any) -> tuple[bool, bool, Any]:
    """Return what tells the order of values: nulls last, not-a-numbers before them."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None, is_nan, None if value is None or is_nan else value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made", ["frame", "stream"])
@given(data=st.data())
def test_a_table_reads_back_sorted_and_whole(kind: str, made: str, data: st.DataObject) -> None:
    """Rows of any type come back in their order within each partition; equal ones as they came, and none is lost."""
    t, values = KINDS[kind]
    column = data.draw(st.lists(st.none() | values, max_size=8))
    parts = data.draw(st.lists(st.sampled_from("xy"), min_size=len(column), max_size=len(column)))
    given_rows = pa.table(
        {
            "c": pa.array(column, t, from_pandas=False),
            "part": pa.array(parts, pa.string()),
            "place": pa.array(range(len(column)), pa.int64()),
        }
    )
    split = data.draw(st.booleans())
    table = Table(store=MemoryStore())
    what: Any = given_rows
    if made == "stream":
        what = pa.RecordBatchReader.from_batches(given_rows.schema, given_rows.to_batches())
    snapshot = table.append(what, partition_by=["part"] if split else [], sort_by=["c"])
    assert snapshot.sort_by == ("c",)
    read = snapshot.read("arrow")
    order = sorted(
        range(len(column)),
        key=lambda row: (parts.index(parts[row]) if split else 0, *key_of(given_rows["c"][row].as_py())),
    )
    assert read["place"].to_pylist() == order
    assert repr(read.to_pylist()) == repr(given_rows.take(pa.array(order, pa.int64())).to_pylist())


def test_each_write_is_sorted_by_what_the_table_keeps() -> None:
    """Appends, streams, partitions, upserts, updates and staged changes go by it; an overwrite keeps it."""
    table = Table(store=MemoryStore())
    table.overwrite(rows(3, 1, None, 2), sort_by=["n"])
    assert table.read(output_as="arrow")["n"].to_pylist() == [1, 2, 3, None]
    table.append(rows(9, 8))
    table.append(iter([rows(7, 5), rows(6)]))
    table.upsert(rows(30, 20), key=["n"])
    table.commit([table.stage(rows(41, 40))])
    table.publish(table.stage(rows(51, 50), keep=True).id)
    table.overwrite(rows(61, 60), where=[("n", "==", 9)])
    with table.transaction() as changes:
        changes.append(rows(71, 70))
    found = numbers_by_file(table)
    assert [1, 2, 3, None] in found
    assert [70, 71] in found
    assert all(map(is_sorted, found))
    table.update([("n", "==", 1)], {"n": 2000})
    table.upsert(rows(1), key=["place"])  # replaces rows in their files, with another number
    assert all(map(is_sorted, numbers_by_file(table)))
    assert table.overwrite(rows(2, 1)).sort_by == ("n",)
    assert table.read(output_as="arrow")["place"].to_pylist() == [1, 0]


def test_partitions_that_are_replaced_are_sorted() -> None:
    """Each by itself, whether their values are a column or not."""
    table = Table(store=MemoryStore())
    table.overwrite_partitions({"a": rows(2, 1), "b": rows(4, 3)}, partition_by=["p"], sort_by=["n"])
    assert numbers_by_file(table) == [[1, 2], [3, 4]]
    table.overwrite_partitions({"b": rows(6, 5)}, partition_by=["p"])
    table.overwrite_partitions(rows(8, 7), partition={"p": "c"})
    assert numbers_by_file(table) == [[1, 2], [5, 6], [7, 8]]
    own = Table(store=MemoryStore())
    frame = pl.DataFrame({"p": ["b", "a", "b"], "n": [3, 2, 1]})
    own.overwrite(frame, partition_by=["p"], sort_by=["n"])
    own.overwrite_partitions(frame.with_columns(pl.col("n") + 10))
    assert numbers_by_file(own) == [[12], [11, 13]] or numbers_by_file(own) == [[11, 13], [12]]


def test_several_columns_count_one_after_the_other() -> None:
    """The first one most; a level of the index is one, and its labels stay with their rows."""
    frame = pd.DataFrame({"a": [1, 1, 0], "b": [2, 1, 3]}, index=pd.Index(["x", "y", "z"], name="label"))
    table = Table(store=MemoryStore())
    table.overwrite(frame, sort_by=["a", "b"])
    pd.testing.assert_frame_equal(table.read(), frame.sort_values(["a", "b"]))
    by_label = table.overwrite(frame.iloc[::-1], sort_by=["label"])
    pd.testing.assert_frame_equal(by_label.read(), frame)
    assert by_label.sort_by == ("label",)


def test_an_index_of_pandas_that_is_a_range() -> None:
    """A default one counts anew; another is kept where no row moves, else refused before anything changes."""
    table = Table(store=MemoryStore())
    table.overwrite(pd.DataFrame({"n": [2, 1]}), sort_by=["n"])
    pd.testing.assert_frame_equal(table.read(), pd.DataFrame({"n": [1, 2]}))
    with pytest.raises(NotPreservableError, match="range from 5 to 7"):
        table.append(pd.DataFrame({"n": [2, 1]}, index=pd.RangeIndex(5, 7)))
    labelled = pd.DataFrame({"n": [1, 2]}, index=pd.RangeIndex(5, 7))
    pd.testing.assert_frame_equal(table.overwrite(labelled).read(), labelled)
    table.update([("n", "==", 1)], {"n": 3})  # labels stay with their rows, which stay where they are
    pd.testing.assert_frame_equal(table.read(), pd.DataFrame({"n": [3, 2]}, index=pd.RangeIndex(5, 7)))


def test_an_index_of_times_keeps_its_labels() -> None:
    """Rows that move take their times along, so that there is no frequency any more; without a move there is."""
    times = pd.date_range("2013-01-01", periods=4, freq="D", name="day")
    frame = pd.DataFrame({"n": [3, 1, 2, 0]}, index=times)
    table = Table(store=MemoryStore())
    read = table.overwrite(frame, sort_by=["n"]).read()
    pd.testing.assert_frame_equal(read, frame.sort_values("n"))
    pd.testing.assert_frame_equal(table.overwrite(frame, sort_by=["day"]).read(), frame)


def test_a_full_overwrite_keeps_changes_or_ends_it() -> None:
    """Kept by label where nothing is said, and refused without the column; an empty list, an object, a drop end it."""
    table = Table(store=MemoryStore())
    table.overwrite(rows(2, 1), sort_by=["n"])
    other_type = pa.table({"place": [1.5], "n": ["x"]})
    assert table.overwrite(other_type).sort_by == ("n",)  # another column of the same label
    with pytest.raises(
        InvalidInputError, match="sorted by 'n', and the data has no column 'n': add it, give sort_by"
    ):
        table.overwrite(pa.table({"x": [1]}))
    assert table.overwrite(rows(2, 1), sort_by=["place"]).sort_by == ("place",)
    assert table.overwrite(rows(2, 1), sort_by=[]).read("arrow").equals(rows(2, 1))
    assert table.snapshot().sort_by == ()
    assert table.snapshot().entry.writer_features == ()
    for end in (lambda: table.overwrite(b"an object"), table.drop):
        table.overwrite(rows(2, 1), sort_by=["n"])
        end()
        assert table.overwrite(rows(2, 1)).read("arrow").equals(rows(2, 1))


def test_an_old_version_comes_back_as_it_was_sorted() -> None:
    """Versions keep what they were sorted by, and a restore brings it back."""
    table = Table(store=MemoryStore())
    table.overwrite(rows(2, 1), sort_by=["n"])
    table.overwrite(rows(2, 1), sort_by=[])
    assert table.snapshot(1).sort_by == ("n",)
    assert table.restore(1).sort_by == ("n",)
    assert table.append(rows(4, 3)).read("arrow")["n"].to_pylist() == [1, 2, 3, 4]


def test_columns_are_known_by_their_ids() -> None:
    """A renamed one stays the one that the table is sorted by; it can't be dropped as long as it is."""
    table = Table(store=MemoryStore())
    table.overwrite(rows(2, 1), sort_by=["n"])
    assert table.rename_column("n", "m").sort_by == ("m",)
    assert table.append(rows(4, 3).rename_columns(["m", "place"])).sort_by == ("m",)
    assert numbers_by_file(table, "m") == [[1, 2], [3, 4]]
    with pytest.raises(InvalidInputError, match="can't be dropped: the table is sorted by it"):
        table.drop_column("m")
    assert table.drop_column("place").sort_by == ("m",)
    assert table.overwrite(pa.table({"m": [2, 1]})).read("arrow")["m"].to_pylist() == [1, 2]


def test_an_append_says_what_the_table_is_or_nothing() -> None:
    """It begins a sorted table, and changes none."""
    table = Table(store=MemoryStore())
    table.append(rows(2, 1), sort_by=["n"])
    table.append(rows(4, 3), sort_by=["n"])
    for said in (["place"], []):
        with pytest.raises(InvalidInputError, match=r"the table isn't sorted by .* as sort_by says"):
            table.append(rows(6), sort_by=said)
    assert table.snapshot().version == 2


@pytest.mark.parametrize("said", ["n", ["x"], ["n", "n"], ["list"], 1, [["n"]]], ids=repr)
def test_what_can_not_be_sorted_by_is_refused(said: Any) -> None:
    """No list, no such column, one that is named twice, and one of nested values."""
    store = MemoryStore()
    table = pa.table({"n": [1], "list": [[1]]})
    with pytest.raises(InvalidInputError):
        Table(store=store).overwrite(table, sort_by=said)
    assert not list(store.list(""))


def test_the_same_rows_are_found_unchanged() -> None:
    """The digest is that of the rows as they are stored, so their order before doesn't count, nor how files are cut."""
    table = Table(store=MemoryStore())
    first = table.overwrite(pd.DataFrame({"n": [3, 1, 2]}), sort_by=["n"])
    for again in ([3, 1, 2], [2, 1, 3]):
        assert table.overwrite(pd.DataFrame({"n": again}), if_unchanged="skip").unchanged
    assert first.data_files() == table.overwrite(pd.DataFrame({"n": [1, 2, 3]})).data_files()
    assert not table.overwrite(pd.DataFrame({"n": [1, 2, 3]}), sort_by=[], if_unchanged="skip").unchanged
    plain = Table(store=MemoryStore()).overwrite(pd.DataFrame({"n": [1, 2, 3]}))
    assert plain.content == first.content


def test_a_compaction_sorts_what_it_merges() -> None:
    """Merged files are sorted by what the table is, unless something else is said; then there is nothing to be done."""
    table = Table(store=MemoryStore())
    for number in (3, 1, 2):
        table.append(rows(number, number + 10), sort_by=["n"])
    assert table.compact().files == 1
    assert table.read(output_as="arrow")["n"].to_pylist() == [1, 2, 3, 11, 12, 13]
    assert table.compact().unchanged
    table.append(rows(0))
    assert table.compact(sort_by=[]).read("arrow")["n"].to_pylist() == [1, 2, 3, 11, 12, 13, 0]


def test_a_large_frame_is_sorted_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all of its files, so that a range of values lies in few of them."""
    monkeypatch.setattr("atio_core.data.writing.writer.TARGET_BYTES", 1 << 14)
    numbers = np.random.default_rng(0).permutation(20_000)
    table = Table(store=MemoryStore())
    snapshot = table.overwrite(pa.table({"n": numbers}), sort_by=["n"])
    assert snapshot.files > 4
    assert table.read(output_as="arrow")["n"].to_pylist() == list(range(20_000))


def test_a_stream_is_sorted_file_by_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file holds what came together, in order."""
    monkeypatch.setattr("atio_core.changes.writing._STREAMED_BYTES", 1 << 14)
    numbers = np.random.default_rng(0).permutation(20_000)

    def batches() -> Iterator[pa.Table]:
        yield from (pa.table({"n": numbers[start : start + 500]}) for start in range(0, 20_000, 500))

    table = Table(store=MemoryStore())
    table.append(batches(), sort_by=["n"])
    found = numbers_by_file(table)
    assert len(found) > 4
    assert all(map(is_sorted, found))
    assert sorted(itertools.chain.from_iterable(found)) == list(range(20_000))


def test_what_comes_in_between_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """If others sort the table anew while rows are written, these are written again; staged ones are refused."""
    store = MemoryStore()
    table, other = Table(store=store), Table(store=store)
    table.append(rows(2, 1))
    staged = table.stage(rows(6, 5))
    table.snapshot()
    other.overwrite(rows(4, 3), sort_by=["n"])
    with pytest.raises(CommitConflictError, match="sorted in another way"):
        table.commit([staged])
    real = commit.Scratch

    def meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(commit, "Scratch", real)
        other.overwrite(rows(8, 7), sort_by=[])
        return real(*args)

    monkeypatch.setattr(commit, "Scratch", meanwhile)
    table.append(rows(10, 9))
    assert table.read(output_as="arrow")["n"].to_pylist() == [8, 7, 10, 9]


def test_staged_changes_of_one_version_are_sorted_alike() -> None:
    """Overwrites that are committed together say the same of it."""
    table = Table(store=MemoryStore())
    parts = [table.stage(rows(2, 1), "overwrite", sort_by=said) for said in (["n"], ["place"])]
    with pytest.raises(InvalidInputError, match="sorted in several ways"):
        table.commit(parts)
    assert table.commit(parts[:1]).sort_by == ("n",)


def test_who_does_not_know_of_sorting_does_not_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release without it would end it unasked; it can read, and goes on once it has ended."""
    table = Table(store=MemoryStore())
    table.overwrite(rows(2, 1), sort_by=["n"])
    for module in (commit, commit_log):
        monkeypatch.setattr(module, "WRITER_FEATURES", frozenset())
    assert table.read(output_as="arrow")["n"].to_pylist() == [1, 2]
    with pytest.raises(NewerFormatError, match="sorted"):
        table.append(rows(3))
    monkeypatch.undo()
    table.overwrite(rows(2, 1), sort_by=[])
    monkeypatch.setattr(commit, "WRITER_FEATURES", frozenset())
    assert table.append(rows(3)).rows == 3
