"""Rows that are erased are nowhere: not in a file, a statistic, a log entry or a folder's name."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import atio_core as atio
from atio_core.log.limits import Limits
from atio_core.maintenance import purge
from atio_core.table import erasing
from atio_core.testing import Fault, FaultyStore

TINY = Limits(per_bucket=4, recent=2, inline_files=2, inline_tags=1, fanout=2)
WHERE = [("name", "==", "Eve Adams")]


def people(*names: str) -> pd.DataFrame:
    """Return rows of people."""
    return pd.DataFrame({"name": [*names], "born": range(len(names))})


def told(path: Path) -> list[str]:
    """The files and folders of a table that tell of Eve, by their names or bytes (nothing here is compressed away)."""
    found = [one for one in path.rglob("*") if "Eve" in one.name]
    found += [one for one in path.rglob("*") if one.is_file() and b"Eve Adams" in one.read_bytes()]
    return [one.relative_to(path).as_posix() for one in found]


@pytest.fixture(params=[TINY, Limits()], ids=["tiny", "usual"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> atio.Table:
    """A table with Eve in every corner: versions, manifests, statistics, stages."""
    table = atio.Table(tmp_path / "t", limits=request.param)
    table.overwrite(people("Ann", "Eve Adams"))
    for number in range(5):
        table.append(people(f"Bob {number}", "Eve Adams"), message="once more")
    table.overwrite(people("Ann", "Eve Adams", "Zoe"))
    return table


def test_nothing_tells_of_what_was_erased(table: atio.Table) -> None:
    """All bytes that are left are searched, metadata included."""
    path = Path(table.path)
    table.stage(people("Eve Adams"), "append")
    assert len(told(path)) > 5
    report = table.erase(WHERE)
    assert told(path) == []
    assert table.read()["name"].tolist() == ["Ann", "Zoe"]
    assert (report.rows, report.versions) == (1, (1, 2, 3, 4, 5, 6, 7))
    assert report.files > 5
    assert table.verify("all").ok
    assert [found.version for found in table.history()] == [8]
    assert "Erased 1 row" in str(report)
    assert report.to_dict()["versions"] == [1, 2, 3, 4, 5, 6, 7]


def test_older_versions_alone_may_tell(table: atio.Table) -> None:
    """Rows that the latest version hasn't any more are erased from the others; done again, nothing is left to do."""
    table.overwrite(people("Ann"))
    report = table.erase(WHERE)
    assert (report.rows, told(Path(table.path))) == (0, [])
    again = table.erase(WHERE)
    assert (again.rows, again.versions) == (0, ())
    assert table.read()["name"].tolist() == ["Ann"]


def test_partitions_are_erased_with_their_folders(tmp_path: Path) -> None:
    """A partition's folder tells its value, so it goes; others stay."""
    table = atio.Table(tmp_path)
    table.overwrite(people("Ann", "Eve Adams"), partition_by=["name"])
    assert any("Eve" in found for found in told(tmp_path))
    table.erase(WHERE)
    assert told(tmp_path) == []
    assert [one.name for one in (tmp_path / "data").iterdir()] == ["name=Ann"]
    table.append(people("Eve Adams"))
    assert len(table.read()) == 2


