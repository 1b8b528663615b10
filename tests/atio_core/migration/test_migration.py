"""Tables that the real 2.1.0 and 3.1.0 wrote are taken over: see `tests/migrate/make.py`."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import atio_core as atio
from atio_core.errors import AlreadyExistsError, DamagedError, InvalidInputError, NotFoundError
from atio_core.storage.memory import MemoryStore
from atio_core.testing import Fault, FaultyStore

TABLES = Path(__file__).parents[2] / "migrate" / "tables"
NAMES = ["atio-2.1.0", "atio-3.1.0"]
each_table = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], Path]:
    """Give a copy of an old table, to be damaged."""
    return lambda name: Path(shutil.copytree(TABLES / name, tmp_path / "old"))


def expected(name: str) -> dict[str, Any]:
    """Return what the old package read."""
    return json.loads((TABLES / f"{name}.json").read_text())


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return all files and folders, with their times and bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }


def change(path: Path, **told: object) -> None:
    """Say something else in a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | told))


def snapshot_file(table: Path, number: int) -> Path:
    """Return where a version's snapshot is told."""
    told = json.loads((table / f"metadata/v{number}.metadata.json").read_text())
    return table / told["snapshot_filename"]


@each_table
def test_each_version_has_the_rows_that_the_old_package_reads(name: str) -> None:
    """Each old version becomes one, in the order of time, with the rows and columns that the old package gives."""
    made = atio.migrate(TABLES / name, table := atio.Table(store=MemoryStore("new")))
    told = expected(name)["versions"]
    assert list(made.versions) == sorted(map(int, told))
    assert list(made.versions.values()) == list(range(1, len(told) + 1))
    for number, version in made.versions.items():
        csv = told[str(number)]["csv"]
        assert csv is None or table.read(version).to_csv() == csv
    assert table.verify("all").ok


@each_table
def test_the_history_tells_the_old_times_and_messages(name: str) -> None:
    """A version's own time is that of the migration; its properties and message say when and why the old one was."""
    made = atio.migrate(TABLES / name, table := atio.Table(store=MemoryStore("new")))
    assert made.versions
    for number, version in made.versions.items():
        told = expected(name)["versions"][str(number)]
        snapshot = table.snapshot(version)
        assert snapshot.properties["migrated.version"] == str(number)
        time = pd.Timestamp(snapshot.properties["migrated.time"]).timestamp()
        assert time == pytest.approx(told["time"], abs=1e-6)
        assert (told["message"] or "Taken over") in (snapshot.message or "")


def test_dtypes_and_index_of_pandas_come_along() -> None:
    """Tables of 2.1.0 keep what pandas wrote: nullable dtypes, categories, the index."""
    atio.migrate(TABLES / NAMES[0], table := atio.Table(store=MemoryStore("new")))
    frame = table.read(1)
    assert frame.index.name == "key"
    assert list(map(str, frame.dtypes))[:3] == ["Int64", "str", "category"]


def test_what_pandas_cannot_give_back_is_taken_over_as_arrow(copied: Callable[[str], Path]) -> None:
    """Lists of lists beside nulls have no equal in pandas: their values are kept, as Arrow has them."""
    old, values = copied(NAMES[0]), [[["a"], []], None]
    manifest = old / json.loads(snapshot_file(old, 1).read_text())["manifests"][0]
    (told,) = json.loads(manifest.read_text())["files"]
    pd.DataFrame({"nested": pd.Series(values)}).to_parquet(old / told["path"])
    atio.migrate(old, table := atio.Table(store=MemoryStore("new")), if_unreadable="skip")
    assert table.read(1, output_as="arrow")["nested"].to_pylist() == values


def test_tags_come_along() -> None:
    """Tags name the new versions; one that can't be a tag here, as a number, is told in the properties."""
    made = atio.migrate(TABLES / NAMES[1], table := atio.Table(store=MemoryStore("new")))
    assert table.tags() == {"best": made.versions[4]}
    assert table.snapshot(made.versions[1]).properties["migrated.tags"] == "1.0"


