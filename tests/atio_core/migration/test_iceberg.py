"""The snapshots of an Iceberg table are taken over as versions."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable
from pyiceberg.transforms import IdentityTransform

import atio_core as atio
from atio_core.errors import DamagedError, InvalidInputError, NotFoundError
from atio_core.storage.memory import MemoryStore


@pytest.fixture
def old(iceberg_catalog: Any) -> Any:
    """An Iceberg table of four snapshots, with deletes, other columns, a partitioning and a tag."""
    table: Any = iceberg_catalog.create_table("n.old", schema=pa.schema({"n": pa.int64(), "d": pa.string()}))
    with table.update_spec() as update:
        update.add_field("d", IdentityTransform(), "day")
    table.append(pa.table({"n": [1, 2], "d": ["x", None]}))
    with table.update_schema() as update:
        update.rename_column("n", "number")
        update.add_column("new", table.schema().find_field("d").field_type)
    table.append(pa.table({"number": [3], "d": ["y"], "new": ["z"]}))
    table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "q1").commit()
    table.delete("number = 1")
    return table


def versions_of(table: atio.Table) -> list[list[dict[str, Any]]]:
    """The rows of each version, oldest first."""
    found = [one.read("arrow").to_pylist() for one in reversed(table.history())]
    return [sorted(rows, key=lambda row: next(iter(row.values()))) for rows in found]


def test_each_snapshot_becomes_a_version(old: Any) -> None:
    """With its rows, columns, tags and time, and what partitions it; what comes later is added by another call."""
    table = atio.Table(store=MemoryStore("new"))
    made = atio.from_iceberg(old.metadata_location, table)
    ids = [one.snapshot_id for one in old.snapshots()]
    assert (made.kind, list(made.versions), made.written) == ("iceberg", ids, len(ids))
    expected = [old.scan(snapshot_id=one).to_arrow().to_pylist() for one in ids]
    assert versions_of(table) == [sorted(rows, key=lambda row: next(iter(row.values()))) for rows in expected]
    assert versions_of(table)[-1] == [
        {"number": 2, "d": None, "new": None},
        {"number": 3, "d": "y", "new": "z"},
    ]
    assert (table.tags(), table.snapshot().partition_fields) == ({"q1": made.versions[ids[1]]}, ("d",))
    assert "migrated.time" in table.snapshot().properties
    assert atio.migrate(old.metadata_location, table).written == 0
    old.append(pa.table({"number": [9], "d": ["y"], "new": ["z"]}))
    assert atio.migrate(old.metadata_location, table).written == 1
    assert len(table.read()) == 3


def test_a_table_that_never_had_rows_becomes_an_empty_one(tmp_path: Path, iceberg_catalog: Any) -> None:
    """With its columns, and what partitions it; rows that come later are added by another call."""
    old: Any = iceberg_catalog.create_table("n.old", schema=pa.schema({"n": pa.int64(), "d": pa.string()}))
    with old.update_spec() as update:
        update.add_field("d", IdentityTransform(), "day")
    table = atio.Table(tmp_path / "new")
    for written in (1, 0):
        made = atio.from_iceberg(old.metadata_location, table)
        assert (made.versions, made.written) == ({0: 1}, written)
    found = table.snapshot()
    assert (found.schema.names, found.rows, found.partition_fields) == (["n", "d"], 0, ("d",))
    old.append(pa.table({"n": [1], "d": ["x"]}))
    assert atio.from_iceberg(old.metadata_location, table).written == 1
    assert atio.from_iceberg(old.metadata_location, table).written == 0
    assert versions_of(table) == [[], [{"n": 1, "d": "x"}]]


STRUCTS = pa.list_(pa.struct([("x", pa.int64())]))
LOST: dict[str, pa.Array] = {
    "list": pa.array([[{"x": 1}], None], STRUCTS),
    "map": pa.array([[("k", {"x": 1})], None], pa.map_(pa.string(), STRUCTS.value_type)),
    "in a struct": pa.array([None, {"y": None}], pa.struct([("y", STRUCTS)])),
    "in a list": pa.array([[{"y": [{"x": 1}]}, {"y": None}], []], pa.list_(pa.struct([("y", STRUCTS)]))),
}
KEPT: dict[str, pa.Array] = {
    "none": pa.array([[{"x": 1}, None], []], STRUCTS),
    "of numbers": pa.array([[1], None], pa.list_(pa.int64())),
    "of lists": pa.array([[[{"x": 1}], None], None], pa.list_(STRUCTS)),
    "a null struct": pa.array([{"y": []}, None], pa.struct([("y", STRUCTS)])),
}


@pytest.mark.parametrize("kind", [*LOST, *KEPT])
def test_nulls_that_pyiceberg_loses_are_told_of(kind: str, tmp_path: Path) -> None:
    """A null list of structs never becomes an empty one; whatever else is null comes as it is."""
    rows = pa.table({"n": [1, 2], "odd": (LOST | KEPT)[kind]})
    mirrored, table = atio.Table(tmp_path / "old"), atio.Table(tmp_path / "new")  # pyiceberg would write none
    mirrored.append(rows)
    old = mirrored.to_iceberg().location
    read: Any = StaticTable.from_metadata(old).scan().to_arrow()
    assert (read.to_pylist() == rows.to_pylist()) == (kind in KEPT)
    if kind in KEPT:
        atio.from_iceberg(old, table)
        assert table.read(output_as="arrow").to_pylist() == rows.to_pylist()
    else:
        with pytest.raises(DamagedError, match="lists and maps of structs for empty ones, as in 'odd' of"):
            atio.from_iceberg(old, table)
        assert not table.exists()


def test_a_folder_says_which_metadata_counts(old: Any, tmp_path: Path) -> None:
    """The highest number, or what a hint names; if several have it, the file has to be named."""
    folder = Path(old.metadata_location).parents[1] if "://" not in old.metadata_location else None
    folder = folder or Path(old.metadata_location.removeprefix("file://")).parents[1]
    assert len(atio.migrate(folder, tmp_path / "a").versions) == len(old.snapshots())
    newest = Path(old.metadata_location.removeprefix("file://"))
    other = newest.with_name(newest.name.replace("-", "-0", 1))
    shutil.copy(newest, other)
    with pytest.raises(InvalidInputError, match="several metadata files with the highest number"):
        atio.migrate(folder, tmp_path / "b")
    assert atio.migrate(str(newest), tmp_path / "b").kind == "iceberg"
    first = min(newest.parent.glob("00001-*.metadata.json"))
    shutil.copy(first, newest.with_name("v1.metadata.json"))
    newest.with_name("version-hint.text").write_text("1\n")
    assert atio.migrate(folder, tmp_path / "c").versions == {0: 1}  # as it was before its first rows
    with pytest.raises(NotFoundError):
        atio.migrate(tmp_path / "x.metadata.json", tmp_path / "d")


def test_a_mirror_gives_the_table_back(tmp_path: Path) -> None:
    """What `to_iceberg` shows is read as any other table of Iceberg's."""
    table = atio.Table(tmp_path / "t")
    for number in range(3):
        table.append(pa.table({"n": [number]}))
    again = atio.Table(tmp_path / "again")
    made = atio.migrate(table.to_iceberg(history=True).location, again)
    assert made.versions == {1: 1, 2: 2, 3: 3}
    assert [len(again.read(version)) for version in (1, 2, 3)] == [1, 2, 3]


