"""`Table.verify` finds whatever is damaged or missing, says which versions need it, and calls nothing else damaged."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.format.names import TEMPORARY
from atio_core.format.seal import seal
from atio_core.maintenance import verification
from tests.damage.tables import LIMITS, Sample, frame, holding


def whole(sample: Sample) -> list[str]:
    """The files that versions need: all, since the grace period for leftovers was none."""
    return [name for name in sample.files() if not name.startswith(TEMPORARY)]


def test_a_whole_table_is_whole(sample: Sample) -> None:
    """All files are looked at, and nothing is found."""
    report = sample.table().verify("all")
    assert (report.ok, report.problems, report.leftovers) == (True, (), ())
    assert list(report.versions) == sorted(sample.contents)
    needed = [name for name in whole(sample) if name not in report.old_entries]
    assert report.files == len([name for name in needed if not _is_of_no_data_version(sample, name)])
    assert "all is as it was written" in str(report)


def _is_of_no_data_version(sample: Sample, name: str) -> bool:
    """Entries that keep a version's rows, such as an expiry's, are looked at only as the latest."""
    retained = json.loads((sample.path / sample.latest()).read_bytes())["retained"]
    numbers = {number for first, last in retained for number in range(first, last + 1)}
    return name.startswith("_atio/log/") and int(name.rpartition("-")[2].removesuffix(".json")) not in numbers


def test_any_flipped_bit_is_found(sample: Sample) -> None:
    """Wherever a bit of a file flips, the file is named, with the versions that need it."""
    chance = random.Random(7)  # noqa: S311 - which bytes are tried
    unneeded = set(sample.table().verify("all").old_entries)
    for name in whole(sample):
        data = (sample.path / name).read_bytes()
        for place in [0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(6))]:
            damaged = bytearray(data)
            damaged[place] ^= 1 << chance.randrange(8)
            with holding(sample.path / name, bytes(damaged)):
                problems = sample.table().verify("all").problems
            if name in unneeded or _is_of_no_data_version(sample, name):
                continue
            assert [problem.path for problem in problems][:1] == [name], (name, place, problems)
            assert problems[0].versions, name
            assert problems[0].expected != problems[0].found


@pytest.mark.parametrize("deep", [True, False])
def test_any_missing_or_cut_file_is_found(sample: Sample, deep: bool) -> None:  # noqa: FBT001
    """Without reading data files whole, too."""
    unneeded = set(sample.table().verify("all").old_entries)
    for name in whole(sample):
        if name in unneeded or _is_of_no_data_version(sample, name):
            continue
        data = (sample.path / name).read_bytes()
        for left in (None, data[:-1], data + b"x", b""):
            with holding(sample.path / name, left):
                problems = sample.table().verify("all", deep=deep).problems
            if name == sample.latest() and left is None:
                continue  # then the entry before it is the latest, and whole
            assert name in [problem.path for problem in problems], (name, left)


def test_the_latest_alone(sample: Sample) -> None:
    """Damage to what only older versions need is none of the latest."""
    table = sample.table()
    latest = {file.path for file in table.snapshot().data_files()}
    older = {file.path for found in table.history() for file in found.data_files()} - latest
    for name in older:
        with holding(sample.path / name, None):
            assert table.verify().ok
            report = table.verify("all")
        assert [problem.path for problem in report.problems] == [name]
        assert max(sample.contents) not in report.problems[0].versions
    assert bool(older) == bool(table.snapshot().partition_fields)


def test_a_damaged_latest_entry_hides_no_version(sample: Sample) -> None:
    """The versions that the newest whole entry retains are looked at, and the damaged entry is named."""
    with holding(sample.path / sample.latest(), b"{}"):
        report = sample.table().verify("all")
    assert [problem.path for problem in report.problems] == [sample.latest()]
    assert list(report.versions) == sorted(sample.contents)[:-1]
    assert not report.ok
    assert f"{sample.latest()} is damaged" in str(report)


def test_a_flipped_bit_that_a_quick_look_passes_over(tmp_path: Path) -> None:
    """Without `deep`, only lengths and ends are looked at, as the docs say."""
    table = atio.Table(tmp_path)
    table.overwrite(frame(*range(10_000)))
    (file,) = table.snapshot().data_files()
    data = bytearray((tmp_path / file.path).read_bytes())
    data[100] ^= 1
    (tmp_path / file.path).write_bytes(data)
    assert table.verify(deep=False).ok
    (problem,) = table.verify().problems
    assert (problem.path, problem.what, problem.versions) == (file.path, "is damaged", (1,))
    data[-20] ^= 1
    (tmp_path / file.path).write_bytes(data)
    assert not table.verify(deep=False).ok


def test_what_is_known_of_the_values_is_compared(sample: Sample) -> None:
    """With `values`, right statistics are found right, whatever the files and columns."""
    assert sample.table().verify("all", values=True).ok


def test_wrong_statistics_are_found(tmp_path: Path) -> None:
    """A record whose bounds or number of rows aren't those of the rows would leave out rows: `values` finds it."""
    table = atio.Table(tmp_path)
    table.overwrite(pa.table({"a": [1, 5, None], "b": ["x", "y", "z"], "c": [0.5, math.nan, -0.0]}))
    (path,) = (tmp_path / "_atio" / "log").rglob("*.json")
    whole_entry = json.loads(path.read_bytes())
    assert table.verify(values=True).ok
    for change in ({"rows": 4}, {"stats": {"1": [1, 2, 5]}}, {"stats": {"1": [0, 1, 5]}}):
        entry = json.loads(json.dumps(whole_entry))
        entry["files"][0] |= change
        entry.pop("digest")
        path.write_bytes(seal(entry))
        assert table.verify().ok
        (problem,) = table.verify(values=True).problems
        assert problem.what == "is damaged"