def test_a_rollback_comes_along() -> None:
    """The old table's current version is the latest of the new one, though others came after it."""
    made = atio.migrate(TABLES / NAMES[1], table := atio.Table(store=MemoryStore("new")))
    latest = table.snapshot()
    assert (latest.operation, latest.version) == ("restore", len(made.versions) + 1)
    assert latest.read().equals(table.read(made.versions[4]))


def test_a_model_becomes_an_object() -> None:
    """The file of a model is the version's object."""
    made = atio.migrate(TABLES / NAMES[1], table := atio.Table(store=MemoryStore("new")))
    folder = TABLES / NAMES[1]
    (told,) = json.loads(snapshot_file(folder, 8).read_text())["files"]
    data = b"".join((folder / "data" / chunk).read_bytes() for chunk in told["chunks"])
    snapshot = table.snapshot(made.versions[8])
    with snapshot.open() as file:
        assert (snapshot.names, file.read()) == (("model.pth",), data)


@each_table
def test_the_old_table_stays_as_it_was(name: str, copied: Callable[[str], Path], tmp_path: Path) -> None:
    """No byte and no time of it changes."""
    old = copied(name)
    before = tree(old)
    atio.migrate(old, tmp_path / "new")
    assert tree(old) == before


@each_table
def test_called_again_it_does_nothing(name: str) -> None:
    """What is there already isn't taken over again."""
    table = atio.Table(store=MemoryStore("new"))
    first = atio.migrate(TABLES / name, table)
    again = atio.migrate(TABLES / name, table)
    assert (again.versions, again.written) == (first.versions, 0)
    assert len(table.history()) == len(first.versions) + (name == NAMES[1])


