"""An expiry beside others that never rest: it goes on from what it has decided, and comes to an end."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from atio_core.changes.mirror import KeepMirrored
from atio_core.changes.set_retention import SetRetention
from atio_core.log.commit_log import CommitLog
from atio_core.maintenance.expiry import expire
from atio_core.maintenance.expiry_plan import ExpiryPlan
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.policies import Policies
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore
from tests.support.commits import SMALL, Writer, verify
from tests.support.stores import CountingStore

DAY_US = 24 * 3_600_000_000


def expire_beside(comes: Callable[[Writer, int], object], times: int) -> tuple[ExpiryReport, Writer, int]:
    """Expire a table of versions "a" to "e" but for the last; `comes` commits before each of the first creates.

    The table's own policy keeps the last. Returns the report, the table's writer, and how often the data's folder was
    listed: once to finish what others left, and once by each whole decision.
    """
    under = MemoryStore("table")
    others = Writer(under)
    for word in "abcde":
        others.overwrite(word)
    others.now_us += DAY_US
    others.commit(SetRetention(others.log, {"keep_last": 1}))
    made = iter(range(1, times + 1))
    late = Fault(
        "put_if_absent",
        times=times,
        error=None,
        name=lambda name: name.startswith("_atio/log/"),
        meanwhile=lambda: comes(others, next(made)),
    )
    counting = CountingStore(FaultyStore(under, late))
    log = CommitLog(counting, SMALL)
    report = expire(log, Policies(None), dry_run=False, clock=others.clock, pause=lambda _: None)
    assert next(made, None) is None
    return report, others, sum(call == ("list", "data/") for call in counting.calls)


def data(table: Writer) -> list[str]:
    """What lies in the data files."""
    return sorted(table.store.read(name).decode() for name in table.store.list("data/"))


def test_others_that_never_rest() -> None:
    """After three whole decisions an expiry only adds what came since: that stays, and all else goes as decided."""
    report, table, listed = expire_beside(lambda others, number: others.overwrite(f"new {number}"), 6)
    assert listed == 1 + 3
    assert [line.version for line in report.removed] == [1, 2, 3, 4, 5, 7]
    assert [(line.version, line.reasons) for line in report.kept] == [
        (8, ("latest", "last 1")),
        *[(version, ("written while this expiry was at work",)) for version in (9, 10, 11, 12)],
    ]
    assert (report.version, list(verify(table.store))) == (13, [8, 9, 10, 11, 13])
    assert data(table) == [f"new {number}" for number in range(2, 7)]


def test_races_that_are_lost_leave_no_plans() -> None:
    """However many races an expiry loses, it holds a few plans: each of them names all that goes."""
    held: list[int] = []

    def comes(others: Writer, number: int) -> None:
        gc.collect()
        held.append(sum(isinstance(one, ExpiryPlan) for one in gc.get_objects()))
        others.overwrite(f"new {number}")

    expire_beside(comes, 12)
    assert max(held) <= 2


def test_tags_of_what_stays() -> None:
    """Of many entries of one version only the newest stays, however many come while an expiry is at work."""
    report, table, listed = expire_beside(lambda others, number: others.tag(f"t{number}", 5), 6)
    assert listed == 1 + 3
    assert [line.version for line in report.removed] == [1, 2, 3, 4]
    assert (report.version, table.log.latest().retained.spans) == (13, ((13, 13),))
    assert len(table.log.tags()) == 6


def test_a_tag_of_what_would_go() -> None:
    """A tag that comes at the last moment keeps its version: that is decided anew."""

    def comes(others: Writer, number: int) -> object:
        return others.tag("mine", 2) if number == 5 else others.overwrite(f"new {number}")

    report, table, listed = expire_beside(comes, 5)
    assert listed == 1 + 3 + 1
    assert 2 not in [line.version for line in report.removed]
    assert verify(table.store)[2] == ["b"]


def test_an_entry_that_is_mirrored_meanwhile() -> None:
    """What goes and is mirrored asks for another decision; it stays as it is, whatever stands for its version."""

    def comes(others: Writer, number: int) -> object:
        if number == 5:
            return others.commit(KeepMirrored(others.log, {"mirror/delta/5": 5}))
        return others.tag(f"t{number}", 5)  # so that later entries stand for its version

    _, table, listed = expire_beside(comes, 5)
    assert listed == 1 + 3 + 1
    assert table.log.latest().retained.spans == ((5, 5), (12, 12))


def test_an_entry_that_was_mirrored_before() -> None:
    """The entry that a mirror names stays beside a later one of its version, however many races are lost."""

    def comes(others: Writer, number: int) -> object:
        if number == 1:
            return others.commit(KeepMirrored(others.log, {"mirror/delta/6": 6}))
        return others.tag(f"t{number}", 5)

    _, table, listed = expire_beside(comes, 6)
    assert listed == 1 + 3
    assert table.log.latest().retained.spans == ((6, 6), (13, 13))


def test_a_version_that_comes_back() -> None:
    """What goes as a version and is restored meanwhile keeps its files, and none of them is told to be removed."""

    def comes(others: Writer, number: int) -> object:
        return others.restore(2) if number == 5 else others.overwrite(f"new {number}")

    report, table, listed = expire_beside(comes, 5)
    assert listed == 1 + 3
    assert table.words() == ["b"]
    assert data(table) == ["b", "new 2", "new 3", "new 4"]
    assert (len(report.removed), report.files_removed) == (6, 5)


def other_expiry(others: Writer) -> object:
    """Another expiry that moves no horizon."""
    return others.expire(keep_last=3, grace_us=10 * DAY_US)


def other_horizon(others: Writer) -> object:
    """Another expiry that lets no version go, but a leftover."""
    others.file("left behind")
    others.now_us += DAY_US
    return others.expire(keep_last=99)


def other_policy(others: Writer) -> object:
    """Another policy."""
    return others.commit(SetRetention(others.log, {"keep_last": 2}))


@pytest.mark.parametrize("other", [other_expiry, other_horizon, other_policy])
def test_what_is_decided_anew(other: Callable[[Writer], object]) -> None:
    """Another expiry's entry, and another policy of the table, ask for another decision."""

    def comes(others: Writer, number: int) -> object:
        return others.overwrite(f"new {number}") if number != 5 else other(others)

    report, table, listed = expire_beside(comes, 5)
    assert listed == 1 + 3 + 1
    assert (
        [line.reasons[-1] for line in report.kept] == ["last 2"] * 2 if other is other_policy else ["last 1"]
    )
    assert len(verify(table.store)) == len(report.kept)


def test_a_tag_that_runs_on() -> None:
    """A tag whose time was over, and is longer by now, stays."""

    def comes(others: Writer, number: int) -> object:
        if number == 1:
            return others.lease(5, others.now_us + 1)
        if number == 5:
            return others.lease(5, others.now_us + DAY_US)
        others.now_us += 10
        return others.tag(f"t{number}", 5)

    report, table, listed = expire_beside(comes, 5)
    assert (listed, report.tags_removed) == (1 + 3, ())
    assert sorted(table.log.tags()) == ["lease", "t2", "t3", "t4"]
    assert table.words() == ["e"]
