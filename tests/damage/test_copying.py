"""A copy of a table is a table: exact, checked on the way, and finished after any stop."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import atio_core as atio
from atio_core.errors import DamagedError
from atio_core.log.limits import Limits
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore
from tests.damage.tables import LIMITS, Sample, frame, holding
from tests.support.looking import contents


def require_same(copy: Table, sample: Sample, versions: list[int]) -> None:
    """The copy has these versions, with their rows, times and ids, and can be written to."""
    assert contents(copy) == {version: sample.contents[version] for version in versions}
    theirs = {one.version: one for one in sample.table().history()}
    for one in copy.history():
        assert (one.time, one.operation) == (theirs[one.version].time, theirs[one.version].operation)
    assert copy.verify("all").ok
    rows = copy.read(output_as="arrow").num_rows
    if copy.snapshot().partition_fields:
        copy.overwrite_partitions({"more": frame(100)})
    else:
        copy.append(frame(100))
    assert copy.read(output_as="arrow").num_rows == rows + 1
    copy.expire(keep_last=1, grace=timedelta(0))
    assert copy.verify("all").ok


def test_all_of_it(sample: Sample, tmp_path: Path) -> None:
    """By export and by copy: versions keep numbers, times and rows, and the table is as it was."""
    before = sample.files()
    report = sample.table().export(tmp_path / "exported")
    assert report.versions == tuple(sample.contents)
    again = sample.table().copy_to(tmp_path / "copied")
    assert (again.files, again.bytes) == (report.files, report.bytes)
    assert "Copied" in str(report)
    assert report.to_dict()["versions"] == list(sample.contents)
    assert Table(tmp_path / "imported", limits=LIMITS).import_(tmp_path / "exported").files == report.files
    for name in ("exported", "copied", "imported"):
        require_same(Table(tmp_path / name, limits=LIMITS), sample, [*sample.contents])
    assert sample.files() == before


def test_some_versions(sample: Sample, tmp_path: Path) -> None:
    """Only those chosen are in the copy, with what they need; the newest of them is its latest."""
    versions = sorted(sample.contents)
    for chosen in ([versions[0]], [versions[0], versions[-1]], versions[:2], [versions[-1]]):
        target = tmp_path / "-".join(map(str, chosen))
        assert sample.table().export(target, versions=chosen).versions == tuple(chosen)
        require_same(Table(target, limits=LIMITS), sample, chosen)
    assert sample.table().export(tmp_path / "latest", "latest").versions == (versions[-1],)
    require_same(Table(tmp_path / "latest", limits=LIMITS), sample, [versions[-1]])


@pytest.mark.parametrize("limits", [LIMITS, Limits()], ids=["tiny", "usual"])
def test_tags_of_versions_chosen(limits: Limits, tmp_path: Path) -> None:
    """They come along, in a list or not; others don't."""
    table = Table(tmp_path / "t", limits=limits)
    for number in range(3):
        table.overwrite(frame(number), idempotency_key=str(number))
        table.tag(f"v{number}", table.snapshot().version)
    versions = [one.version for one in table.history()]
    table.export(tmp_path / "some", versions=versions[1:])
    copy = Table(tmp_path / "some", limits=limits)
    assert set(copy.tags()) == {"v0", "v1"}
    assert copy.read(output_as="arrow")["a"].to_pylist() == [1]
    assert copy.overwrite(frame(7), idempotency_key="1").repeated
    table.copy_to(tmp_path / "all")
    assert Table(tmp_path / "all", limits=limits).tags() == table.tags()
    for name in ("some", "all"):
        assert Table(tmp_path / name, limits=limits).verify("all").ok


def test_a_copy_is_brought_up_to_date(sample: Sample, tmp_path: Path) -> None:
    """Only what is new is copied; a copy that somebody committed to, or another table, is left alone."""
    source = sample.copy(tmp_path / "source")
    table, target = source.table(), tmp_path / "target"
    first = table.copy_to(target)
    again = table.copy_to(target)
    assert (again.files, again.skipped) == (0, first.files)
    for _ in range(9):
        table.tag("now", table.snapshot().version, force=True)
    table.expire(keep_last=1, grace=timedelta(0))
    table.overwrite(frame(5), partition_by=[])
    report = table.copy_to(target)
    assert 0 < report.files < first.files
    copy = Table(target, limits=LIMITS)
    assert contents(copy) == contents(table)
    assert copy.verify("all").ok
    copy.append(frame(6))
    with pytest.raises(atio.AlreadyExistsError, match="committed to the copy"):
        table.copy_to(target)
    Table(tmp_path / "other", limits=LIMITS).append(frame(1))
    with pytest.raises(atio.AlreadyExistsError):
        table.copy_to(tmp_path / "other")
    with pytest.raises(atio.AlreadyExistsError):
        table.export(tmp_path / "other")


