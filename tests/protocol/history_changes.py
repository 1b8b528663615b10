"""What is done to a table in the histories of `test_history.py`, and what the model says that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from atio_core.errors import AtioError
from atio_core.log.limits import Limits
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_core.testing import temporary_folder
from tests.support.folders import Tree, make
from tests.support.held import Change, applied, does_nothing, misfits, same_rows
from tests.support.model import TableModel, Version

LIMITS = Limits(per_bucket=4, recent=2, inline_files=2, inline_tags=1, fanout=2, manifest_files=8)
WIDE = tuple(f"{number * 7919:x}{number * 104729:o}{number * 1299709:b}" for number in range(150))
"""So many columns that their schema lies in a file."""

handles = st.sampled_from([0, 1])
rows = st.lists(st.integers(0, 9), max_size=3).map(tuple)
partitions = st.dictionaries(st.sampled_from("xyz"), rows, min_size=1, max_size=2)
TEXTS = ("b", "t")
columns = st.sampled_from([("a",), ("a",), ("a",), ("a", "b"), ("a", *WIDE)])
row_changes = st.builds(
    Change,
    st.sampled_from(["append", "overwrite", "delete", "update", "upsert"]),
    parts=rows.map(lambda values: ((None, values),)),
    where=st.integers(0, 9),
    value=st.integers(0, 9),
)
"""Changes of rows without partitions; columns are given when they are made."""
write_options = st.fixed_dictionaries(
    {},
    optional={
        "idempotency_key": st.sampled_from("kl"),
        "expected_version": st.sampled_from([0, -1]),  # from the latest
        "key_not_before": st.just(value=True),
    },
)


def frame(columns: tuple[str, ...], values: tuple[int, ...]) -> pa.Table:
    """Rows: column `a` holds the numbers, `b` and `t` what they are called."""
    numbers, texts = pa.array(values, pa.int64()), pa.array([f"b{value}" for value in values], pa.string())
    return pa.table({column: texts if column in TEXTS else numbers for column in columns})


def tried(act: Callable[[], Any]) -> Any:
    """Return what an act comes to: a value, or an error."""
    try:
        return act()
    except AtioError as error:
        return error


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is moved."""

    now_us: int = 1_700_000_000_000_000

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_us


