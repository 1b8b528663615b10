"""Changes that are written by workers and committed by a driver."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atio_core as atio
from atio_core.data.writing import writer
from atio_core.errors import (
    CommitConflictError,
    DamagedError,
    InvalidInputError,
    NotPreservableError,
    SchemaMismatchError,
    StagedFilesExpiredError,
    StorageError,
)
from atio_core.format.staged_json import StagedChange
from atio_core.model.entry import DAY_US
from atio_core.model.staged import StagedFiles
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import SMALL, START_US
from tests.support.stores import CountingStore

NO_GRACE = timedelta(0)


class Clock:
    """A clock that stands still until it is moved."""

    now_us = START_US

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_us


def rows(*values: int) -> pa.Table:
    """Rows of one column."""
    return pa.table({"a": pa.array(values, pa.int64())})


def values(table: Table, version: int | None = None) -> list[int]:
    """The rows of a version."""
    return table.read(version, "arrow")["a"].to_pylist()


def files(table: Table) -> set[str]:
    """The names of all data files that lie there, whoever names them."""
    return set(table.snapshot()._log.store.list("data/"))  # noqa: SLF001 - what nobody names, no snapshot shows


@pytest.fixture
def store() -> MemoryStore:
    """Where the table lies."""
    return MemoryStore()


@pytest.fixture
def clock() -> Clock:
    """What the table's clock shows."""
    return Clock()


@pytest.fixture
def table(store: MemoryStore, clock: Clock) -> Table:
    """A table of one version."""
    made = Table(store=store, clock=clock)
    made.append(rows(0))
    return made


def test_what_is_staged_is_seen_by_nobody_until_its_commit(table: Table) -> None:
    """Staging makes no version; the commit makes one, in the order of the descriptors, behind what came meanwhile."""
    staged = [table.stage(rows(number)) for number in (1, 2, 3)]
    table.append(rows(9))
    assert (values(table), len(table.history())) == ([0, 9], 2)
    snapshot = table.commit([staged[2], staged[0], staged[1]])
    assert (snapshot.version, snapshot.operation, snapshot.added.rows) == (3, "append", 3)
    assert values(table) == [0, 9, 3, 1, 2]


def test_another_process_may_stage_or_commit(tmp_path: Path) -> None:
    """Any handle of the folder stages, any other commits; descriptors go between them as text or pickle."""
    one = Table(tmp_path / "table").stage(pd.DataFrame({"a": [1]}))
    two = Table(tmp_path / "table").stage(pd.DataFrame({"a": [2]}))
    sent = [StagedChange.from_json(one.to_json()), pickle.loads(pickle.dumps(two))]
    assert Table(tmp_path / "table").commit(sent).version == 1
    assert atio.read_table(tmp_path / "table")["a"].tolist() == [1, 2]


def test_a_driver_that_runs_twice_commits_once(table: Table) -> None:
    """Without a key the descriptors are the key, in whatever order they come."""
    staged = [table.stage(rows(number)) for number in (1, 2, 3)]
    first = table.commit(staged)
    table.append(rows(9))
    again = table.commit([staged[1], staged[2], staged[0], staged[1]])
    assert (again.version, again.repeated, first.repeated) == (first.version, True, False)
    assert values(table) == [0, 1, 2, 3, 9]


def test_a_driver_that_runs_twice_commits_once_whatever_came_between(table: Table, clock: Clock) -> None:
    """The commit is remembered after the rows were replaced, the version has expired and the files are gone."""
    staged = [table.stage(rows(1))]
    version = table.commit(staged).version
    table.overwrite(rows(5))
    clock.now_us += DAY_US
    table.expire(keep_last=1, grace=NO_GRACE)
    again = Table(store=table.snapshot()._log.store).commit(staged)  # noqa: SLF001 - another handle of the same
    assert (again.version, again.repeated) == (version, True)
    assert values(table) == [5]


def test_a_key_of_ones_own_takes_the_place_of_the_descriptors(table: Table) -> None:
    """With a key, a driver that staged everything anew still commits once."""
    table.commit([table.stage(rows(1))], idempotency_key="run 1", message="a run")
    again = table.commit([table.stage(rows(1))], idempotency_key="run 1")
    assert (again.version, again.repeated, again.message) == (2, True, "a run")
    assert values(table) == [0, 1]