def test_damage_is_not_copied(sample: Sample, tmp_path: Path) -> None:
    """The file is named, and a folder isn't made."""
    needed = {problem for problem in sample.files() if problem.startswith(("data/", "_atio/manifests/"))}
    for name in sorted(needed):
        data = (sample.path / name).read_bytes()
        for wrong in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], None):
            with holding(sample.path / name, wrong):
                with pytest.raises(DamagedError) as caught:
                    sample.table().export(tmp_path / "exported")
                assert caught.value.facts["path"] == name
                assert not (tmp_path / "exported").exists()


class Killed(BaseException):
    """Ends all."""


@pytest.mark.parametrize("verb", ["open_write", "write", "close", "put_if_absent"])
@pytest.mark.parametrize("after", [False, True])
def test_broken_off_anywhere(verb: str, after: bool, sample: Sample, tmp_path: Path) -> None:  # noqa: FBT001
    """What is there of the log can be read, and the next copy goes on."""
    for at in range(1, 60):
        target = tmp_path / str(at)
        try:
            sample.table().copy_to(FaultyStore(target, Fault(verb, at=at, after=after, error=Killed)))
        except Killed:
            there = Table(target, limits=LIMITS)
            if there.exists():
                assert there.read(output_as="arrow")["a"].to_pylist() in [*sample.contents.values()]
            sample.table().copy_to(target)
        else:
            assert at > 1
            return
        assert contents(Table(target, limits=LIMITS)) == sample.contents
        assert Table(target, limits=LIMITS).verify("all").ok
    raise AssertionError("it never ended")


def test_what_expires_meanwhile(tmp_path: Path) -> None:
    """The copy starts over, and has what is retained then."""
    table = Table(tmp_path / "t", limits=LIMITS)
    for number in range(9):
        table.overwrite(frame(number))
    expiry = Fault(
        "read_into", at=3, error=None, meanwhile=lambda: table.expire(keep_last=1, grace=timedelta(0))
    )
    Table(store=FaultyStore(tmp_path / "t", expiry), limits=LIMITS).copy_to(tmp_path / "copy")
    copy = Table(tmp_path / "copy", limits=LIMITS)
    assert contents(copy) == {9: [8]}
    assert copy.verify("all").ok


def test_what_expires_while_it_is_chosen(tmp_path: Path) -> None:
    """Likewise."""
    table = Table(tmp_path / "t", limits=LIMITS)
    for number in range(9):
        table.overwrite(frame(number))
    expiry = Fault(
        "read",
        name=lambda name: name.endswith("-2.json"),
        error=None,
        meanwhile=lambda: table.expire(keep_last=1, grace=timedelta(0)),
    )
    Table(store=FaultyStore(tmp_path / "t", expiry), limits=LIMITS).copy_to(tmp_path / "copy")
    copy = Table(tmp_path / "copy", limits=LIMITS)
    assert contents(copy) == {9: [8]}
    assert copy.verify("all").ok


def test_what_cannot_be_meant(tmp_path: Path) -> None:
    """It is refused, and nothing is made."""
    table = Table(tmp_path / "t")
    with pytest.raises(atio.TableNotFoundError):
        table.export(tmp_path / "x")
    with pytest.raises(atio.TableNotFoundError):
        table.copy_to(tmp_path / "x")
    table.append(frame(1))
    table.tag("one", 1)
    for versions in ("some", [], [0], ["1"], 1, None, [True]):
        with pytest.raises(atio.InvalidInputError):
            table.export(tmp_path / "x", versions)  # pyright: ignore[reportArgumentType]
    for number in (2, 3):
        with pytest.raises(atio.VersionNotFoundError if number > 2 else atio.VersionExpiredError):
            table.export(tmp_path / "x", [number])
    with pytest.raises(atio.InvalidInputError):
        table.export(tmp_path / "none" / "x")
    assert not (tmp_path / "x").exists()
    with pytest.raises(atio.InvalidInputError):
        table.export(tmp_path / "t" / "data" / "x")
    with pytest.raises(atio.InvalidInputError):
        table.copy_to(7)  # pyright: ignore[reportArgumentType]
    assert table.copy_to(tmp_path / "t").files == 0