class TableChanges(RuleBasedStateMachine):
    """A table, its model, and the changes that can be made to both."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = self.stack.enter_context(temporary_folder()) / "table"
        self.clock = Clock()
        self.model = TableModel(LIMITS.per_bucket)
        self.tables = [self._table(), self._table()]
        self.contents: dict[tuple[object, ...], str | None] = {}
        self.staged: set[str] = set()  # the files of all that was staged

    def _table(self) -> Table:
        return Table(self.folder, limits=LIMITS, clock=self.clock)

    def _read(self, snapshot: Snapshot) -> list[int]:
        if not snapshot.entry.is_there:  # only a history shows it
            return []
        if snapshot.kind == "folder":
            return [int(snapshot.open(str(number)).read()) for number in range(len(snapshot.names))]
        return snapshot.read("arrow", columns=["a"])["a"].to_pylist()

    @initialize(partitioned=st.booleans(), columns=columns, versions=st.integers(0, 9))
    def begin(self, *, partitioned: bool, columns: tuple[str, ...], versions: int) -> None:
        """A table of some versions; one that has partitions keeps them for a while."""
        self.partitioned_up_to = 25 if partitioned else 0
        operation = "overwrite_partitions" if partitioned else "append"
        for number in range(versions):
            part = "xyz"[number % 3] if partitioned else None
            self._write(number % 2, Change(operation, columns, ((part, (number,)),)), {})

    # What is written

    @precondition(lambda self: self.model.latest or not self.partitioned_up_to)
    @rule(handle=handles, columns=columns, values=rows, options=write_options)
    def append(self, handle: int, columns: tuple[str, ...], values: tuple[int, ...], options: Any) -> None:
        """Append."""
        self._write(handle, Change("append", columns, ((None, values),)), options)

    @precondition(lambda self: self.model.latest >= self.partitioned_up_to)
    @rule(handle=handles, columns=columns, values=rows, options=write_options)
    def overwrite(self, handle: int, columns: tuple[str, ...], values: tuple[int, ...], options: Any) -> None:
        """Overwrite."""
        self._write(handle, Change("overwrite", columns, ((None, values),)), options)

    @precondition(lambda self: self.model.latest >= self.partitioned_up_to)
    @rule(handle=handles, values=rows, options=write_options)
    def overwrite_by_a_folder(self, handle: int, values: tuple[int, ...], options: Any) -> None:
        """Overwrite by an object: a folder, which shares files with the one before."""
        self._write(handle, Change("overwrite", (), ((None, values),)), options)

    @rule(handle=handles, columns=columns, values=partitions, options=write_options)
    def overwrite_partitions(self, handle: int, columns: tuple[str, ...], values: Any, options: Any) -> None:
        """Overwrite partitions."""
        self._write(handle, Change("overwrite_partitions", columns, tuple(values.items())), options)

    @precondition(lambda self: 0 < len(self.model.versions) < 12)
    @rule(several=st.lists(st.tuples(handles, partitions), min_size=2, max_size=5))
    def write_several(self, several: list[tuple[int, dict[str, tuple[int, ...]]]]) -> None:
        """A few writes that fit the table."""
        for handle, values in several:
            held = self.model.held
            parts = tuple(values.items()) if held.partitioned else ((None, next(iter(values.values()))),)
            operation = "append" if held.columns or not held.is_there else "overwrite"
            operation = "overwrite_partitions" if held.partitioned else operation
            self._write(handle, Change(operation, held.columns or ("a",), parts), {})

    def _write(self, handle: int, change: Change, options: Any) -> None:
        key, expected, remembered, first = self._told(options)
        refusals = misfits(self.model.held, change) | self.model.unexpected(expected)
        method = getattr(self.tables[handle], change.operation)
        snapshot = tried(lambda: method(**self._said(change), **options))
        if self._refused(snapshot, set() if remembered else refusals):
            return
        if snapshot.repeated:
            assert snapshot.version == first
            return
        assert not remembered
        self._same(snapshot, self._committed([change], key))

    def _committed(self, changes: list[Change], key: str | None = None, told: str | None = None) -> Version:
        """The version that changes come to; the latest, if they do nothing."""
        return self.model.commit(changes, key, self.clock.now_us, told) or self.model.versions[-1]

    def _said(self, change: Change) -> dict[str, Any]:
        """The arguments of the method that makes a change."""
        frames = {value: self._data(change.columns, values) for value, values in change.parts}
        where = [("a", "==", change.where)]
        match change.operation:
            case "append":
                return {"data": frames[None], "schema_mode": "exact"}
            case "overwrite" if change.where is None:
                return {"data": frames[None], "schema_mode": "replace"}
            case "overwrite":
                return {"data": frames[None], "where": where}
            case "overwrite_partitions":
                return {"data": frames, "schema_mode": "exact"}
            case "upsert":
                return {"data": frames[None], "key": ["a"]}
            case "update":
                row = frame(change.columns, (change.value,)).to_pylist()[0]
                return {"where": where, "set": row}
            case "delete":
                return {"where": where}
            case _:
                return {}

    def _data(self, columns: tuple[str, ...], values: tuple[int, ...]) -> Any:
        """What is written: rows, or a folder of a file for each of them."""
        if columns:
            return frame(columns, values)
        tree = Tree({str(number): (str(value).encode(), False) for number, value in enumerate(values)})
        make(self.folder.parent / "source", tree)
        return self.folder.parent / "source"

    def _told(self, options: Any) -> tuple[str | None, int | None, bool, int | None]:
        """Complete the options; return key and expectation, whether the key is remembered, and which version has it."""
        newest = self.model.versions[-1].number if self.model.versions else 0
        key, expected = options.get("idempotency_key"), None
        if "expected_version" in options:
            expected = options["expected_version"] = max(0, newest + options["expected_version"])
        first, remembered = self.model.known(key)
        if options.pop("key_not_before", False) and first is not None:
            since = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.model.keys[key][1])
            options["key_not_before"] = since
        return key, expected, remembered, first

    def _refused(self, snapshot: Any, refusals: set[type[AtioError]]) -> bool:
        """Say whether a change was refused, and see that it was so if it had to be."""
        if isinstance(snapshot, AtioError):
            assert type(snapshot) in refusals, f"{snapshot!r}, but {refusals} was to come"
            return True
        assert snapshot.repeated or not refusals
        return False

    @rule(handle=handles, number=st.integers(-4, 40), options=write_options)
    def restore(self, handle: int, number: int, options: Any) -> None:
        """Restore a version, by its number or counted back."""
        key, expected, remembered, first = self._told(options)
        found = self.model.find(number)
        refusals = {found} if isinstance(found, type) else set[type[AtioError]]()
        refusals |= self.model.unexpected(expected)
        snapshot = tried(lambda: self.tables[handle].restore(number, **options))
        if self._refused(snapshot, set() if remembered else refusals):
            return
        if snapshot.repeated:
            assert snapshot.version == first
            return
        assert not remembered
        assert isinstance(found, Version)
        self._same(snapshot, self.model.restore(found, key, self.clock.now_us))

    @precondition(lambda self: self.model.held.columns)
    @rule(handle=handles, change=row_changes)
    def change_rows(self, handle: int, change: Change) -> None:
        """Delete, update or replace the rows of a number, or those of some keys."""
        change = self._fitting(change)
        done = getattr(self.tables[handle], change.operation)(**self._said(change))
        assert done.unchanged == does_nothing(self.model.held, change)
        self._same(done, self._committed([change]))

    @precondition(lambda self: self.model.held.columns)
    @rule(handle=handles, changes=st.lists(row_changes, min_size=1, max_size=3), fails=st.booleans())
    def transact(self, handle: int, changes: list[Change], *, fails: bool) -> None:
        """Make several changes one version; or none, if the block fails."""
        fitting, held = list[Change](), self.model.held
        try:
            with self.tables[handle].transaction() as transaction:
                for one in changes:
                    fitting.append(self._fitting(one))
                    getattr(transaction, fitting[-1].operation)(**self._said(fitting[-1]))
                    held = applied(held, fitting[-1], 0)
                    found = transaction.read("arrow", columns=["a"])["a"].to_pylist()
                    assert same_rows(held, found, held.rows)
                if fails:
                    raise InterruptedError
        except InterruptedError:
            return
        assert transaction.snapshot is not None
        self._same(transaction.snapshot, self._committed(fitting, told="transaction"))

    def _fitting(self, change: Change) -> Change:
        """A change of rows in the table's columns, and of its partitions."""
        held = self.model.held
        if held.partitioned and change.operation not in {"delete", "update"}:
            parts = tuple(("x", rows) for _, rows in change.parts)
            return Change("overwrite_partitions", held.columns, parts)
        ((value, values),) = change.parts
        unique = ((value, tuple(dict.fromkeys(values))),)  # of a key
        return replace(change, columns=held.columns, parts=unique)

    @precondition(lambda self: len(self.model.held.columns) > 1)
    @rule(handle=handles, act=st.sampled_from(["rename", "drop", "move"]))
    def change_columns(self, handle: int, act: str) -> None:
        """Rename, drop or move the last column that isn't the numbers."""
        columns = self.model.held.columns
        last = next(column for column in reversed(columns) if column != "a")
        others = tuple(column for column in columns if column != last)
        other = {"b": "t", "t": "b"}.get(last, last)
        table = self.tables[handle]
        if act == "rename":
            made = tuple(other if column == last else column for column in columns)
            snapshot = table.rename_column(last, other)
        elif act == "move":
            made, snapshot = (last, *others), table.move_column(last, to=0)
        else:
            made, snapshot = others, table.drop_column(last)
        self._same(snapshot, self._committed([Change(f"{act}_column", made)]))

    @precondition(lambda self: self.model.latest >= self.partitioned_up_to)
    @rule(handle=handles, options=write_options)
    def drop(self, handle: int, options: Any) -> None:
        """End the table; the log goes on."""
        self._write(handle, Change("drop"), options)

    def _same(self, snapshot: Snapshot, version: Version) -> None:
        files, entry = snapshot.data_files(), snapshot.entry
        assert (snapshot.version, entry.data.version) == (version.number, version.number)
        assert version.number <= entry.version <= version.entry
        assert (snapshot.operation, entry.data.time_us) == (version.operation, version.time_us)
        rows = len(version.held.rows) if version.held.columns else 0
        assert (snapshot.rows, sum(file.rows for file in files)) == (rows, rows)
        assert (snapshot.files, snapshot.bytes) == (len(files), sum(file.size for file in files))
        assert snapshot.content == self.contents.setdefault(version.held.story, snapshot.content)
