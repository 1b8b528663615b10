from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pytest

from atio_core.errors import CommitConflictError, TableNotFoundError, VersionExpiredError
from atio_core.model.entry import Totals
from atio_core.snapshot import Snapshot
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table

OTHER = pa.table({"b": ["x"]})


def frame(*values: int) -> pd.DataFrame:
    """Return rows of one column."""
    return pd.DataFrame({"a": list(values)})


@pytest.fixture
def store() -> MemoryStore:
    """Where the table lies."""
    return MemoryStore()


@pytest.fixture
def table(store: MemoryStore) -> Table:
    """A table of two versions."""
    made = Table(store=store)
    made.append(frame(1))
    made.append(frame(2))
    return made


def test_a_dropped_table_is_not_there(table: Table) -> None:
    """Reads and changes of rows say that it was dropped, by which version, and how to get it back."""
    dropped = table.drop(message="over", properties={"by": "me"})
    assert (dropped.version, dropped.operation, dropped.message, dropped.rows) == (3, "drop", "over", 0)
    assert (dropped.added, dropped.removed.rows) == (Totals(), 2)
    assert not table.exists()
    asks: list[Callable[[], object]] = [
        table.read,
        table.snapshot,
        table.drop,
        dropped.read,
        lambda: table.read(3),
        lambda: table.read(as_of=dropped.time),
        lambda: table.restore(3),
        lambda: table.delete([]),
        lambda: table.update([], {"a": 1}),
        lambda: table.tag("t"),
        lambda: dropped.schema,
        lambda: list(table.scan()),
    ]
    for ask in asks:
        with pytest.raises(TableNotFoundError, match=r"was dropped, by version 3: .*restore"):
            ask()


def test_its_versions_stay(table: Table) -> None:
    """Old versions are read by number, counted back, by tag and by time, and listed, until they expire."""
    table.tag("kept", 1)
    second = table.snapshot(2)
    table.drop()
    assert table.read(1)["a"].tolist() == table.read(tag="kept")["a"].tolist() == [1]
    assert table.read(-2)["a"].tolist() == table.read(as_of=second.time)["a"].tolist() == [1, 2]
    assert [snapshot.version for snapshot in table.history()] == [4, 2, 1]
    assert table.tags() == {"kept": 1}
    table.expire(keep_last=1, grace=timedelta(0))
    assert [snapshot.version for snapshot in table.history()] == [4, 1]
    with pytest.raises(VersionExpiredError):
        table.read(2)


def test_what_only_it_had_goes_with_expiry(store: MemoryStore) -> None:
    """A dropped table that was expired holds no data files; its log goes on."""
    made = Table(store=store)
    made.append(frame(1))
    made.drop()
    made.expire(keep_last=1, grace=timedelta(0))
    assert list(store.list("data/")) == []
    assert made.append(frame(2)).version == 4


def test_a_restore_brings_it_back(table: Table) -> None:
    """Nothing is lost by a drop, as long as a version is kept."""
    table.drop()
    assert table.restore(-2).version == 4
    assert table.exists()
    assert table.read()["a"].tolist() == [1, 2]


WRITES: dict[str, Callable[[Table], Snapshot]] = {
    "append": lambda table: table.append(OTHER, expected_version=0),
    "overwrite": lambda table: table.overwrite(OTHER, expected_version=0),
    "overwrite where": lambda table: table.overwrite(OTHER, where=[("b", "==", "y")], expected_version=0),
    "partitions": lambda table: table.overwrite_partitions({"p": OTHER}, expected_version=0),
    "staged": lambda table: table.commit([table.stage(OTHER)], expected_version=0),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_begins_a_new_table(name: str, table: Table) -> None:
    """Columns, partitions and content are the new data's alone; numbers go on, and no column's id comes back."""
    table.drop()
    written = WRITES[name](table)
    assert written.version == 4
    assert table.read(output_as="arrow") == OTHER
    assert [int(field.metadata[b"PARQUET:field_id"]) for field in written.schema] == [2]
    assert list(written.entry.schemas) == [written.entry.schema]
    assert written.content == WRITES[name](Table(store=MemoryStore())).content
    with pytest.raises(CommitConflictError, match="expected version 0"):
        WRITES[name](table)


def test_a_drop_lets_nothing_in_between_if_told_so(table: Table, store: MemoryStore) -> None:
    """It rebases over everything, unless it expects a version; so may the write after it."""
    Table(store=store).append(frame(3))
    with pytest.raises(CommitConflictError):
        table.drop(expected_version=2)
    assert table.drop().removed.rows == 3
    assert table.append(frame(1), expected_version=4).version == 5


def test_a_retry_drops_once(table: Table) -> None:
    """A key makes a second drop harmless, also when a new table was begun since."""
    table.drop(idempotency_key="k")
    table.append(OTHER)
    assert table.drop(idempotency_key="k").repeated
    assert table.exists()


def test_an_append_beside_a_drop(table: Table, store: MemoryStore) -> None:
    """An append that comes after the drop begins a new table; it adds nothing to the one that was dropped."""
    other = Table(store=store)
    other.drop()
    table.append(frame(5))
    assert table.read()["a"].tolist() == [5]


def test_a_delete_beside_a_drop(table: Table, store: MemoryStore) -> None:
    """A delete that comes after the drop is refused, and leaves no file."""
    Table(store=store).drop()
    with pytest.raises(TableNotFoundError, match="dropped"):
        table.delete([("a", "==", 1)])
    assert len(list(store.list("data/"))) == 2
