"""Whatever is done to a table, one call after another, comes out as the model says (`support/model.py`).

Two handles of one table take turns, so that each often knows an outdated version. Limits are tiny, so that buckets,
manifests and lists of keys come and go; the clock jumps, also back.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from atio_core.errors import (
    AlreadyExistsError,
    AtioError,
    InvalidInputError,
    TableNotFoundError,
    TagNotFoundError,
    VersionExpiredError,
)
from atio_core.log.limits import Limits
from atio_core.model.entry import DAY_US, HOUR_US
from atio_core.model.ids import uuid7, uuid7_time_us
from atio_core.retention import Retention
from atio_core.snapshot import Snapshot
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import temporary_folder
from tests.support import looking
from tests.support.folders import Tree, make
from tests.support.model import Piece, Rules, TableModel, Version

LIMITS = Limits(per_bucket=4, recent=2, inline_files=2, fanout=2, manifest_files=8)
WIDE = tuple(f"{number * 7919:x}{number * 104729:o}{number * 1299709:b}" for number in range(150))
"""So many columns that their schema lies in a file."""

EPOCH = datetime.fromtimestamp(0, UTC)

handles = st.sampled_from([0, 1])
rows = st.lists(st.integers(0, 9), max_size=3).map(tuple)
partitions = st.dictionaries(st.sampled_from("xyz"), rows, min_size=1, max_size=2)
columns = st.sampled_from([("a",), ("a",), ("a",), ("a", "b"), ("a", *WIDE)])
write_options = st.fixed_dictionaries(
    {},
    optional={
        "idempotency_key": st.sampled_from("kl"),
        "expected_version": st.sampled_from([0, -1]),  # from the latest
        "key_not_before": st.just(value=True),
    },
)


policies = st.sampled_from(
    [
        Rules(1),
        Rules(2),
        Rules(4, DAY_US),
        Rules(0, 0),
        Rules(0, HOUR_US),
        Rules(0, None, 2),
        Rules(2, HOUR_US, 3),
    ]
)


def retention(rules: Rules) -> Retention:
    """Return a policy as users say it."""
    keep_for = None if rules.keep_for_us is None else timedelta(microseconds=rules.keep_for_us)
    return Retention(keep_for, rules.keep_last or None, keep_daily=rules.keep_daily or None)


def frame(columns: tuple[str, ...], values: tuple[int, ...]) -> pa.Table:
    """Rows: column `a` holds the numbers, `b` what they are called."""
    numbers, texts = pa.array(values, pa.int64()), pa.array([f"b{value}" for value in values], pa.string())
    return pa.table({column: texts if column == "b" else numbers for column in columns})


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


class History(RuleBasedStateMachine):
    """A table, its model, and what can be done to both."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = self.stack.enter_context(temporary_folder()) / "table"
        self.clock = Clock()
        self.model = TableModel(LIMITS.per_bucket)
        self.tables = [self._table(), self._table()]
        self.contents: dict[tuple[Piece, ...], str | None] = {}

    def _table(self) -> Table:
        return Table(self.folder, limits=LIMITS, clock=self.clock)

    def teardown(self) -> None:
        """Read every version, and leave nothing behind."""
        try:
            for version in self.model.versions:
                snapshot = self.tables[0].snapshot(version.number)
                assert self._read(snapshot) == version.rows
                self._same(snapshot, version)
        finally:
            self.stack.close()

    def _read(self, snapshot: Snapshot) -> list[int]:
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
            self._write(number % 2, operation, Piece(columns, ((part, (number,)),)), {})

    # What is written

    @precondition(lambda self: self.model.latest or not self.partitioned_up_to)
    @rule(handle=handles, columns=columns, values=rows, options=write_options)
    def append(self, handle: int, columns: tuple[str, ...], values: tuple[int, ...], options: Any) -> None:
        """Append."""
        self._write(handle, "append", Piece(columns, ((None, values),)), options)

    @precondition(lambda self: self.model.latest >= self.partitioned_up_to)
    @rule(handle=handles, columns=columns, values=rows, options=write_options)
    def overwrite(self, handle: int, columns: tuple[str, ...], values: tuple[int, ...], options: Any) -> None:
        """Overwrite."""
        self._write(handle, "overwrite", Piece(columns, ((None, values),)), options)

    @precondition(lambda self: self.model.latest >= self.partitioned_up_to)
    @rule(handle=handles, values=rows, options=write_options)
    def overwrite_by_a_folder(self, handle: int, values: tuple[int, ...], options: Any) -> None:
        """Overwrite by an object: a folder, which shares files with the one before."""
        self._write(handle, "overwrite", Piece((), ((None, values),)), options)

    @rule(handle=handles, columns=columns, values=partitions, options=write_options)
    def overwrite_partitions(self, handle: int, columns: tuple[str, ...], values: Any, options: Any) -> None:
        """Overwrite partitions."""
        self._write(handle, "overwrite_partitions", Piece(columns, tuple(values.items())), options)

    @precondition(lambda self: 0 < len(self.model.versions) < 12)
    @rule(several=st.lists(st.tuples(handles, partitions), min_size=2, max_size=5))
    def write_several(self, several: list[tuple[int, dict[str, tuple[int, ...]]]]) -> None:
        """A few writes that fit the table."""
        for handle, values in several:
            newest = self.model.versions[-1]
            if newest.partitioned:
                piece = Piece(newest.columns, tuple(values.items()))
                self._write(handle, "overwrite_partitions", piece, {})
            else:
                piece = Piece(newest.columns, ((None, next(iter(values.values()))),))
                self._write(handle, "append" if newest.columns else "overwrite", piece, {})

    def _write(self, handle: int, operation: str, piece: Piece, options: Any) -> None:
        key, expected, remembered, first = self._told(options)
        refusals = set() if remembered else self.model.refusals(operation, piece, expected)
        frames = {value: self._data(piece.columns, values) for value, values in piece.parts}
        data = frames if operation == "overwrite_partitions" else frames[None]
        mode = "replace" if operation == "overwrite" else "exact"  # what the model knows of columns
        snapshot = tried(lambda: getattr(self.tables[handle], operation)(data, schema_mode=mode, **options))
        if self._refused(snapshot, refusals):
            return
        if snapshot.repeated:
            assert snapshot.version == first
            return
        assert not remembered
        self._same(snapshot, self.model.write(operation, piece, key, self.clock.now_us))

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

    @precondition(lambda self: self.model.versions and self.model.versions[-1].columns)
    @rule(handle=handles, row=st.integers(0, 9))
    def delete(self, handle: int, row: int) -> None:
        """Delete the rows of a number."""
        snapshot = self.tables[handle].delete([("a", "==", row)])
        version = self.model.delete(row, self.clock.now_us)
        assert snapshot.unchanged == (version is None)
        self._same(snapshot, version or self.model.versions[-1])

    @precondition(lambda self: self.model.versions and self.model.versions[-1].columns)
    @rule(handle=handles)
    def compact(self, handle: int) -> None:
        """Merge small files: the rows stay, and so does the version."""
        snapshot = self.tables[handle].compact()
        if not snapshot.unchanged:
            self.model.keep_rows(self.clock.now_us)
        self._same(snapshot, self.model.versions[-1])

    @rule(
        handle=handles,
        name=st.sampled_from("tu"),
        number=st.none() | st.integers(-4, 40),
        lasting=st.sampled_from([None, None, 1, HOUR_US, 2 * DAY_US]),
        force=st.booleans(),
    )
    def tag(self, handle: int, name: str, number: int | None, lasting: int | None, *, force: bool) -> None:
        """Tag a version, or move a tag; for good, or for a while."""
        found = self.model.find(number)
        until_us = None if lasting is None else self.clock.now_us + lasting
        until = None if until_us is None else EPOCH + timedelta(microseconds=until_us)
        there = self.model.tags.get(name)
        if isinstance(found, Version) and there != (found.number, until_us):
            if until_us is not None and until_us < self.model.horizon_us:
                found = InvalidInputError
            elif there is not None and not force:
                found = AlreadyExistsError
        tagged = tried(lambda: self.tables[handle].tag(name, number, until=until, force=force))
        if isinstance(found, type):
            assert type(tagged) is found
            return
        self.model.set_tags(self.model.tags | {name: (found.number, until_us)}, self.clock.now_us)
        assert tagged.version == found.number
        assert name in tagged.tags

    @rule(handle=handles, name=st.sampled_from("tu"))
    def untag(self, handle: int, name: str) -> None:
        """Take a tag away."""
        error = tried(lambda: self.tables[handle].untag(name))
        if name in self.model.tags:
            assert error is None
            others = {other: tag for other, tag in self.model.tags.items() if other != name}
            self.model.set_tags(others, self.clock.now_us)
        else:
            assert type(error) is (TagNotFoundError if self.model.versions else TableNotFoundError)

    # What is read

    @rule(
        handle=handles, number=st.none() | st.integers(-4, 40), names=st.sampled_from([None, "a", "ba", "z"])
    )
    def read(self, handle: int, number: int | None, names: str | None) -> None:
        """Read the latest, or a version by its number; all columns, or some."""
        expected = self.model.find(number)
        if isinstance(expected, Version) and (
            set(names or ()) - set(expected.columns) or not expected.columns
        ):
            expected = InvalidInputError  # there is no such column, or no rows
        columns = None if names is None else list(names)
        found = tried(lambda: self.tables[handle].read(number, "arrow", columns=columns))
        if isinstance(expected, Version):
            assert found == frame(tuple(names or expected.columns), tuple(expected.rows))
        else:
            assert type(found) is expected

    @rule(
        handle=handles, back_us=st.sampled_from([0, 1, 1_000_000, HOUR_US, DAY_US, 40 * DAY_US, 400 * DAY_US])
    )
    def read_as_of(self, handle: int, back_us: int) -> None:
        """Read the version as of some time ago."""
        time_us = self.clock.now_us - back_us
        when = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time_us)
        expected = self.model.as_of(time_us)
        found = tried(lambda: self.tables[handle].snapshot(when))
        if isinstance(expected, Version):
            self._same(found, expected)
        else:
            assert type(found) is expected

    @rule(handle=handles, name=st.sampled_from("tu"))
    def read_tagged(self, handle: int, name: str) -> None:
        """Read a version by its tag: as long as it has one, it is there."""
        found = tried(lambda: self.tables[handle].snapshot(name))
        if name in self.model.tags:
            expected = self.model.find(self.model.tags[name][0])
            assert isinstance(expected, Version)
            self._same(found, expected)
        else:
            assert type(found) is (TagNotFoundError if self.model.versions else TableNotFoundError)

    @precondition(lambda self: self.model.versions and self.model.versions[-1].partitioned)
    @rule(handle=handles, values=st.sets(st.sampled_from("xyz")))
    def read_partitions(self, handle: int, values: set[str]) -> None:
        """Read some partitions of the latest."""
        found = self.tables[handle].read(output_as="arrow", columns=["a"], partitions=values)
        parts = self.model.versions[-1].parts
        assert found["a"].to_pylist() == [row for value, rows in parts if value in values for row in rows]

    @precondition(lambda self: self.model.versions)
    @rule(target=held, handle=handles)
    def hold(self, handle: int) -> tuple[Snapshot, Version]:
        """Keep a version to be read later."""
        return self.tables[handle].snapshot(), self.model.versions[-1]

    @rule(held=held)
    def read_held(self, held: tuple[Snapshot, Version]) -> None:
        """Read it now: it is as it was, or has expired."""
        snapshot, version = held
        try:
            assert self._read(snapshot) == version.rows
        except VersionExpiredError:
            assert version.number not in [one.number for one in self.model.versions]

    # What goes

    @rule(handle=handles, rules=st.none() | policies, grace=st.none() | st.sampled_from([0, DAY_US]))
    def expire(self, handle: int, rules: Rules | None, grace: int | None) -> None:
        """Look at what an expiry would do, then do it."""
        policy: dict[str, Any] = {
            "policy": None if rules is None else retention(rules),
            "grace": None if grace is None else timedelta(microseconds=grace),
        }
        rules = rules or self.model.rules
        if not self.model.versions or rules is None:
            with pytest.raises(InvalidInputError if self.model.versions else TableNotFoundError):
                self.tables[handle].expire(**policy)
            return
        plan = self.model.plan(rules, HOUR_US if grace is None else grace, self.clock.now_us)
        removed = [version.number for version in self.model.versions if version not in plan.kept]
        waiting = self.model.leftovers.keys() - plan.leftovers
        run_out = sorted(self.model.tags.keys() - plan.tags.keys())
        preview = self.tables[handle].expire(**policy, dry_run=True)
        self.agree()
        report = self.tables[handle].expire(**policy)
        assert report == replace(preview, dry_run=False, version=self.model.expire(plan, self.clock.now_us))
        assert [line.version for line in report.kept] == [version.number for version in plan.kept]
        assert [line.version for line in report.removed] == removed
        assert {line.path for line in report.leftovers} == plan.leftovers
        assert {line.path for line in report.waiting} == waiting
        assert list(report.tags_removed) == run_out

    @precondition(lambda self: self.model.versions)
    @rule(handle=handles, rules=st.none() | policies)
    def set_retention(self, handle: int, rules: Rules | None) -> None:
        """Give the table a policy of its own, or take it away."""
        policy = None if rules is None else retention(rules)
        self.tables[handle].set_retention(policy)
        self.model.set_rules(rules, self.clock.now_us)
        assert self.tables[1 - handle].retention() == policy

    # What happens beside

    @rule(us=st.sampled_from([1, 1_000_000, HOUR_US, DAY_US, 40 * DAY_US, -HOUR_US, -40 * DAY_US]))
    def wait(self, us: int) -> None:
        """Time passes; sometimes somebody sets the clock back."""
        self.clock.now_us += us

    @rule(handle=handles)
    def open_anew(self, handle: int) -> None:
        """A new handle, as of another process."""
        self.tables[handle] = self._table()

    @precondition(lambda self: self.model.versions)
    @rule(name=st.sampled_from(["data/{}.parquet", "_atio/manifests/{}.arrow", "_atio/tmp/{}.tmp"]))
    def die(self, name: str) -> None:
        """A writer dies before its entry, and leaves a file."""
        file_id = uuid7(self.clock)
        path = self.folder / name.format(file_id)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left")
        self.model.leftovers[name.format(file_id)] = uuid7_time_us(file_id)

    # What holds after each step

    @invariant()
    def agree(self) -> None:
        """The history is the model's; what a version needs is there; what none needs is what writers left behind."""
        if not self.model.versions:
            assert not self.tables[0].exists()
            return
        history = self.tables[0].history()
        assert [snapshot.version for snapshot in history[::-1]] == [one.number for one in self.model.versions]
        self._same(history[0], self.model.versions[-1])
        self._same(history[-1], self.model.versions[0])
        assert set(looking.entries(self.folder)) == self.model.names
        assert looking.retained(self.folder) == list(self.model.retained)
        tags = self.tables[0].tags()
        assert {name: (version, version.until_us) for name, version in tags.items()} == self.model.tags
        tagged = {name: snapshot.version for snapshot in history for name in snapshot.tags}
        assert tagged == {name: number for name, (number, _) in self.model.tags.items()}
        assert self._read(history[0]) == self.model.versions[-1].rows
        assert looking.other_files(self.folder) - self.model.leftovers.keys() == looking.named_files(
            self.folder
        )

    def _same(self, snapshot: Snapshot, version: Version) -> None:
        files, entry = snapshot.data_files(), snapshot.entry
        assert (snapshot.version, entry.data.version) == (version.number, version.number)
        assert version.number <= entry.version <= version.entry
        assert (snapshot.operation, entry.data.time_us) == (version.operation, version.time_us)
        rows = len(version.rows) if version.columns else 0
        assert (snapshot.rows, sum(file.rows for file in files)) == (rows, rows)
        assert (snapshot.files, snapshot.bytes) == (len(files), sum(file.size for file in files))
        assert snapshot.content == self.contents.setdefault(version.pieces, snapshot.content)


