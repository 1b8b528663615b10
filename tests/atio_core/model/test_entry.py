from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.model.entry import DAY_US, HOUR_US, LogEntry, Totals, empty_entry
from atio_core.model.ranges import VersionRanges
from tests.support.strategies import data_files, entries, totals


@given(st.lists(data_files, max_size=4))
def test_totals_count_files_rows_and_bytes(files: list[Any]) -> None:
    """Totals of files are their number, their rows and their bytes."""
    rows, size = sum(file.rows for file in files), sum(file.size for file in files)
    assert Totals.of(files) == Totals(len(files), rows, size)


@given(totals, totals)
def test_what_is_added_can_be_taken_away(some: Totals, more: Totals) -> None:
    """What a change adds to a version's totals, taking it away subtracts."""
    assert some + more == more + some
    assert some + more - more == some
    assert some - some == Totals()


def test_version_0_is_a_table_that_is_not_there_yet() -> None:
    """The first commit builds on an entry of no rows, that lets nothing be read and nothing be cleaned."""
    empty = empty_entry("t")
    assert (empty.version, empty.data.version, empty.commit_id, empty.totals) == (0, 0, "", Totals())
    assert (empty.retained, empty.horizon_us) == (VersionRanges(), 0)


def test_a_new_table_has_the_documented_periods() -> None:
    """A table keeps leftovers for an hour and remembers keys for 30 days."""
    empty = empty_entry("t")
    assert (empty.grace_us, empty.key_retention_us) == (HOUR_US, 30 * DAY_US)
    assert (HOUR_US, DAY_US) == (3_600_000_000, 86_400_000_000)


@given(entries)
def test_a_changed_entry_is_another_one(entry: LogEntry) -> None:
    """An entry never changes: a change gives a copy with all else as it was."""
    before = dataclasses.replace(entry)
    later = entry.with_(version=entry.version + 1)
    assert later.with_(version=entry.version) == entry == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.version = 7  # pyright: ignore[reportAttributeAccessIssue]
