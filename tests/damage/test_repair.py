"""Whatever file is damaged or missing: `Table.repair` makes the table usable again, and no intact version is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import atio_core as atio
from atio_core.errors import DamagedError
from atio_core.format import schema_arrow
from atio_core.format.names import TEMPORARY
from atio_core.log.limits import Limits
from atio_core.maintenance.repair_report import RepairReport
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore
from tests.damage.tables import LIMITS, Sample, frame

WAYS: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "cut": lambda data: data[:-1],
    "flipped": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
    ),
    "empty": lambda _: b"",
}


def damage(path: Path, way: str) -> None:
    """Damage a file, or take it away."""
    data = WAYS[way](path.read_bytes())
    path.unlink()
    if data is not None:
        path.write_bytes(data)


def bytes_of(path: Path) -> dict[str, bytes]:
    """All files and their bytes."""
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def readable(sample: Sample) -> dict[int, list[int]]:
    """What can be read of the versions of a damaged table, looked at file by file."""
    found: dict[int, list[int]] = {}
    for version in sample.contents:
        try:
            found[version] = sample.table().read(version, "arrow")["a"].to_pylist()
        except (DamagedError, atio.VersionExpiredError, atio.VersionNotFoundError):
            continue
    return found


def repaired(sample: Sample, **options: Any) -> RepairReport:
    """Repair, and see that the dry run had told just that, and that no file was changed or deleted."""
    before = bytes_of(sample.path)
    told = sample.table().repair(**options)
    assert bytes_of(sample.path) == before
    done = sample.table().repair(dry_run=False, **options)
    assert replace(done, dry_run=True) == told
    assert str(done).replace("repaired by", "a repair would make") == str(told).replace(
        "PREVIEW, nothing was changed: ", ""
    )
    after = bytes_of(sample.path)
    assert {name: after.get(name) for name in before} == before
    assert done.to_dict() == told.to_dict() | {"dry_run": False}
    return done


def require_usable(sample: Sample, held: dict[int, list[int]], *, latest: list[int] | None = None) -> None:
    """The latest reads, is what a version was, is whole, and commits go on; what could be read before still can."""
    table = sample.table()
    found = table.read(output_as="arrow")["a"].to_pylist()
    assert found in ([*sample.contents.values()] if latest is None else [latest])
    assert table.verify().ok
    assert readable(sample).items() >= held.items()
    assert set(held) <= {one.version for one in table.history()}
    for number in range(6):
        if table.snapshot().partition_fields:
            table.overwrite_partitions({f"more {number}": frame(100 + number)}, idempotency_key=f"n{number}")
        else:
            table.append(frame(100 + number), idempotency_key=f"n{number}")
    assert sorted(table.read(output_as="arrow")["a"].to_pylist()) == sorted(
        [*found, *(100 + number for number in range(6))]
    )
    assert not table.repair().to_dict()["version"]


@pytest.mark.parametrize("way", WAYS)
def test_any_file(sample: Sample, way: str, tmp_path: Path) -> None:
    """Any one file of a table: a dry run tells exactly what is done, which leaves a table that can be used."""
    table = sample.table()
    unneeded = table.verify("all").old_entries
    for name in [one for one in sample.files() if not one.startswith(TEMPORARY)]:
        copy = sample.copy(tmp_path / "copy")
        damage(copy.path / name, way)
        latest_gone = name == sample.latest()
        problems = copy.table().verify("all").problems
        held = readable(copy) if not latest_gone or way == "missing" else {}
        report = repaired(copy, forget_keys=True, forget_tags=True)
        if not report.ok:
            require_hopeless(copy, name, report)
            continue
        assert (report.version is None) == (not problems or _only_older(copy, problems, sample)), (
            name,
            report,
        )
        if latest_gone:
            before = sorted(sample.contents)[-2]
            held = {version: rows for version, rows in sample.contents.items() if version <= before}
        require_usable(copy, held)
        if name in unneeded:
            assert report.version is None


def require_hopeless(copy: Sample, name: str, report: RepairReport) -> None:
    """No version is whole, since all need the file: it is named, and the table can be overwritten."""
    (problem,) = report.problems
    assert (problem.path, problem.versions) == (name, tuple(sorted(copy.contents)))
    assert report.version is None
    table = copy.table()
    table.overwrite(frame(1), partition_by=[])
    assert table.verify().ok
    assert table.read(output_as="arrow")["a"].to_pylist() == [1]


def _only_older(copy: Sample, problems: Any, sample: Sample) -> bool:
    """Whether damage is in files alone that the latest version doesn't need."""
    latest = max(sample.contents)
    return all(latest not in one.versions and not one.path.startswith("_atio/log/") for one in problems)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("limits", [LIMITS, Limits()], ids=["tiny", "usual"])