def test_a_clock_that_is_set_back() -> None:
    """A clock that was wrong and is set right hinders no commit; times and the horizon never go back."""
    clock = Clock()
    table = Table(store=MemoryStore(), limits=LIMITS, clock=clock)
    for number in range(6):
        table.append(frame(("a",), (number,)))
    clock.now_us += 40 * DAY_US
    table.append(frame(("a",), (6,)))
    table.expire(keep_last=2, grace=timedelta(0))
    horizon_us = table.snapshot().entry.horizon_us
    clock.now_us -= 40 * DAY_US
    for number in range(7, 12):
        table.append(frame(("a",), (number,)))
    times = [snapshot.time for snapshot in table.history()]
    assert times == sorted(times, reverse=True)
    report = table.expire(keep_last=4, grace=timedelta(0))
    assert table.snapshot().entry.horizon_us == horizon_us
    assert [line.version for line in report.kept] == [10, 11, 12, 13]
    assert table.read(output_as="arrow") == frame(("a",), tuple(range(12)))


def test_a_key_is_remembered_for_a_month() -> None:
    """A retry finds its version for 30 days, however many commits came in between, and though it has expired."""
    clock = Clock()
    table = Table(store=MemoryStore(), limits=LIMITS, clock=clock)
    table.append(frame(("a",), (0,)), idempotency_key="k")
    for number in range(1, 30):
        clock.now_us += DAY_US
        table.append(frame(("a",), (number,)))
    table.expire(keep_last=1, grace=timedelta(0))
    again = table.append(frame(("a",), (0,)), idempotency_key="k")
    assert (again.version, again.repeated) == (1, True)
    assert table.read(output_as="arrow") == frame(("a",), tuple(range(30)))


def test_a_version_that_expires_before_it_is_read() -> None:
    """A snapshot whose version has been let go says so; what an expiry took is no damage."""
    table = Table(store=MemoryStore(), limits=LIMITS)
    held = table.overwrite(frame(("a",), (1,)))
    table.overwrite(frame(("a",), (2,)))
    table.expire(keep_last=1)
    with pytest.raises(VersionExpiredError, match="version 1 "):
        held.read()


class TestHistory(History.TestCase):
    """Whatever is done, the table is what the model says."""

    settings = settings(max_examples=12)


@pytest.mark.soak
class TestHistoryAtLength(History.TestCase):
    """The same, longer and more often."""

    settings = settings(max_examples=settings().max_examples // 10)