@each_table
@pytest.mark.parametrize("verb", ["put_if_absent", "close"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_it_goes_on_where_it_stopped(name: str, verb: str, after: bool) -> None:  # noqa: FBT001 - pytest gives it
    """Interrupted at any commit or file, it goes on when called again: the table is what one call would have made."""
    whole = atio.Table(store=MemoryStore("whole"))
    made = atio.migrate(TABLES / name, whole)
    stop = 0
    for stop in itertools.count(1):
        store = MemoryStore("stopped")
        fault = Fault(verb, at=stop, after=after, error=KeyboardInterrupt)
        try:
            atio.migrate(TABLES / name, atio.Table(store=FaultyStore(store, fault)))
        except KeyboardInterrupt:
            table = atio.Table(store=store)
        else:
            break
        assert atio.migrate(TABLES / name, table).versions == made.versions
        assert [one.message for one in table.history()] == [one.message for one in whole.history()]
        assert table.tags() == whole.tags()
    assert stop > len(made.versions) or verb != "put_if_absent"


def test_versions_that_came_since_are_taken_over_later(copied: Callable[[str], Path]) -> None:
    """Called later, it goes on behind what is there; expired versions don't come back."""
    old, table = copied(NAMES[0]), atio.Table(store=MemoryStore("new"))
    newest = (old / "metadata/v5.metadata.json").rename(old / "away")
    change(old / "_current_version.json", version_id=4)
    assert atio.migrate(old, table).written == 4
    table.expire(atio.Retention(keep_last=1), dry_run=False)
    newest.with_name("away").rename(old / "metadata/v5.metadata.json")
    change(old / "_current_version.json", version_id=5)
    made = atio.migrate(old, table)
    assert (made.versions, made.written) == ({4: 4, 5: 6}, 1), "the expiry has a number of its own"


def test_a_number_that_was_used_again_counts_as_a_later_version(copied: Callable[[str], Path]) -> None:
    """After a rollback the old package used numbers again: the order is that of time."""
    old = copied(NAMES[0])
    change(snapshot_file(old, 2), timestamp=4e9)
    change(old / "_current_version.json", version_id=2)
    made = atio.migrate(old, table := atio.Table(store=MemoryStore("new")))
    assert list(made.versions.items()) == [(1, 1), (3, 2), (4, 3), (5, 4), (2, 5)]
    assert table.snapshot().version == 5


def test_a_table_that_holds_anything_else_is_refused() -> None:
    """Rows of others in the new table, before or after, stand against it; nothing is written."""
    table = atio.Table(store=MemoryStore("new"))
    table.append(pd.DataFrame({"mine": [1]}))
    with pytest.raises(AlreadyExistsError, match="version 1, which doesn't come from"):
        atio.migrate(TABLES / NAMES[0], table)
    assert len(table.history()) == 1
    table = atio.Table(store=MemoryStore("other"))
    atio.migrate(TABLES / NAMES[0], table)
    table.append(table.read().iloc[:0])
    with pytest.raises(AlreadyExistsError):
        atio.migrate(TABLES / NAMES[0], table)
    with pytest.raises(AlreadyExistsError):
        atio.migrate(TABLES / NAMES[1], table)


def _without_file(old: Path) -> None:
    next(iter(sorted((old / "data").glob("*.parquet")))).unlink()


def _without_snapshot(old: Path) -> None:
    snapshot_file(old, 1).unlink()


def _cut_metadata(old: Path) -> None:
    (old / "metadata/v1.metadata.json").write_text("{")


def _metadata_of_a_list(old: Path) -> None:
    (old / "metadata/v1.metadata.json").write_text("[]")


def _outside(old: Path) -> None:
    change(old / "metadata/v1.metadata.json", snapshot_filename="../elsewhere.json")


def _absolute(old: Path) -> None:
    change(old / "metadata/v1.metadata.json", snapshot_filename="/etc/hostname")


def _no_kind(old: Path) -> None:
    snapshot_file(old, 1).write_text('{"timestamp": 1}')


def _far_time(old: Path) -> None:
    change(snapshot_file(old, 1), timestamp=1e300)


def _without_current(old: Path) -> None:
    change(old / "_current_version.json", version_id=99)


@each_table
@pytest.mark.parametrize(
    "damage",
    [
        _without_file,
        _without_snapshot,
        _cut_metadata,
        _metadata_of_a_list,
        _outside,
        _absolute,
        _no_kind,
        _far_time,
        _without_current,
    ],
)
def test_damage_is_refused_before_anything_is_written(
    name: str, damage: Callable[[Path], None], copied: Callable[[str], Path], tmp_path: Path
) -> None:
    """What can't be read stands against all, and is left out only if asked; the report says what and why."""
    damage(old := copied(name))
    with pytest.raises(DamagedError, match="nothing was written"):
        atio.migrate(old, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    made = atio.migrate(old, tmp_path / "new", if_unreadable="skip")
    assert made.skipped
    assert not set(made.skipped) & set(made.versions)
    assert str(next(iter(made.skipped.values()))) in str(made)


@each_table
def test_damage_that_only_the_data_tells(name: str, copied: Callable[[str], Path], tmp_path: Path) -> None:
    """Where a file's end is whole and its rows aren't, the versions before stay, and skipping leaves the others out."""
    old = copied(name)
    for path in (old / "data").glob("*.parquet"):
        data = bytearray(path.read_bytes())
        data[4:24] = bytes(20)
        path.write_bytes(data)
    with pytest.raises(DamagedError, match=r"version 1 of .* the versions before it are taken over"):
        atio.migrate(old, tmp_path / "new")
    made = atio.migrate(old, tmp_path / "new", if_unreadable="skip")
    assert not set(made.versions) & set(made.skipped)
    assert set(made.versions) == ({8} if name == NAMES[1] else set())


@each_table
def test_two_at_once_double_nothing(name: str) -> None:
    """Called twice at once, both take part, and each version is there once."""
    whole = atio.Table(store=MemoryStore("whole"))
    made = atio.migrate(TABLES / name, whole)
    store = MemoryStore("new")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(atio.migrate, TABLES / name, atio.Table(store=store)) for _ in range(2)]
    assert [one.result().versions for one in both] == [made.versions] * 2
    assert len(atio.Table(store=store).history()) == len(whole.history())


def test_a_pickle_is_never_opened(copied: Callable[[str], Path], tmp_path: Path) -> None:
    """A version of 2.1.0 that was written as a pickle can't be taken over: running it could do anything."""
    old = copied(NAMES[0])
    (old / "data/rows.pickle").write_bytes(pickle.dumps(_Mark(tmp_path / "ran")))
    manifest = old / json.loads(snapshot_file(old, 1).read_text())["manifests"][0]
    change(manifest, files=[{"path": "data/rows.pickle", "format": "pickle"}])
    made = atio.migrate(old, tmp_path / "new", if_unreadable="skip")
    assert "isn't Parquet" in made.skipped[1]
    assert not (tmp_path / "ran").exists()


class _Mark:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_columns_of_different_lengths_are_refused(copied: Callable[[str], Path], tmp_path: Path) -> None:
    """3.1.0 appends columns of another length without a word, and then can't read the version."""
    old = copied(NAMES[1])
    path = snapshot_file(old, 1)
    change(
        path,
        columns=[
            *json.loads(path.read_text())["columns"],
            *json.loads(snapshot_file(old, 7).read_text())["columns"],
        ],
    )
    with pytest.raises(
        DamagedError, match="different numbers of rows: n 2, text 2, __index_level_0__ 2, last 1"
    ):
        atio.migrate(old, tmp_path / "new")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version_id": "1"}', '{"version_id": true}'])
def test_a_damaged_pointer_is_told(text: str, copied: Callable[[str], Path], tmp_path: Path) -> None:
    """Which version is current isn't guessed."""
    (old := copied(NAMES[0])).joinpath("_current_version.json").write_text(text)
    with pytest.raises(DamagedError, match=r"_current_version\.json"):
        atio.migrate(old, tmp_path / "new", if_unreadable="skip")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    """A folder that isn't there, an empty one, a table of this atio, no path: each is told."""
    with pytest.raises(NotFoundError, match="no folder"):
        atio.migrate(tmp_path / "nothing", tmp_path / "new")
    (tmp_path / "iceberg/metadata").mkdir(parents=True)
    (tmp_path / "iceberg/metadata/v1.metadata.json").touch()
    with pytest.raises(InvalidInputError, match="which rows count"):
        atio.migrate(tmp_path / "iceberg", tmp_path / "new")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="no table that is known"):
        atio.migrate(tmp_path / "empty", tmp_path / "new")
    atio.Table(tmp_path / "ours").append(pd.DataFrame({"a": [1]}))
    with pytest.raises(InvalidInputError, match="of this atio already"):
        atio.migrate(tmp_path / "ours", tmp_path / "new")
    with pytest.raises(InvalidInputError, match="old_table"):
        atio.migrate(3, tmp_path / "new")  # pyright: ignore[reportArgumentType] - what is refused
    with pytest.raises(InvalidInputError, match="old_table"):
        atio.migrate("x" * 300, tmp_path / "new")
    with pytest.raises(InvalidInputError, match="if_unreadable"):
        atio.migrate(TABLES / NAMES[0], tmp_path / "new", if_unreadable="ignore")  # pyright: ignore[reportArgumentType] - what is refused
    assert not (tmp_path / "new").exists()


def test_what_is_of_another_kind_is_refused(copied: Callable[[str], Path], tmp_path: Path) -> None:
    """Who names what wrote a table isn't given another's rows, nor those of files that don't count."""
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(tmp_path / "delta", pd.DataFrame({"a": [1]}))
    (tmp_path / "files").mkdir()
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "files/a.parquet")
    for take, place, advice in (
        (
            atio.from_parquet,
            tmp_path / "delta",
            "is a Delta table, not a folder of Parquet files alone: .* from_delta",
        ),
        (
            atio.from_delta,
            tmp_path / "files",
            "is a folder of Parquet files alone, not a Delta table: .* from_parquet",
        ),
        (
            atio.from_iceberg,
            copied(NAMES[0]),
            "is a table of atio 2 or 3, not a table of Iceberg: .* migrate",
        ),
    ):
        with pytest.raises(InvalidInputError, match=advice):
            take(place, tmp_path / "new")
    with pytest.raises(InvalidInputError, match="folder must be the path"):
        atio.from_delta(3, tmp_path / "new")  # pyright: ignore[reportArgumentType] - what is refused
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("place", ["", "new", ".."])
def test_tables_that_lie_in_each_other_are_refused(place: str, copied: Callable[[str], Path]) -> None:
    """The new table can't lie in the old one's folder, nor around it."""
    old = copied(NAMES[0])
    before = tree(old)
    with pytest.raises(InvalidInputError, match="a folder of its own"):
        atio.migrate(old, old / place)
    assert tree(old) == before