def test_damaged_entries_at_the_end(limits: Limits, count: int, tmp_path: Path) -> None:
    """The newest whole version is the latest again, under a number of its own; lost versions stay lost."""
    table = Table(tmp_path, limits=limits)
    for number in range(6):
        table.append(frame(number), idempotency_key=str(number))
    table.tag("good", 2)
    table.append(frame(6), idempotency_key="6")
    table.tag("bad", 8)
    log = sorted(one.relative_to(tmp_path).as_posix() for one in (tmp_path / "_atio/log").rglob("*.json"))
    for name in log[:count]:
        damage(tmp_path / name, "flipped")
    with pytest.raises(DamagedError):
        table.read()
    other = Table(tmp_path, limits=limits)
    report = repaired(Sample(tmp_path, {}, limits))
    assert report.ok
    lost = tuple(range(10 - count, 10))
    assert (report.version, report.unreadable, report.tags) == (10, lost, ())
    rows = list(range(7 if count == 1 else 6))
    assert other.read(output_as="arrow")["a"].to_pylist() == rows
    assert report.restored == (8 if count == 1 else 6)
    assert other.snapshot().operation == "restore"
    assert set(other.tags()) == ({"good"} if count < 3 else set())
    for version in [one for one in lost if one > 8 or count > 1]:
        with pytest.raises(atio.VersionExpiredError):
            other.read(version)
    assert other.append(frame(5), idempotency_key="5").repeated
    assert other.append(frame(6), idempotency_key="6").repeated == (count == 1)
    assert table.append(frame(7)).version == (11 if count == 1 else 12)
    assert table.read(output_as="arrow")["a"].to_pylist() == list(range(8))
    assert table.verify("all").ok
    for number in range(70):
        table.append(frame(number))
    table.expire(keep_last=1, grace=timedelta(0))
    assert table.verify("all").ok


def test_a_writer_that_knows_the_version_before_the_damage(tmp_path: Path) -> None:
    """It is told of the damage, and goes on once the table is repaired: it isn't left in doubt of its own commit."""
    table, other = Table(tmp_path), Table(tmp_path)
    table.append(frame(0))
    other.append(frame(1))
    damage(tmp_path / "_atio/log/999999/061-2.json", "empty")
    with pytest.raises(DamagedError):
        table.append(frame(2))
    assert len([*(tmp_path / "data").iterdir()]) == 2
    table.repair(dry_run=False)
    assert table.append(frame(2)).version == 4
    assert table.read(output_as="arrow")["a"].to_pylist() == [0, 2]


