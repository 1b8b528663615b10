from __future__ import annotations

import errno
import json
import re
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.errors import DamagedError, InvalidInputError, StorageError, TableNotFoundError
from atio_core.retention import Retention
from atio_core.store import Store
from atio_core.table import Table
from tests.crash.test_full_disk import fill, needs_mount, on_small_disk
from tests.support.crowd import run_together

FACTS = re.compile(r'<script type="application/json" id="facts">(.*?)</script>', re.DOTALL)


def facts_of(page: Path) -> dict[str, Any]:
    """What a page holds."""
    found = FACTS.search(page.read_text(encoding="utf-8"))
    assert found is not None
    return json.loads(found[1])


def facts_of_table(page: Path) -> dict[str, Any]:
    """What the page of a table holds of it."""
    (table,) = facts_of(page)["tables"]
    return table


def test_the_page_is_one_file_and_needs_nothing_else(flights: Table, tmp_path: Path) -> None:
    """The page names no other file and no address, and its policy lets it load none."""
    page = flights.write_page(tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "page.html"
    assert not re.search(r"\b(src|href)=|@import|url\((?!#)|https?://(?!www\.w3\.org/2000/svg)", text)
    assert "default-src 'none'" in text


def test_rows_are_in_it_only_if_asked_for(tmp_path: Path) -> None:
    """No value of a row is in a page unless a sample was asked for."""
    table = Table(tmp_path / "people")
    table.append(pa.table({"name": ["Kim-4711"]}))
    table.overwrite(pa.table({"name": ["Lee-4712"]}))
    page = table.write_page(tmp_path / "page.html").read_bytes()
    assert b"Kim-" not in page
    assert b"Lee-" not in page
    assert b"Kim-4711" in table.write_page(tmp_path / "page.html", sample=1).read_bytes()


def test_a_sample_has_so_many_rows(flights: Table, tmp_path: Path) -> None:
    """Of each version come as many rows as were asked for, as texts; of a difference likewise."""
    facts = facts_of_table(flights.write_page(tmp_path / "page.html", sample=2))
    assert facts["samples"]["9"] == {"columns": ["id", "minutes"], "rows": [["1", "10.0"], ["2", "20.0"]]}
    (pair,) = [one for one in facts["differences"] if (one["before"], one["after"]) == (3, 5)]
    assert pair["samples"]["added"]["rows"] == [["4", "40.0"], ["5", "50.0"]]


@pytest.mark.parametrize("sample", [-1, 1_001, 1.5, True, "2"])
def test_a_sample_that_makes_no_sense_is_refused(flights: Table, tmp_path: Path, sample: Any) -> None:
    """A number of rows that can't be meant is refused, and nothing is written."""
    with pytest.raises(InvalidInputError, match="sample"):
        flights.write_page(tmp_path / "page.html", sample=sample)
    assert not (tmp_path / "page.html").exists()


def test_versions_are_told_with_what_made_them(flights: Table, tmp_path: Path) -> None:
    """Of each version the page holds what its history says."""
    facts = facts_of_table(flights.write_page(tmp_path / "page.html"))
    told = [
        (one["version"], one["operation"], one["message"], one["rows"], one["tags"])
        for one in facts["versions"]
    ]
    assert told == [
        (one.version, one.operation, one.message, one.rows, list(one.tags)) for one in flights.history()
    ]
    assert facts["expired"] == [[1, 2]]
    assert [one["tag"] for one in facts["tags"]] == ["q1"]


def test_gaps_are_where_versions_expired(tmp_path: Path) -> None:
    """Numbers that tags, compactions and expiries took are no gaps; those of versions that went are."""
    table = Table(tmp_path / "table")
    for number in range(3):
        table.append(pa.table({"a": [number]}))
    table.tag("kept", 1)
    table.compact()
    table.append(pa.table({"a": [4]}))
    assert facts_of_table(table.write_page(tmp_path / "page.html"))["expired"] == []
    table.expire(keep_last=1)
    assert facts_of_table(table.write_page(tmp_path / "page.html"))["expired"] == [[2, 5]]


def test_files_of_each_version_are_told(flights: Table, tmp_path: Path) -> None:
    """The files of each version follow from the page: those of the newest, and how the others differ."""
    flights.compact()
    facts = facts_of_table(flights.write_page(tmp_path / "page.html"))
    files: set[int] = set()
    for one in facts["versions"]:
        files = (files - set(one["files_change"]["less"])) | set(one["files_change"]["more"])
        expected = flights.snapshot(one["version"]).data_files()
        assert sorted(facts["files"][place] for place in files) == sorted(
            [file.path, file.rows, file.size] for file in expected
        )


def test_what_the_next_expiry_would_keep_is_told(flights: Table, tmp_path: Path) -> None:
    """By the table's policy each version is told to stay, and why, or to go: as a dry run says."""
    unsaid = facts_of_table(flights.write_page(tmp_path / "page.html"))
    assert (unsaid["policy"], unsaid["versions"][0]["kept"]) == ("none", None)
    flights.set_retention(Retention(keep_last=2, keep_daily=1))
    facts = facts_of_table(flights.write_page(tmp_path / "page.html"))
    report = flights.expire(dry_run=True)
    assert {one["version"]: tuple(one["kept"]) for one in facts["versions"]} == {
        line.version: line.reasons for line in report.versions
    }
    assert facts["policy"] == "keep last 2, daily 1"


def test_a_store_stands_in_for_tables_without_a_policy(flights: Table, tmp_path: Path) -> None:
    """In the page of a store, its policy counts for tables that have none."""
    store = Store(Path(flights.path).parent)
    store.set_retention(Retention(keep_for=timedelta(days=7)))
    assert facts_of(store.write_page(tmp_path / "page.html"))["tables"][0]["policy"] == "keep for 7 days"


def test_pairs_are_compared_as_diff_does(flights: Table, tmp_path: Path) -> None:
    """What rows two versions differ in, where files don't tell, is what `diff` finds."""
    facts = facts_of_table(flights.write_page(tmp_path / "page.html"))
    assert facts["differences"]
    for one in facts["differences"]:
        diff = flights.diff(one["before"], one["after"])
        assert one["rows"] == {
            "added": diff.rows_added,
            "removed": diff.rows_removed,
            "changed": diff.rows_changed,
        }


def test_a_page_of_what_is_not_there_is_refused(tmp_path: Path) -> None:
    """Without a table there is no page; the file that was there stays."""
    page = tmp_path / "page.html"
    page.write_text("old")
    with pytest.raises(TableNotFoundError):
        Table(tmp_path / "nothing").write_page(page)
    assert page.read_text() == "old"


def test_a_path_that_can_not_be_a_file_is_refused_first(flights: Table, tmp_path: Path) -> None:
    """A folder is no page; nothing is looked at before that is said."""
    with pytest.raises(InvalidInputError):
        Table(tmp_path / "nothing").write_page(tmp_path)


def test_damage_is_told(flights: Table, tmp_path: Path) -> None:
    """A table that can't be read gives no page, but an error that says what is damaged; a store's page tells it."""
    for entry in (Path(flights.path) / "_atio" / "log").rglob("*.json"):
        entry.write_bytes(b"{")
    with pytest.raises(DamagedError):
        flights.write_page(tmp_path / "page.html")
    facts = facts_of(Store(Path(flights.path).parent).write_page(tmp_path / "page.html"))
    assert [(one["name"], one["error"]) for one in facts["tables"]] == [("flights", "damaged")]


def test_objects_are_shown(tmp_path: Path) -> None:
    """A table of folders, values or files is shown too, with what its versions differ in."""
    table, folder = Table(tmp_path / "folder"), tmp_path / "source"
    folder.mkdir()
    for text in ("one", "two"):
        (folder / f"{text}.txt").write_text(text)
        table.overwrite(folder)
    facts = facts_of_table(table.write_page(tmp_path / "page.html", sample=3))
    assert [one["kind"] for one in facts["versions"]] == ["folder", "folder"]
    assert facts["samples"] == {}
    assert [one["objects"]["added"] for one in facts["differences"]] == [[1, ["two.txt"]]]


def test_a_page_beside_writers_and_expiries(tmp_path: Path) -> None:
    """A page that is made while versions come and expire shows one state of the table."""
    table, done = Table(tmp_path / "table"), threading.Event()
    table.append(pa.table({"a": [0]}))

    def work() -> None:
        other = Table(tmp_path / "table")
        for number in range(60):
            other.overwrite(pa.table({"a": [number]}))
            other.expire(keep_last=2, grace=timedelta(0))
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        while not done.is_set():
            try:
                facts = facts_of_table(table.write_page(tmp_path / "page.html"))
            except atio.VersionExpiredError:
                continue  # versions went faster than they could be looked at, and it says so
            assert all(one["rows"] == 1 for one in facts["versions"])
    finally:
        worker.join()
    assert facts_of_table(table.write_page(tmp_path / "page.html"))["versions"][0]["rows"] == 1


@needs_mount
def test_a_full_disk_leaves_the_old_page(flights: Table, tmp_path: Path) -> None:
    """However little room there is, the page appears whole, or the old one stays."""
    small = partial(write_with_little_room, flights.path)
    run_together([partial(on_small_disk, tmp_path / "disk", small)])


def write_with_little_room(table: str, disk: Path) -> None:
    """Write with no room at all, then with a page more each time, until it is enough."""
    page = disk / "page.html"
    page.write_text("old")
    for pages in range(0, 40, 4):
        fill(disk, pages)
        try:
            Table(table).write_page(page)
        except StorageError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - it may also have had room
            assert page.read_text() == "old"
            assert sorted(path.name for path in disk.iterdir()) == ["filler", "page.html"]
        else:
            assert pages > 0
            break
        (disk / "filler").unlink()
    assert facts_of(page)["tables"]
