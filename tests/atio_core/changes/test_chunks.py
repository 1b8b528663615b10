from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from atio_core.changes import overwrite
from atio_core.data.writing import cuts
from atio_core.errors import DuplicateKeyError, NotPreservableError
from atio_core.model.data_file import DataFile
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.stores import between

ROWS = 3_000


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut tables of any size."""
    monkeypatch.setattr(cuts, "LEAST_BYTES", 1)


def frame(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Return rows of which no two are equal."""
    values = np.random.default_rng(seed).random(rows)
    return pd.DataFrame({"a": values, "b": pd.array([f"the {value}" for value in values], "str")})


def edited(rows: pd.DataFrame, at: int = 1_000, gone: int = 30, new: int = 30) -> pd.DataFrame:
    """Return the rows with others in the place of some."""
    parts = [rows.iloc[:at], frame(new, seed=at + 1), rows.iloc[at + gone :]]
    return pd.concat(parts, ignore_index=True)


def files_of(table: Table) -> tuple[DataFile, ...]:
    """Return the records of a table's files."""
    return tuple(table.snapshot().data_files())


def paths_of(table: Table) -> set[str]:
    """Return the names of a table's files."""
    return {file.path for file in files_of(table)}


EDITS = st.lists(
    st.tuples(st.integers(0, ROWS), st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=3
)


@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(edits=EDITS)
def test_what_any_edits_leave_is_shared_and_comes_back(edits: Sequence[tuple[int, int, int]]) -> None:
    """Whatever is inserted, removed or changed: the rows are those written, and most files are the parent's."""
    table, rows = Table(store=MemoryStore()), frame()
    table.overwrite(rows)
    before = paths_of(table)
    for at, gone, new in edits:
        rows = edited(rows, at, gone, new)
    snapshot = table.overwrite(rows)
    pd.testing.assert_frame_equal(table.read(), rows)
    after = paths_of(table)
    assert len(before & after) > len(before) - len(edits) * 15
    assert snapshot.added.files == len(after - before)
    assert snapshot.removed.files == len(before - after)
    assert not table.verify(deep=True).problems
    plain = Table(store=MemoryStore())
    plain.overwrite(rows)
    assert plain.snapshot().content == snapshot.content


MAKERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": pl.from_pandas,
    "arrow": lambda rows: pa.Table.from_pandas(rows, preserve_index=False),
    "an index": lambda rows: rows.set_index("b"),
    "categories": lambda rows: rows.assign(c=pd.Categorical(["x", "y"] * (len(rows) // 2))),
    "nulls": lambda rows: rows.assign(c=rows["b"].where(rows["a"] > 0.5, None)),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_frames_of_any_library_share_files(make: Callable[[pd.DataFrame], Any]) -> None:
    """A frame with some rows changed comes back as it was written, and shares the files of the others."""
    table = Table(store=MemoryStore())
    table.overwrite(make(frame()))
    before = paths_of(table)
    changed = make(edited(frame()))
    table.overwrite(changed)
    assert len(before & paths_of(table)) > len(before) - 15
    plain = Table(store=MemoryStore())
    plain.append(changed)
    found, expected = table.read(), plain.read()
    equals = pd.testing.assert_frame_equal if isinstance(found, pd.DataFrame) else None
    assert found.equals(expected) if equals is None else equals(found, expected) is None


def test_labels_of_ranges_come_back() -> None:
    """A range of labels that lies elsewhere isn't taken for that of the files; a default one goes on from the start."""
    table, rows = Table(store=MemoryStore()), frame()
    ranged = rows.set_axis(pd.RangeIndex(10, 10 + ROWS))
    for data in (rows, ranged, edited(ranged, gone=0, new=0).set_axis(ranged.index), rows):
        table.overwrite(data)
        pd.testing.assert_frame_equal(table.read(), data)
    shorter = edited(rows, gone=10, new=3)
    table.overwrite(shorter)
    pd.testing.assert_frame_equal(table.read(), shorter)
    last = shorter["a"].iloc[-1]
    expected = shorter[shorter["a"] == last]
    pd.testing.assert_frame_equal(
        table.read(filter=[("a", "==", last)]).reset_index(drop=True), expected.reset_index(drop=True)
    )


def test_the_same_range_shares_files() -> None:
    """Rows changed in place, under the labels that they had, share the other files."""
    table, labels = Table(store=MemoryStore()), pd.RangeIndex(10, 10 + 2 * ROWS, 2)
    table.overwrite(frame().set_axis(labels))
    before = paths_of(table)
    changed = edited(frame()).set_axis(labels)
    table.overwrite(changed)
    assert len(before & paths_of(table)) > len(before) - 15
    pd.testing.assert_frame_equal(table.read(), changed)


def test_the_same_rows_are_found_unchanged() -> None:
    """What is cut counts as the same when it is written again."""
    table = Table(store=MemoryStore())
    table.overwrite(frame())
    assert table.overwrite(frame(), if_unchanged="skip").unchanged
    table.overwrite(edited(frame()))
    assert table.overwrite(edited(frame()), if_unchanged="skip").unchanged
    assert table.overwrite(edited(frame())).added.files == 0


def test_equal_stretches_are_each_written(tmp_path: Path) -> None:
    """No version names a file twice, though rows repeat."""
    table = Table(tmp_path / "t")
    rows = pd.DataFrame({"a": [1] * ROWS})
    for data in (rows, pd.concat([rows, rows], ignore_index=True), rows.iloc[:2000]):
        table.overwrite(data)
        assert len(files_of(table)) == len(paths_of(table))
        assert table.read()["a"].tolist() == [1] * len(data)


def test_a_damaged_file_is_not_shared(tmp_path: Path) -> None:
    """A file that no longer holds what was written, or is gone, is written again: the new version is whole."""
    table = Table(tmp_path / "t")
    table.overwrite(frame())
    wrong, gone = files_of(table)[3], files_of(table)[5]
    path = tmp_path / "t" / wrong.path
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    (tmp_path / "t" / gone.path).unlink()
    changed = edited(frame())
    table.overwrite(changed)
    assert not {wrong.path, gone.path} & paths_of(table)
    pd.testing.assert_frame_equal(table.read(), changed)


def test_files_that_are_gone_meanwhile_are_written() -> None:
    """Who loses a race to a version without the files that were to be shared writes them anew."""
    store = MemoryStore()
    Table(store=store).overwrite(frame())
    before = paths_of(Table(store=store))
    beaten = Table(store=between(store, lambda: Table(store=store).overwrite(frame(seed=9))))
    snapshot = beaten.overwrite(edited(frame()))
    assert snapshot.version == 3
    assert not before & paths_of(beaten)
    pd.testing.assert_frame_equal(beaten.read(), edited(frame()))


def test_a_delete_of_shared_rows_meanwhile_is_replaced() -> None:
    """An overwrite holds all its rows, though another deletes some of those whose files it shares."""
    store = MemoryStore()
    Table(store=store).overwrite(frame())
    beaten = Table(store=between(store, lambda: Table(store=store).delete([("a", ">", 0.9)])))
    beaten.overwrite(edited(frame()))
    pd.testing.assert_frame_equal(beaten.read(), edited(frame()))


def test_an_overwrite_before_a_delete_is_seen_by_it() -> None:
    """A delete that loses to an overwrite that shares files deletes of that one's rows."""
    store, changed = MemoryStore(), edited(frame(), new=45)
    Table(store=store).overwrite(frame())
    beaten = Table(store=between(store, lambda: Table(store=store).overwrite(changed)))
    beaten.delete([("a", ">", 0.9)])
    expected = changed[~(changed["a"] > 0.9)].reset_index(drop=True)
    pd.testing.assert_frame_equal(beaten.read(), expected)


def test_a_key_is_held_against_rows_of_shared_files() -> None:
    """A row whose key a shared file has is refused, as any other."""
    table = Table(store=MemoryStore())
    table.overwrite(frame(), key=["b"])
    before = paths_of(table)
    doubled = edited(frame())
    doubled.loc[1_005] = doubled.loc[2_500]
    with pytest.raises(DuplicateKeyError):
        table.overwrite(doubled)
    table.overwrite(edited(frame()))
    assert len(before & paths_of(table)) > len(before) - 15


def test_transactions_and_stages_hold_the_rows() -> None:
    """Where files can't be shared, rows are written as ever."""
    table = Table(store=MemoryStore())
    table.overwrite(frame())
    with table.transaction() as changes:
        changes.overwrite(edited(frame()))
        changes.append(frame(5))
    assert len(table.read()) == ROWS + 5
    staged = table.stage(edited(frame(), at=500), mode="overwrite")
    table.commit([staged])
    pd.testing.assert_frame_equal(table.read(), edited(frame(), at=500))


def test_old_versions_stay_when_others_expire(tmp_path: Path) -> None:
    """Expiry takes the files that no version names any longer, and none that one shares."""
    table, rows = Table(tmp_path / "t"), frame()
    for at in (100, 900, 1_700, 2_500):
        table.overwrite(rows := edited(rows, at=at))
    table.expire(keep_last=1, grace=timedelta(0))
    pd.testing.assert_frame_equal(table.read(), rows)
    assert not table.verify(deep=True).problems


@pytest.mark.parametrize("seed", [0, 1], ids=["in order", "out of order"])
def test_sorted_rows_share_files(seed: int) -> None:
    """A sorted table shares the files of the rows that stay, in whatever order it is handed in."""
    table, rows = Table(store=MemoryStore()), frame().sort_values("a", ignore_index=True)
    table.overwrite(rows, sort_by=["a"])
    before = paths_of(table)
    changed = rows.assign(b=rows["b"].where(rows.index // 30 != 40, "another"))
    mixed = changed.sample(frac=1, random_state=seed, ignore_index=True)
    snapshot = table.overwrite(mixed if seed else changed)
    assert len(before & paths_of(table)) > len(before) - 15
    assert snapshot.sort_by == ("a",)
    pd.testing.assert_frame_equal(table.read().reset_index(drop=True), changed)
    assert table.overwrite(changed, if_unchanged="skip").unchanged
    assert not table.verify(deep=True).problems


def test_very_large_tables_are_not_sorted_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that would take too much memory twice are brought into order some at a time, and all are there."""
    monkeypatch.setattr(overwrite, "_MOST_SORTED_BYTES", 1)
    table = Table(store=MemoryStore())
    table.overwrite(frame(), sort_by=["a"])
    assert len(paths_of(table)) == 1
    pd.testing.assert_frame_equal(table.read(), frame().sort_values("a", ignore_index=True))


def test_labels_that_can_not_be_sorted_are_refused() -> None:
    """A range of labels that would come out of order is refused, and nothing is written."""
    table = Table(store=MemoryStore())
    with pytest.raises(NotPreservableError, match="range from 10"):
        table.overwrite(frame().set_axis(pd.RangeIndex(10, 10 + ROWS)), sort_by=["a"])
    assert not table.exists()


@pytest.mark.parametrize("where", [{"partition_by": ["c"]}, {"sort_by": ["a"]}], ids=["partitions", "sorted"])
def test_rows_that_are_arranged_lie_as_ever(where: Any) -> None:
    """Partitioned and sorted tables hold the rows of each overwrite."""
    table, rows = Table(store=MemoryStore()), frame().assign(c=1)
    table.overwrite(rows, **where)
    table.overwrite(edited(rows).assign(c=2))
    assert sorted(table.read()["a"]) == sorted(edited(rows)["a"])