def test_what_stands_in_the_way_has_to_be_named(table: atio.Table) -> None:
    """Tags, leases and kept stages; until then nothing is changed."""
    table.tag("audit", 1)
    stage = table.stage(people("Eve Adams"), "append", keep=True)
    lease = table.snapshot(2).lease(timedelta(hours=1))
    before = [found.version for found in table.history()]
    with lease:
        ways: list[dict[str, Any]] = [{}, {"tags": ["audit"]}, {"staged": [stage.id]}]
        for named in [*ways, {"tags": ["audit"], "staged": [stage.id]}]:
            with pytest.raises(atio.InvalidInputError, match="stand in the way") as caught:
                table.erase(WHERE, **named)
            assert ("'audit'" in str(caught.value)) == ("tags" not in named)
            assert (str(stage.id) in str(caught.value)) == ("staged" not in named)
            assert "'lease/" in str(caught.value)
        assert [found.version for found in table.history()] == before
    preview = table.erase(WHERE, tags="all", staged="all", dry_run=True)
    assert (preview.rows, preview.tags, preview.staged) == (1, ("audit",), (str(stage.id),))
    assert "PREVIEW" in str(preview)
    assert [found.version for found in table.history()] == before
    report = table.erase(WHERE, tags=["audit"], staged=[stage.id])
    assert (report.tags, report.staged, report.versions) == (preview.tags, preview.staged, preview.versions)
    assert (told(Path(table.path)), table.tags(), table.staged()) == ([], {}, [])


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_comes_to_stand_in_the_way_is_told(
    *, table: atio.Table, mirrored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older version that is tagged or mirrored while rows are erased stays, so that isn't called done."""
    remove = erasing.remove_mirrors

    def meanwhile(*given: Any) -> int:
        removed = remove(*given)
        table.to_delta(1) if mirrored else table.tag("late", 1)
        return removed

    monkeypatch.setattr(erasing, "remove_mirrors", meanwhile)
    with pytest.raises(atio.CommitConflictError, match=r"version 1 \(.*erase again, and name what may go"):
        table.erase(WHERE)
    monkeypatch.undo()
    assert table.erase(WHERE, tags="all").versions == (1,)
    assert told(Path(table.path)) == []


@pytest.mark.parametrize("published", [False, True])
def test_a_stage_that_is_kept_meanwhile_stays_whole(
    *, table: atio.Table, published: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published before its record would be deleted, it is read; else the erasing isn't called done."""
    all_records, kept = purge.all_records, list[atio.KeptStage]()

    def meanwhile(log: Any) -> Any:
        kept.append(table.stage(people("Eve Adams"), "overwrite", keep=True))
        records = all_records(log)
        if published:
            kept[0].publish()
        return records

    monkeypatch.setattr(purge, "all_records", meanwhile)
    if published:
        table.erase(WHERE)
    else:
        with pytest.raises(atio.CommitConflictError, match="erase again, and name what may go") as caught:
            table.erase(WHERE)
        assert kept[0].id in str(caught.value)
        kept[0].publish()
    assert table.read()["name"].tolist() == ["Eve Adams"]
    assert table.verify("all").ok


def test_the_names_of_tags_are_erased_too(table: atio.Table) -> None:
    """Those that lay in a list, and those that were taken away before; what names no one stays no longer than told."""
    for number in range(1, 4):
        table.tag(f"Eve Adams {number}", number)
        table.tag(f"of Eve Adams {number}", number)
    table.untag("Eve Adams 2")
    path = Path(table.path)
    report = table.erase(WHERE, tags="all")
    assert (len(report.tags), table.tags(), told(path)) == (5, {}, [])
    assert [one for one in (path / "_atio").glob("tags/*") if one.is_file()] == []


def test_published_and_dropped_stages_are_forgotten(table: atio.Table) -> None:
    """Their records and files would be kept until their time has passed, which is too long here."""
    for keep in (True, False):
        stage = table.stage(people("Eve Adams"), "append", keep=True)
        table.publish(stage.id) if keep else table.drop_staged(stage.id)
    table.erase(WHERE)
    assert told(Path(table.path)) == []
    assert list((Path(table.path) / "_atio" / "staged").iterdir()) == []


def test_a_descriptor_of_before_is_refused(table: atio.Table) -> None:
    """What was staged before can't bring rows back."""
    staged = table.stage(people("Eve Adams"), "append")
    table.erase(WHERE)
    with pytest.raises(atio.StagedFilesExpiredError):
        table.commit([staged])
    assert told(Path(table.path)) == []


def test_a_dropped_table_is_erased(table: atio.Table) -> None:
    """Its versions go; what is left says nothing but that there was one."""
    table.drop()
    report = table.erase(WHERE)
    assert (report.rows, told(Path(table.path))) == (0, [])
    assert len(report.versions) == 7


def test_categories_are_part_of_a_type(tmp_path: Path) -> None:
    """A category that no row has is still in the column's type: the report says so."""
    table = atio.Table(tmp_path)
    table.overwrite(people("Ann", "Eve Adams").astype({"name": "category"}))
    report = table.erase(WHERE)
    assert "categories of 'name'" in str(report)


@pytest.mark.parametrize("verb", ["put", "put_if_absent", "delete", "list"])
@pytest.mark.parametrize("limits", [TINY, Limits()], ids=["tiny", "usual"])
def test_an_erasing_that_fails_is_finished_by_the_next(tmp_path: Path, verb: str, limits: Limits) -> None:
    """Wherever it stops, calling it again leaves nothing."""
    table = atio.Table(tmp_path, limits=limits)
    for at in range(1, 40, 4):
        table.append(people("Eve Adams"))
        fault = Fault(verb, at=at, times=1, error=KeyboardInterrupt)
        broken = atio.Table(store=FaultyStore(table.path, fault), limits=limits)
        with suppress(KeyboardInterrupt, atio.CommitUnknownError):
            broken.erase(WHERE)
        table.erase(WHERE)
        assert told(Path(table.path)) == []


@pytest.mark.parametrize(
    "options",
    [
        {"tags": "audit"},
        {"tags": None},
        {"staged": 3},
        {"tags": [5]},
        {"staged": [None]},
        {"dry_run": None},
        {"where": [("x", "==", 1)]},
    ],
)
def test_what_makes_no_sense_is_refused(table: atio.Table, options: dict[str, Any]) -> None:
    """Before anything is changed."""
    before = [found.version for found in table.history()]
    with pytest.raises(atio.InvalidInputError):
        table.erase(**({"where": WHERE} | options))  # pyright: ignore[reportArgumentType]
    assert [found.version for found in table.history()] == before


def test_objects_have_no_rows(tmp_path: Path) -> None:
    """They can't be erased by rows."""
    table = atio.Table(tmp_path)
    table.overwrite(np.arange(3))
    with pytest.raises(atio.InvalidInputError):
        table.erase(WHERE)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    """There is nothing to erase."""
    with pytest.raises(atio.TableNotFoundError):
        atio.Table(tmp_path / "none").erase(WHERE)