def test_the_same_descriptor_twice_counts_once(table: Table) -> None:
    """A descriptor that two messages brought brings its rows once."""
    staged = table.stage(rows(1))
    table.commit([staged, StagedChange.from_json(staged.to_json())])
    assert values(table) == [0, 1]


def test_two_runs_of_a_task_are_two_changes(table: Table, clock: Clock) -> None:
    """The files of the run that isn't picked belong to nobody, and go behind the horizon."""
    picked, orphan = table.stage(rows(1)), table.stage(rows(1))
    assert picked != orphan
    table.commit([picked])
    assert values(table) == [0, 1]
    clock.now_us += DAY_US
    table.expire(keep_last=1, grace=NO_GRACE)
    assert {file.path for file in table.snapshot().data_files()} == files(table)


def test_what_the_table_has_is_not_added_again(table: Table) -> None:
    """Who commits more than before adds the rest, whatever key is given, also behind the horizon."""
    one, two = table.stage(rows(1)), table.stage(rows(2))
    table.commit([one])
    again = table.commit([one], idempotency_key="k")
    assert (again.version, again.unchanged, values(table)) == (2, True, [0, 1])
    table.overwrite(rows(5))
    assert table.commit([one], idempotency_key="k").repeated
    assert values(table) == [5]
    table.restore(2)
    table.commit([two, one])
    assert values(table) == [0, 1, 2]


def test_what_the_table_has_may_be_old(table: Table, clock: Clock) -> None:
    """Files that are in the table can't expire: a driver that comes back late adds what is new to it."""
    one = table.stage(rows(1))
    table.commit([one])
    clock.now_us += DAY_US
    table.expire(keep_last=1, grace=NO_GRACE)
    two = table.stage(rows(2))
    table.commit([one, two])
    assert values(table) == [0, 1, 2]


def test_what_lies_in_manifests_is_not_added_again(store: MemoryStore) -> None:
    """The same holds however the version lists its files, and lists from before the staging aren't opened for it."""
    table = Table(store=store, limits=SMALL)
    for number in range(20):
        table.append(rows(number))
    counting = CountingStore(store)
    other = Table(store=counting, limits=SMALL)
    staged = [other.stage(rows(number)) for number in range(20, 26)]
    before = {ref.path for ref in table.snapshot().entry.manifests}
    assert before
    for one in staged:
        other.commit([one])
    counting.reset()
    other.commit(staged)
    assert values(table) == list(range(26))
    opened = {name for verb, name in counting.calls if verb == "read"}
    assert not opened & before


def test_a_table_may_begin_with_what_is_staged(store: MemoryStore) -> None:
    """Several workers stage the first write of a table, none of them knowing of the others, and make one table."""
    staged = [Table(store=store).stage(pl.DataFrame({"a": [number], "b": ["x"]})) for number in range(4)]
    table = Table(store=store)
    assert not table.exists()
    assert table.commit(staged[:2]).version == 1
    assert table.commit(staged[2:]).version == 2
    assert table.read(output_as="polars")["a"].to_list() == [0, 1, 2, 3]


def test_first_writes_that_do_not_fit_each_other_are_refused(store: MemoryStore) -> None:
    """Different columns make no table; nor do they get into the one that another has made meanwhile."""
    one, two = Table(store=store).stage(rows(1)), Table(store=store).stage(pa.table({"b": ["x"]}))
    table = Table(store=store)
    with pytest.raises(SchemaMismatchError, match="several schemas"):
        table.commit([one, two])
    assert not table.exists()
    table.commit([two])
    with pytest.raises(CommitConflictError, match="stage the data again"):
        table.commit([one])
    assert table.read(output_as="arrow") == pa.table({"b": ["x"]})