def test_a_manifest_is_made_anew(tmp_path: Path) -> None:
    """From another manifest that holds its files in a row, or all but a partition; the latest keeps its rows."""
    for name, partitioned in (("rows", False), ("partitions", True)):
        table = Table(tmp_path / name, limits=LIMITS)
        for number in range(6):
            if partitioned:
                table.overwrite_partitions({str(number): frame(number)})
            else:
                table.append(frame(number))
        if partitioned:
            table.overwrite_partitions({"1": frame(9)})
        else:
            table.restore(4)
        entry = table.snapshot().entry
        rows = table.read(output_as="arrow")["a"].to_pylist()
        (ref, *_) = entry.manifests
        for way in ("missing", "cut"):
            sample = Sample(tmp_path / name, {}).copy(tmp_path / f"{name} {way}")
            damage(sample.path / ref.path, way)
            report = repaired(sample)
            assert (report.rebuilt, report.restored, report.ok) == ((ref.path,), None, True), (name, report)
            again = sample.table()
            assert again.read(output_as="arrow")["a"].to_pylist() == rows
            assert again.snapshot().version == entry.version
            assert again.verify().ok
            assert ref.path not in [one.path for one in again.snapshot().entry.manifests]


def test_keys_are_forgotten_only_if_that_is_said(tmp_path: Path) -> None:
    """A damaged list of keys is left alone by default, for a retry could write twice without it."""
    table = Table(tmp_path, limits=LIMITS)
    for number in range(8):
        table.append(frame(number), idempotency_key=str(number))
    table.expire(keep_last=1, grace=timedelta(0))
    (first, *_) = table.snapshot().entry.key_lists
    damage(tmp_path / first.path, "flipped")
    report = table.repair(dry_run=False)
    assert (report.ok, report.version) == (False, None)
    assert "forget_keys=True" in str(report)
    with pytest.raises(DamagedError):
        table.append(frame(0), idempotency_key="0")
    report = repaired(Sample(tmp_path, {}), forget_keys=True)
    assert report.forgotten == (first.path,)
    assert not table.append(frame(0), idempotency_key="0").repeated
    assert table.verify().ok


def tagged(path: Path) -> Table:
    """A table of three versions, with three tags, two of them in a list."""
    table = Table(path, limits=LIMITS)
    for number in (1, 2, 3):
        table.append(frame(number))
        table.tag(f"v{number}")
    return table


@pytest.mark.parametrize("way", WAYS)
def test_a_list_of_tags_is_made_anew(way: str, tmp_path: Path) -> None:
    """As long as the entry is retained whose tags moved into it, no tag is lost."""
    table = tagged(tmp_path)
    tags, older = table.tags(), table.snapshot().entry.tags.older
    assert older is not None
    damage(tmp_path / older.path, way)
    again = Table(tmp_path, limits=LIMITS)
    with pytest.raises(DamagedError):
        again.expire(keep_last=1)
    report = repaired(Sample(tmp_path, {}))
    assert (report.ok, report.rebuilt, report.forgotten, report.tags) == (True, (older.path,), (), ())
    assert again.tags() == tags
    assert [line.version for line in again.expire(keep_last=1).kept] == [1, 3, 5]
    assert again.verify("all").ok


def test_tags_are_forgotten_only_if_that_is_said(tmp_path: Path) -> None:
    """A damaged list of tags is left alone by default, and nothing expires, for what it protects would go."""
    table = tagged(tmp_path)
    table.expire(keep_last=1)
    table.tag("new", 5)
    table.expire(keep_last=1)  # the entry goes whose tags moved into the list
    older = table.snapshot().entry.tags.older
    assert older is not None
    damage(tmp_path / older.path, "flipped")
    again = Table(tmp_path, limits=LIMITS)
    report = again.repair(dry_run=False)
    assert (report.ok, report.version, "forget_tags=True" in str(report)) == (False, None, True)
    with pytest.raises(DamagedError):
        again.expire(keep_last=1)
    report = repaired(Sample(tmp_path, {}), forget_tags=True)
    assert (report.ok, report.forgotten) == (True, (older.path,))
    assert f"the tags in {older.path} are forgotten" in str(report)
    assert again.tags() == {"v1": 1, "v2": 3, "new": 5}
    assert [line.version for line in again.expire(keep_last=1).kept] == [1, 3, 5]
    assert again.verify("all").ok


