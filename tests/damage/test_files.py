"""Whatever happens to a file as a whole: every read says so, or is right all the same."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atio_core.errors import DamagedError, StorageError, VersionNotFoundError
from tests.damage.tables import MAKERS, Read, Sample, frame, holding, right_or_damaged, ways_to_read
from tests.support.looking import contents

each_maker = pytest.mark.parametrize("maker", MAKERS)


def looked_at(sample: Sample, ways: list[Read], suspects: set[str]) -> int:
    """Read in these ways, and list the versions; returns how often one of the suspects was named."""
    named = 0
    for way in ways:
        named += not right_or_damaged(lambda way=way: way.of(sample), way.expected(sample), suspects)
    versions = sorted(sample.contents, reverse=True)
    named += not right_or_damaged(
        lambda: [snapshot.version for snapshot in sample.table().history()], versions, suspects
    )
    return named


def into_arrow(sample: Sample) -> list[Read]:
    """The ways to read that differ in what they read, not in what they make of it."""
    return [way for way in ways_to_read(sample) if way.output == "arrow"]


@contextmanager
def folder_at(path: Path) -> Generator[None]:
    """Within the block a folder stands where a file was."""
    original = path.read_bytes()
    path.unlink()
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        path.write_bytes(original)


@each_maker
def test_a_missing_file_is_missed(maker: str, disk: Path) -> None:
    """Without a file, every read that needs it names it, and no other read minds."""
    sample = MAKERS[maker](disk / "table", 0)
    ways = ways_to_read(sample)
    for name in set(sample.files()) - {sample.latest()}:
        with holding(sample.path / name, None):
            looked_at(sample, ways, {name})


@each_maker
def test_an_empty_file_is_missed(maker: str, disk: Path) -> None:
    """A file of no bytes is named by every read that needs it, the latest entry by each."""
    sample = MAKERS[maker](disk / "table", 0)
    ways = ways_to_read(sample)
    for name in sample.files():
        with holding(sample.path / name, b""):
            named = looked_at(sample, ways, {name})
            assert name != sample.latest() or named == len(ways) + 1


@each_maker
def test_a_folder_is_no_file(maker: str, disk: Path) -> None:
    """A folder in a file's place is as good as nothing there: whoever needs the file names it."""
    sample = MAKERS[maker](disk / "table", 0)
    ways = ways_to_read(sample)
    for name in set(sample.files()) - {sample.latest()}:
        with folder_at(sample.path / name):
            looked_at(sample, ways, {name})


@each_maker
def test_another_file_of_the_table_is_damage(maker: str, disk: Path) -> None:
    """Any file in any other's place is named by every read that needs the one that was there."""
    sample = MAKERS[maker](disk / "table", 0)
    ways = into_arrow(sample)
    held = {name: (sample.path / name).read_bytes() for name in sample.files()}
    for name, other in itertools.permutations(held, 2):
        with holding(sample.path / name, held[other]):
            named = looked_at(sample, ways, {name})
            assert name != sample.latest() or named == len(ways) + 1


@each_maker
def test_two_files_swapped_are_damage(maker: str, disk: Path) -> None:
    """Of two files that stand in each other's place, one is named by every read that needs either."""
    sample = MAKERS[maker](disk / "table", 0)
    ways = into_arrow(sample)
    held = {name: (sample.path / name).read_bytes() for name in sample.files()}
    for name, other in itertools.combinations(held, 2):
        with holding(sample.path / name, held[other]), holding(sample.path / other, held[name]):
            looked_at(sample, ways, {name, other})


@each_maker
def test_an_entry_of_another_table_is_damage(maker: str, disk: Path) -> None:
    """A whole, valid entry of the same number is named as soon as a read meets what the table's own ones say."""
    sample = MAKERS[maker](disk / "table", 0)
    other = MAKERS[maker](disk / "other", 100)
    ways = ways_to_read(sample)
    named = 0
    for name in set(sample.files()) & set(other.files()):
        with holding(sample.path / name, (other.path / name).read_bytes()):
            named += looked_at(sample, ways, {name})
    assert named > 10


@each_maker
def test_an_entry_of_a_copy_is_damage(maker: str, disk: Path) -> None:
    """A copy of a table has its id; once it went its own way, its entries are told from the table's all the same."""
    sample = MAKERS[maker](disk / "table", 0)
    copy = sample.copy(disk / "copy")
    for one, start in ((sample, 50), (copy, 60)):
        for number in range(2):
            if one.table().snapshot().partition_fields:
                one.table().overwrite_partitions({"new": frame(start + number)})
            else:
                one.table().append(frame(start + number))
    names = [name for name in sample.files() if name.startswith("_atio/log/")]
    before = names[1]  # the first of both differs too, but nothing can tell whose latest is right
    version = max(sample.contents) + 1
    with holding(sample.path / before, (copy.path / before).read_bytes()):
        with pytest.raises(DamagedError, match="holds another commit") as caught:
            sample.table().read(version)
        assert caught.value.facts["path"] == before
        with pytest.raises(DamagedError, match="holds another commit"):
            sample.table().history()
        assert sample.table().read(output_as="arrow")["a"].to_pylist()[-1] == 51


@each_maker
def test_without_the_latest_entry_the_one_before_is_the_latest(maker: str, disk: Path) -> None:
    """It can't be told from one that never was: all older versions stand, and the next commit takes its number."""
    sample = MAKERS[maker](disk / "table", 0)
    last, *_ = sorted(sample.contents, reverse=True)
    (sample.path / sample.latest()).unlink()
    older = {version: rows for version, rows in sample.contents.items() if version != last}
    assert contents(sample.table()) == older
    with pytest.raises(VersionNotFoundError):
        sample.table().read(last)
    assert sample.table().overwrite(frame(70)).version == last
    assert contents(sample.table()) == older | {last: [70]}


@each_maker
def test_a_folder_in_place_of_the_latest_entry_stops_commits(maker: str, disk: Path) -> None:
    """A folder under the latest entry's name is no entry, and no commit takes it for one: it says what to move away."""
    sample = MAKERS[maker](disk / "table", 0)
    last, *_ = sorted(sample.contents, reverse=True)
    name = sample.latest()
    files = set(sample.files()) - {name}
    with folder_at(sample.path / name):
        assert contents(sample.table()) == {v: rows for v, rows in sample.contents.items() if v != last}
        with pytest.raises(StorageError, match=r"what stands there is no file\. Move it away") as caught:
            sample.table().overwrite(frame(70))
        assert name in str(caught.value)
        assert not caught.value.unknown
        assert set(sample.files()) == files
    assert contents(sample.table()) == sample.contents