def test_a_schema_that_changed_meanwhile_is_a_conflict(table: Table) -> None:
    """An append that was staged for other columns is refused, once, and its files stay for whoever wants them."""
    staged = table.stage(rows(1))
    table.overwrite(pa.table({"b": ["x"]}))
    with pytest.raises(CommitConflictError, match="schema") as caught:
        table.commit([staged])
    assert caught.value.facts["winner"] == 2
    table.restore(1)
    table.commit([staged])
    assert values(table) == [0, 1]


def test_overwrites_replace_together(table: Table) -> None:
    """All rows of the table are replaced by those of all workers, columns too, whatever came meanwhile."""
    staged = [table.stage(pa.table({"b": [number]}), "overwrite") for number in (1, 2)]
    table.append(rows(5))
    table.overwrite(pa.table({"c": ["x"]}))
    snapshot = table.commit(staged)
    assert (snapshot.operation, snapshot.added.rows, snapshot.removed.rows) == ("overwrite", 2, 1)
    assert table.read(output_as="arrow") == pa.table({"b": [1, 2]})


def test_an_overwrite_that_the_table_has_replaces_what_came_since(table: Table) -> None:
    """Committed under another key, an overwrite replaces again, and its files are in the table once."""
    staged = table.stage(rows(1, 2), "overwrite")
    table.commit([staged])
    table.append(rows(3))
    table.commit([staged], idempotency_key="again")
    assert values(table) == [1, 2]
    assert table.snapshot().files == 1


def test_partitions_are_replaced_together(store: MemoryStore) -> None:
    """Each worker stages some partitions; all of them are replaced in one version, the others stay."""
    table = Table(store=store)
    table.overwrite_partitions({"x": rows(1), "y": rows(2), "z": rows(3)}, partition_by=["day"])
    staged = [
        table.stage({"x": rows(10)}, "overwrite_partitions", partition_by=["day"]),
        table.stage({"y": rows(20), "w": rows(40)}, "overwrite_partitions", partition_by=["day"]),
        table.stage({"x": rows(11)}, "overwrite_partitions", partition_by=["day"]),
    ]
    table.overwrite_partitions({"x": rows(100)}, partition_by=["day"])
    table.commit(staged)
    assert values(table) == [3, 10, 20, 40, 11]
    assert table.read(output_as="arrow", partitions=["x"])["a"].to_pylist() == [10, 11]


def test_a_partition_may_be_replaced_by_nothing(store: MemoryStore) -> None:
    """A staged partition without rows empties it."""
    table = Table(store=store)
    table.overwrite_partitions({"x": rows(1), "y": rows(2)})
    table.commit([table.stage({"x": rows()}, "overwrite_partitions")])
    assert values(table) == [2]


def test_partitions_of_other_fields_are_refused(store: MemoryStore) -> None:
    """What was staged by different fields makes no version together."""
    table = Table(store=store)
    staged = [table.stage({"x": rows(1)}, "overwrite_partitions", partition_by=[name]) for name in "pq"]
    with pytest.raises(InvalidInputError, match="different partition fields"):
        table.commit(staged)
    table.commit(staged[:1])
    with pytest.raises(CommitConflictError, match="partitioned by p"):
        table.commit(staged[1:])


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_the_content_is_that_of_one_commit_after_the_other(mode: str, store: MemoryStore) -> None:
    """The digest of the content doesn't tell whether rows were staged, or how many versions they made."""
    one, two = Table(store=store), Table(store=MemoryStore())
    for table in (one, two):
        table.append(rows(0))
    getattr(one, mode)(rows(1))
    one.append(rows(2))
    staged = [two.stage(rows(1), mode), two.stage(rows(2), mode)]
    assert two.commit(staged).content == one.snapshot().content


def test_files_say_that_they_came_in_late(table: Table) -> None:
    """Their records carry the mark by which an expiry lets them wait for the horizon, and the id of their commit."""
    table.commit([table.stage(rows(1))])
    plain, late = table.snapshot().data_files()
    assert (plain.late, late.late) == (False, True)
    assert late.commit_id == table.snapshot().entry.commit_id


