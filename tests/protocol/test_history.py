"""Whatever is done to a table, one call after another, comes out as the model says (`support/model.py`).

Two handles of one table take turns, so that each often knows an outdated version. Limits are tiny, so that buckets,
manifests and lists of keys come and go; the clock jumps, also back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, precondition, rule, run_state_machine_as_test

from atio_core.errors import (
    AlreadyExistsError,
    InvalidInputError,
    TableNotFoundError,
    TagNotFoundError,
    VersionExpiredError,
)
from atio_core.model.entry import DAY_US, HOUR_US
from atio_core.model.ids import uuid7, uuid7_time_us
from atio_core.retention import Retention
from atio_core.snapshot import Snapshot
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.protocol.history_changes import LIMITS, Clock, frame, handles, tried
from tests.protocol.history_stages import StagedChanges
from tests.support import looking
from tests.support.held import same_rows
from tests.support.model import Rules, Version
from tests.support.rules import Rule

EPOCH = datetime.fromtimestamp(0, UTC)

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


class History(StagedChanges):
    """A table, its model, and what can be done to both."""

    held = Bundle("held")

    def teardown(self) -> None:
        """Read every version, and leave nothing behind."""
        try:
            for version in [one for one in self.model.versions if one.held.is_there]:
                snapshot = self.tables[0].snapshot(version.number)
                assert same_rows(version.held, self._read(snapshot), version.held.rows)
                self._same(snapshot, version)
            self._expire_what_was_staged()
        finally:
            self.stack.close()

    def _expire_what_was_staged(self) -> None:
        """What nobody published goes for good, once its time has passed."""
        if self.model.versions:
            self.clock.now_us += 1_000 * DAY_US
            self.tables[0].expire(keep_last=1, grace=timedelta(0))
            assert looking.other_files(self.folder) == looking.named_files(self.folder)

    # What keeps the rows

    @precondition(lambda self: self.model.held.columns)
    @rule(handle=handles)
    def compact(self, handle: int) -> None:
        """Merge small files: the rows stay, and so does the version."""
        snapshot = self.tables[handle].compact()
        if not snapshot.unchanged:
            self.model.keep_rows(self.clock.now_us)
        self._same(snapshot, self.model.versions[-1])

    @rule(
        handle=handles,
        name=st.sampled_from("tuvw"),
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

    @rule(handle=handles, name=st.sampled_from("tuvw"))
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
            set(names or ()) - set(expected.held.columns) or not expected.held.columns
        ):
            expected = InvalidInputError  # there is no such column, or no rows
        columns = None if names is None else list(names)
        found = tried(lambda: self.tables[handle].read(number, "arrow", columns=columns))
        if isinstance(expected, Version):
            rows = frame(tuple(names or expected.held.columns), tuple(expected.held.rows))
            assert found.schema == rows.schema
            assert same_rows(expected.held, found.to_pylist(), rows.to_pylist())
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

    @rule(handle=handles, name=st.sampled_from("tuvw"))
    def read_tagged(self, handle: int, name: str) -> None:
        """Read a version by its tag: as long as it has one, it is there."""
        found = tried(lambda: self.tables[handle].snapshot(name))
        if name in self.model.tags:
            expected = self.model.find(self.model.tags[name][0])
            assert isinstance(expected, Version)
            self._same(found, expected)
        else:
            assert type(found) is (TagNotFoundError if self.model.versions else TableNotFoundError)

    @precondition(lambda self: self.model.held.partitioned)
    @rule(handle=handles, values=st.sets(st.sampled_from("xyz")))
    def read_partitions(self, handle: int, values: set[str]) -> None:
        """Read some partitions of the latest."""
        found = self.tables[handle].read(output_as="arrow", columns=["a"], partitions=values)
        parts = self.model.held.parts
        rows = [row for value, rows in parts if value in values for row in rows]
        assert same_rows(self.model.held, found["a"].to_pylist(), rows)

    @precondition(lambda self: self.model.held.is_there)
    @rule(target=held, handle=handles)
    def hold(self, handle: int) -> tuple[Snapshot, Version]:
        """Keep a version to be read later."""
        return self.tables[handle].snapshot(), self.model.versions[-1]

    @rule(held=held)
    def read_held(self, held: tuple[Snapshot, Version]) -> None:
        """Read it now: it is as it was, or has expired."""
        snapshot, version = held
        try:
            assert same_rows(version.held, self._read(snapshot), version.held.rows)
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
        plan = self.model.plan(rules, grace, self.clock.now_us)
        removed = [version.number for version in self.model.versions if version not in plan.kept]
        waiting = self.model.leftovers.keys() - plan.leftovers
        run_out = sorted(self.model.tags.keys() - plan.tags.keys())
        preview = self.tables[handle].expire(**policy, dry_run=True)
        self.agree()
        ended = {line.path for line in preview.leftovers} & self.staged
        self.model.leftovers |= dict.fromkeys(ended, 0)
        plan = replace(plan, leftovers=plan.leftovers | ended)
        report = self.tables[handle].expire(**policy)
        assert report == replace(preview, dry_run=False, version=self.model.expire(plan, self.clock.now_us))
        assert [line.version for line in report.kept] == [version.number for version in plan.kept]
        assert [line.version for line in report.removed] == removed
        assert {line.path for line in report.leftovers} == plan.leftovers
        assert {line.path for line in report.waiting} - self.staged == waiting
        assert list(report.tags_removed) == run_out

    @precondition(lambda self: self.model.versions)
    @rule(handle=handles, rules=st.none() | policies)
    def set_retention(self, handle: int, rules: Rules | None) -> None:
        """Give the table a policy of its own, or take it away."""
        policy = None if rules is None else retention(rules)
        self.tables[handle].set_retention(policy)
        self.model.set_rules(rules, self.clock.now_us)
        assert self.tables[1 - handle].retention() == policy

    @precondition(lambda self: self.model.versions)
    @rule(handle=handles, grace_us=st.sampled_from([0, 1, HOUR_US, 2 * DAY_US]))
    def set_grace(self, handle: int, grace_us: int) -> None:
        """Give the table a grace period of its own."""
        grace = timedelta(microseconds=grace_us)
        self.tables[handle].set_grace(grace)
        self.model.set_grace(grace_us, self.clock.now_us)
        assert self.tables[1 - handle].grace() == grace

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
        assert same_rows(self.model.held, self._read(history[0]), self.model.held.rows)
        named, others = looking.named_files(self.folder), looking.other_files(self.folder)
        assert others - self.model.leftovers.keys() - (self.staged - named) == named


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


@pytest.mark.soak
def test_without_a_rule_a_history_shows_it() -> None:
    """Histories find what goes wrong if a published append doesn't follow the version alone that it was checked on."""
    base = Rule(
        "A published append follows its base alone",
        "table.kept:Stages._intent",
        "intent = replace(intent, expected_version=staged.base_version)",
        "pass",
    )
    usual = settings.get_profile("atio")  # of which it is known that they show it
    found = settings(usual, max_examples=100, phases=[Phase.generate], database=None)
    with base.off(), pytest.raises(AssertionError):
        run_state_machine_as_test(History, settings=found)


class TestHistory(History.TestCase):
    """Whatever is done, the table is what the model says."""

    settings = settings(max_examples=12)


@pytest.mark.soak
class TestHistoryAtLength(History.TestCase):
    """The same, longer and more often."""

    settings = settings(max_examples=settings().max_examples // 10)
