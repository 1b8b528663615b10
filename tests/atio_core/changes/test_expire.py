from __future__ import annotations

from atio_core.changes.expire import Expire, ExpiryDecision
from atio_core.log.scratch import Scratch
from atio_core.model.entry import LogEntry
from atio_core.model.ranges import VersionRanges
from atio_core.storage.memory import MemoryStore
from tests.support.commits import START_US, Writer


def table(versions: int) -> Writer:
    """Return a writer of a table of so many versions."""
    writer = Writer(MemoryStore())
    for number in range(versions):
        writer.append(str(number))
    return writer


def test_the_entry_has_what_was_decided_and_the_rows_as_they_are() -> None:
    """An expiry changes what is retained and the horizon, and nothing else of the version."""
    writer = table(4)
    base = writer.log.latest()
    change = Expire(writer.log, lambda _: ExpiryDecision(VersionRanges.of([2]), START_US + 7))
    entry = writer.commit(change).entry
    assert entry is not None
    assert (entry.operation, entry.version) == ("expire", 5)
    assert (list(entry.retained), entry.horizon_us) == ([2, 5], START_US + 7)
    same = ("data", "files", "manifests", "totals", "schemas", "content", "grace_us", "tags", "table_id")
    assert {name: getattr(entry, name) for name in same} == {name: getattr(base, name) for name in same}


def test_it_decides_anew_from_each_base() -> None:
    """After a lost race the decision is made again, from what is the latest then."""
    writer = table(3)
    old = writer.log.latest()
    writer.append("other")
    bases: list[int] = []

    def decide(base: LogEntry) -> ExpiryDecision:
        bases.append(base.version)
        return ExpiryDecision(VersionRanges.of([base.version - 1]), START_US)

    entry = writer.commit(Expire(writer.log, decide), base=old).entry
    assert entry is not None
    assert bases == [3, 4]
    assert list(entry.retained) == [3, 5]


def test_a_decision_for_nothing_changes_nothing() -> None:
    """If nothing is let go there is nothing to be committed."""
    writer = table(2)
    change = Expire(writer.log, lambda _: ExpiryDecision(VersionRanges(), 0, nothing=True))
    base = writer.log.latest()
    assert change.rebase(base, Scratch(writer.store, base, writer.clock)) is None
    assert writer.commit(change).nothing
    assert writer.log.latest().version == 2