def test_expired_files_are_refused(table: Table, clock: Clock) -> None:
    """What waited for longer than the grace period is refused once an expiry has run, and says what to do."""
    staged = table.stage(rows(1))
    clock.now_us += DAY_US
    table.append(rows(5))
    table.expire(keep_last=1)
    with pytest.raises(StagedFilesExpiredError, match="stage the data again") as caught:
        table.commit([staged])
    assert isinstance(staged.change, StagedFiles)
    assert caught.value.facts["path"] == staged.change.files[0].path
    assert values(table) == [0, 5]
    table.commit([table.stage(rows(1))])
    assert values(table) == [0, 5, 1]


def test_files_wait_as_long_as_no_expiry_runs(table: Table, clock: Clock) -> None:
    """The log decides, no clock: without an expiry, what was staged days ago is as good as new."""
    staged = table.stage(rows(1))
    clock.now_us += 20 * DAY_US
    table.commit([staged])
    assert values(table) == [0, 1]


def test_what_nobody_can_remember_is_refused(store: MemoryStore, clock: Clock) -> None:
    """Once the table has forgotten the keys of that time, nobody knows whether it was committed and replaced."""
    table = Table(store=store, limits=SMALL, clock=clock)
    table.append(rows(0))
    staged, other = table.stage(rows(1)), table.stage(rows(2))
    table.commit([staged])
    table.overwrite(rows(5))
    for number in range(20):
        clock.now_us += 4 * DAY_US
        table.append(rows(number))
    for one in (staged, other):
        with pytest.raises(StagedFilesExpiredError, match="doesn't remember"):
            table.commit([one])
    assert values(table) == [5, *range(20)]


def test_a_missing_file_is_told(table: Table, store: MemoryStore) -> None:
    """What was written on a disk of the worker's own, or is lost, is refused before anything is committed."""
    staged = table.stage(rows(1))
    assert isinstance(staged.change, StagedFiles)
    store.delete([staged.change.files[0].path])
    with pytest.raises(StagedFilesExpiredError, match="isn't there"):
        table.commit([staged])
    assert values(table) == [0]


def test_a_cut_file_is_told(table: Table, store: MemoryStore) -> None:
    """A staged file of another length is damage, and isn't committed."""
    staged = table.stage(rows(1))
    assert isinstance(staged.change, StagedFiles)
    path = staged.change.files[0].path
    data = store.read(path)
    store.delete([path])
    store.put(path, data[:-1])
    with pytest.raises(DamagedError, match="is not what was written") as caught:
        table.commit([staged])
    assert caught.value.facts["path"] == path
    assert values(table) == [0]


def test_another_tables_descriptor_is_refused(table: Table) -> None:
    """A change goes to the table that it was staged for, and to no other."""
    other = Table(store=MemoryStore())
    other.append(rows(7))
    staged = other.stage(rows(8))
    with pytest.raises((InvalidInputError, StagedFilesExpiredError)):
        table.commit([staged])
    for file in other.snapshot()._log.store.list("data/"):  # noqa: SLF001 - as if both lay in one place
        if file not in files(table):
            table.snapshot()._log.store.put(file, other.snapshot()._log.store.read(file))  # noqa: SLF001 - see above
    with pytest.raises(InvalidInputError, match="staged for the table with the id"):
        table.commit([staged])
    assert values(table) == [0]


def test_a_refused_commit_leaves_the_files(table: Table) -> None:
    """Files belong to the descriptors: a commit that fails takes none away, nor does one that was done already."""
    staged = [table.stage(rows(1))]
    there = files(table)
    with pytest.raises(CommitConflictError):
        table.commit(staged, expected_version=0)
    assert files(table) == there
    table.commit(staged, expected_version=1)
    table.commit(staged)
    table.commit(staged, expected_version=99)
    assert files(table) == there
    assert values(table) == [0, 1]


def test_a_store_that_fails_leaves_the_files(store: MemoryStore, table: Table) -> None:
    """After a failure the same descriptors can be committed."""
    staged = [table.stage(rows(1))]
    failing = Table(store=FaultyStore(store, Fault("put_if_absent", error=refusal)))
    with pytest.raises(StorageError):
        failing.commit(staged)
    table.commit(staged)
    assert values(table) == [0, 1]


