from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atio_core.data.scan import scan
from atio_core.data.writing import writer
from atio_core.errors import CommitConflictError, DuplicateKeyError, InvalidInputError, SchemaMismatchError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL
from tests.support.stores import CountingStore, between

KEYS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "int": (pa.int64(), [-(2**63), -1, 0, 1, 2, 2**63 - 1]),
    "text": (pa.string(), ["", "a", "b", "é", "a" * 40, "a" * 41, "\U0010ffff" * 40]),
    "float": (pa.float64(), [-1.5, 0.0, 2.5, float("inf")]),
    "decimal": (pa.decimal128(5, 2), [Decimal("-1.50"), Decimal(0), Decimal("9.25"), Decimal("10.00")]),
    "time": (pa.timestamp("ms"), [0, 1, 86_400_000]),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), ["a", "b", "c"]),
    "bytes": (pa.binary(), [b"", b"a", b"b"]),
    "bool": (pa.bool_(), [True, False]),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[pa.Table], pa.Table]:
    """A key of one column or two, a few files, and data with each key once."""
    names = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2, unique=True))

    def some(*, nulls: bool, unique: bool) -> pa.Table:
        values = [st.sampled_from(KEYS[name][1]) | (st.none() if nulls else st.nothing()) for name in names]
        found = draw(st.lists(st.tuples(*values), max_size=6, unique=unique))
        columns = {name: pa.array([row[i] for row in found], KEYS[name][0]) for i, name in enumerate(names)}
        numbers = draw(st.lists(st.integers(0, 99), min_size=len(found), max_size=len(found)))
        return pa.table({**columns, "n": pa.array(numbers, pa.int64())})

    parts = [some(nulls=True, unique=False) for _ in range(draw(st.integers(1, 3)))]
    return names, parts, some(nulls=False, unique=True)