def test_objects_and_dropped_tables(tmp_path: Path) -> None:
    """An object's version comes back as what it was; a table that was dropped isn't brought back by a repair."""
    table = Table(tmp_path / "objects")
    table.overwrite(np.arange(3))
    table.overwrite(frame(1))
    (file,) = table.snapshot().data_files()
    damage(tmp_path / "objects" / file.path, "flipped")
    assert repaired(Sample(tmp_path / "objects", {}, Limits())).restored == 1
    assert table.read().tolist() == [0, 1, 2]
    gone = Table(tmp_path / "gone")
    gone.overwrite(frame(1))
    gone.drop()
    gone.overwrite(frame(2))
    damage(tmp_path / "gone" / "_atio/log/999999/060-3.json", "empty")
    assert gone.repair(dry_run=False).restored == 2
    assert not gone.exists()
    assert gone.read(1, "arrow")["a"].to_pylist() == [1]


def test_a_whole_table_with_tags_has_lost_nothing(tmp_path: Path) -> None:
    """Numbers that a tag or a policy took are no versions that could be missing from the latest."""
    table = Table(tmp_path)
    table.overwrite(frame(1))
    table.tag("one")
    table.set_retention(atio.Retention(keep_last=1))
    report = table.repair(dry_run=False)
    assert (report.ok, report.version, report.superseded, report.notes) == (True, None, (), ())


def test_no_entry_is_left(tmp_path: Path) -> None:
    """Nothing is done, and each file is named."""
    table = Table(tmp_path)
    with pytest.raises(atio.TableNotFoundError):
        table.repair()
    table.overwrite(frame(1))
    damage(tmp_path / "_atio/log/999999/062-1.json", "cut")
    report = repaired(Sample(tmp_path, {}, Limits()))
    assert (report.ok, report.version) == (False, None)
    assert "062-1.json" in str(report)


@pytest.mark.parametrize("option", ["dry_run", "deep", "forget_keys", "forget_tags", "show_progress"])
def test_options_that_cannot_be_meant(option: str, tmp_path: Path) -> None:
    """They are refused."""
    with pytest.raises(atio.InvalidInputError):
        Table(tmp_path).repair(**{option: 1})  # pyright: ignore[reportArgumentType] - that is the point


