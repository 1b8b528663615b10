"""Tables that earlier releases wrote: every later one reads them, and goes on from there."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import atio_core as atio
from atio_core.testing import assert_frames_equal
from tests.golden.make import FOR_AGES, HOME, array, described, described_at, folder, nasty, plain

NAMES = sorted(path.stem for path in HOME.glob("*.json"))
STORE = "store"


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each golden table, and a store of some."""
    return request.param


@pytest.fixture
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a golden table, to be changed."""
    return Path(shutil.copytree(HOME / request.param, tmp_path / request.param))


def told(name: str) -> dict[str, Any]:
    """What the release that made it said of it."""
    return json.loads((HOME / f"{name}.json").read_text(encoding="utf-8"))


def test_every_version_reads_as_it_did(name: str) -> None:
    """Each version of a golden table reads as the release did that wrote it: values, types, tags, the history."""
    assert described_at(HOME / name) == told(name)


@pytest.mark.parametrize("copied", [name for name in NAMES if name != STORE], indirect=True)
def test_it_goes_on_from_there(copied: Path) -> None:
    """A golden table can be written, expired and read on."""
    table = atio.Table(copied)
    before = table.snapshot()
    after = table.restore(-2)
    table.expire(keep_last=2, grace=timedelta(0))
    found, said = described(table), told(copied.name)
    kept = {version: one for version, one in said.items() if one["tags"]}
    kept[str(before.version)] = said[str(before.version)]
    assert found == {**kept, str(after.version): found[str(after.version)]}
    assert table.verify().ok


def test_frames_come_back_into_their_libraries() -> None:
    """A pandas frame keeps its index, categories and attributes, a polars frame its types."""
    table = atio.Table(HOME / "frames")
    assert_frames_equal(nasty(), table.read(tag="kinds"))
    assert_frames_equal(plain(9), table.read(tag="last", output_as="polars").tail(2))


@pytest.mark.parametrize("copied", ["frames"], indirect=True)
def test_keys_are_remembered(copied: Path) -> None:
    """Keys that lie in lists by now are known for as long as the table keeps them."""
    latest = atio.Table(copied).snapshot()
    table = atio.Table(copied, clock=lambda: latest.entry.time_us)
    done = table.append(plain(3), idempotency_key="key 3")
    assert (done.repeated, table.snapshot().version) == (True, latest.version)


def test_objects_come_back_as_they_were(tmp_path: Path) -> None:
    """An array has its dtype, a folder its files, which of them may be run, and folders that hold nothing."""
    table = atio.Table(HOME / "objects")
    found = table.read(1)
    assert (found.dtype, found.tobytes()) == (array().dtype, array().tobytes())
    expected = _files(folder(tmp_path / "expected"))
    assert [_files(table.snapshot(version).download(tmp_path / str(version))) for version in (7, 8)] == [
        expected
    ] * 2


def _files(path: Path) -> dict[str, tuple[bytes, bool] | None]:
    return {
        str(one.relative_to(path)): None if one.is_dir() else (one.read_bytes(), os.access(one, os.X_OK))
        for one in path.rglob("*")
    }


def test_a_partition_is_found_by_its_time() -> None:
    """Rows are found by the dates and times that they are partitioned by."""
    day = date(2024, 2, 29)
    assert atio.Table(HOME / "moments").read(filter=[("day", "==", day)])["n"].tolist() == [3, 20]


@pytest.mark.parametrize("copied", ["keyed"], indirect=True)
def test_a_primary_key_and_an_order_are_kept(copied: Path) -> None:
    """What was declared of a golden table holds for the next write: its key, which takes no nulls, and its order."""
    table = atio.Table(copied)
    rows = table.read()
    names = pd.array(["b", "a"], "string[pyarrow]")
    with pytest.raises(atio.DuplicateKeyError):
        table.append(pd.DataFrame({"id": [4, 10], "cost": [0.0, 0.0], "name": names}))
    with pytest.raises(atio.InvalidInputError):
        table.append(pd.DataFrame({"id": pd.array([None, 10], "Int64"), "cost": [0.0, 0.0], "name": names}))
    table.append(pd.DataFrame({"id": [11, 10], "cost": [0.0, 0.0], "name": names}))
    assert table.read()["id"].tolist() == [*rows["id"], 10, 11]


@pytest.mark.parametrize("copied", ["kept"], indirect=True)
def test_what_protects_versions_goes_on_to(copied: Path) -> None:
    """Tags, a lease, and the table's own policy decide what an expiry leaves."""
    table = atio.Table(copied)
    tags = table.tags()
    assert tags == {"for ages": 2, "for good": 1, "lease/machine/1/0123456789ab": 3}
    assert (tags["for good"].until, tags["for ages"].until) == (None, FOR_AGES)
    assert table.retention() == atio.Retention(keep_for=timedelta(days=30), keep_last=2, keep_daily=7)
    (latest,) = table.history()[:1]
    table.expire(keep_last=1, grace=timedelta(0))
    assert [snapshot.version for snapshot in table.history()] == [latest.version, 3, 2, 1]


@pytest.mark.parametrize("copied", ["tagged"], indirect=True)
def test_a_list_of_tags_goes_on(copied: Path) -> None:
    """Tags in a list protect versions, are moved and taken away, and lie in the entry again when they are few."""
    table = atio.Table(copied)
    before = table.tags()
    assert (len(before), before["ü 1"], before["audit 1"].until) == (8, 5, FOR_AGES)
    assert table.snapshot().entry.tags.older is not None
    table.untag("audit 2")
    assert table.tags() == {name: version for name, version in before.items() if name != "audit 2"}
    assert table.snapshot().entry.tags.older is None
    table.expire(keep_last=1, grace=timedelta(0))
    assert [snapshot.version for snapshot in table.history()] == [9, 5, 1]
    found = table.verify("all")
    assert (found.ok, found.leftovers, len(list((copied / "_atio/tags").iterdir()))) == (True, (), 2)


@pytest.mark.parametrize("copied", ["kept"], indirect=True)
def test_a_kept_stage_is_published(copied: Path) -> None:
    """Stages that an earlier release kept are read, also after an expiry, and published or dropped."""
    table = atio.Table(copied)
    table.expire(keep_last=1, grace=timedelta(0))
    added, replaced = table.staged()
    assert_frames_equal(plain(8), added.read("polars").tail(2))
    assert added.publish().operation == "append"
    assert replaced.publish().operation == "overwrite"
    assert_frames_equal(plain(9), table.read(output_as="polars"))
    assert table.staged() == []


@pytest.mark.parametrize("copied", [STORE], indirect=True)
def test_a_release_goes_on_from_there(copied: Path) -> None:
    """A store's releases keep their versions, end, and are followed by further ones."""
    store = atio.Store(copied)
    assert_frames_equal(plain(2), store.at("first").read("raw/customers", "polars").tail(2))
    made = store.create_release("third", ["orders"])
    assert [one.name for one in store.releases()] == ["third", "second", "first"]
    store.drop_release("first")
    report = store.expire_all(grace=timedelta(0))
    assert (made.tables, report.failures) == ({"orders": 3}, {})
    assert [one.version for one in store.table("raw/customers").history()] == [3]
