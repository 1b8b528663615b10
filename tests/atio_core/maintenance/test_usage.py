"""What each version holds alone comes free if it goes, to the byte."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.log.limits import Limits

TINY = Limits(per_bucket=2, recent=2, inline_files=2, fanout=2)


def rows(*values: int) -> pa.Table:
    """Return rows."""
    return pa.table({"a": [*values]})


@pytest.fixture(params=[TINY, Limits()], ids=["tiny", "usual"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> atio.Table:
    """A table with a history of all kinds."""
    table = atio.Table(tmp_path / "t", limits=request.param)
    for number in range(5):
        table.append(rows(number), idempotency_key=str(number))
    table.overwrite(rows(*range(100)))
    table.tag("x", 3)
    table.append(rows(1))
    table.restore(5)
    table.append(rows(2))
    table.compact()
    return table


def test_the_sum_is_what_lies_there(table: atio.Table) -> None:
    """Nothing is counted twice, and nothing is left out."""
    table.stage(rows(9), "append")
    usage = table.du()
    assert usage.bytes == sum(path.stat().st_size for path in Path(table.path).rglob("*") if path.is_file())
    assert usage.other_bytes > 0
    assert [line.version for line in usage.versions] == [found.version for found in table.history()][::-1]


@pytest.mark.parametrize("place", range(4))
def test_what_a_version_holds_alone_comes_free(table: atio.Table, place: int) -> None:
    """If it is the only one to go, just that comes free, beside its log entries."""
    versions = [found.version for found in table.history()][::-1]
    gone = versions[place]
    table.untag("x")
    for version in versions[:-1]:
        if version != gone:
            table.tag(f"kept {version}", version)
    table.expire(keep_last=99, grace=timedelta(0))  # what a compaction has replaced
    own = {line.version: line.own_bytes for line in table.du().versions}
    entries = {path: path.stat().st_size for path in (Path(table.path) / "_atio" / "log").rglob("*.json")}
    names = [path for path in entries if json.loads(path.read_bytes())["data"][0] == gone]
    report = table.expire(keep_last=1, grace=timedelta(0))
    assert [line.version for line in report.removed] == [gone]
    assert report.bytes_removed == own[gone] - sum(entries[path] for path in names)


def test_it_prints_and_turns_into_values(table: atio.Table) -> None:
    """As text of 80 columns, a dict and a frame."""
    usage = table.du()
    text = str(usage)
    assert max(map(len, text.splitlines()[1:])) <= 80
    assert "shared" in text.splitlines()[0]
    assert usage.to_dict()["bytes"] == usage.bytes
    assert usage.to_frame()["own_bytes"].tolist() == [line.own_bytes for line in usage.versions]


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    """There is nothing to measure."""
    with pytest.raises(atio.TableNotFoundError):
        atio.Table(tmp_path / "none").du()
