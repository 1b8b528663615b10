from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import atio_core as atio
from atio_core.errors import InvalidInputError, UnsupportedFormatError, VersionExpiredError

FRAME = pd.DataFrame({"a": [1, 2]})


def test_a_snapshot_is_written_and_read(tmp_path: Path) -> None:
    """The one-line functions are the table's methods: overwrite unless told otherwise, read the latest into pandas."""
    path = tmp_path / "table"
    assert atio.write_snapshot(FRAME, path).operation == "overwrite"
    assert atio.write_snapshot(FRAME, path, mode="append", format="parquet").operation == "append"
    assert atio.write_snapshot(FRAME, path, "overwrite", message="m", properties={"k": "v"}).properties == {
        "k": "v"
    }
    assert atio.read_table(path).equals(FRAME)
    assert len(atio.read_table(path, version=2)) == 4
    assert atio.read_table(path, 1, "polars", ["a"]).equals(pl.DataFrame({"a": [1, 2]}))
    assert atio.Table(path).history()[0].message == "m"


def test_a_version_can_be_named(tmp_path: Path) -> None:
    """`read_table` takes a tag, a time and a number that counts back, as `Table.read` does."""
    path = tmp_path / "table"
    for rows in (FRAME, FRAME[:1]):
        atio.write_snapshot(rows, path)
    table = atio.Table(path)
    table.tag("full", 1)
    first = table.snapshot(1).time
    for version in (-2, "full", first):
        assert atio.read_table(path, version).equals(FRAME)
    assert atio.read_table(path, as_of=first).equals(FRAME)
    assert atio.read_table(path, tag="full").equals(FRAME)
    assert len(atio.read_table(path, "latest")) == 1


def test_partitions_can_be_read(tmp_path: Path) -> None:
    """`read_table` reads single partitions too."""
    path = tmp_path / "table"
    atio.Table(path).overwrite_partitions({"x": FRAME.iloc[::-1], "y": FRAME})
    assert atio.read_table(path, partitions=["y"]).equals(FRAME)


def test_an_expiry_is_a_preview_unless_told_otherwise(tmp_path: Path) -> None:
    """`expire_snapshots` removes nothing by default, and says so in its first line."""
    path = tmp_path / "table"
    for _ in range(3):
        atio.write_snapshot(FRAME, path)
    report = atio.expire_snapshots(path, keep_last=1)
    assert str(report).splitlines()[0].startswith(f"PREVIEW of {path}: nothing was removed;")
    assert len(atio.read_table(path, version=1)) == 2
    assert atio.expire_snapshots(path, timedelta(days=7), dry_run=False).removed == ()
    real = atio.expire_snapshots(path, keep_last=1, grace=timedelta(0), dry_run=False)
    assert [line.version for line in real.removed] == [line.version for line in report.removed] == [1, 2]
    with pytest.raises(VersionExpiredError):
        atio.read_table(path, version=1)


@pytest.mark.parametrize("mode", ["Append", "delete", None, 5, [], {}, ["append"], b"append"], ids=repr)
def test_an_unknown_mode_is_refused(mode: Any, tmp_path: Path) -> None:
    """A mode that isn't there is refused with those that are."""
    with pytest.raises(InvalidInputError, match="mode must be one of append, overwrite"):
        atio.write_snapshot(FRAME, tmp_path / "table", mode=mode)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "format_", ["csv", "PARQUET", ".parquet", "npy", 5, [], {}, b"parquet", FRAME["a"]], ids=str
)
def test_an_unknown_format_is_refused(format_: Any, tmp_path: Path) -> None:
    """A format that tables don't have is refused with the one that they have, and with what writes others."""
    with pytest.raises(
        UnsupportedFormatError, match=r"(?s)kept as parquet, not as .*; leave format out, or use atio.write"
    ):
        atio.write_snapshot(FRAME, tmp_path / "table", format=format_)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    """A misspelled option is refused with those that there are."""
    options: dict[str, Any] = {"expected": 1}
    with pytest.raises(
        InvalidInputError, match="no option expected; there are where, format, schema_mode, partition_by"
    ):
        atio.write_snapshot(FRAME, tmp_path / "table", **options)
    assert list(tmp_path.iterdir()) == []