def test_staging_that_fails_leaves_nothing(store: MemoryStore, table: Table) -> None:
    """What couldn't be staged leaves no file, at whatever call the store fails."""
    there = set(store.list())
    wide = pa.table({f"c{number}": [1] for number in range(300)})
    for verb in ("open_write", "write", "close", "put"):
        failing = Table(store=FaultyStore(store, Fault(verb, error=refusal)))
        with pytest.raises(StorageError):
            failing.stage(wide, "overwrite")
        assert set(store.list()) == there
    with pytest.raises(NotPreservableError):
        table.stage(pd.DataFrame({"a": [object()]}))
    with pytest.raises(SchemaMismatchError):
        table.stage(wide)
    assert set(store.list()) == there


def test_a_descriptor_is_small_whatever_it_stands_for(store: MemoryStore, table: Table, clock: Clock) -> None:
    """Many files or a wide schema lie in a file that the descriptor names; the file goes with the leftovers."""
    with mock.patch.multiple(writer, _LEAST_BYTES=8, _WORKERS=64):
        staged = table.stage(rows(*range(1, 101)))
    wide = table.stage(pa.table({f"c{number}": [1] for number in range(300)}), "overwrite")
    assert (staged.totals.files, staged.rows) == (64, 100)
    assert max(len(staged.to_json()), len(wide.to_json())) < 1_000
    sent = StagedChange.from_json(staged.to_json())
    table.commit([sent])
    assert values(table) == list(range(101))
    table.commit([wide])
    assert len(table.snapshot().schema) == 300
    assert len(list(store.list("_atio/staged/"))) == 2
    clock.now_us += DAY_US
    table.expire(keep_last=1, grace=NO_GRACE)
    assert list(store.list("_atio/staged/")) == []


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-5], lambda data: data.replace(b"xxh3", b"xxh2")], ids=["cut", "changed"]
)
def test_a_damaged_list_is_told(store: MemoryStore, table: Table, damage: Callable[[bytes], bytes]) -> None:
    """The file that lists what a descriptor stands for is checked by the descriptor's digest."""
    staged = table.stage(pa.table({f"c{number}": [1] for number in range(300)}), "overwrite")
    (path,) = store.list("_atio/staged/")
    data = store.read(path)
    store.delete([path])
    with pytest.raises(StagedFilesExpiredError, match="isn't there"):
        table.commit([staged])
    store.put(path, damage(data))
    with pytest.raises(DamagedError, match="is not what was written"):
        table.commit([staged])
    assert values(table) == [0]


def test_a_forged_schema_is_refused(table: Table) -> None:
    """A schema that doesn't give its digest gets into no table."""
    staged = table.stage(pa.table({"b": ["x"]}), "overwrite")
    assert isinstance(staged.change, StagedFiles)
    for inline in (None, b"", b"no zlib", (staged.change.schema.inline or b"")[:-9]):
        schema = replace(staged.change.schema, inline=inline)
        with pytest.raises(InvalidInputError, match="no schema that fits"):
            table.commit([replace(staged, change=replace(staged.change, schema=schema))])
    assert values(table) == [0]


def test_what_does_not_belong_together_is_refused(table: Table) -> None:
    """One commit takes descriptors, at least one, of one mode, none forged."""
    one, two = table.stage(rows(1)), table.stage(rows(2))
    bad: list[tuple[Any, str]] = [
        ([], "descriptors is empty"),
        (one, "descriptors must be a list"),
        ([one.to_json()], "each of descriptors"),
        ([None], "each of descriptors"),
        ([one, table.stage(rows(3), "overwrite")], "append and overwrite"),
        ([one, replace(one, totals=two.totals, change=two.change)], "two descriptors have the id"),
        ([one, replace(two, change=one.change)], "the same file"),
    ]
    for given_, message in bad:
        with pytest.raises(InvalidInputError, match=message):
            table.commit(given_)
    assert values(table) == [0]


