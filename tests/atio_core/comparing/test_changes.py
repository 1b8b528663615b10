from __future__ import annotations

import collections
from datetime import timedelta
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atio_core as atio
from atio_core.comparing.changes import RowChange
from atio_core.errors import (
    InvalidInputError,
    TableNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore
from tests.support.commits import SMALL
from tests.support.stores import CountingStore
from tests.support.table_histories import Step, play, steps

Bag = collections.Counter[tuple[tuple[str, str], ...]]


def table(*frames: Any, store: Any = None) -> Table:
    """Return a new table to which frames were appended."""
    made = Table(store=store or MemoryStore("t"), limits=SMALL)
    for frame in frames:
        made.append(frame)
    return made


def rows(*numbers: int) -> pa.Table:
    """Some rows."""
    return pa.table({"n": pa.array(numbers, pa.int64())})


def told(of: Table, since: int, **options: Any) -> list[tuple[int, str, list[int]]]:
    """Return what changed since a version."""
    return [
        (change.version, change.kind, change.rows.column("n").to_pylist())
        for change in of.changes(since, **options)
    ]


def bag(given_rows: pa.Table | pa.RecordBatch) -> Bag:
    """Return rows as often as each is there; what is the same is equal."""
    return collections.Counter(
        tuple(sorted((name, repr(value)) for name, value in row.items())) for row in given_rows.to_pylist()
    )


def applied(state: Bag, change: RowChange) -> Bag:
    """Return what a reader makes of its rows, and a change."""
    if change.kind == "insert":
        return state + bag(change.rows)
    if change.kind == "delete":
        assert bag(change.rows) <= state
        return state - bag(change.rows)
    assert change.kind == "columns"
    columns = change.schema
    assert columns is not None
    made: Bag = collections.Counter()
    for row, count in state.items():
        stays = {columns.renamed.get(name, name): value for name, value in row if name not in columns.dropped}
        more = dict.fromkeys(columns.added, repr(None))
        made[tuple(sorted({**stays, **more}.items()))] += count
    return made


def keyed(state: dict[Any, Any], change: RowChange) -> dict[Any, Any]:
    """Return what a reader that keeps rows by their key makes of them."""
    found = [(row["id"], row) for row in change.rows.to_pylist()]
    if change.kind == "delete":
        return {key: row for key, row in state.items() if key not in dict(found)}
    if change.kind == "columns":
        assert change.schema is not None
        renamed, dropped, more = change.schema.renamed, change.schema.dropped, change.schema.added
        return {
            key: {renamed.get(name, name): value for name, value in row.items() if name not in dropped}
            | dict.fromkeys(more)
            for key, row in state.items()
        }
    assert all((key in state) == (change.kind == "update") for key, _ in found)
    return state | dict(found)


@given(steps)
def test_what_changed_makes_any_version_the_latest(chosen: list[Step]) -> None:
    """Whoever has the rows of a version, and applies what changed since, has the rows of the latest."""
    made = play(chosen)
    latest = bag(made.read(output_as="arrow"))
    for snapshot in [*made.history(), None]:
        since = 0 if snapshot is None else snapshot.version
        state: Bag = collections.Counter() if snapshot is None else bag(snapshot.read("arrow"))
        changes = made.changes(since)
        for change in changes:
            state = applied(state, change)
        assert state == latest
        assert changes.cursor == made.snapshot().version


@given(steps, st.lists(st.integers(1, 3), max_size=20))
def test_a_reader_that_comes_back_gets_each_change_once(chosen: list[Step], visits: list[int]) -> None:
    """A reader that is stopped anywhere, and keeps whole versions with their number, misses and doubles nothing."""
    made = play(chosen)
    kept: tuple[int, Bag] = 0, collections.Counter()
    for most in [*visits, 1000]:
        changes = made.changes(kept[0])
        state = kept[1]
        for _, change in zip(range(most), changes, strict=False):
            state = applied(state, change)
            assert (changes.cursor == change.version) == change.last
            if change.last:
                kept = changes.cursor, state
    assert kept[1] == bag(made.read(output_as="arrow"))


@given(steps)
def test_with_a_key_rows_are_updated(chosen: list[Step]) -> None:
    """Of a table with a primary key, rows are updated: what is inserted wasn't there, what is updated was."""
    made = play(chosen, key=True)
    history = made.history()
    for first in (history[-1], history[len(history) // 2]):
        if first.key != ("id",):
            continue
        state = {row["id"]: row for row in first.read("arrow").to_pylist()}
        changes = list(made.changes(first.version))
        if any(change.schema and "id" in str(change.schema.to_dict()) for change in changes):
            continue  # the key was dropped, or is called otherwise
        for change in changes:
            state = keyed(state, change)
        assert bag(pa.Table.from_pylist(list(state.values()), made.read(output_as="arrow").schema)) == bag(
            made.read(output_as="arrow")
        )


def test_an_append_is_read_once_from_its_files() -> None:
    """The rows of appends come from their files, each of which is read once, and no other is."""
    store = CountingStore(MemoryStore("t"))
    made = table(*(rows(number) for number in range(20)), store=store)
    since = made.snapshot().version
    added = [file.path for number in (20, 21) for file in made.append(rows(number)).data_files()[-1:]]
    store.reset()
    assert told(made, since) == [(21, "insert", [20]), (22, "insert", [21])]
    read = [name for verb, name in store.calls if name.startswith("data/") and verb.startswith("read")]
    assert sorted(read) == sorted(added)


def test_what_changes_no_rows_shows_nothing() -> None:
    """Compactions, tags and expiries are no changes; the cursor goes on all the same."""
    made = table(*(rows(number) for number in range(5)))
    made.tag("here")
    made.compact()
    made.tag("there")
    made.append(rows(9))
    made.compact()
    assert told(made, 5) == [(made.snapshot().version, "insert", [9])]
    made.delete([("n", "==", 100)])
    made.overwrite(made.read(output_as="arrow"))
    changes = made.changes(made.snapshot(-2).version)
    assert list(changes) == []
    assert changes.cursor == changes.until == made.snapshot().version


def test_a_version_between_that_has_expired_is_told_with_the_next() -> None:
    """What expired versions changed comes with the next one that is kept; the version itself must be there."""
    made = table(rows(1), rows(2), rows(3), rows(4), rows(5))
    made.tag("since", 1)
    made.expire(keep_last=2, grace=timedelta(0))
    assert told(made, 1) == [(4, "insert", [2]), (4, "insert", [3]), (4, "insert", [4]), (5, "insert", [5])]
    made.untag("since")
    made.expire(keep_last=2, grace=timedelta(0))
    with pytest.raises(
        VersionExpiredError, match=r"since version 1 .* read the latest version whole, go on from"
    ):
        made.changes(1)
    assert told(made, 0)[1][:2] == (4, "insert")


def test_compacted_files_stand_for_a_versions_own() -> None:
    """Once expiry has taken the files of a commit, those of the compaction show what it changed."""
    made = table(rows(1), rows(2), rows(3))
    made.compact()
    made.append(rows(4))
    made.tag("two", 2)
    made.expire(keep_last=2, grace=timedelta(0))
    assert told(made, 2) == [(3, "insert", [3]), (5, "insert", [4])]


def test_versions_that_expire_meanwhile_are_an_error() -> None:
    """A stream whose next versions expire doesn't leave them out; it goes on where others expired alone."""
    made = table(rows(1), rows(2), rows(3), rows(4))
    changes, others = made.changes(1), made.changes(3)
    assert next(changes).rows["n"].to_pylist() == [2]
    made.expire(keep_last=2, grace=timedelta(0))
    assert [change.version for change in others] == [4]
    with pytest.raises(VersionExpiredError):
        next(changes)
    assert changes.cursor == 2
    assert next(changes, None) is None
    assert changes.cursor == 2


def test_a_dropped_table_loses_its_rows() -> None:
    """A drop deletes all rows; a table that begins anew has new columns."""
    made = table(rows(1, 2))
    made.drop()
    with pytest.raises(VersionNotFoundError):
        made.changes(3)
    assert [(one.version, one.kind, one.rows.num_rows) for one in made.changes(1)] == [
        (2, "delete", 2),
        (2, "columns", 0),
    ]
    made.append(pa.table({"m": ["x"]}))
    assert [(one.version, one.kind) for one in made.changes(2)] == [(3, "columns"), (3, "insert")]
    assert [one.kind for one in made.changes(1, key=["m"])] == ["delete", "columns", "columns", "insert"]


def test_a_named_key_updates_as_far_as_it_is_there() -> None:
    """`key=` names a key that the table hasn't; versions without its columns are told without."""
    made = table(pa.table({"k": [1, 2], "n": [1, 2]}))
    made.update([("k", "==", 2)], {"n": 3})
    (change,) = made.changes(1, key=["k"])
    assert (change.kind, change.rows.to_pylist()) == ("update", [{"k": 2, "n": 3}])
    assert change.before.to_pylist() == [{"k": 2, "n": 2}]
    assert [one.kind for one in made.changes(1)] == ["delete", "insert"]
    with pytest.raises(InvalidInputError, match="no column 'z'"):
        made.changes(1, key=["z"])


@pytest.mark.parametrize("output", ["pandas", "polars", "arrow", "batches"])
def test_changes_come_as_frames(output: Any) -> None:
    """Rows come as record batches, or as frames; those before an update line up with those after."""
    made = table()
    made.append(pd.DataFrame({"k": [1, 2, 3], "n": [1, 2, 3]}), key=["k"])
    made.upsert(pd.DataFrame({"k": [3, 2, 9], "n": [30, 20, 90]}))
    kinds = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.Table, "batches": pa.RecordBatch}
    changes = list(made.changes(0, output_as=output))
    assert [change.kind for change in changes] == ["columns", "insert", "update", "insert"]
    assert all(isinstance(change.rows, kinds[output]) for change in changes)
    assert len(changes[0].rows) == 0
    update = changes[2]
    assert isinstance(update.before, kinds[output])
    pairs = zip(list(update.before["n"]), list(update.rows["n"]), strict=True)
    assert sorted((int(str(old)), int(str(new))) for old, new in pairs) == [(2, 20), (3, 30)]
    if output == "pandas":
        assert (update.rows - update.before)["n"].tolist() == [int(n) * 9 for n in update.before["n"]]


def test_what_makes_no_sense_is_refused() -> None:
    """Bad arguments, tables that aren't there, and versions of objects are refused."""
    made = table(rows(1))
    bad: Any
    for bad in (-1, "latest", None, True, 1.5):
        with pytest.raises(InvalidInputError, match="since"):
            made.changes(bad)
    with pytest.raises(InvalidInputError, match="output_as"):
        made.changes(0, output_as="numpy")  # pyright: ignore[reportArgumentType]
    with pytest.raises(VersionNotFoundError):
        made.changes(2)
    with pytest.raises(TableNotFoundError):
        table().changes(0)
    made.overwrite({"a": 1})
    with pytest.raises(InvalidInputError, match="holds an object"):
        list(made.changes(1))


def test_a_damaged_file_is_an_error(tmp_path: Any) -> None:
    """Rows of a damaged file aren't handed out."""
    made = atio.Table(tmp_path / "t")
    made.append(rows(*range(10)))
    made.append(rows(*range(20)))
    path = tmp_path / "t" / made.snapshot().data_files()[-1].path
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    changes = made.changes(1)
    with pytest.raises(atio.DamagedError):
        next(changes)
    assert changes.cursor == 1


@pytest.mark.parametrize("verb", ["read", "read_into", "look"])
def test_a_compaction_and_an_expiry_may_come_at_any_call(verb: str) -> None:
    """Whenever a version's files are replaced by compacted ones, and go, what it changed is told all the same."""
    for at in range(1, 100):
        for way in ("changes", "diff"):
            store = MemoryStore("t")
            made = table(rows(1), rows(2), rows(3), rows(4), store=store)

            def come(made: Table = made) -> None:
                made.compact()
                made.expire(keep_last=10, grace=timedelta(0))

            fault = Fault(verb, at, meanwhile=come, error=None)
            reader = Table(store=FaultyStore(store, fault), limits=SMALL)
            if way == "changes":
                found = [n for _, _, some in told(reader, 2) for n in some]
            else:
                found = reader.diff(2).added("arrow").column("n").to_pylist()
            assert sorted(found) == [3, 4]
        if fault.seen < at:
            break
    else:
        pytest.fail("a reader makes fewer calls")


@pytest.mark.parametrize("output_as", ["arrow", "batches"])
@pytest.mark.parametrize("t", [pa.string_view(), pa.run_end_encoded(pa.int32(), pa.string())], ids=str)
def test_what_was_updated_lies_beside_what_it_became(t: pa.DataType, output_as: Any) -> None:
    """Rows before and after are in the same order, also of types that Arrow itself can't put in another one."""

    def some(numbers: list[int], texts: list[str]) -> pa.Table:
        plain = pa.array(texts, pa.string())
        return pa.table(
            {"n": numbers, "x": plain.cast(t) if t == pa.string_view() else pc.run_end_encode(plain)}
        )

    made = table(some([1, 2, 3], ["a", "b", "c"]), some([4], ["d"]))
    since = made.snapshot().version
    made.delete([("n", "in", [1, 3])])
    made.append(some([3, 1], ["C", "A"]))
    assert made.diff(since, key=["n"]).changed("arrow").to_pylist() == some([3, 1], ["C", "A"]).to_pylist()
    given = made.diff(since, key=["n"]).changed(output_as, before=True)
    before = given.read_all() if output_as == "batches" else given
    before.validate(full=True)
    assert before.to_pylist() == some([3, 1], ["c", "a"]).to_pylist()
    made.upsert(some([4, 2], ["D", "B"]), key=["n"])
    updated = [one for one in made.changes(since, key=["n"], output_as=output_as) if one.kind == "update"]
    assert [one.before.column("n").to_pylist() for one in updated] == [
        one.rows.column("n").to_pylist() for one in updated
    ]
