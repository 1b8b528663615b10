from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from atio_core.log.commit_log import CommitLog
from atio_core.log.lookup import history
from atio_core.page import table_facts
from atio_core.page.difference_facts import Effort, difference_facts
from atio_core.page.file_facts import list_files
from atio_core.snapshot import Snapshot
from atio_core.storage.locate import locate
from atio_core.table import Table


@pytest.fixture
def log(tmp_path: Path) -> CommitLog:
    """The log of a table whose versions have one file, two, three, and then two others."""
    table = Table(tmp_path / "table")
    for number in range(3):
        table.append(pa.table({"a": [number]}))
    table.overwrite(pa.table({"a": [1, 2, 3, 4]}))
    return CommitLog(locate(tmp_path / "table", temporary="t"))


def test_so_many_files_are_told(log: CommitLog) -> None:
    """Of many files the newest versions' are told, as long as they are few enough; those before come without."""
    entries = [found.entry for found in history(log)]
    assert [len(files) for files in list_files(log.store, entries).sets()] == [1, 3, 2, 1]
    assert [len(files) for files in list_files(log.store, entries, most=3).sets()] == [1]
    assert list_files(log.store, entries, most=0).records == []


def test_so_much_is_read_to_compare_rows(log: CommitLog) -> None:
    """Neighbours are compared first; once so many rows, bytes or pairs were read, no more are."""
    found = history(log)
    snapshots = [Snapshot.of(log, one) for one in found]
    files = list_files(log.store, [one.entry for one in found])

    def compared(effort: Effort) -> list[tuple[int, int]]:
        return [(one["before"], one["after"]) for one in difference_facts(snapshots, files, 0, effort)]

    assert compared(Effort()) == [(3, 4), (2, 4), (1, 4)]
    assert compared(Effort(rows=7)) == [(3, 4)]
    assert compared(Effort(pairs=2)) == [(3, 4), (2, 4)]
    assert compared(Effort(bytes=1)) == []


def test_so_many_versions_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: CommitLog) -> None:
    """Of a long history come the newest versions, and how many there were before."""
    monkeypatch.setattr(table_facts, "MOST_VERSIONS", 2)
    wanted = table_facts.PageOptions(0, lambda: 0)
    facts = table_facts.table_facts(log, "table", wanted, Effort())
    assert ([one["version"] for one in facts["versions"]], facts["older"], facts["expired"]) == (
        [4, 3],
        2,
        [],
    )
