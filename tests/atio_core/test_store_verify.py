"""`Store.verify` finds damage of tables, releases and pins, and calls nothing else damaged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import atio_core as atio


@pytest.fixture
def store(tmp_path: Path) -> atio.Store:
    """A store with two tables, a release of each of two versions, one that was dropped, and a pin."""
    made = atio.Store(tmp_path)
    for name in ("raw/a", "b"):
        made.table(name).overwrite(pa.table({"n": [1]}))
    for number, release in enumerate(("one", "gone", "three"), 2):
        made.create_release(release, ["raw/a", "b"])
        made.table("b").overwrite(pa.table({"n": [number]}))
    made.drop_release("gone")
    made.pin("run 7", "b")
    return made


def test_a_whole_store_is_whole(store: atio.Store) -> None:
    """All tables are looked at; a pin of a version that has expired is no problem, for pins keep nothing."""
    store.table("b").overwrite(pa.table({"n": [9]}))
    store.expire_all(keep_last=1, grace=timedelta(0))
    report = store.verify("all", values=True)
    assert (report.ok, report.problems, report.failures) == (True, (), {})
    assert set(report.tables) == {"raw/a", "b"}
    assert "all is as it was written; 2 tables looked at" in str(report)
    assert report.to_dict()["tables"]["b"]["ok"]


@pytest.mark.parametrize("folder", ["releases", "runs"])
def test_any_damaged_record_is_found(store: atio.Store, folder: str) -> None:
    """Every entry of the log of releases, and every pin, is read; a release that is missing is missed."""
    root = Path(store.path)
    records = sorted(path for path in (root / "_atio" / folder).rglob("*") if path.is_file())
    assert records
    for path in records:
        whole = path.read_bytes()
        for place in range(0, len(whole), 7):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            report = atio.Store(root).verify()
            assert [problem.path for problem in report.problems] == [path.relative_to(root).as_posix()], place
        path.write_bytes(whole)
    assert atio.Store(root).verify().ok
    if folder == "releases":
        records[-1].unlink()
        (problem,) = atio.Store(root).verify().problems
        assert (problem.path, problem.found) == (records[-1].relative_to(root).as_posix(), "nothing")


def test_a_release_whose_version_is_gone_is_found(store: atio.Store, tmp_path: Path) -> None:
    """A release names versions that are there, of the same tables; one that was dropped may name what it likes."""
    (tmp_path / "b").rename(tmp_path / "c")
    store.table("b").overwrite(pa.table({"n": [1]}))
    problems = store.verify().problems
    assert ["'one'" in str(problem) or "'three'" in str(problem) for problem in problems] == [True, True]
    assert not store.verify().ok


def test_a_damaged_table_is_told(store: atio.Store) -> None:
    """Damage of a table is among the report's, with its name; what can't be looked at doesn't stop the others."""
    (file,) = store.table("b").snapshot().data_files()
    (Path(store.path) / "b" / file.path).write_bytes(b"")
    report = store.verify()
    assert [problem.path for problem in report.tables["b"].problems] == [file.path]
    assert (report.ok, report.tables["raw/a"].ok) == (False, True)
    assert "1 problem found" in report.headline
    with pytest.raises(atio.InvalidInputError):
        store.verify("none")  # pyright: ignore[reportArgumentType]
