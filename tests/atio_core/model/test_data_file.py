from __future__ import annotations

import dataclasses

import pytest

from atio_core.model.data_file import ColumnStats, DataFile


def test_unknown_bounds_are_none() -> None:
    """Without statistics nothing is claimed: neither bounds nor a count of nulls."""
    assert ColumnStats() == ColumnStats(nulls=None, low=None, high=None)


def test_a_record_never_changes() -> None:
    """A file is immutable, and so is what is known of it."""
    file = DataFile("data/x", "parquet", 1, 1, "d", 1, "f", 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        file.rows = 2  # pyright: ignore[reportAttributeAccessIssue]


def test_a_plain_record_belongs_to_no_partition_and_goes_at_once() -> None:
    """A file of a plain write has no partition, and an expiry may free it without waiting for the horizon."""
    file = DataFile("data/x", "parquet", 1, 1, "d", 1, "f", 1)
    assert (file.partition, file.stats, file.late, file.piece) == ((), {}, False, {})


def test_records_share_no_defaults() -> None:
    """What is noted of one file isn't noted of another."""
    one, other = (DataFile("data/x", "parquet", 1, 1, "d", 1, "f", 1) for _ in range(2))
    one.piece["content"] = "c"
    assert other.piece == {}