def test_objects_are_looked_at(tmp_path: Path) -> None:
    """Files of objects too, deep or not."""
    table = atio.Table(tmp_path)
    table.overwrite(np.arange(1000))
    assert table.verify("all").ok
    (file,) = (tmp_path / "data").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert not table.verify(deep=False).ok
    file.unlink()
    assert table.verify().problems[0].what == "is missing"


def test_leftovers_are_listed(tmp_path: Path) -> None:
    """What no version needs is told, and is no problem."""
    table = atio.Table(tmp_path)
    for number in range(3):
        table.overwrite(frame(number))
    table.stage(frame(9), "append")
    report = table.verify("all")
    assert report.ok
    assert [line.path.startswith("data/") for line in report.leftovers] == [True]
    assert "In no version" in str(report)
    assert report.to_dict()["leftovers"][0]["path"] == report.leftovers[0].path


@pytest.mark.parametrize("broken", [None, b"x"], ids=["missing", "damaged"])
def test_a_kept_stage_is_looked_at(tmp_path: Path, broken: bytes | None) -> None:
    """Damage to the files of a stage that can still be published is told, with its id; it goes with the stage."""
    table = atio.Table(tmp_path)
    table.overwrite(frame(1))
    stage = table.stage(frame(8), "append", keep=True)
    (staged,) = (tmp_path / file.path for file in stage.snapshot().data_files()[1:])
    assert table.verify("all").ok
    with holding(staged, broken):
        (problem,) = table.verify("all").problems
        assert (problem.versions, problem.stages) == ((), (stage.id,))
        assert stage.id in str(problem)
        assert problem.to_dict()["stages"] == [stage.id]
        assert table.verify().ok  # the latest version doesn't need it
        stage.drop()
        assert table.verify("all").ok


@pytest.mark.parametrize("suffix", ["json", "pending"])
def test_a_damaged_record_of_a_stage_is_found(tmp_path: Path, suffix: str) -> None:
    """Either record of a kept stage is looked at, though one that is whole is enough for cleaning."""
    table = atio.Table(tmp_path)
    table.overwrite(frame(1))
    table.stage(frame(8), "append", keep=True)
    (record,) = (tmp_path / "_atio" / "staged").glob(f"*.{suffix}")
    record.write_bytes(b"x")
    (problem,) = table.verify("all").problems
    assert problem.path == record.relative_to(tmp_path).as_posix()
    assert problem.what == "is damaged"


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    """There is nothing to look at."""
    with pytest.raises(atio.TableNotFoundError):
        atio.Table(tmp_path / "none").verify()
    for wrong in ({"versions": 3}, {"deep": None}, {"values": "no"}, {"show_progress": 1}):
        with pytest.raises(atio.InvalidInputError):
            atio.Table(tmp_path / "none").verify(**wrong)  # pyright: ignore[reportArgumentType]


def test_a_dropped_table_is_looked_at(tmp_path: Path) -> None:
    """Its versions can be brought back as long as they are retained, so they have to be whole."""
    table = atio.Table(tmp_path)
    table.overwrite(frame(1))
    table.drop()
    assert table.verify("all").ok
    next((tmp_path / "data").iterdir()).unlink()
    assert table.verify().ok
    assert [problem.versions for problem in table.verify("all").problems] == [(1,)]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """What makes something happen once, just before a step of the looking."""

    def before(step: str, act: Callable[[], object]) -> None:
        whole = getattr(verification, step)
        left = [act]

        def instead(*arguments: Any, **options: Any) -> Any:
            while left:
                left.pop()()
            return whole(*arguments, **options)

        monkeypatch.setattr(verification, step, instead)

    return before


@pytest.mark.parametrize("step", ["_entries", "_check"])
def test_what_expires_meanwhile_is_no_damage(
    tmp_path: Path, meanwhile: Callable[[str, Callable[[], object]], None], step: str
) -> None:
    """An expiry beside takes versions away while they are looked at, and their entries: that is no problem."""
    table = atio.Table(tmp_path, limits=LIMITS)  # in small buckets, whose names are freed
    for number in range(9):
        table.overwrite(frame(number))
    meanwhile(step, lambda: table.expire(keep_last=1, grace=timedelta(0)))
    assert table.verify("all").problems == ()


def test_a_stage_that_ends_meanwhile_is_no_damage(
    tmp_path: Path, meanwhile: Callable[[str, Callable[[], object]], None]
) -> None:
    """The files of a stage that somebody drops while it is looked at may go."""
    table = atio.Table(tmp_path)
    table.overwrite(frame(1))
    stage = table.stage(frame(8), "append", keep=True)

    def end() -> None:
        (tmp_path / stage.snapshot().data_files()[1].path).unlink()
        stage.drop()

    meanwhile("_check", end)
    assert table.verify("all").ok