def test_what_can_not_be_staged_is_refused(table: Table, store: MemoryStore) -> None:
    """An unknown mode or option is refused before anything is written; what belongs to the commit says so."""
    there = set(store.list())
    with pytest.raises(InvalidInputError, match="mode must be one of append, overwrite"):
        table.stage(rows(1), "truncate")
    with pytest.raises(InvalidInputError, match="no option colour"):
        table.stage(rows(1), colour="red")
    with pytest.raises(InvalidInputError, match="give it to commit"):
        table.stage(rows(1), message="m")
    with pytest.raises(InvalidInputError, match="no option colour"):
        table.commit([table.stage(rows(1))], colour="red")  # pyright: ignore[reportCallIssue] - that is the test
    with pytest.raises(InvalidInputError):
        table.stage({}, "overwrite_partitions")
    with pytest.raises(InvalidInputError, match="needs data"):
        table.stage()
    with pytest.raises(InvalidInputError, match="has no data"):
        table.stage(rows(1), "delete", where=[])
    with pytest.raises(InvalidInputError, match="needs where and set"):
        table.stage(mode="update")
    assert len(set(store.list()) - there) == 1


@given(st.data())
def test_any_commits_of_any_parts_add_each_change_once(draw: st.DataObject) -> None:
    """However often and together with what others a change is committed, its rows are there once."""
    table = Table(store=MemoryStore(), limits=SMALL)
    staged = [table.stage(rows(number)) for number in range(6)]
    picks = draw.draw(st.lists(st.lists(st.integers(0, 5), min_size=1), max_size=6))
    keys = itertools.cycle(draw.draw(st.lists(st.none() | st.uuids().map(str), min_size=1, max_size=3)))
    expected: list[int] = []
    seen: set[Any] = set()
    for picked, key in zip(picks, keys, strict=False):
        table.commit([staged[number] for number in picked], idempotency_key=key)
        token = key or frozenset(picked)
        expected += [] if token in seen else [one for one in dict.fromkeys(picked) if one not in expected]
        seen.add(token)
    assert (values(table) if table.exists() else []) == expected


def wide(number: int) -> pa.Table:
    """Rows with a column more."""
    return pa.table({"a": [number], "b": ["x"]})


def test_columns_may_be_added_by_what_is_staged(table: Table) -> None:
    """Several workers add the same column, as schema_mode lets them; if another adds one first, they are refused."""
    staged = [table.stage(wide(number), schema_mode="add") for number in (1, 2)]
    late = table.stage(pa.table({"a": [3], "c": ["y"]}), schema_mode="add")
    with pytest.raises(SchemaMismatchError):
        table.stage(wide(3))
    table.append(rows(9))
    table.commit(staged[:1])
    table.commit(staged[1:])
    assert table.read(output_as="arrow")["b"].to_pylist() == [None, None, "x", "x"]
    with pytest.raises(CommitConflictError, match="schema"):
        table.commit([late])
    with pytest.raises(SchemaMismatchError, match="several schemas"):
        table.commit([staged[0], late])


def test_an_overwrite_that_keeps_the_columns_needs_them(table: Table) -> None:
    """What was staged to fit the table's columns is refused if they have changed."""
    keeping, other = table.stage(rows(1), "overwrite", schema_mode="exact"), table.stage(rows(2), "overwrite")
    with pytest.raises(InvalidInputError, match="different schema_mode"):
        table.commit([keeping, other])
    table.overwrite(wide(5))
    with pytest.raises(CommitConflictError, match="schema"):
        table.commit([StagedChange.from_json(keeping.to_json())])
    table.restore(1)
    table.commit([StagedChange.from_json(keeping.to_json())])
    assert values(table) == [1]


def test_a_table_that_was_dropped_takes_first_writes_alone(table: Table, store: MemoryStore) -> None:
    """Rows staged for a table that has ended are refused; an overwrite begins a new one."""
    append, overwrite = table.stage(rows(1)), table.stage(rows(2), "overwrite")
    table.drop()
    with pytest.raises(CommitConflictError, match="stage the data again"):
        table.commit([append])
    assert not table.exists()
    table.commit([overwrite])
    assert values(table) == [2]
    again = Table(store=store)
    again.drop()
    again.commit([again.stage(rows(3))])
    assert values(table) == [3]