@settings(max_examples=settings().max_examples // 2)
@given(tables(), st.booleans(), st.booleans())
def test_rows_with_a_key_are_replaced_and_others_added(
    drawn: tuple[list[str], list[pa.Table], pa.Table],
    delete_missing: bool,  # noqa: FBT001 - drawn
    groups: bool,  # noqa: FBT001 - drawn
) -> None:
    """Rows with a key of the data are the data's, in their place; other rows stay, or go; new keys come behind."""
    names, parts, data = drawn
    table = Table(store=MemoryStore(), limits=SMALL)
    with pytest.MonkeyPatch.context() as patch:
        if groups:
            patch.setattr(scan, "SMALL_FILE_BYTES", 0)
            patch.setattr(writer, "_GROUP_ROWS", 2)
        for part in parts:
            table.append(part)
        new = {tuple(row[name] for name in names): row for row in data.to_pylist()}
        expected: list[dict[str, Any]] = []
        seen: set[Any] = set()
        for row in table.read(output_as="arrow").to_pylist():
            key = tuple(row[name] for name in names)
            if key in new:
                seen.add(key)
                expected.append(new[key])
            elif not delete_missing:
                expected.append(row)
        expected += [row for key, row in new.items() if key not in seen]
        table.upsert(data, key=names, delete_missing=delete_missing)
        assert table.read(output_as="arrow").to_pylist() == expected


def part(*ids: int, n: int = 0) -> pa.Table:
    """Return rows with ids."""
    return pa.table({"id": pa.array(ids, pa.int64()), "n": pa.array([n] * len(ids), pa.int64())})


def rows(table: Table) -> list[tuple[int, int]]:
    """Return the rows."""
    return [(row["id"], row["n"]) for row in table.read(output_as="arrow").to_pylist()]


@pytest.fixture
def store() -> MemoryStore:
    """Where the table lies."""
    return MemoryStore()


@pytest.fixture
def table(store: MemoryStore) -> Table:
    """A table of three files, sorted by id."""
    made = Table(store=store, limits=SMALL)
    for number in (0, 10, 20):
        made.append(part(number, number + 1))
    return made


def test_files_without_a_key_are_not_opened(table: Table, store: MemoryStore) -> None:
    """By the bounds of their keys, files that hold none are passed over, and shared."""
    counting = CountingStore(store)
    before = [file.path for file in table.snapshot().data_files()]
    snapshot = Table(store=counting, limits=SMALL).upsert(part(11, 15, n=1), key=["id"])
    assert {name for verb, name in counting.calls if name in before and verb.startswith("read")} == {
        before[1]
    }
    assert [file.path for file in snapshot.data_files()][:3:2] == before[::2]
    assert rows(table) == [(0, 0), (1, 0), (10, 0), (11, 1), (20, 0), (21, 0), (15, 1)]
    assert (snapshot.operation, snapshot.added.rows, snapshot.removed.rows) == ("upsert", 3, 2)


def test_a_table_is_made(store: MemoryStore) -> None:
    """The first upsert makes the table; what can't be a key is refused then, too."""
    table = Table(store=store)
    with pytest.raises(InvalidInputError, match="have a key"):
        table.upsert(part(1, 1), key=["id"])
    assert not table.exists()
    assert table.upsert(part(1, 2), key=["id"]).rows == 2


def test_two_upserts_that_begin_a_table(store: MemoryStore) -> None:
    """No row of the first is lost by the second, and no key comes twice, though neither found a table."""
    slow = Table(store=between(store, lambda: Table(store=store).upsert(part(1, 2, n=1), key=["id"])))
    slow.upsert(part(2, 3, n=2), key=["id"])
    assert rows(Table(store=store)) == [(1, 1), (2, 2), (3, 2)]


def test_keys_that_can_not_be_are_refused(table: Table) -> None:
    """Keys that are null, not a number or there twice, and columns that can't be keys, are refused with a reason."""
    wrong: list[tuple[Any, Any, str]] = [
        (part(1, 2, 1), ["id"], "1 rows for the table .* have a key"),
        (pa.table({"id": pa.array([1, None], pa.int64()), "n": [1, 1]}), ["id"], "nothing equals null"),
        (part(1), ["z"], "no column 'z'"),
        (part(1), [], "one column or more"),
        (part(1), ["id", "id"], "each once"),
        (part(1), "id", "key must be a list"),
    ]
    for data, key, told in wrong:
        with pytest.raises(InvalidInputError, match=told):
            table.upsert(data, key=key)
    with pytest.raises(SchemaMismatchError):
        table.upsert(pa.table({"id": [1]}), key=["id"])
    floats = Table(store=MemoryStore())
    floats.append(pa.table({"f": [1.0]}))
    with pytest.raises(InvalidInputError, match="NaN"):
        floats.upsert(pa.table({"f": [float("nan")]}), key=["f"])
    lists = Table(store=MemoryStore())
    lists.append(pl.DataFrame({"l": [[1]]}))
    with pytest.raises(InvalidInputError, match="can't be a key"):
        lists.upsert(pl.DataFrame({"l": [[1]]}), key=["l"])


def test_partitions() -> None:
    """A row whose partition changes moves there; where the key says the partition, rows are replaced in their place."""
    table = Table(store=MemoryStore(), limits=SMALL)
    table.append(pa.table({"id": [1, 2, 3], "day": ["x", "x", "y"]}), partition_by=["day"])
    table.upsert(pa.table({"id": [2, 4], "day": ["y", "x"]}), key=["id"])
    assert sorted(table.read(partitions=["y"], output_as="arrow")["id"].to_pylist()) == [2, 3]
    assert sorted(table.read(partitions=["x"], output_as="arrow")["id"].to_pylist()) == [1, 4]
    table.upsert(pa.table({"id": [3], "day": ["y"]}), key=["day", "id"])
    assert table.snapshot().rows == 4


def test_pandas_frames_keep_their_index() -> None:
    """A stored index can be the key; a range that isn't one counts the rows."""
    keyed = Table(store=MemoryStore())
    keyed.append(pd.DataFrame({"n": [1, 2]}, index=pd.Index(["a", "b"], name="k")))
    keyed.upsert(pd.DataFrame({"n": [3, 4]}, index=pd.Index(["b", "c"], name="k")), key=["k"])
    assert keyed.read()["n"].to_dict() == {"a": 1, "b": 3, "c": 4}
    plain = Table(store=MemoryStore())
    plain.append(pd.DataFrame({"id": [1, 2], "n": [1, 2]}))
    plain.upsert(pd.DataFrame({"id": [2, 3, 4], "n": [5, 6, 7]}), key=["id"])
    pd.testing.assert_frame_equal(plain.read(), pd.DataFrame({"id": [1, 2, 3, 4], "n": [1, 5, 6, 7]}))


def test_two_upserts_and_an_append_of_one_key(table: Table, store: MemoryStore) -> None:
    """No key comes twice by upserts that race, and no update is lost; of other keys, nothing is written twice."""
    other = Table(store=store, limits=SMALL)
    other.upsert(part(15, 1, n=1), key=["id"])
    table.upsert(part(15, 20, n=2), key=["id"])
    assert sorted(rows(table)) == [(0, 0), (1, 1), (10, 0), (11, 0), (15, 2), (20, 2), (21, 0)]
    counting = CountingStore(store)
    slow = Table(store=counting, limits=SMALL)
    slow.snapshot()
    table.append(part(500))
    table.append(part(30, n=7))
    counting.reset()
    slow.upsert(part(30, n=8), key=["id"])
    assert [row for row in rows(table) if row[0] == 30] == [(30, 8)]
    slow.snapshot()
    table.append(part(600))
    counting.reset()
    slow.upsert(part(0, n=9), key=["id"])
    assert counting.counts["open_write"] == 1


def test_options_and_content(table: Table) -> None:
    """An upsert has the options of any write; equal upserts of equal tables give equal content."""
    with pytest.raises(CommitConflictError):
        table.upsert(part(1), key=["id"], expected_version=1)
    first = table.upsert(part(1, n=1), key=["id"], idempotency_key="k", message="m")
    assert table.upsert(part(1, n=5), key=["id"], idempotency_key="k").repeated
    contents = {first.content}
    for value in (1, 2):
        made = Table(store=MemoryStore(), limits=SMALL)
        for number in (0, 10, 20):
            made.append(part(number, number + 1))
        contents.add(made.upsert(part(1, n=value), key=["id"]).content)
    assert len(contents) == 2


def test_in_a_transaction(table: Table) -> None:
    """An upsert sees what changes before it brought."""
    with table.transaction() as changes:
        changes.append(part(40))
        changes.upsert(part(40, 41, n=1), key=["id"])
    assert rows(table)[-2:] == [(40, 1), (41, 1)]


def test_rows_that_are_there_already_make_no_version(table: Table) -> None:
    """An upsert that says nothing new writes no file; where it does in part, only what differs is written."""
    before = table.snapshot()
    same = table.upsert(part(1, 10), key=["id"])
    assert (same.unchanged, same.version, same.content) == (True, before.version, before.content)
    files = {file.path for file in before.data_files()}
    changed = table.upsert(pa.concat_tables([part(1), part(10, n=3)]), key=["id"])
    assert len(files - {file.path for file in changed.data_files()}) == 1
    assert rows(table) == [(0, 0), (1, 0), (10, 3), (11, 0), (20, 0), (21, 0)]


@pytest.mark.parametrize("value", [float("nan"), None])
def test_what_equals_nothing_is_the_same_nonetheless(value: float | None, store: MemoryStore) -> None:
    """Rows with NaN or null that are there already are no change."""
    table, data = Table(store=store), pa.table({"id": [1], "n": pa.array([value], pa.float64())})
    table.append(data)
    assert table.upsert(data, key=["id"]).unchanged


class TestExternalPartitions:
    """A partition whose field is no column: its value is said of the write."""

    def upsert(self, table: Table, day: str, data: pa.Table, **options: Any) -> None:
        """Upsert into the partition of a day."""
        table.upsert(data, key=["id"], partition_by=["day"], partition={"day": day}, **options)

    def of(self, table: Table, day: str) -> list[tuple[int, int]]:
        """The rows of a day."""
        read = table.snapshot().read("arrow", partitions=[day]).to_pylist()
        return [(row["id"], row["n"]) for row in read]

    def test_only_its_rows_are_replaced(self, store: MemoryStore) -> None:
        """Rows of other partitions with the same key stay, and no file of theirs is opened."""
        counting = CountingStore(store)
        table = Table(store=counting, limits=SMALL)
        for day in ("mon", "tue"):
            self.upsert(table, day, part(1, 2))
        monday = [file.path for file in table.snapshot().data_files(["mon"])]
        counting.calls.clear()
        self.upsert(table, "tue", part(2, 3, n=5))
        assert not [name for verb, name in counting.calls if verb.startswith("read") and name in monday]
        assert self.of(table, "mon") == [(1, 0), (2, 0)]
        assert self.of(table, "tue") == [(1, 0), (2, 5), (3, 5)]

    def test_missing_rows_go_from_it_alone(self, store: MemoryStore) -> None:
        """`delete_missing` looks at the partition that is written, at no other."""
        table = Table(store=store, limits=SMALL)
        for day in ("mon", "tue"):
            self.upsert(table, day, part(1, 2))
        self.upsert(table, "tue", part(2, n=5), delete_missing=True)
        assert (self.of(table, "mon"), self.of(table, "tue")) == ([(1, 0), (2, 0)], [(2, 5)])

    def test_the_primary_key_holds_over_all_of_them(self, store: MemoryStore) -> None:
        """A key that a row of another partition has is refused, if the table has it as its primary key."""
        table = Table(store=store, limits=SMALL)
        table.append(part(1), partition_by=["day"], partition={"day": "mon"}, key=["id"])
        with pytest.raises(DuplicateKeyError):
            self.upsert(table, "tue", part(1, n=1))
        self.upsert(table, "mon", part(1, n=1))
        assert rows(table) == [(1, 1)]

    def test_what_the_table_is_not_is_refused(self, store: MemoryStore) -> None:
        """The value must be said where rows need it, and nowhere else."""
        table = Table(store=store, limits=SMALL)
        self.upsert(table, "mon", part(1))
        with pytest.raises(InvalidInputError, match="nothing says which day"):
            table.upsert(part(1), key=["id"])
        other = Table(store=MemoryStore())
        other.append(part(1))
        with pytest.raises(InvalidInputError, match="has no such field"):
            other.upsert(part(1), key=["id"], partition={"day": "mon"})


def test_it_begins_a_table_as_it_is_told(store: MemoryStore) -> None:
    """A table that an upsert makes has the partitions and the order that it says."""
    table = Table(store=store)
    snapshot = table.upsert(part(3, 1, 2), key=["id"], partition_by=["n"], sort_by=["id"])
    assert (snapshot.partition_fields, snapshot.sort_by) == (("n",), ("id",))
    assert rows(table) == [(1, 0), (2, 0), (3, 0)]