def test_what_cannot_be_read_is_told(old: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged metadata file, and a missing library or data file, by what to do."""
    newest = Path(old.metadata_location.removeprefix("file://"))
    for path in newest.parents[1].rglob("*.parquet"):
        path.unlink()
    with pytest.raises(DamagedError, match="can't be read"):
        atio.migrate(newest, tmp_path / "new")
    newest.write_text('{"format-version": 2}')
    with pytest.raises(DamagedError, match="the Iceberg table"):
        atio.migrate(newest, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    monkeypatch.setitem(sys.modules, "pyiceberg.table", None)
    with pytest.raises(InvalidInputError, match="pip install pyiceberg"):
        atio.migrate(newest, tmp_path / "new")


def metadata_of(table: Any) -> Path:
    """The file that tells of the table's current version."""
    return Path(table.metadata_location.removeprefix("file://"))


def test_a_damaged_current_metadata_file_is_no_older_version(old: Any, tmp_path: Path) -> None:
    """A folder whose newest metadata file can't be read is refused: the one before tells of rows as they were."""
    newest = metadata_of(old)
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.raises(DamagedError, match="current version and can't be read"):
        atio.migrate(newest.parents[1], tmp_path / "a")
    hint = newest.with_name("version-hint.text")
    hint.write_bytes(b"\xff\xfe")
    with pytest.raises(DamagedError, match="current version and can't be read"):
        atio.migrate(newest.parents[1], tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("kind", ["snap-*.avro", "*-m0.avro"])
@pytest.mark.parametrize("damage", ["empty", "cut", "longer"])
def test_damaged_lists_are_told_of(old: Any, tmp_path: Path, kind: str, damage: str) -> None:
    """Whatever a damaged list makes the library raise, it is told as damage, or its snapshots are left out."""
    for path in metadata_of(old).parent.glob(kind):
        held = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": held[: len(held) // 2], "longer": held + b"\0\0more"}[damage])
    with pytest.raises(DamagedError, match="can't be read"):
        atio.migrate(old.metadata_location, tmp_path / "a")
    with pytest.raises(InvalidInputError, match="nothing to take over"):
        atio.migrate(old.metadata_location, tmp_path / "a", if_unreadable="skip")


def test_a_history_without_an_end_is_refused(old: Any, tmp_path: Path) -> None:
    """A snapshot that comes from itself is damage, not a search for ever; a time beyond all years is no time."""
    newest = metadata_of(old)
    told = json.loads(newest.read_bytes())
    for snapshot in told["snapshots"]:
        snapshot["timestamp-ms"] = 10**17
    newest.write_text(json.dumps(told))
    table = atio.Table(store=MemoryStore("new"))
    atio.migrate(str(newest), table)
    assert "migrated.time" not in table.snapshot().properties
    for snapshot in told["snapshots"]:
        snapshot["parent-snapshot-id"] = told["current-snapshot-id"]
    newest.write_text(json.dumps(told))
    with pytest.raises(DamagedError, match="comes from itself"):
        atio.migrate(str(newest), tmp_path / "a")


def test_a_list_cut_where_its_rows_begin_is_told_of(old: Any, tmp_path: Path) -> None:
    """A manifest that ends behind its head names no file, and reads as if rows had been deleted."""
    for path in metadata_of(old).parent.glob("*-m0.avro"):
        held = path.read_bytes()
        # Avro ends its head, and each block, by one mark.
        path.write_bytes(held[: held.index(held[-16:]) + 16])
    with pytest.raises(DamagedError, match="bytes and should have"):
        atio.migrate(old.metadata_location, tmp_path / "a")
