from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atio_core.errors import (
    CommitConflictError,
    InvalidInputError,
    SchemaMismatchError,
    StorageError,
    TableNotFoundError,
)
from atio_core.log.file_list import files_of
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.table.transaction import Transaction
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import SMALL

WIDE = {f"{number * 7919:x}{number * 104729:o}{number * 1299709:b}": 1 for number in range(150)}
"""Columns whose schema lies in a file."""


def part(*values: int, **more: Any) -> pa.Table:
    """Return rows of one column."""
    return pa.table(
        {"a": pa.array(values, pa.int64()), **{name: [one] * len(values) for name, one in more.items()}}
    )


def rows(table: Table | Transaction) -> list[int]:
    """Return the rows."""
    return table.read(output_as="arrow")["a"].to_pylist()


@pytest.fixture
def store() -> MemoryStore:
    """Where the table lies."""
    return MemoryStore()


@pytest.fixture
def table(store: MemoryStore) -> Table:
    """A table of three files."""
    made = Table(store=store, limits=SMALL)
    for number in range(3):
        made.append(part(number * 10, number * 10 + 1))
    return made


def tidy(table: Table, store: MemoryStore) -> bool:
    """Whether nothing lies there but what versions need."""
    needed: set[str] = set()
    for snapshot in table.history():
        entry = snapshot.entry
        lists = (*entry.manifests, *entry.key_lists, *(ref for ref in entry.schemas.values() if ref.path))
        needed |= {str(one.path) for one in (*files_of(store, entry), *lists)}
    return {name for name in store.list() if not name.startswith("_atio/log/")} == needed


def test_changes_become_one_version(table: Table, store: MemoryStore) -> None:
    """All of a block's changes are one version, each made on top of those before it; nobody sees a part of them."""
    with table.transaction(message="m", properties={"p": "q"}) as changes:
        changes.append(part(5, 6))
        changes.delete([("a", "in", [6, 10])])
        changes.update([("a", "==", 5)], {"a": pc.field("a") * 100})
        assert rows(changes) == [0, 1, 11, 20, 21, 500]
        assert table.snapshot().version == 3
    snapshot = changes.snapshot
    assert snapshot is not None
    assert (snapshot.version, snapshot.operation, snapshot.message) == (4, "transaction", "m")
    assert rows(table) == [0, 1, 11, 20, 21, 500]
    assert snapshot.entry.totals.rows == 6
    assert (snapshot.added.rows, snapshot.removed.rows) == (2, 2)
    assert tidy(table, store)