class Killed(BaseException):
    """Ends all."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["put", "put_if_absent", "make_durable"])
def test_killed_anywhere(verb: str, after: bool, sample: Sample, tmp_path: Path) -> None:  # noqa: FBT001
    """Whichever write it dies before or after: nothing is worse, and running it again finishes."""
    for at in range(1, 20):
        copy = sample.copy(tmp_path / str(at))
        schema = next(one for one in copy.files() if one.startswith("_atio/schemas/"))
        damage(copy.path / schema, "missing")
        damage(copy.path / copy.latest(), "flipped")
        before = bytes_of(copy.path)
        fault = Fault(verb, at=at, after=after, error=Killed)
        table = Table(store=FaultyStore(copy.path, fault), limits=LIMITS)
        try:
            table.repair(dry_run=False)
        except Killed:
            left = bytes_of(copy.path)
            assert {name: left.get(name) for name in before} == before
            assert copy.table().repair(dry_run=False).ok
        else:
            assert at > 1 or verb == "make_durable"
            return
        finally:
            require_usable(copy, {}, latest=sample.contents[sorted(sample.contents)[-2]])
    raise AssertionError("it never ended")


def test_a_lost_answer_and_another_repair(sample: Sample, tmp_path: Path) -> None:
    """A create whose answer is lost counts once; of two repairs at a time one is made."""
    copy = sample.copy(tmp_path / "copy")
    damage(copy.path / copy.latest(), "cut")
    lost = Fault("put_if_absent", after=True)
    version = Table(store=FaultyStore(copy.path, lost), limits=LIMITS).repair(dry_run=False).version
    assert version == max(sample.contents) + 1
    second = sample.copy(tmp_path / "second")
    damage(second.path / second.latest(), "cut")

    def other() -> None:
        assert second.table().repair(dry_run=False).version == version

    meanwhile = Fault("put_if_absent", error=None, meanwhile=other)
    report = Table(store=FaultyStore(second.path, meanwhile), limits=LIMITS).repair(dry_run=False)
    assert (report.ok, report.version) == (True, None)
    for one in (copy, second):
        assert sum(name.startswith("_atio/log/") for name in one.files()) == 1 + sum(
            name.startswith("_atio/log/") for name in sample.files()
        )
        require_usable(one, {})


def test_others_who_commit_all_the_time(tmp_path: Path) -> None:
    """What was decided for one version is never done to another: it looks again, and gives up in the end."""
    table = Table(tmp_path)
    for number in range(3):
        table.overwrite(frame(number))
    (file,) = table.snapshot(3).data_files()
    damage(tmp_path / file.path, "flipped")
    meanwhile = Fault("put_if_absent", error=None, meanwhile=lambda: table.append(frame(7)), times=100)
    with pytest.raises(atio.CommitConflictError, match="stop the writers"):
        Table(store=FaultyStore(tmp_path, meanwhile)).repair(dry_run=False)
    report = table.repair(dry_run=False)
    assert report.restored == 2
    assert table.read(output_as="arrow")["a"].to_pylist() == [1]


def test_another_tables_entry(tmp_path: Path) -> None:
    """An entry that was copied over from elsewhere isn't taken for the table's."""
    for name in ("one", "other"):
        table = Table(tmp_path / name)
        for number in range(3):
            table.append(frame(number))
    newest = "_atio/log/999999/060-3.json"
    (tmp_path / "one" / newest).write_bytes((tmp_path / "other" / newest).read_bytes())
    with pytest.raises(DamagedError, match="another table"):
        Table(tmp_path / "one").repair()


def test_a_damaged_expiry_may_have_cleaned(tmp_path: Path) -> None:
    """What was staged before it is refused, since its files may be gone; versions that it let go are named."""
    now = [1_700_000_000_000_000]
    table = Table(tmp_path, clock=lambda: now[0])
    table.overwrite(frame(1))
    staged = table.stage(frame(2), "append")
    table.overwrite(frame(3))
    now[0] += 7_200_000_000
    table.expire(keep_last=1)
    damage(tmp_path / "_atio/log/999999/060-3.json", "flipped")
    report = table.repair(dry_run=False)
    assert (report.ok, report.restored) == (True, 2)
    assert [problem.versions for problem in report.problems] == [(3,), (1,)]
    assert table.snapshot().entry.horizon_us == now[0] - 3_600_000_000
    with pytest.raises(atio.StagedFilesExpiredError):
        table.commit([staged])
    table.expire(keep_last=1)
    assert table.verify("all").ok
    assert table.read(output_as="arrow")["a"].to_pylist() == [3]


def test_a_schema_that_nothing_needs(tmp_path: Path) -> None:
    """It is left out of the latest version, if it is damaged and can't be made anew."""
    with mock.patch.object(schema_arrow, "INLINE_BYTES", 0):
        table = Table(tmp_path)
        table.append(frame(1))
        table.append(frame(2).append_column("c", [["x"]]), schema_mode="add")
        table.delete([("a", "==", 1)])
        table.expire(keep_last=1, grace=timedelta(0))
    entry = table.snapshot().entry
    assert len(entry.schemas) == 2
    path = next(ref.path for number, ref in entry.schemas.items() if number != entry.schema)
    assert path is not None
    damage(tmp_path / path, "missing")
    report = table.repair(dry_run=False)
    assert (report.ok, report.restored) == (True, None)
    assert table.verify().ok
    assert table.read(output_as="arrow")["a"].to_pylist() == [2]
