"""Tables that earlier releases wrote: every later one reads them, and goes on from there."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import atio_core as atio
from atio_core.testing import assert_frames_equal
from tests.golden.make import HOME, described, nasty, plain

NAMES = sorted(path.stem for path in HOME.glob("*.json"))


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each golden table."""
    return request.param


def told(name: str) -> dict[str, Any]:
    """What the release that made it said of it."""
    return json.loads((HOME / f"{name}.json").read_text(encoding="utf-8"))


def test_every_version_reads_as_it_did(name: str) -> None:
    """Each version of a golden table reads as the release did that wrote it: values, types, tags, the history."""
    assert described(atio.Table(HOME / name)) == told(name)


def test_it_goes_on_from_there(name: str, tmp_path: Path) -> None:
    """A golden table can be written, expired and read on."""
    shutil.copytree(HOME / name, tmp_path / name)
    table = atio.Table(tmp_path / name)
    before = table.snapshot()
    after = table.restore(-2)
    table.expire(keep_last=2, grace=timedelta(0))
    found = described(table)
    kept = {version: said for version, said in told(name).items() if said["tags"]}
    kept[str(before.version)] = told(name)[str(before.version)]
    assert found == {**kept, str(after.version): found[str(after.version)]}


def test_frames_come_back_into_their_libraries() -> None:
    """A pandas frame keeps its index, categories and attributes, a polars frame its types."""
    table = atio.Table(HOME / "frames")
    assert_frames_equal(nasty(), table.read(tag="kinds"))
    assert_frames_equal(plain(9), table.read(tag="last", output_as="polars").tail(2))


def test_keys_are_remembered(tmp_path: Path) -> None:
    """Keys that lie in lists by now are known for as long as the table keeps them."""
    shutil.copytree(HOME / "frames", tmp_path / "frames")
    latest = atio.Table(tmp_path / "frames").snapshot()
    table = atio.Table(tmp_path / "frames", clock=lambda: latest.entry.time_us)
    done = table.append(plain(3), idempotency_key="key 3")
    assert (done.repeated, table.snapshot().version) == (True, latest.version)