def test_a_block_that_fails_leaves_nothing(table: Table, store: MemoryStore) -> None:
    """An exception in the block is handed on, nothing is committed, and no file stays."""
    before = sorted(store.list())
    used: list[Transaction] = []

    def block() -> None:
        with table.transaction() as changes:
            used.append(changes)
            changes.append(part(5))
            changes.delete([("a", ">", 10)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        block()
    assert used[0].snapshot is None
    assert sorted(store.list()) == before


def test_a_change_that_is_refused_can_be_left_out(table: Table, store: MemoryStore) -> None:
    """Whoever catches the error of one change commits the others."""
    with table.transaction() as changes:
        changes.append(part(5))
        with pytest.raises(SchemaMismatchError):
            changes.append(pa.table({"b": [1]}))
        with pytest.raises(InvalidInputError):
            changes.delete([("z", "==", 1)])
    assert rows(table)[-1] == 5
    assert tidy(table, store)


def test_a_table_can_be_made(store: MemoryStore) -> None:
    """The first change makes the table, those after it find it there; reads before it don't."""
    table = Table(store=store)
    with table.transaction(expected_version=0) as changes:
        with pytest.raises(TableNotFoundError):
            changes.read()
        changes.append(pd.DataFrame({"a": [1, 2]}))
        changes.append(pd.DataFrame({"a": [3]}))
        changes.delete([("a", "==", 1)])
    assert (table.snapshot().version, table.read()["a"].tolist()) == (1, [2, 3])


def test_lists_and_schemas_of_files_in_between_are_not_stored(table: Table, store: MemoryStore) -> None:
    """What one change brings and a later one takes away is gone with the block."""
    with table.transaction() as changes:
        for number in range(9):
            changes.append(part(number + 100))
        changes.overwrite(part(1, **WIDE))
        for number in range(9):
            changes.append(part(number + 200, **WIDE))
        changes.delete([("a", "==", 204)])
    assert len(rows(table)) == 9
    assert tidy(table, store)


def test_nothing_to_do_makes_no_version(table: Table) -> None:
    """A block without changes, or whose changes find nothing, makes no version and says so."""
    for where in ([], [("a", "==", 77)]):
        with table.transaction() as changes:
            if where:
                changes.delete(where)
        assert changes.snapshot is not None
        assert (changes.snapshot.version, changes.snapshot.unchanged) == (3, True)


def test_others_elsewhere_cost_nothing(table: Table, store: MemoryStore) -> None:
    """Commits in between that no change minds are built upon."""
    other = Table(store=store, limits=SMALL)
    with table.transaction() as changes:
        changes.append(part(5))
        changes.delete([("a", "==", 10)])
        for number in range(7):
            other.append(part(30 + number))
        other.delete([("a", "==", 20)])
        files = sum(name.startswith("data/") for name in store.list())
    assert rows(table) == [0, 1, 11, 21, *range(30, 37), 5]
    assert sum(name.startswith("data/") for name in store.list()) == files
    assert tidy(table, store)


def test_others_in_the_way_are_taken_into_account(table: Table, store: MemoryStore) -> None:
    """If others changed what a change looked at, all changes are made again on top of that."""
    other = Table(store=store, limits=SMALL)
    with table.transaction() as changes:
        changes.append(part(5))
        changes.update([("a", "<", 11)], {"a": pc.field("a") + 1})
        other.append(part(7))
        other.delete([("a", "==", 0)])
    assert rows(table) == [2, 11, 11, 20, 21, 8, 6]
    assert tidy(table, store)


def test_a_conflict_commits_nothing(table: Table, store: MemoryStore) -> None:
    """If a change can't be made again, or a version was expected, nothing is committed and no file stays."""
    other = Table(store=store, limits=SMALL)

    def gone() -> None:
        with table.transaction() as changes:
            changes.append(part(5))
            changes.delete([("a", "==", 10)])
            other.overwrite(pa.table({"b": [1]}))

    with pytest.raises(SchemaMismatchError):
        gone()
    assert tidy(table, store)

    def expected() -> None:
        with table.transaction(expected_version=4) as changes:
            changes.append(pa.table({"b": [2]}))
            other.append(pa.table({"b": [3]}))

    with pytest.raises(CommitConflictError, match="expected version 4"):
        expected()
    assert tidy(table, store)


def test_a_retry_changes_nothing(table: Table, store: MemoryStore) -> None:
    """A second block with the same key is the first one, also with an expectation; what it wrote is taken away."""
    for repeated in (False, True):
        with table.transaction(idempotency_key="k", expected_version=3) as changes:
            changes.append(part(5))
        assert changes.snapshot is not None
        assert (changes.snapshot.version, changes.snapshot.repeated) == (4, repeated)
    assert tidy(table, store)


def test_what_is_said_of_the_whole(table: Table) -> None:
    """Options of a commit are refused for single changes; a block is used once, and changes belong into it."""
    with table.transaction() as changes:
        options: list[dict[str, Any]] = [{"message": "m"}, {"expected_version": 3}, {"idempotency_key": "k"}]
        for option in [*options, {"properties": {"p": "q"}}]:
            with pytest.raises(InvalidInputError, match="said of the whole"):
                changes.append(part(5), **option)
    uses: list[Callable[[], object]] = [lambda: changes.append(part(5)), changes.read, changes.__enter__]
    for use in uses:
        with pytest.raises(InvalidInputError):
            use()
    with pytest.raises(InvalidInputError, match="a transaction is the block"):
        table.transaction().append(part(5))


def test_a_store_that_fails_leaves_nothing(store: MemoryStore, table: Table) -> None:
    """A change that can't be written, or an entry that is refused, leaves no file of any change."""
    before = sorted(store.list())
    for failure in (
        Fault("open_write", at=2, error=refusal),
        Fault("put_if_absent", at=1, error=refusal),
    ):
        failing = Table(store=FaultyStore(store, failure), limits=SMALL)

        def block(failing: Table = failing) -> None:
            with failing.transaction() as changes:
                changes.append(part(5))
                changes.delete([("a", "==", 10)])

        with pytest.raises(StorageError, match="refused"):
            block()
        assert sorted(store.list()) == before


CHANGES = st.lists(
    st.tuples(st.just("append"), st.lists(st.integers(0, 9), max_size=3))
    | st.tuples(st.just("overwrite"), st.lists(st.integers(0, 9), max_size=3))
    | st.tuples(st.just("delete"), st.integers(0, 9))
    | st.tuples(st.just("update"), st.integers(0, 9)),
    max_size=6,
)


def make(changes: Any, what: str, values: Any) -> None:
    """Make a change."""
    if what in ("append", "overwrite"):
        getattr(changes, what)(part(*values))
    elif what == "delete":
        changes.delete([("a", "==", values)])
    else:
        changes.update([("a", "<", values)], {"a": pc.field("a") + 5})


@settings(max_examples=settings().max_examples // 3)
@given(CHANGES, CHANGES)
def test_changes_together_are_what_they_are_one_by_one(first: list[Any], second: list[Any]) -> None:
    """A block leaves the rows, and the content, that the same changes leave as versions of their own."""
    one, other = (Table(store=MemoryStore(), limits=SMALL) for _ in range(2))
    for made in (one, other):
        made.append(part(1, 2, 3))
    for block in (first, second):
        with one.transaction() as changes:
            for what, values in block:
                make(changes, what, values)
            assert rows(changes) == rows(one) or block
        for what, values in block:
            make(other, what, values)
        assert rows(one) == rows(other)
        assert one.snapshot().content == other.snapshot().content
